"""A conversation with an agent is recorded while it goes on, and filed when it is over.

What is recorded follows what happens: nothing while the caller is on hold, or while somebody at a
desk has it paused. Whatever the disk or Asterisk refuses, the conversation goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from math import inf
from pathlib import Path
from typing import Final, Literal, Protocol, TypeVar

from ivr.recordings.archive import CannotKeep
from ivr.recordings.talks import TalkArchive, TalkSlip, TalkSound
from ivr.records.facts import LeftOut, TalkOutcome, TalkRecorded
from ivr.records.journal import Journal, Unsettled

log = logging.getLogger(__name__)

T = TypeVar("T")

SLOW_SECONDS: Final = 2.0
"""So long a conversation's orders wait for a slow disk."""
CLOSING_SECONDS = 6.0
"""Asterisk writes at least so often while it records; one that was killed never does again."""
LOOK_SECONDS: Final = 0.1
PROMISE_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 30.0
"""Between tries to go on where disk or Asterisk has refused."""

Shown = Literal["on", "paused", "held", "failed"]
"""How a recording stands, for the desk."""


class TapeFailed(Exception):
    """Asterisk does not begin, or does not stop."""


class Tape(Protocol):
    """One caller's line as it can be recorded. Both may raise TapeFailed."""

    async def start(self, caller: Path, agent: Path) -> None:
        """Write what the caller says and what the caller hears, side by side."""

    async def stop(self) -> None:
        """Write no more; what was written is whole on return. There may be nothing to stop."""


class NoTape:
    """Of a line that cannot be recorded: in a terminal, and in tests."""

    async def start(self, caller: Path, agent: Path) -> None:
        """Nobody can."""
        raise TapeFailed

    async def stop(self) -> None:
        """There is nothing to stop."""


class Tapes(Protocol):
    """Where conversations' recordings are kept."""

    fault: str
    """Why the last conversation that should be recorded was not, or not wholly; empty: it was."""

    def file_left_over(self, busy: Container[str]) -> None:
        """File what nobody talks in any more: of sessions that are not `busy`."""

    async def begin(self, session: str, room: str, agent: str) -> TalkSlip:
        """Prepare one; CannotKeep where there is no room for it."""

    def found(self, session: str, room: str) -> TalkSlip | None:
        """The one that an earlier service has begun of this conversation."""

    async def check_room(self) -> None:
        """CannotKeep where the disk is too full to go on."""

    async def keep(self, slip: TalkSlip) -> None:
        """As it stands now; CannotKeep where the disk refuses."""

    async def has_begun(self, slip: TalkSlip) -> bool:
        """Whether there is anything of its last piece."""

    def tracks(self, slip: TalkSlip, piece: int) -> tuple[Path, Path]:
        """Where that piece goes: what the caller says, and what the caller hears."""

    def over(self, slip: TalkSlip) -> None:
        """File it, in one's own time."""

    def not_recorded(self, session: str, agent: str, outcome: TalkOutcome, why: str) -> None:
        """Nothing of this conversation is kept, though it should be: the operator is told."""

    async def close_open(self, session: str, tape: Tape) -> None:
        """Whatever is still being recorded of this session, the conversation has ended."""

    def now(self) -> datetime:
        """In Beijing time."""


