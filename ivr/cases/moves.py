"""What can be done with a case, by whom and when: one table of role × move × state; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal


class State(StrEnum):
    """Where a case stands."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    ASSIGNED = "assigned"
    WORKING = "working"
    SUSPENDED = "suspended"
    ANSWERED = "answered"
    CLOSED = "closed"
    FOLLOWED_UP = "followed_up"
    REJECTED = "rejected"
    MERGED = "merged"

    @property
    def words(self) -> str:
        """As the centre's people say it."""
        return _STATE_WORDS[self]


_STATE_WORDS: Final[Mapping[State, str]] = {
    State.PENDING: "待受理",
    State.ACCEPTED: "已受理",
    State.ASSIGNED: "已派单",
    State.WORKING: "办理中",
    State.SUSPENDED: "挂起",
    State.ANSWERED: "已答复",
    State.CLOSED: "已办结",
    State.FOLLOWED_UP: "已回访",
    State.REJECTED: "不予受理",
    State.MERGED: "已并单",
}


class Move(StrEnum):
    """What somebody does with a case."""

    OPEN = "open"
    ACCEPT = "accept"
    REJECT = "reject"
    ASSIGN = "assign"
    REASSIGN = "reassign"
    TAKE = "take"
    RETURN = "return"
    ASK = "ask"
    GRANT = "grant"
    DENY = "deny"
    SUSPEND = "suspend"
    RESUME = "resume"
    MERGE = "merge"
    ANSWER = "answer"
    CLOSE = "close"
    CALL = "call"
    CALLED = "called"
    FOLLOW_UP = "follow_up"
    REDO = "redo"
    SPARE = "spare"
    UNSPARE = "unspare"
    NOTE = "note"
    HOLD = "hold"
    RELEASE = "release"

    @property
    def words(self) -> str:
        """As the centre's people say it."""
        return _MOVE_WORDS[self]


_MOVE_WORDS: Final[Mapping[Move, str]] = {
    Move.OPEN: "登记",
    Move.ACCEPT: "受理",
    Move.REJECT: "不予受理",
    Move.ASSIGN: "派单",
    Move.REASSIGN: "改派",
    Move.TAKE: "领办",
    Move.RETURN: "退单",
    Move.ASK: "申请延期",
    Move.GRANT: "准予延期",
    Move.DENY: "不准延期",
    Move.SUSPEND: "挂起",
    Move.RESUME: "恢复办理",
    Move.MERGE: "并单",
    Move.ANSWER: "答复",
    Move.CLOSE: "办结",
    Move.CALL: "电话回访",
    Move.CALLED: "停止电话回访",
    Move.FOLLOW_UP: "回访",
    Move.REDO: "重办",
    Move.SPARE: "谢绝回访",
    Move.UNSPARE: "恢复回访",
    Move.NOTE: "备注",
    Move.HOLD: "保全",
    Move.RELEASE: "解除保全",
}


class Office(StrEnum):
    """As what somebody acts on cases; the first three are roles of the console too."""

    LEADER = "值班长"
    HANDLER = "承办人"
    AGENT = "坐席"
    LINE = "热线"
    """The service itself: it opens cases, merges what a caller spoke anew, and asks by telephone
    how content they are."""


Need = Literal["text", "handler", "days", "number", "content"]
"""What a move cannot do without: reason or answer; to whom; how many; into which; how it was."""

