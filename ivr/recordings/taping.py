"""A conversation with an agent is recorded while it goes on.

What is recorded follows what happens: nothing while the caller is on hold, or while somebody at a
desk has it paused. Whatever the disk or Asterisk refuses, the conversation goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from typing import Final, Literal, Protocol

from ivr.recordings.archive import CannotKeep
from ivr.recordings.talks import TalkSlip
from ivr.records.facts import LeftOut, TalkOutcome

log = logging.getLogger(__name__)

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
