"""How an agent is, and what each thing that happens makes of it: one table of state × event; pure.

空闲 ⇄ 通话 → 整理 → 空闲; 示忙 with a reason; 离开, who did not answer; 离线, who is not signed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """What an agent is doing, as far as the line is concerned."""

    FREE = "free"
    TALKING = "talking"
    WRAP_UP = "wrap_up"
    NOT_READY = "not_ready"
    AWAY = "away"
    SIGNED_OUT = "signed_out"

    @property
    def words(self) -> str:
        """As the centre's people say it."""
        return _STATE_WORDS[self]


_STATE_WORDS: Final[Mapping[State, str]] = {
    State.FREE: "空闲",
    State.TALKING: "通话",
    State.WRAP_UP: "整理",
    State.NOT_READY: "示忙",
    State.AWAY: "离开",
    State.SIGNED_OUT: "离线",
}


class Event(StrEnum):
    """What happens to an agent; the first four are the agent's own wish."""

    SIGN_IN = "sign_in"
    READY = "ready"
    NOT_READY = "not_ready"
    SIGN_OUT = "sign_out"
    ANSWERED = "answered"
    HUNG_UP = "hung_up"
    WRAPPED_UP = "wrapped_up"
    """The time for after-call work is over."""
    UNANSWERED = "unanswered"
    """The phone has rung for nothing so often that nobody can be there."""
    BACK = "back"
    """Somebody is there again, or it is time to find out."""


WISHES: Final[Mapping[Event, str]] = {
    Event.SIGN_IN: "签入",
    Event.READY: "示闲",
    Event.NOT_READY: "示忙",
    Event.SIGN_OUT: "签出",
}
"""What an agent may want, in the words of their desk."""


@dataclass(frozen=True, slots=True)
class Presence:
    """A state, and what follows a conversation or its after-call work."""

    state: State = State.FREE
    reason: str = ""
    """Why not ready; empty in all other states but those that lead there."""
    then: State = State.FREE
    """Of TALKING and WRAP_UP: FREE, NOT_READY or SIGNED_OUT, as the agent wished meanwhile."""

    @property
    def may_be_rung(self) -> bool:
        """Whether a caller may be given to this agent."""
        return self.state is State.FREE


_Cell = Mapping[State, State]
_KEPT: Final[_Cell] = {}
_S = State
_ENDS: Final[_Cell] = {_S.NOT_READY: _S.FREE, _S.AWAY: _S.FREE, _S.WRAP_UP: _S.FREE}
_TO: Final[Mapping[Event, _Cell]] = {
    Event.SIGN_IN: {_S.SIGNED_OUT: _S.FREE, **_ENDS},
    Event.READY: _ENDS,
    Event.NOT_READY: dict.fromkeys((_S.FREE, _S.WRAP_UP, _S.NOT_READY, _S.AWAY), _S.NOT_READY),
    Event.SIGN_OUT: dict.fromkeys((_S.FREE, _S.WRAP_UP, _S.NOT_READY, _S.AWAY), _S.SIGNED_OUT),
    Event.ANSWERED: dict.fromkeys(State, _S.TALKING),
    Event.HUNG_UP: _KEPT,
    Event.WRAPPED_UP: _KEPT,
    Event.UNANSWERED: {_S.FREE: _S.AWAY},
    Event.BACK: {_S.AWAY: _S.FREE},
}
"""Event → state before → state after; a state that is not named stays as it is."""
_THEN: Final[Mapping[Event, State]] = {
    Event.SIGN_IN: _S.FREE,
    Event.READY: _S.FREE,
    Event.NOT_READY: _S.NOT_READY,
    Event.SIGN_OUT: _S.SIGNED_OUT,
}
"""What a wish in the midst of a conversation means for its end."""


def after(before: Presence, event: Event, *, reason: str = "", wraps_up: bool = False) -> Presence:
    """How an agent is once that has happened; the same where it changes nothing.

    `reason` is that of NOT_READY; `wraps_up`: whether after-call work has a time of its own.
    """
    match before.state, event:
        case State.TALKING, Event.HUNG_UP:
            return _hung_up(before, wraps_up=wraps_up)
        case State.WRAP_UP, Event.WRAPPED_UP:
            return _then(before)
        case State.TALKING, Event.ANSWERED:
            return before
        case State.TALKING, _ if event in _THEN:
            wish = _THEN[event]
            return Presence(State.TALKING, reason if wish is State.NOT_READY else "", wish)
        case State.SIGNED_OUT | State.NOT_READY, Event.ANSWERED:
            return Presence(State.TALKING, before.reason, before.state)
        case State.WRAP_UP, Event.ANSWERED:
            return Presence(State.TALKING, before.reason, before.then)
    state = _TO[event].get(before.state)
    if state is None:
        return before
    return Presence(state, reason if state is State.NOT_READY else "")


def _hung_up(before: Presence, *, wraps_up: bool) -> Presence:
    if wraps_up and before.then is not State.SIGNED_OUT:
        return Presence(State.WRAP_UP, before.reason, before.then)
    return _then(before)


def _then(before: Presence) -> Presence:
    return Presence(before.then, before.reason if before.then is State.NOT_READY else "")
