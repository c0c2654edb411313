"""What agents have written about calls, as pages show it to those who may read it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from ivr.agents.notes import Note, Notes, NotKept
from ivr.cases.sealing import Unreadable
from ivr.config import Settings
from ivr.hours import BEIJING

log = logging.getLogger(__name__)


def notes_of(settings: Settings) -> Notes:
    """Of this line."""
    return Notes(settings.home, settings.node)


async def written_about(
    settings: Settings, people: Collection[str | None], sessions: Collection[str] = ()
) -> list[dict[str, str]]:
    """The last notes about these people (tokens) and calls, in words; none where nobody can say."""
    known = [each for each in people if each]
    calls = [each for each in sessions if each]
    try:
        found = await asyncio.to_thread(notes_of(settings).about, known, calls)
    except (NotKept, Unreadable) as cannot:
        log.warning("notes of calls are not shown: %s", cannot)
        return []
    return [_shown(note) for note in found]


def _shown(note: Note) -> dict[str, str]:
    return {
        "at": f"{note.at.astimezone(BEIJING):%Y-%m-%d %H:%M}",
        "agent": note.agent,
        "subject": note.subject,
        "text": note.text,
    }
