"""The register: every move goes through here, so that the records learn of each one."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ivr.cases.case import Case, Event, Filed
from ivr.cases.clocks import Clocks, Stage
from ivr.cases.moves import Deed, Move, Office, Refused
from ivr.cases.store import CannotReach, Cases, NoCase
from ivr.config import Settings
from ivr.records.facts import CaseMoved, Fact, RecordingMoved, RecordingState
from ivr.records.journal import put_timed

log = logging.getLogger(__name__)

_LINE: Final = frozenset({Office.LINE})
_ENDS: Final[Mapping[Move, Stage]] = {
    Move.ACCEPT: Stage.ACCEPT,
    Move.REJECT: Stage.ACCEPT,
    Move.ANSWER: Stage.ANSWER,
    Move.CLOSE: Stage.CLOSE,
    Move.FOLLOW_UP: Stage.FOLLOW_UP,
}
"""Which clock a move ends."""
_RECORDING: Final[Mapping[Move, RecordingState]] = {
    Move.CLOSE: "handled",
    Move.REJECT: "handled",
    Move.MERGE: "handled",
    Move.REDO: "new",
}
"""What a move means for the recording of the case."""


@dataclass(frozen=True, slots=True)
class Register:
    """The cases, their clocks, and the spool of the records. All of it blocks."""

    cases: Cases
    clocks: Clocks
    spool: Path
    node: str

    @classmethod
    def of(cls, settings: Settings) -> Register:
        """As the settings have it; nothing is opened before it is used."""
        clocks = Clocks(settings.agents.hours, settings.cases)
        return cls(Cases(settings.cases_url), clocks, settings.home / "spool", settings.node)

    def enter(self, filed: Filed, *, replaces: str | None = None) -> None:
        """The case of a recording, once; what was spoken anew is merged into it."""
        self.cases.open(filed)
        if replaces is not None:
            self._merge(replaces, filed.number)
        self.tell()

    def act(self, number: str, deed: Deed, *, seen: int | None = None) -> Case:
        """As Cases.act, and told."""
        case = self.cases.act(number, deed, seen=seen)
        self.tell()
        return case

    def tell(self) -> None:
        """Tell the records what they do not know yet; what they refuse is told the next time.

        Told twice, after a power cut between the two, counts once: each has its number.
        """
        try:
            while waiting := self.cases.untold():
                facts = [
                    (event.at, fact) for case, event in waiting for fact in self._of(case, event)
                ]
                put_timed(self.spool, facts, node=self.node)
                self.cases.mark_told(waiting)
        except (OSError, CannotReach) as refused:
            log.warning("the records learn later what was done with cases: %s", refused)

    def _merge(self, old: str, new: str) -> None:
        deed = Deed(Move.MERGE, Office.LINE, _LINE, text="来电人重新录音", number=new)
        try:
            self.cases.act(old, deed)
        except (NoCase, Refused):
            log.info("%s is dealt with apart from %s", old, new)

    def _of(self, case: Case, event: Event) -> Iterator[Fact]:
        yield CaseMoved(
            reference=case.number,
            n=event.n,
            kind=case.filed.kind,
            move=event.move,
            state=case.state,
            handler=case.handler or None,
            in_time=self._in_time(case, event),
            content=event.content == "content" if event.content else None,
        )
        state = _RECORDING.get(event.move)
        if state is not None and event.office is not Office.LINE:
            yield RecordingMoved(reference=case.number, state=state)

    def _in_time(self, case: Case, event: Event) -> bool | None:
        stage = _ENDS.get(event.move)
        clocks: dict[Stage, bool] = {
            clock.stage: clock.in_time for clock in self.clocks.of(case, event.at)
        }
        return None if stage is None else clocks.get(stage)
