"""Who is stranded, and who is not."""

from __future__ import annotations

from datetime import UTC, datetime

from ivr.ari.events import Channel
from ivr.upkeep.guardian import stranded


def channel(name: str, app: str | None) -> Channel:
    return Channel(name, "Up", "12329", None, app, datetime.now(UTC))


def test_only_our_callers_who_talk_to_nobody_are_stranded() -> None:
    channels = [
        channel("in a menu", "hotline"),
        channel("with an agent", "hotline"),
        channel("in the dialplan", None),
        channel("another line's", "other"),
    ]
    released = stranded(channels, ["with an agent"], "hotline")
    assert [each.id for each in released] == ["in a menu"]