@dataclass(slots=True)
class Recorder:
    """The recording of one conversation; told of whatever changes, in its order."""

    tapes: Tapes
    tape: Tape
    session: str
    room: str
    pause_seconds: float
    """A pause that is forgotten ends so soon."""
    slip: TalkSlip | None = None
    """None: nothing is kept of it, for a reason that was told."""
    runs: bool = False
    """Asterisk writes a piece."""
    _refused: bool = False

    @classmethod
    def of_found(cls, tapes: Tapes, tape: Tape, slip: TalkSlip, pause_seconds: float) -> Recorder:
        """Of a conversation that an earlier service recorded: Asterisk goes on with it."""
        return cls(tapes, tape, slip.session, slip.room, pause_seconds, slip, runs=True)

    @property
    def stands(self) -> Shown:
        """For the desk."""
        if self.slip is None:
            return "failed"
        if (gap := self.slip.gap) is not None and gap.why != "fault":
            return "paused" if gap.why == "pause" else "held"
        return "on" if self.runs else "failed"

    @property
    def is_paused(self) -> bool:
        """Whether somebody at a desk has it paused."""
        return self.stands == "paused"

    def until(self) -> float:
        """When (the loop's clock) to look again: a pause ends by itself, a refusal may be over."""
        now = _now()
        if (ends := self.pause_ends()) is not None:
            return now + max(0.0, (ends - self.tapes.now()).total_seconds())
        return now + RETRY_SECONDS if self.slip is not None and self.stands == "failed" else inf

    def pause_ends(self) -> datetime | None:
        """By itself; None while nobody has it paused."""
        if self.slip is None or self.slip.gap is None or not self.is_paused:
            return None
        return self.slip.gap.began + timedelta(seconds=self.pause_seconds)

    async def find(self) -> None:
        """What Asterisk has of a recording that an earlier service began."""
        if self.slip is None:
            return
        if self.slip.gap is not None:
            await self._stop()
        elif not await self.tapes.has_begun(self.slip):
            self.runs = False

    async def follow(self, agents: Iterable[str], *, is_held: bool) -> None:
        """Record, or do not, as it has to be now; who is in the room is noted."""
        if self._refused:
            return
        if self.slip is None:
            await self._begin(next(iter(agents)))
        if (slip := self.slip) is None:
            return
        met = tuple(dict.fromkeys((*slip.agents, *agents)))
        if met != slip.agents:
            await self._keep(replace(slip, agents=met))
        if self.is_paused and self.until() > _now():
            return
        if is_held:
            await self._leave_out("hold")
        elif not self.runs:
            await self._go_on()

    async def pause(self) -> None:
        """Nothing is recorded any more on return; TapeFailed where that is not certain."""
        if self.slip is None or (self.slip.gap is None and not self.runs):
            return
        before = self.slip
        await self._keep(before.leaving_out("pause", self.tapes.now()))
        try:
            await self.tape.stop()
        except TapeFailed:
            await self._keep(before)
            raise
        self.runs = False

    async def resume(self) -> None:
        """The pause is over; whether anything is recorded is what `follow` says."""
        if self.slip is not None and self.is_paused:
            await self._keep(self.slip.going_on(self.tapes.now()))

    async def end(self) -> None:
        """The conversation is over: stop, and let it be filed."""
        if (slip := self.slip) is None:
            return
        self.slip, self._refused = None, True
        await self._stop()
        self.tapes.over(slip.going_on(self.tapes.now()))

    # --- pieces -------------------------------------------------------------------------------

    async def _begin(self, agent: str) -> None:
        try:
            self.slip = await self.tapes.begin(self.session, self.room, agent)
        except CannotKeep as refused:
            self._refused = True
            self.tapes.not_recorded(self.session, agent, "no_room", str(refused))

    async def _leave_out(self, why: LeftOut) -> None:
        slip = self.slip
        if slip is None or (slip.gap is not None and slip.gap.why == why):
            return
        await self._keep(slip.leaving_out(why, self.tapes.now()))
        await self._stop()

    async def _go_on(self) -> None:
        """One more piece; where that cannot be, the gap is told, and tried again later."""
        if (slip := self.slip) is None:
            return
        went_on = slip.going_on(self.tapes.now())
        begun = replace(went_on, pieces=slip.pieces + 1)
        try:
            await self.tapes.check_room()
            await self.tapes.keep(begun)
            self.slip = begun
            await self.tape.start(*self.tapes.tracks(begun, begun.pieces))
            self.runs = True
        except (CannotKeep, TapeFailed) as refused:
            log.warning("a conversation is not recorded: %s", refused)
            is_known = slip.gap is not None and slip.gap.why == "fault"
            gaps = slip.gaps if is_known else went_on.leaving_out("fault", self.tapes.now()).gaps
            self.slip = replace(self.slip or slip, gaps=gaps)
            if isinstance(refused, TapeFailed):
                await self._stop()  # it may have begun all the same

    async def _keep(self, slip: TalkSlip) -> None:
        """What the disk does not take holds all the same as long as this service lives."""
        self.slip = slip
        try:
            await self.tapes.keep(slip)
        except CannotKeep as refused:
            log.warning("the slip of a conversation stays as it was: %s", refused)

    async def _stop(self) -> None:
        try:
            await self.tape.stop()
        except TapeFailed as failed:
            log.warning("a recording is not known to have stopped: %s", failed)
        self.runs = False


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
            grown, now = await asyncio.to_thread(self.archive.size, slip), _now()
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


class NothingTaped:
    """Of a conversation that is tried out: nothing is recorded."""

    fault = ""

    def file_left_over(self, busy: Container[str]) -> None:
        """Nothing is."""

    async def begin(self, session: str, room: str, agent: str) -> TalkSlip:
        """There is no disk."""
        raise CannotKeep("nothing is recorded here")

    def found(self, session: str, room: str) -> TalkSlip | None:
        """Nothing was begun."""
        return None

    async def check_room(self) -> None:
        """There is none."""
        raise CannotKeep("nothing is recorded here")

    async def keep(self, slip: TalkSlip) -> None:
        """Nowhere."""

    async def has_begun(self, slip: TalkSlip) -> bool:
        """Nothing has."""
        return False

    def tracks(self, slip: TalkSlip, piece: int) -> tuple[Path, Path]:
        """Nowhere."""
        return Path("caller.wav"), Path("agent.wav")

    def over(self, slip: TalkSlip) -> None:
        """It is forgotten."""

    def not_recorded(self, session: str, agent: str, outcome: TalkOutcome, why: str) -> None:
        """Nobody expects it."""

    async def close_open(self, session: str, tape: Tape) -> None:
        """Nothing is open."""

    def now(self) -> datetime:
        """By the clock of this machine."""
        return datetime.now().astimezone()


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _soon(work: Awaitable[T]) -> T:
    """CannotKeep where the disk is too slow for a conversation that goes on."""
    try:
        async with asyncio.timeout(SLOW_SECONDS):
            return await work
    except TimeoutError:
        raise CannotKeep("the disk is too slow") from None