_CONTENT: Final = ("content", "discontent")


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table."""

    offices: frozenset[Office]
    states: frozenset[State]
    to: State | None
    """None: the state stays, or is the one of before (恢复办理)."""
    needs: tuple[Need, ...] = ()
    own: bool = False
    """A 承办人 does it with a case of their own only; a 值班长 with any."""


def _rule(
    offices: tuple[Office, ...],
    states: tuple[State, ...],
    to: State | None,
    *needs: Need,
    own: bool = False,
) -> Rule:
    return Rule(frozenset(offices), frozenset(states), to, needs, own)


_L, _H, _A, _LINE = Office.LEADER, Office.HANDLER, Office.AGENT, Office.LINE
_GIVEN: Final = (State.ASSIGNED, State.WORKING)
_OPEN: Final = (State.PENDING, State.ACCEPTED, *_GIVEN, State.SUSPENDED)

RULES: Final[Mapping[Move, Rule]] = {
    Move.ACCEPT: _rule((_L,), (State.PENDING,), State.ACCEPTED),
    Move.REJECT: _rule((_L,), (State.PENDING, State.ACCEPTED), State.REJECTED, "text"),
    Move.ASSIGN: _rule((_L,), (State.ACCEPTED,), State.ASSIGNED, "handler"),
    Move.REASSIGN: _rule((_L,), (*_GIVEN, State.SUSPENDED), State.ASSIGNED, "handler"),
    Move.TAKE: _rule((_H,), (State.ACCEPTED, State.ASSIGNED), State.WORKING, own=True),
    Move.RETURN: _rule((_H,), _GIVEN, State.ACCEPTED, "text", own=True),
    Move.ASK: _rule((_H,), _GIVEN, None, "days", "text", own=True),
    Move.GRANT: _rule((_L,), (*_GIVEN, State.SUSPENDED), None),
    Move.DENY: _rule((_L,), (*_GIVEN, State.SUSPENDED), None, "text"),
    Move.SUSPEND: _rule((_L, _H), _GIVEN, State.SUSPENDED, "text", own=True),
    Move.RESUME: _rule((_L, _H), (State.SUSPENDED,), None, own=True),
    Move.MERGE: _rule((_L, _LINE), _OPEN, State.MERGED, "number"),
    Move.ANSWER: _rule((_H,), (State.WORKING,), State.ANSWERED, "text", own=True),
    Move.CLOSE: _rule((_L,), (State.ANSWERED,), State.CLOSED),
    Move.CALL: _rule((_L, _A, _LINE), (State.CLOSED,), None),
    Move.CALLED: _rule((_L, _A, _LINE), (State.CLOSED,), None, "text"),
    Move.FOLLOW_UP: _rule((_L, _A, _LINE), (State.CLOSED,), State.FOLLOWED_UP, "content"),
    Move.REDO: _rule((_L, _LINE), (State.FOLLOWED_UP,), State.ASSIGNED, "text"),
    Move.NOTE: _rule((_L, _H, _A, _LINE), tuple(State), None, "text"),
    Move.HOLD: _rule((_L,), tuple(State), None, "text"),
    Move.RELEASE: _rule((_L,), tuple(State), None, "text"),
    Move.SPARE: _rule((_L, _H, _A, _LINE), tuple(State), None, "text"),
    Move.UNSPARE: _rule((_L,), tuple(State), None, "text"),
}
"""Every move but OPEN, which is the case's beginning."""

MOST_DAYS: Final = 60
MOST_CHARACTERS: Final = 4000


class Refused(Exception):
    """The move is not made; says why, in Chinese first."""


@dataclass(frozen=True, slots=True)
class Deed:
    """A move that somebody asks for, with all that goes with it."""

    move: Move
    by: str
    offices: frozenset[Office]
    """All that whoever asks may act as."""
    text: str = ""
    """Reason, answer or note; without anybody's ID number."""
    handler: str = ""
    days: int = 0
    number: str = ""
    content: str = ""
    """`content` or `discontent`, after 回访."""


def permits(office: Office, move: Move, state: State) -> bool:
    """Whether the table has a yes in this cell."""
    rule = RULES.get(move)
    return rule is not None and office in rule.offices and state in rule.states


def lacking(deed: Deed) -> str | None:
    """What the deed needs and has not, in words; None where all is there."""
    for need in RULES[deed.move].needs:
        if not _GIVEN_WELL[need](deed):
            return f"{deed.move.words}：{_ASKED_FOR[need]}"
    return too_much_said(deed.text)


def not_well_said(text: str) -> str | None:
    """Why that is not what a case can be about; None where it is."""
    return too_much_said(text) if text.strip() else f"{Move.OPEN.words}：{_ASKED_FOR['text']}"


def too_much_said(text: str) -> str | None:
    """Why nobody may write that; None where they may."""
    if names_somebody(text):
        return NO_NUMBERS
    if len(text) > MOST_CHARACTERS:
        return f"文字最多 {MOST_CHARACTERS} 字 · the text is too long"
    return None


NO_NUMBERS: Final = (
    "不要写证件号码和手机号码：证件号在保险库里，按权限查看 · no ID or telephone numbers in what is"
    " written"
)


def names_somebody(text: str) -> bool:
    """Whether an ID number or a mobile number stands in it."""
    return _NUMBERS.search(text) is not None


_NUMBERS: Final = re.compile(r"(?<!\d)(\d{17}[\dXx]|\d{15}|1[3-9]\d{9})(?!\d)")
"""ID numbers of either length, and mobile numbers."""
_ASKED_FOR: Final[Mapping[Need, str]] = {
    "text": "写明内容或理由 · say what or why",
    "handler": "写明承办人 · name the handler",
    "days": f"写明延期几个工作日，1 到 {MOST_DAYS} · how many working days",
    "number": "写明并入哪个编号 · into which case",
    "content": "选择满意或不满意 · content or discontent",
}
_GIVEN_WELL: Final[Mapping[Need, Callable[[Deed], bool]]] = {
    "text": lambda deed: bool(deed.text.strip()),
    "handler": lambda deed: bool(deed.handler.strip()),
    "days": lambda deed: 1 <= deed.days <= MOST_DAYS,
    "number": lambda deed: bool(deed.number.strip()),
    "content": lambda deed: deed.content in _CONTENT,
}
