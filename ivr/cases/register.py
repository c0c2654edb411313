"""The register: every move goes through here, so that the records learn of each one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Final

from ivr.cases.case import Case, Event, Filed
from ivr.cases.clocks import Clocks, Stage
from ivr.cases.enclosures import Enclosures
from ivr.cases.marks import Marks
from ivr.cases.moves import Deed, Move, Office, Refused, not_well_said
from ivr.cases.opening import CannotReach, NewCase
from ivr.cases.opinions import Said, carry_out
from ivr.cases.store import Cases, NoCase, Outrun
from ivr.cases.transcribing import Transcripts
from ivr.cases.waiting import Kept, Waiting
from ivr.config import Settings, SettingsError, standing
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


MOST_TAKEN: Final = 50
"""So many numbers in a row may belong to cases that are still kept."""


@dataclass(frozen=True, slots=True)
class Register:
    """The cases, what belongs to them, and the spool of the records. All of it blocks."""

    cases: Cases
    settings: Settings

    @classmethod
    def of(cls, settings: Settings, is_away: Callable[[], bool] = lambda: False) -> Register:
        """As the settings have it; nothing is opened before it is used. `is_away`: as of Cases."""
        return cls(Cases(settings.cases_url, is_away=is_away), settings)

    @property
    def clocks(self) -> Clocks:
        """By the holidays that administrators have written by now; read anew each time."""
        try:
            now = standing(self.settings)
        except SettingsError as damaged:
            log.warning("terms of cases are counted by the settings of the start: %s", damaged)
            now = self.settings
        return Clocks(now.agents.hours, now.cases)

    @property
    def waiting(self) -> Waiting:
        """What is opened when the database is back."""
        return Waiting(self.settings.home)

    @property
    def enclosures(self) -> Enclosures:
        """What is enclosed with them."""
        return Enclosures(self.cases, self.settings.home / "keys")

    @property
    def marks(self) -> Marks:
        """What is said of moments of their sound."""
        return Marks(self.cases)

    @property
    def transcripts(self) -> Transcripts:
        """What a machine took their sound for."""
        return Transcripts(self.cases, self.settings)

    def enter(self, filed: Filed, *, replaces: str | None = None) -> None:
        """The case of a recording, once; what was spoken anew is merged into it."""
        self.cases.open(filed)
        if replaces is not None:
            self._merge(replaces, filed.number)
        self.tell()

    def open_by_hand(self, new: NewCase, number: Callable[[], str], now: datetime) -> str:
        """The number of the case that is made of it, or was; Refused where it cannot be.

        `number`: the next one of this node; one that an older case has is passed over. While the
        database is away the case waits under its number; OSError where not even the disk takes it.
        """
        if (why := not_well_said(new.text)) is not None:
            raise Refused(why)
        if (told := self.waiting.number(new.origin)) is not None:
            return told
        tried: list[str] = []

        def following() -> str:
            tried.append(number())
            return tried[-1]

        try:
            return self._opened(new, following, now)
        except CannotReach as away:
            log.warning("a case waits for its database: %s", away)
            # perhaps it has been opened under the number that was tried last
            return self.waiting.keep(Kept(new, tried[-1] if tried else number(), now))

    def open_waiting(self, number: Callable[[], str]) -> int:
        """Bring what waits, each case under the number that was told, once; CannotReach."""
        count = 0
        for kept in self.waiting.all():
            if isinstance(kept, Said):
                self.enter_said(kept)
            else:
                numbers = chain((kept.number,), iter(number, ""))
                self._opened(kept.new, partial(next, numbers), kept.at)
                self.waiting.brought(kept)
            count += 1
        return count

    def enter_said(self, said: Said) -> None:
        """What a caller has keyed is in its case, once, and waits no more; CannotReach."""
        try:
            self._carry_out(said)
        except NoCase:
            log.warning("an opinion is of case %s, which is not kept any more", said.number)
        self.waiting.brought(said)

    def _carry_out(self, said: Said) -> None:
        """Looked at anew whenever somebody moves the case in between."""

        def act(case: Case, deed: Deed) -> Case:
            return self.act(case.number, deed, seen=case.version, at=said.at)

        while True:
            with suppress(Outrun):
                return carry_out(said, self.cases.case(said.number), act)

    def _opened(self, new: NewCase, number: Callable[[], str], now: datetime) -> str:
        for _ in range(MOST_TAKEN):
            if (known := self.cases.made_of(new.origin)) is not None:
                return known
            filed = Filed(
                number(), new.kind, new.session, new.person, now, "", 0, "", new.caller, new.origin
            )
            if self.cases.open(filed, by=new.by, office=new.office, text=new.text.strip()):
                self.tell()
        raise Refused("没有可用的工单编号 · every number is taken")

    def act(
        self, number: str, deed: Deed, *, seen: int | None = None, at: datetime | None = None
    ) -> Case:
        """As Cases.act, and told; Refused too where nobody can be called."""
        if deed.move is Move.CALL and self.settings.dialling_server is None:
            raise Refused("没有开通外呼，不能电话回访（设置 dialling.trunk） · dialling out is off")
        case = self.cases.act(number, deed, seen=seen, at=at)
        if deed.move is Move.CLOSE and self.settings.dialling.follow_up == "all":
            case = self._call_by_itself(case)
        self.tell()
        return case

    def tell(self) -> None:
        """Tell the records what they do not know yet; what they refuse is told the next time.

        Told twice, after a power cut between the two, counts once: each has its number.
        """
        try:
            while waiting := self.cases.untold():
                clocks = self.clocks
                facts = [
                    (event.at, fact)
                    for case, event in waiting
                    for fact in _facts_of(clocks, case, event)
                ]
                put_timed(self.settings.home / "spool", facts, node=self.settings.node)
                self.cases.mark_told(waiting)
        except (OSError, CannotReach) as refused:
            log.warning("the records learn later what was done with cases: %s", refused)

    def _call_by_itself(self, case: Case) -> Case:
        """Every caller is asked, but for who cannot be called or does not wish to be."""
        wanted = Deed(Move.CALL, Office.LINE, _LINE)
        try:
            return self.cases.act(case.number, wanted)
        except Refused:
            return case

    def _merge(self, old: str, new: str) -> None:
        deed = Deed(Move.MERGE, Office.LINE, _LINE, text="来电人重新录音", number=new)
        try:
            self.cases.act(old, deed)
        except (NoCase, Refused):
            log.info("%s is dealt with apart from %s", old, new)


def _facts_of(clocks: Clocks, case: Case, event: Event) -> Iterator[Fact]:
    """What the records learn of a move: the case as it was after it."""
    running = clocks.running(case, event.at)
    ended = {clock.stage: clock.in_time for clock in clocks.of(case, event.at)}
    counts = running is not None and not running.rests
    yield CaseMoved(
        reference=case.number,
        n=event.n,
        kind=case.filed.kind,
        move=event.move,
        state=case.state,
        handler=case.handler or None,
        in_time=ended.get(_ENDS[event.move]) if event.move in _ENDS else None,
        content=event.content == "content" if event.content else None,
        warns=str(running.warns) if running is not None and counts else None,
        due=str(running.due) if running is not None and counts else None,
    )
    state = _RECORDING.get(event.move)
    if state is not None and event.office is not Office.LINE and case.filed.has_sound:
        yield RecordingMoved(reference=case.number, state=state)
