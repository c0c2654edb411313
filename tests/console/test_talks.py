"""通话录音: listed, heard with a reason by who may, compared with what was filed, held."""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analytics.loading.loader import run
from analytics.loading.store import FactsFolder
from console.rights import Role
from ivr.config import Settings
from ivr.records.facts import TalkRecorded
from tests.analytics.spool import lines, spool_file
from tests.console.test_signing import trail
from tests.console.visiting import Console, Visitor
from tests.recordings.test_archive import wav

AT = datetime(2026, 11, 24, 2, tzinfo=UTC)
DAY = "from=2026-11-24&to=2026-11-24"
SOUND = wav(struct.pack("<1600h", *([3000] * 1600)))[:22] + b"\2\0" + wav(bytes(3200))[24:]


def place(settings: Settings) -> Path:
    return settings.recordings_folder / "2026-11-24" / "talk" / "abc.wav"


@pytest.fixture
def leader(settings: Settings, console: Console) -> Visitor:
    """Of a line that has recorded one conversation, and could not record another."""
    kept = TalkRecorded(
        session="s1", agents="王敏、李强", outcome="kept", reference="abc",
        path="2026-11-24/talk/abc.wav", ms=100, bytes=len(SOUND),
        sha256=hashlib.sha256(SOUND).hexdigest(), pauses=1, paused_ms=12_000,
        gaps='[{"at_ms": 65300, "why": "pause", "ms": 12000}]',
    )  # fmt: skip
    full = TalkRecorded(session="s2", agents="王敏", outcome="no_room")
    spool_file(settings.home).write_bytes(lines([(AT, kept), (AT, full)]))
    run(FactsFolder(settings.home), once=True)
    place(settings).parent.mkdir(parents=True)
    place(settings).write_bytes(SOUND)
    visitor = console.signed_in("班长", Role.LEADER)
    visitor.get("/talks")
    return visitor


def test_what_was_recorded_is_listed_and_what_was_not_too(leader: Visitor) -> None:
    shown = leader.get(f"/talks?{DAY}").text
    for told in (
        "王敏、李强",
        "已存",
        "磁盘太满，没有录",
        "/talks/abc",
        "通话录音没有打开",
    ):
        assert told in shown, told
    assert "/calls/s1" in shown
    assert "王敏、李强" not in leader.get(f"/talks?{DAY}&agent=张三").text
    assert "没有这样的录音" in leader.get("/talks?from=2026-11-20&to=2026-11-20").text


def test_a_call_of_our_own_leads_to_no_callers_call(leader: Visitor) -> None:
    """Its session is the name of the bridge in which agent and number talked."""
    ours = TalkRecorded(session="dial.0f0e", agents="王敏", outcome="no_room")
    second = spool_file(leader.console.settings.home, "facts-20261124T000001-1.jsonl")
    second.write_bytes(lines([(AT, ours)]))
    run(FactsFolder(leader.console.settings.home), once=True)
    shown = leader.get(f"/talks?{DAY}").text
    assert "回拨、回电" in shown
    assert "/calls/dial" not in shown


def test_nothing_is_heard_before_a_reason_stands_in_the_trail(leader: Visitor) -> None:
    assert "/talks/abc/sound" not in leader.get("/talks/abc").text
    for path in ("sound", "shape"):
        assert leader.get(f"/talks/abc/{path}").status == 403
    assert leader.post("/talks/abc/why", {"reason": " "}).status == 422
    assert leader.post("/talks/abc/why", {"reason": "投诉核查"}).status == 303
    assert ("talk heard", "abc", "班长") in trail(leader.console.settings.home)
    shown = leader.get("/talks/abc").text
    assert "坐席暂停了录音，12 秒" in shown
    assert "1:05.3" in shown
    assert leader.get("/talks/abc/sound").status == 200
    assert leader.get("/talks/abc/shape").status == 200


def test_another_session_has_to_say_why_itself(leader: Visitor) -> None:
    leader.post("/talks/abc/why", {"reason": "投诉核查"})
    other = leader.console.signed_in("另一位", Role.LEADER)
    assert other.get("/talks/abc/sound").status == 403


def test_a_file_that_was_changed_is_not_played(leader: Visitor) -> None:
    leader.post("/talks/abc/why", {"reason": "投诉核查"})
    place(leader.console.settings).write_bytes(SOUND + b"\0\0")
    assert leader.get("/talks/abc/sound").status == 409
    assert "被改过" in leader.get("/talks/abc").text
    place(leader.console.settings).unlink()
    assert leader.get("/talks/abc/sound").status == 404


def test_what_is_held_is_found_when_its_facts_have_gone(leader: Visitor) -> None:
    settings = leader.console.settings
    assert leader.post("/talks/abc/hold", {"reason": ""}).status == 422
    assert leader.post("/talks/abc/hold", {"reason": "诉讼"}).status == 303
    assert place(settings).with_suffix(".hold").exists()
    assert "保全中" in leader.get("/talks?from=2026-11-20&to=2026-11-20").text
    assert "班长：诉讼" in leader.get("/talks/abc").text
    leader.post("/talks/abc/hold", {"reason": "结案"})
    assert not place(settings).with_suffix(".hold").exists()
    told = [action for action, about, _ in trail(leader.console.settings.home) if about == "abc"]
    assert told == ["talk held", "talk released"]


def test_what_was_not_kept_cannot_be_heard_or_held(leader: Visitor) -> None:
    assert leader.get("/talks/nobody").status == 404
    place(leader.console.settings).unlink()
    assert leader.post("/talks/abc/hold", {"reason": "诉讼"}).status == 422
