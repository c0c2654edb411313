"""A case as its events make it; pure. Nothing of it is kept but the events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from ivr.cases.moves import RULES, Deed, Move, Office, Refused, State, lacking
from ivr.hours import BEIJING
from ivr.records.facts import CaseKind

KINDS: Final[Mapping[CaseKind, str]] = {
    "complaint": "投诉",
    "suggestion": "建议",
    "message": "留言",
    "vote": "评价",
    "contact": "来电登记",
}
"""As the centre's people say it."""


@dataclass(frozen=True, slots=True)
class Filed:
    """What a case is about: a recording, a vote, or what somebody has written down."""

    number: str
    """Which the caller was told."""
    kind: CaseKind
    session: str
    """The call; empty where there was none."""
    person: str | None
    """Token of the ID number; None where none was asked for."""
    at: datetime
    path: str
    """Of the sound, under the folder of recordings; empty where there is none."""
    ms: int
    sha256: str
    caller: str | None = None
    """Token of the number that it was left from; None where nobody vouched for one."""
    origin: str | None = None
    """By which it is known again what a case without a recording was made of: once, no more."""

    @property
    def has_sound(self) -> bool:
        """Whether it was recorded."""
        return bool(self.path)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a case's history; never changed, never taken out."""

    n: int
    at: datetime
    move: Move
    by: str
    office: Office
    text: str = ""
    handler: str = ""
    days: int = 0
    number: str = ""
    content: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """Where it stands after its events."""

    filed: Filed
    events: tuple[Event, ...]
    state: State = State.PENDING
    handler: str = ""
    asked_days: int = 0
    """Of an extension that is asked for and not decided."""
    extra_days: int = 0
    """Of extensions that were granted."""
    into: str = ""
    """The case that this one was merged into."""
    content: str = ""
    before: State = State.WORKING
    """In which it was when it was suspended."""
    reopened: int = 0
    call_wanted: datetime | None = None
    """Since when the line is to ask by telephone how content the caller is; None: it is not."""
    spared: bool = False
    """The caller does not wish to be called for 回访."""
    held: bool = False
    """保全: nothing of it may be removed, however old it is and whoever asks."""
    accepted: date | None = None
    answered: date | None = None
    closed: date | None = None
    followed_up: date | None = None
    begun: date | None = None
    """Since when the handling's clocks run: from 受理, or from 重办."""
    rests: tuple[tuple[date, date | None], ...] = ()
    """From which day until which it was suspended."""

    @property
    def number(self) -> str:
        """Of the recording, and of the case."""
        return self.filed.number

    @property
    def version(self) -> int:
        """How many events it has; whoever acts says which they have seen."""
        return len(self.events)

    @property
    def answer(self) -> str:
        """The last that was given; empty where there is none."""
        given = [event.text for event in self.events if event.move is Move.ANSWER]
        return given[-1] if given else ""


def told(filed: Filed, events: Iterable[Event]) -> Case:
    """The case that these events make."""
    case = Case(filed, ())
    for event in events:
        case = after(case, event)
    return case


def after(case: Case, event: Event) -> Case:
    """The case after one event more."""
    grown = replace(case, events=(*case.events, event))
    rule = RULES.get(event.move)
    if rule is None:
        return grown
    state = rule.to or (case.before if event.move is Move.RESUME else case.state)
    grown = _rested(case, replace(grown, state=state), event)
    change = _CHANGES.get(event.move)
    return grown if change is None else change(grown, event)


def _rested(case: Case, grown: Case, event: Event) -> Case:
    """The clocks stand still from the day of 挂起 until the day on which it ends."""
    day = event.at.astimezone(BEIJING).date()
    if event.move is Move.SUSPEND:
        return replace(grown, before=case.state, rests=(*case.rests, (day, None)))
    if case.state is State.SUSPENDED and grown.state is not State.SUSPENDED:
        return replace(grown, rests=(*case.rests[:-1], (case.rests[-1][0], day)))
    return grown


def _day(event: Event) -> date:
    return event.at.astimezone(BEIJING).date()


def _redone(case: Case, event: Event) -> Case:
    return replace(
        case,
        reopened=case.reopened + 1,
        begun=_day(event),
        answered=None,
        closed=None,
        followed_up=None,
        call_wanted=None,
        content="",
        extra_days=0,
        asked_days=0,
    )


