"""A call that somebody wants made: why it is not, or how it went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ivr.config import Agent
from ivr.people.sensitive import Sensitive
from ivr.records.facts import DialledFor, DialOutcome, DialRefusal

REFUSED_WORDS: Final[Mapping[DialRefusal, str]] = {
    "off": "没有开通外呼（设置 dialling.trunk） · dialling out is off",
    "number": "没有登记可以回拨的号码 · no number that may be dialled is registered",
    "hours": "现在不是外呼时间（dialling.hours） · not within the hours of dialling",
    "cap": "今天外呼的次数用完了（dialling.calls_per_day） · as many calls today as are allowed",
    "tries": "今天给这个号码打的次数够了（dialling.calls_per_number） · called often enough today",
    "going_on": "正在拨打，或者坐席正在通话 · the number or the agent is engaged",
    "unwritten": "审计或登记写不下，没有拨打 · nothing can be written down: nobody is called",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call that somebody wants made."""

    purpose: DialledFor
    reference: str
    """Of the case or of the wish."""
    number: Sensitive[str]
    """As it was registered or confirmed; never one that is keyed for this call."""
    agent: Agent | None
    """Whose phone rings first; None: the line speaks itself."""
    by: str
    """Who wants it, for the trail."""
    reason: str = ""
    reserved: bool = False
    """The agent's phone is kept for this call already, and rings for nobody else."""

    @property
    def agent_name(self) -> str | None:
        """Who is to talk; None: the line itself."""
        return None if self.agent is None else self.agent.name


@dataclass(frozen=True, slots=True)
class NotDialled:
    """Nobody's phone has rung, and why."""

    reason: DialRefusal

    @property
    def words(self) -> str:
        """For whoever wanted it."""
        return REFUSED_WORDS[self.reason]


@dataclass(frozen=True, slots=True)
class Called:
    """How a call that was made went."""

    outcome: DialOutcome
    ring_ms: int = 0
    talk_ms: int = 0
