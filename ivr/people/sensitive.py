"""A value that must not be shown: ID numbers, telephone numbers, balances."""

from __future__ import annotations

import resource
from typing import Generic, NoReturn, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Sensitive(Generic[T_co]):
    """Carries a private value from the key pad to where it is needed, and nowhere else.

    `reveal()` is the only way out, so every place that sees the value can be found by name;
    formatting, pickling, copying and JSON all fail instead of leaking. It is no dataclass on
    purpose: `asdict` of whatever holds one would unpack it.
    """

    __slots__ = ("__value",)

    def __init__(self, value: T_co) -> None:
        self.__value = value

    def reveal(self) -> T_co:
        """The value itself."""
        return self.__value

    def __repr__(self) -> str:
        return "Sensitive(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sensitive) and bool(self.__value == other.reveal())

    def __hash__(self) -> int:
        return hash(self.__value)

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("a sensitive value is never formatted; reveal() it where it must be seen")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a sensitive value is never serialised")


def leave_no_core() -> None:
    """No core dump of this program or of one that it starts: it would hold keys and numbers."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
