"""Announcements of a line of several nodes: what is put on the air on one, all have heard.

Each node has them as files (`speech/announcements.py`), at which every new call looks: it waits
for no database. Every beat brings what this node knows and the line does not, and takes what the
line knows. They travel by the database, sound and all: in an emergency no depot may be needed.
"""

from __future__ import annotations

import asyncio
import json
import logging
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

from sqlalchemy import Column, Connection, MetaData, String, Table, delete, insert, select

from ivr.config import Settings
from ivr.records.durable import write
from ivr.speech.announcements import (
    Announcement,
    Announcements,
    CannotAnnounce,
    merged,
    read,
    written,
)
from ivr.state.membership import PATIENCE_SECONDS
from ivr.state.shared import CannotReach, Shared
from ivr.state.trips import Matter, alone

log = logging.getLogger(__name__)

ANNOUNCEMENT: Final = Table(
    "announcement",
    MetaData(),
    Column("name", String, primary_key=True),
    Column("body", String),
)
_SOUND: Final = Table(
    "announcement_sound",
    MetaData(),
    Column("file", String, primary_key=True),
    Column("sound", String),
)


def told(settings: Settings) -> bool:
    """Have the other nodes know now what was changed here; whether they do. At once without any.

    Where they do not, the service of this node tells them when the database is back.
    """
    if not settings.shares:
        return True
    return asyncio.run(_told(settings))


class SharedAnnouncements:
    """The announcements as a part of what a node catches up with (Part)."""

    def __init__(self, home: Path, shared: Shared) -> None:
        self._kept = Announcements(home)
        self._shared = shared
        self._complaint = ""

    async def catch_up(self) -> None:
        """Tell what the line does not know, and have what it has; a bad disk holds nobody up."""
        complaint = ""
        try:
            await self.exchange()
        except CannotAnnounce as damaged:
            complaint = str(damaged)
        except OSError as refused:
            complaint = refused.strerror or type(refused).__name__
        if complaint and complaint != self._complaint:
            log.error("announcements are not shared: %s", complaint)
        self._complaint = complaint

    def is_even(self) -> bool:
        """What is changed meanwhile is told by the next beat: no call asks the database for it."""
        return True

    async def exchange(self) -> None:
        """Sounds go before the words that name them, so nobody has one without the other.

        Raises CannotReach, and CannotAnnounce and OSError for what lies here.
        """
        here = await asyncio.to_thread(self._kept.all)
        there, sounds = await self._ask(_agreed)
        agreed = merged(here, there)
        for file in _wanted(agreed):
            await self._bring(file, there=file in sounds)
        if agreed != there:
            await self._ask(partial(_tell, here))
        if agreed != here:
            await asyncio.to_thread(self._kept.take, agreed)

    async def _bring(self, file: str, *, there: bool) -> None:
        """One file of sound to where it is not; one that nobody has any more is told at a call."""
        path = self._kept.folder / file
        here = await asyncio.to_thread(path.is_file)
        if here and not there:
            content = await asyncio.to_thread(path.read_bytes)
            await self._ask(partial(_put, file, content))
        elif there and not here:
            content = await self._ask(partial(_sound, file))
            if content is not None:
                await asyncio.to_thread(write, path, content)

    async def _ask(self, work: Any) -> Any:
        return await self._shared.attempt(work, PATIENCE_SECONDS)


async def _told(settings: Settings) -> bool:
    shared = Shared(settings)
    try:
        await SharedAnnouncements(settings.home, shared).exchange()
    except CannotReach:
        return False
    finally:
        await asyncio.to_thread(shared.close)
    return True


def _wanted(agreed: Sequence[Announcement]) -> list[str]:
    """The sound of all that may still be heard; a name that leads out of the folder is none."""
    now = datetime.now(UTC)
    files = [file for each in agreed if each.state(now) != "over" for file in each.files.values()]
    return [file for file in files if _is_below(PurePosixPath(file))]


def _is_below(file: PurePosixPath) -> bool:
    return not file.is_absolute() and ".." not in file.parts


def _agreed(rows: Connection) -> tuple[list[Announcement], set[str]]:
    """What the line knows, and of which sounds."""
    found = [read(json.loads(body)) for (body,) in rows.execute(select(ANNOUNCEMENT.c.body))]
    return merged(found, ()), {file for (file,) in rows.execute(select(_SOUND.c.file))}


def _tell(here: Sequence[Announcement], rows: Connection) -> None:
    """Once more with nobody else: whoever told something meanwhile is not overruled."""
    alone(rows, Matter.ANNOUNCEMENTS)
    there, sounds = _agreed(rows)
    agreed = merged(here, there)
    rows.execute(delete(ANNOUNCEMENT))
    for each in agreed:
        body = json.dumps(written(each), ensure_ascii=False)
        rows.execute(insert(ANNOUNCEMENT).values(name=each.name, body=body))
    for file in sounds - set(_wanted(agreed)):
        rows.execute(delete(_SOUND).where(_SOUND.c.file == file))


def _put(file: str, content: bytes, rows: Connection) -> None:
    alone(rows, Matter.ANNOUNCEMENTS)
    if rows.execute(select(_SOUND.c.file).where(_SOUND.c.file == file)).first() is None:
        rows.execute(insert(_SOUND).values(file=file, sound=b64encode(content).decode("ascii")))


def _sound(file: str, rows: Connection) -> bytes | None:
    found = rows.execute(select(_SOUND.c.sound).where(_SOUND.c.file == file)).scalar()
    return None if found is None else b64decode(found)
