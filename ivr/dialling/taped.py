"""Calls that the line makes for its agents, recorded as every conversation with an agent is.

Only who has heard so is recorded: the number is told before the agent is joined to it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from ivr.dialling.ledger import Attempt
from ivr.dialling.names import bridge_name
from ivr.dialling.outward import DiallingFailed, Outward
from ivr.recordings.taping import NoTape, NothingTaped, Recorder, Tape, Tapes

log = logging.getLogger(__name__)


def _no_tape(_: str) -> Tape:
    return NoTape()


@dataclass(frozen=True, slots=True)
class Taping:
    """What records them; by itself: nothing."""

    tapes: Tapes = field(default_factory=NothingTaped)
    tape: Callable[[str], Tape] = _no_tape
    """Of a channel, as Asterisk's console calls it."""

    async def begun(self, attempt: Attempt, outward: Outward, pause: float) -> Recorder | None:
        """Of who has just been told; None where it cannot be recorded, and the two talk on.

        `pause`: seconds after which a pause ends by itself.
        """
        session = bridge_name(attempt.name)
        try:
            tape = self.tape(await outward.channel(attempt.name))
        except DiallingFailed as refused:
            self.tapes.not_recorded(session, attempt.agent or "", "lost", str(refused))
            return None
        return Recorder(self.tapes, tape, session, session, pause)

    async def found(self, attempt: Attempt, outward: Outward, pause: float) -> Recorder | None:
        """Of a conversation that an earlier service recorded; None: it did not."""
        session = bridge_name(attempt.name)
        slip = self.tapes.found(session, session)
        if slip is None:
            return None
        try:
            tape = self.tape(await outward.channel(attempt.name))
        except DiallingFailed as refused:
            log.warning("a recording goes on without us: %s", refused)
            return None
        recorder = Recorder.of_found(self.tapes, tape, slip, pause)
        await recorder.find()
        return recorder
