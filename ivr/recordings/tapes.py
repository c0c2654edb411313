"""The recordings of conversations in a running service: kept on disk, put together, promised."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from ivr.recordings.archive import CannotKeep
from ivr.recordings.talks import TalkArchive, TalkSlip, TalkSound
from ivr.recordings.taping import Tape, TapeFailed
from ivr.records.facts import TalkOutcome, TalkRecorded
from ivr.records.journal import Journal, Unsettled

log = logging.getLogger(__name__)

T = TypeVar("T")

SLOW_SECONDS: Final = 2.0
"""So long a conversation's orders wait for a slow disk."""
CLOSING_SECONDS = 6.0
"""Asterisk writes at least so often while it records; one that was killed never does again."""
LOOK_SECONDS: Final = 0.1
PROMISE_SECONDS: Final = 5.0


@dataclass(slots=True)
class FiledTapes:
    """The recordings of a running service: kept, put together, promised to the facts."""

    archive: TalkArchive
    journal: Journal
    clock: Callable[[], datetime]
    known: Container[str] = ()
    """References that the records had before this service."""
    fault: str = ""
    _open: dict[str, TalkSlip] = field(default_factory=dict)
    _filing: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def take_over(self, known: Container[str]) -> None:
        """What the service before has left, now that it does nothing any more."""
        left = await asyncio.to_thread(self.archive.left_over)
        self.known = known
        self._open = {slip.reference: slip for slip in left} | self._open

    def now(self) -> datetime:
        """By the clock of this machine."""
        return self.clock()

    async def begin(self, session: str, room: str, agent: str) -> TalkSlip:
        """A slip on disk before anything sounds."""
        slip = await _soon(
            asyncio.to_thread(self.archive.begin, session, room, agent, self.clock())
        )
        self._open[slip.reference] = slip
        return slip

    def found(self, session: str, room: str) -> TalkSlip | None:
        """By the conversation's bridge, which Asterisk keeps."""
        for slip in self._open.values():
            if slip.session == session and slip.room == room and not slip.over:
                return slip
        return None

    async def check_room(self) -> None:
        """Before every piece."""
        await _soon(asyncio.to_thread(self.archive.check_room))

    async def keep(self, slip: TalkSlip) -> None:
        """On disk on return."""
        self._open[slip.reference] = slip
        await _soon(asyncio.to_thread(self.archive.keep, slip))

    async def has_begun(self, slip: TalkSlip) -> bool:
        """By its files."""
        return await asyncio.to_thread(self.archive.has_begun, slip)

    def tracks(self, slip: TalkSlip, piece: int) -> tuple[Path, Path]:
        """In Asterisk's spool."""
        return self.archive.tracks(slip, piece)

    def over(self, slip: TalkSlip) -> None:
        """Nobody waits for it."""
        self._open[slip.reference] = replace(slip, over=True)
        if slip.reference not in self._filing:
            task = self._filing[slip.reference] = asyncio.create_task(self._file(slip))
            task.add_done_callback(partial(self._filed, slip.reference))

    def not_recorded(self, session: str, agent: str, outcome: TalkOutcome, why: str) -> None:
        """In the facts, the log, and on the health page."""
        self.fault = why
        log.error("a conversation is not recorded: %s", why)
        self.journal.note(TalkRecorded(session=session, agents=agent, outcome=outcome))

    async def close_open(self, session: str, tape: Tape) -> None:
        """Of a conversation that ended while no service was there."""
        mine = [each for each in self._open.values() if each.session == session and not each.over]
        for slip in mine:
            try:
                await tape.stop()
            except TapeFailed as failed:
                log.warning("a recording is not known to have stopped: %s", failed)
            self.over(slip.going_on(self.clock()))

    def file_left_over(self, busy: Container[str]) -> None:
        """Whichever service began them."""
        for slip in tuple(self._open.values()):
            if slip.over or slip.session not in busy:
                self.over(slip.going_on(self.clock()))

    async def close(self) -> None:
        """Finish what is being filed; the rest is left to the next service."""
        if self._filing:
            await asyncio.wait(self._filing.values(), timeout=PROMISE_SECONDS)

    def _filed(self, reference: str, done: asyncio.Task[None]) -> None:
        """What could not be filed is tried again when the next call ends."""
        del self._filing[reference]
        if not done.cancelled() and (failed := done.exception()) is not None:
            self.fault = str(failed)
            log.error("the recording %s waits to be filed: %s", reference, failed)

    async def _file(self, slip: TalkSlip) -> None:
        if not slip.over:  # once: how old it is says how long it has waited
            await asyncio.to_thread(self.archive.keep, replace(slip, over=True))
        await self._closed(slip)
        sound = await asyncio.to_thread(self.archive.file, slip)
        if slip.reference not in self.known:
            await self._promise(_fact(slip, sound))
        self.fault = _fault(slip, sound)
        await asyncio.to_thread(self.archive.drop, slip)
        self._open.pop(slip.reference, None)

    async def _closed(self, slip: TalkSlip) -> None:
        """Until Asterisk has written the end of it, or will not any more.

        Where no service was there, it records on what caller and agent say to each other.
        """
        size, deadline = -1, 0.0
        while not await asyncio.to_thread(self.archive.is_closed, slip):
            grown = await asyncio.to_thread(self.archive.size, slip)
            now = asyncio.get_running_loop().time()
            if grown != size:
                size, deadline = grown, now + CLOSING_SECONDS
            elif now > deadline:
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _promise(self, fact: TalkRecorded) -> None:
        try:
            await self.journal.keep(fact, within=PROMISE_SECONDS)
        except (Unsettled, OSError) as refused:
            raise CannotKeep(str(refused)) from refused


def _fact(slip: TalkSlip, sound: TalkSound | None) -> TalkRecorded:
    """What the records learn of it; without a sound that it was lost."""
    told = TalkRecorded(
        session=slip.session,
        agents="、".join(slip.agents),
        outcome="lost" if sound is None else "kept" if sound.whole else "cut",
        reference=slip.reference,
        pauses=sum(gap.why == "pause" for gap in slip.gaps),
        paused_ms=slip.left_out_ms("pause"),
        held_ms=slip.left_out_ms("hold"),
    )
    if sound is None:
        return told
    return replace(
        told,
        path=slip.path,
        ms=sound.ms,
        bytes=sound.bytes,
        sha256=sound.sha256,
        gaps=sound.gaps_told(),
    )


def _fault(slip: TalkSlip, sound: TalkSound | None) -> str:
    if sound is None:
        return "Asterisk 没有录下来 · Asterisk has written nothing"
    if not sound.whole:
        return "磁盘满了，录音可能不完整 · the disk became full"
    if any(gap.why == "fault" for gap in slip.gaps):
        return "录音中断过 · a part was not recorded"
    return ""


async def _soon(work: Awaitable[T]) -> T:
    """CannotKeep where the disk is too slow for a conversation that goes on."""
    try:
        async with asyncio.timeout(SLOW_SECONDS):
            return await work
    except TimeoutError:
        raise CannotKeep("the disk is too slow") from None
