"""What a caller keyed when the line asked how content they are, and what each key makes of a case.

Its moves have the moment in which it was keyed, by which they are known again: each is made once,
however often it is tried, also after a try of which nobody knows the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from ivr.cases.case import Case
from ivr.cases.moves import Deed, Move, Office, Refused

Opinion = Literal[
    "content",
    "discontent",
    "declined",  # does not wish to be called for 回访 any more
    "abstained",  # was reached, and says nothing
]


@dataclass(frozen=True, slots=True)
class Said:
    """An opinion on a case, and when it was keyed."""

    number: str
    opinion: Opinion
    at: datetime

    @property
    def origin(self) -> str:
        """By which it is known again."""
        return f"opinion {self.number} {self.at.isoformat()}"


def by_line(move: Move, text: str, content: str = "") -> Deed:
    """What the line does by itself."""
    return Deed(move, Office.LINE, frozenset({Office.LINE}), text=text, content=content)


_DEEDS: Final[Mapping[Opinion, tuple[Deed, ...]]] = {
    "content": (by_line(Move.FOLLOW_UP, "电话回访", "content"),),
    "discontent": (
        by_line(Move.FOLLOW_UP, "电话回访", "discontent"),
        by_line(Move.REDO, "电话回访不满意，请重新办理"),
    ),
    "declined": (by_line(Move.SPARE, "来电人在回访电话中按键谢绝"),),
    "abstained": (by_line(Move.CALLED, "接通，来电人不评价"),),
}
_WORDS: Final[Mapping[Opinion, str]] = {
    "content": "满意",
    "discontent": "不满意",
    "declined": "谢绝回访",
    "abstained": "不评价",
}


def carry_out(said: Said, case: Case, act: Callable[[Case, Deed], Case]) -> None:
    """Each move of the table; a case that was moved on meanwhile has a note of it.

    `act`: does a deed, at the moment at which it was said, with a case as it is here.
    """
    try:
        for deed in _DEEDS[said.opinion]:
            case = _once(said, case, deed, act)
    except Refused:
        note = by_line(Move.NOTE, f"电话回访时来电人按键：{_WORDS[said.opinion]}")
        _once(said, case, note, act)


def _once(said: Said, case: Case, deed: Deed, act: Callable[[Case, Deed], Case]) -> Case:
    done = any((event.at, event.move) == (said.at, deed.move) for event in case.events)
    return case if done else act(case, deed)