_CHANGES: Mapping[Move, Callable[[Case, Event], Case]] = {
    Move.ACCEPT: lambda case, event: replace(case, accepted=_day(event), begun=_day(event)),
    Move.REJECT: lambda case, event: replace(case, accepted=case.accepted or _day(event)),
    Move.ASSIGN: lambda case, event: replace(case, handler=event.handler),
    Move.REASSIGN: lambda case, event: replace(case, handler=event.handler),
    Move.TAKE: lambda case, event: replace(case, handler=event.by),
    Move.RETURN: lambda case, _: replace(case, handler="", asked_days=0),
    Move.ASK: lambda case, event: replace(case, asked_days=event.days),
    Move.GRANT: lambda case, _: replace(
        case, extra_days=case.extra_days + case.asked_days, asked_days=0
    ),
    Move.DENY: lambda case, _: replace(case, asked_days=0),
    Move.MERGE: lambda case, event: replace(case, into=event.number),
    Move.ANSWER: lambda case, event: replace(case, answered=_day(event), asked_days=0),
    Move.CLOSE: lambda case, event: replace(case, closed=_day(event)),
    Move.CALL: lambda case, event: replace(case, call_wanted=event.at),
    Move.CALLED: lambda case, _: replace(case, call_wanted=None),
    Move.FOLLOW_UP: lambda case, event: replace(
        case, followed_up=_day(event), content=event.content, call_wanted=None
    ),
    Move.REDO: _redone,
    Move.SPARE: lambda case, _: replace(case, spared=True, call_wanted=None),
    Move.UNSPARE: lambda case, _: replace(case, spared=False),
    Move.HOLD: lambda case, _: replace(case, held=True),
    Move.RELEASE: lambda case, _: replace(case, held=False),
}


def possible(case: Case, by: str, offices: frozenset[Office]) -> tuple[Move, ...]:
    """What somebody may do with it now, in the order of the table."""
    return tuple(move for move in RULES if _office(case, move, by, offices) is not None)


def event_of(case: Case, deed: Deed, now: datetime) -> Event:
    """The event that a deed makes of the case; raises Refused where it may not be."""
    office = _office(case, deed.move, deed.by, deed.offices)
    if office is None:
        raise Refused(_why_not(case, deed))
    if (lack := lacking(deed)) is not None:
        raise Refused(lack)
    if deed.move is Move.MERGE and deed.number == case.number:
        raise Refused("不能并入自己 · a case cannot be merged into itself")
    return Event(
        case.version + 1, now, deed.move, deed.by, office,
        deed.text.strip(), deed.handler.strip(), deed.days, deed.number, deed.content,
    )  # fmt: skip


def _office(case: Case, move: Move, by: str, offices: frozenset[Office]) -> Office | None:
    """As what somebody would make the move; None where they may not."""
    rule = RULES[move]
    if case.state not in rule.states or not _fits(case, move):
        return None
    for office in Office:
        if office in offices and office in rule.offices and _is_theirs(case, move, by, office):
            return office
    return None


def _fits(case: Case, move: Move) -> bool:
    """What a state alone does not tell."""
    fits = _FITS.get(move)
    return fits is None or fits(case)


_FITS: Mapping[Move, Callable[[Case], bool]] = {
    Move.ASK: lambda case: case.asked_days == 0,
    Move.GRANT: lambda case: case.asked_days > 0,
    Move.DENY: lambda case: case.asked_days > 0,
    Move.CALL: lambda case: not (case.call_wanted or case.spared or case.filed.caller is None),
    Move.CALLED: lambda case: case.call_wanted is not None,
    Move.REDO: lambda case: case.content == "discontent",
    Move.SPARE: lambda case: not case.spared,
    Move.UNSPARE: lambda case: case.spared,
    Move.HOLD: lambda case: not case.held,
    Move.RELEASE: lambda case: case.held,
}


def _is_theirs(case: Case, move: Move, by: str, office: Office) -> bool:
    """What nobody has is anybody's to take."""
    if office is not Office.HANDLER or not RULES[move].own:
        return True
    return case.handler == by or (move is Move.TAKE and not case.handler)


def _why_not(case: Case, deed: Deed) -> str:
    rule = RULES[deed.move]
    if rule.offices.isdisjoint(deed.offices):
        return f"{deed.move.words}不是您的权限 · not yours to do"
    if not _fits(case, deed.move):
        return f"{case.number} 现在不能{deed.move.words} · cannot be done now"
    if case.state in rule.states and case.handler not in ("", deed.by) and rule.own:
        return f"这件工单由{case.handler}承办 · somebody else has this case"
    if case.state in rule.states:
        return f"{case.number} 现在不能{deed.move.words} · cannot be done now"
    return f"{case.number} 现在是{case.state.words}，不能{deed.move.words} · not in this state"
