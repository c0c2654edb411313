"""A value that must not be shown: ID numbers, telephone numbers, balances."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sensitive(Generic[T]):
    """Carries a private value from the key pad to where it is needed, and nowhere else.

    `reveal()` is the only way out, so every place that sees the value can be found by name;
    formatting, pickling and JSON all fail instead of leaking.
    """

    _value: T = field(repr=False)

    def reveal(self) -> T:
        """The value itself."""
        return self._value

    def __repr__(self) -> str:
        return "Sensitive(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("a sensitive value is never formatted; reveal() it where it must be seen")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a sensitive value is never serialised")
