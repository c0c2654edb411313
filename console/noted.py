"""What agents have written about calls, as pages show it to those who may read it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import Final

from ivr.agents.notes import Note, Notes, notes_of
from ivr.agents.notes_file import LineAway, NotKept
from ivr.cases.sealing import Unreadable
from ivr.config import Settings
from ivr.hours import BEIJING

log = logging.getLogger(__name__)


ONLY_HERE: Final = "共享数据库不通，只有本节点上写的小结"


async def written_about(
    settings: Settings, people: Collection[str | None], sessions: Collection[str] = ()
) -> tuple[list[dict[str, str]], str]:
    """The last notes about these people (tokens) and calls, in words, and what to know of them.

    None where nobody can say; those of this machine while the line's cannot be asked for.
    """
    known = [each for each in people if each]
    calls = [each for each in sessions if each]
    try:
        found, remark = await asyncio.to_thread(_about, settings, known, calls)
    except (NotKept, Unreadable) as cannot:
        log.warning("notes of calls are not shown: %s", cannot)
        return [], ""
    return [_shown(note) for note in found], remark


def _about(
    settings: Settings, people: Collection[str], sessions: Collection[str]
) -> tuple[tuple[Note, ...], str]:
    try:
        return notes_of(settings).about(people, sessions), ""
    except LineAway as away:
        log.warning("notes of other nodes are not shown: %s", away)
        return Notes(settings.home, settings.node).about(people, sessions), ONLY_HERE


def _shown(note: Note) -> dict[str, str]:
    return {
        "at": f"{note.at.astimezone(BEIJING):%Y-%m-%d %H:%M}",
        "agent": note.agent,
        "subject": note.subject,
        "text": note.text,
    }
