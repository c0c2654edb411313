"""What a look-up can come to, as types: nothing is ever reported by None, "" or -1."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Generic, Protocol, TypeVar

from ivr.people.identity import IdNumber
from ivr.people.sensitive import Sensitive

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fund:
    """A housing provident fund account (seed, section 一)."""

    paid_to: str
    """缴至年月 as YYYY-MM."""
    monthly_deposit: Sensitive[Decimal]
    """月缴存额 in yuan."""
    balance: Sensitive[Decimal]
    """In yuan; zero is a balance."""


@dataclass(frozen=True, slots=True)
class Loan:
    """A loan account (seed, section 二)."""

    term_years: int
    periods_repaid: int
    balance: Sensitive[Decimal]
    """What is still owed, in yuan."""


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """The person has one account."""

    account: T = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotFound:
    """Nobody of that number: 没有录入."""


@dataclass(frozen=True, slots=True)
class Several:
    """More than one account: 并户 is needed."""


@dataclass(frozen=True, slots=True)
class Empty:
    """An account without a balance (NULL): 账号不存在."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The database is down, slow, or answers nonsense: never to be told as 没有录入."""

    reason: str
    """For the operator; free of personal data."""
    answered: bool = False
    """It did answer, though with nonsense."""


@dataclass(frozen=True, slots=True)
class RightPassword:
    """The query password is this person's."""


@dataclass(frozen=True, slots=True)
class WrongPassword:
    """It is not, or this person has none: nobody is to learn which."""


class Accounts(Protocol):
    """Where balances come from."""

    async def fund(
        self, number: IdNumber
    ) -> Found[Fund] | NotFound | Several | Empty | Unavailable:
        """The fund account of a person, under either form of the number."""

    async def loan(
        self, number: IdNumber
    ) -> Found[Loan] | NotFound | Several | Empty | Unavailable:
        """The loan account of a person, under either form of the number."""

    async def password(
        self, number: IdNumber, entered: Sensitive[str]
    ) -> RightPassword | WrongPassword | Unavailable:
        """Whether this is the person's query password."""

    async def fault(self) -> str | None:
        """What is wrong with the database, for the operator; None while it answers."""
