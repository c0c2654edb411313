"""What the legs and bridges of a call that we make are called in Asterisk's lists; pure."""

from __future__ import annotations

from typing import Final, Literal

Side = Literal["agent", "number"]
SIDES: Final[tuple[Side, ...]] = ("agent", "number")
_MARK: Final = "dial"


def leg_name(attempt: str, side: Side) -> str:
    """As Asterisk's lists have it."""
    return f"{_MARK}.{attempt}.{side}"


def bridge_name(attempt: str) -> str:
    """In which the two hear each other."""
    return f"{_MARK}.{attempt}"


def attempt_of(name: str) -> str | None:
    """The try whose leg or bridge this is; None for what is none of ours."""
    mark, *rest = name.split(".")
    return rest[0] if mark == _MARK and len(rest) in (1, 2) else None


def parted(leg: str) -> tuple[str, Side]:
    """A leg's try and its side; ValueError for what is no leg."""
    name = attempt_of(leg)
    for side in SIDES:
        if name is not None and leg == leg_name(name, side):
            return name, side
    raise ValueError("no leg of ours")
