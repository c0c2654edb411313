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
    VANISHED = "vanished"
    """The phone has vanished in the midst of a conversation, whose end is told apart."""
    WRAPPED_UP = "wrapped_up"
    """After-call work is done: its note is written, or its time is over."""
    NEGLECTED = "neglected"
    """A note that must be written was not, for too long."""
    UNANSWERED = "unanswered"
    """The phone has rung for nothing so often that nobody can be there."""
    BACK = "back"
    """Somebody is there again, or it is time to find out."""


UNWRITTEN: Final = "小结没写"
"""Why somebody is not ready after NEGLECTED."""
CUT_OFF: Final = "话机断了"
"""Why somebody is away after VANISHED."""
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
    """Why not ready, or away where not for a ring; empty but there and in what leads there."""
    then: State = State.FREE
    """Of TALKING and WRAP_UP: FREE, NOT_READY or SIGNED_OUT, as the agent wished meanwhile; of
    TALKING also AWAY, where the phone has vanished."""

    @property
    def may_be_rung(self) -> bool:
        """Whether a caller may be given to this agent."""
        return self.state is State.FREE


_S: Final = State
_THERE: Final = (_S.NOT_READY, _S.AWAY, _S.WRAP_UP)
_TO: Final[Mapping[Event, Mapping[State, State]]] = {
    Event.SIGN_IN: dict.fromkeys((*_THERE, _S.SIGNED_OUT), _S.FREE),
    Event.READY: dict.fromkeys(_THERE, _S.FREE),
    Event.NOT_READY: dict.fromkeys((*_THERE, _S.FREE), _S.NOT_READY),
    Event.SIGN_OUT: dict.fromkeys((*_THERE, _S.FREE), _S.SIGNED_OUT),
    Event.NEGLECTED: {_S.WRAP_UP: _S.NOT_READY},
    Event.UNANSWERED: {_S.FREE: _S.AWAY},
    Event.BACK: {_S.AWAY: _S.FREE},
}
"""Event → state before → state after; what is not named stays as it is.

Beginning and end of a conversation and of its after-call work depend on more: see `after`.
"""
_THEN: Final[Mapping[Event, State]] = {
    Event.SIGN_IN: _S.FREE,
    Event.READY: _S.FREE,
    Event.NOT_READY: _S.NOT_READY,
    Event.SIGN_OUT: _S.SIGNED_OUT,
}
"""What a wish in the midst of a conversation means for its end."""


def after(before: Presence, event: Event, *, reason: str = "", wraps_up: bool = False) -> Presence:
    """How an agent is once that has happened; the same where it changes nothing.

    `reason` is that of NOT_READY and of NEGLECTED; `wraps_up`: whether after-call work has a time
    of its own.
    """
    if before.state is State.TALKING:
        return _talking(before, event, reason=reason, wraps_up=wraps_up)
    if event is Event.ANSWERED:
        return _answered(before)
    if (before.state, event) == (State.WRAP_UP, Event.WRAPPED_UP):
        return _then(before)
    state = _TO.get(event, {}).get(before.state)
    if state is None:
        return before
    return Presence(state, reason if state is State.NOT_READY else "")


def _answered(before: Presence) -> Presence:
    """Who was not ready, or not there, is so again afterwards."""
    comes_back = before.state in {State.NOT_READY, State.SIGNED_OUT}
    then = before.state if comes_back else before.then
    return Presence(State.TALKING, before.reason, then)


def _talking(before: Presence, event: Event, *, reason: str, wraps_up: bool) -> Presence:
    """A wish is for the end of the conversation."""
    if event is Event.HUNG_UP:
        works = wraps_up and before.then not in {State.SIGNED_OUT, State.AWAY}
        return Presence(State.WRAP_UP, before.reason, before.then) if works else _then(before)
    if event is Event.VANISHED and before.then is not State.SIGNED_OUT:
        return Presence(State.TALKING, CUT_OFF, State.AWAY)
    then = _THEN.get(event)
    if then is None:
        return before
    return Presence(State.TALKING, reason if then is State.NOT_READY else "", then)


def _then(before: Presence) -> Presence:
    keeps = before.then in {State.NOT_READY, State.AWAY}
    return Presence(before.then, before.reason if keeps else "")
