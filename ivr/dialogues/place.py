"""A place of the script: a coroutine with a name that returns where the call goes next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Literal

from ivr.calls.call import Call
from ivr.records.facts import Disposition


class Up(Enum):
    """The way that `*` goes: to the place above this one."""

    UP = auto()


UP: Literal[Up.UP] = Up.UP


@dataclass(frozen=True, slots=True)
class End:
    """The call is over from our side."""

    disposition: Disposition


@dataclass(frozen=True, slots=True)
class Place:
    """Where a caller can be. The name goes into the records and finds the place again."""

    name: str
    up: str
    """Name of the place above; the main menu is its own."""
    speak: Speak = field(repr=False)
    quiet: bool = False
    """A caller who is found here again has not noticed anything, and is not to be disturbed."""


Outcome = Place | Up | End
Speak = Callable[[Call], Awaitable[Outcome]]

_PLACES: dict[str, Place] = {}


def place(name: str, *, up: str = "main", quiet: bool = False) -> Callable[[Speak], Place]:
    """Make a coroutine the place `name` of the script."""

    def named(speak: Speak) -> Place:
        _PLACES[name] = Place(name, up, speak, quiet)
        return _PLACES[name]

    return named


def coded(name: str) -> Place:
    """The place of that name in the code; the main menu when a newer script has it no more."""
    return _PLACES.get(name) or _PLACES["main"]


def all_places() -> tuple[Place, ...]:
    """Every place of the script that is code."""
    return tuple(_PLACES.values())
