"""What a look-up can come to, as types: nothing is ever reported by None, "" or -1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from ivr.people.identity import IdNumber
from ivr.people.sensitive import Sensitive

T = TypeVar("T")
Others = Mapping[str, Sensitive[Any]]
"""All columns of the query by name, as texts (None for NULL): what a readout may say besides."""


@dataclass(frozen=True, slots=True)
class Fund:
    """A housing provident fund account (seed, section 一)."""

    paid_to: str | None
    """缴至年月 as YYYY-MM; None where nothing was paid yet, or not for long."""
    monthly_deposit: Sensitive[Decimal] | None
    """月缴存额 in yuan; None for a sealed account."""
    balance: Sensitive[Decimal]
    """In yuan; zero is a balance."""
    others: Others = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Loan:
    """A loan account (seed, section 二)."""

    term_months: int | None
    periods_repaid: int | None
    balance: Sensitive[Decimal]
    """What is still owed, in yuan."""
    others: Others = field(default_factory=dict, compare=False)


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
class Closed:
    """The person's account is closed (销户): there is no balance to tell (rules 1.4)."""


@dataclass(frozen=True, slots=True)
class Empty:
    """An account without a balance (NULL): 账号不存在."""


@dataclass(frozen=True, slots=True)
class Unsayable:
    """An account whose value no call can say, or that is none: an agent has to look."""

    column: str
    """Which one; never what stands in it."""


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


Result: TypeAlias = Found[T] | NotFound | Several | Closed | Empty | Unsayable | Unavailable
"""What asking for one account can come to."""


class Accounts(Protocol):
    """Where balances come from."""

    async def fund(self, number: IdNumber) -> Result[Fund]:
        """The fund account of a person, under either form of the number."""

    async def loan(self, number: IdNumber) -> Result[Loan]:
        """The loan account of a person, under either form of the number."""

    async def password(
        self, number: IdNumber, entered: Sensitive[str]
    ) -> RightPassword | WrongPassword | Unavailable:
        """Whether this is the person's query password."""

    async def fault(self) -> str | None:
        """What is wrong with the database, for the operator; None while it answers."""
