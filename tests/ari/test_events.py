"""Asterisk's JSON becomes our events; what nobody here knows is passed over."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ivr.ari.events import (
    ApplicationReplaced,
    ChannelDestroyed,
    DtmfReceived,
    HangupRequested,
    PlaybackFinished,
    StasisEnd,
    StasisStart,
    channel_of,
    event_of,
)
from tests.fake_ari import channel_json


def event(kind: str, **content: Any) -> object:
    return event_of({"type": kind, "application": "hotline", **content})


def test_a_channel_is_told_by_its_application_and_never_shows_its_number() -> None:
    channel = channel_of(channel_json("c1", number="13800138000"))
    assert (channel.id, channel.state, channel.app) == ("c1", "Ring", "hotline")
    assert channel.caller is not None
    assert channel.caller.reveal() == "13800138000"
    assert "13800138000" not in repr(channel)
    assert channel.created == datetime(2026, 11, 25, 9, tzinfo=UTC)


def test_a_channel_elsewhere_is_none_of_ours_and_a_withheld_number_is_none() -> None:
    elsewhere = {**channel_json("c1"), "dialplan": {"exten": "s", "app_name": "Playback"}}
    assert channel_of(elsewhere).app is None
    assert channel_of(elsewhere).caller is None


@pytest.mark.parametrize(
    ("name", "whose", "number"),
    [
        ("PJSIP/trunk-a-1", "", "13912345678"),
        ("PJSIP/edge-1", "trunk-a", "13912345678"),
        ("PJSIP/edge-1", "", "13800138000"),
        ("PJSIP/anonymous-1", "trunk-a", "13800138000"),
        ("PJSIP/6001-1", "", "13800138000"),
    ],
)
def test_only_trunks_are_believed_what_their_headers_say(
    name: str, whose: str, number: str
) -> None:
    headers = "pai=%3Csip%3Aa%40x%3E%2C%20%3Ctel%3A13912345678%3E&privacy=id"
    app_data = f"hotline,12329,allowed,,,{whose},{headers}"
    described = channel_json("c1", number="13800138000", name=name)
    channel = channel_of({**described, "dialplan": {"app_name": "Stasis", "app_data": app_data}})
    assert channel.caller is not None
    assert channel.caller.reveal() == number
    assert channel.withheld, "whoever asks for it"
    assert "13912345678" not in repr(channel)


def test_what_happens_on_a_channel() -> None:
    channel = channel_json("c1")
    started = event("StasisStart", channel=channel, args=["a"])
    assert isinstance(started, StasisStart)
    assert started.args == ("a",)
    assert event("StasisEnd", channel=channel) == StasisEnd("c1")
    assert event("ChannelHangupRequest", channel=channel, cause=16) == HangupRequested("c1", 16)
    assert event("ChannelHangupRequest", channel=channel) == HangupRequested("c1", None)
    assert event("ChannelDestroyed", channel=channel, cause=17) == ChannelDestroyed("c1", 17)
    assert event("ApplicationReplaced") == ApplicationReplaced()


def test_a_key_is_sensitive() -> None:
    key = event("ChannelDtmfReceived", channel=channel_json("c1"), digit="7")
    assert isinstance(key, DtmfReceived)
    assert key.digit.reveal() == "7"
    assert "7" not in repr(key)


@pytest.mark.parametrize("tone", ["A", "B", "C", "D", "a", "d", "F", "", "12", " "])
def test_a_tone_that_no_telephone_has_a_key_for_is_not_heard(tone: str) -> None:
    assert event("ChannelDtmfReceived", channel=channel_json("c1"), digit=tone) is None


@pytest.mark.parametrize(
    ("target", "state", "channel", "failed"),
    [
        ("channel:c1", "done", "c1", False),
        ("channel:c1", "failed", "c1", True),
        ("bridge:b1", "done", None, False),
    ],
)
def test_the_end_of_a_sound(target: str, state: str, channel: str | None, failed: bool) -> None:
    playback = {"id": "p", "target_uri": target, "state": state}
    assert event("PlaybackFinished", playback=playback) == PlaybackFinished(channel, "p", failed)


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"type": "NeverHeardOf"},
        {"type": "StasisStart"},
        {"type": "StasisEnd", "channel": None},
        {"type": "ChannelDtmfReceived", "channel": {"id": "c1"}},
        {"type": "PlaybackFinished", "playback": "p"},
        {"type": "ChannelHangupRequest", "channel": {"id": "c1"}, "cause": "soon"},
        {"type": "StasisStart", "args": [], "channel": {**channel_json("c"), "creationtime": "?"}},
    ],
)
def test_events_of_unknown_types_and_shapes_end_nothing(odd: dict[str, Any]) -> None:
    assert event_of(odd) is None
