"""回访 by a call of the line's: what each answer of the caller's makes of the case; one table."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from ivr.cases.late import LateRegister
from ivr.cases.moves import Deed, Move, Office, Refused

log = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0

Opinion = Literal[
    "content",
    "discontent",
    "declined",  # does not wish to be called for 回访 any more
    "abstained",  # was reached, and says nothing
]


def _deed(move: Move, text: str, content: str = "") -> Deed:
    return Deed(move, Office.LINE, frozenset({Office.LINE}), text=text, content=content)


_DEEDS: Final[Mapping[Opinion, tuple[Deed, ...]]] = {
    "content": (_deed(Move.FOLLOW_UP, "电话回访", "content"),),
    "discontent": (
        _deed(Move.FOLLOW_UP, "电话回访", "discontent"),
        _deed(Move.REDO, "电话回访不满意，请重新办理"),
    ),
    "declined": (_deed(Move.SPARE, "来电人在回访电话中按键谢绝"),),
    "abstained": (_deed(Move.CALLED, "接通，来电人不评价"),),
}
_WORDS: Final[Mapping[Opinion, str]] = {
    "content": "满意",
    "discontent": "不满意",
    "declined": "谢绝回访",
    "abstained": "不评价",
}


def end_calling(register: LateRegister, number: str, why: str) -> None:
    """The line calls no more, and says why; blocks. Harmless where that is so already."""
    with suppress(Refused):
        register.act(number, _deed(Move.CALLED, why))


class FollowUps(Protocol):
    """Whom the dialogue of such a call asks and tells."""

    async def is_wanted(self, number: str) -> bool:
        """Whether the caller of this case has still to be asked."""

    async def keep(self, number: str, opinion: Opinion) -> bool:
        """What the caller has answered; False: it is not kept."""


class NobodyAsked:
    """There are no cases: in a terminal, where nothing is kept."""

    async def is_wanted(self, number: str) -> bool:
        """As if."""
        return True

    async def keep(self, number: str, opinion: Opinion) -> bool:
        """It is forgotten."""
        return True


@dataclass(frozen=True, slots=True)
class RegisterFollowUps:
    """By the register of a running service."""

    register: LateRegister
    patience: float = ANSWER_SECONDS

    async def is_wanted(self, number: str) -> bool:
        """Where nobody can say, asking once too often does no harm."""
        try:
            async with asyncio.timeout(self.patience):
                case = await asyncio.to_thread(self.register.case, number)
        except Exception as fault:  # noqa: BLE001  whatever it is, somebody is on the line
            log.error("whether to ask about %s: %s", number, type(fault).__name__)  # noqa: TRY400
            return True
        return case.call_wanted is not None

    async def keep(self, number: str, opinion: Opinion) -> bool:
        """Each move of the table; a case that was moved on meanwhile has a note of it."""
        try:
            async with asyncio.timeout(self.patience):
                await asyncio.to_thread(self._keep, number, opinion)
        except Exception as fault:  # noqa: BLE001  as above
            log.error("what was said of %s is lost: %s", number, type(fault).__name__)  # noqa: TRY400
            return False
        return True

    def _keep(self, number: str, opinion: Opinion) -> None:
        try:
            for deed in _DEEDS[opinion]:
                self.register.act(number, deed)
        except Refused:
            said = f"电话回访时来电人按键：{_WORDS[opinion]}"
            self.register.act(number, _deed(Move.NOTE, said))
