"""Rows of the centre's own queries as accounts: exact whatever the driver makes of a number.

What a call could not say is told by its column, never by its value: `Unsayable`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, TypeVar

from ivr.accounts.outcomes import Closed, Empty, Found, Fund, Loan, NotFound, Several, Unsayable
from ivr.people.sensitive import Sensitive
from ivr.speech.codes import code
from ivr.speech.ranges import RANGES

T = TypeVar("T")
Row = Mapping[str, Any]
"""Column, in lower case → what the driver returned; None for NULL."""

FUND_COLUMNS = ("paid_to", "monthly_deposit", "balance")
LOAN_COLUMNS = ("term_years|term_months", "periods_repaid", "balance")
"""What a query must return; alternatives have bars between."""
STATUS = "status"
"""What the fund query may return besides: 账户状态 (GRZHZT), by which closed accounts are known."""
MOST_ROWS = 20
"""Of one person: the closed accounts among them are set aside."""
_CENT = Decimal("0.01")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\Z", re.ASCII)
_YEAR_MONTH = re.compile(
    r"(\d{4})(?:-(\d{1,2})|/(\d{1,2})|年(\d{1,2})月|(\d{2}))"
    r"(?:[-/]?\d{1,2}日?(?:[ T]0?0:00(?::00(?:\.0+)?)?)?)?\Z",
    re.ASCII,
)
_POINT_ZERO = re.compile(r"([-+]?\d+)\.0+\Z", re.ASCII)
"""A whole number as a column of text may hold it."""
_WHOLE_ENOUGH = Decimal("0.01")
"""Months: a twelfth of a year is rounded by databases (DKQS / 12 is 1.6667)."""


class _Beyond(ValueError):
    """A column's value is no value of its kind, or none that can be said."""


def lacking(columns: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """What of `wanted` a query does not return."""
    return [each for each in wanted if not set(each.split("|")) & set(columns)]


def outcome(
    held: Sequence[Row], account: Callable[[Row], T], *, closed: Collection[str] = ()
) -> Found[T] | NotFound | Several | Closed | Empty | Unsayable:
    """What the rows of one person come to; `closed`: codes of accounts that are no more.

    Who has had accounts merged keeps the old ones as closed, and needs no 并户 any more.
    """
    if not held:
        return NotFound()
    rows = [row for row in held if not _is_closed(row, closed)]
    if not rows:
        return Closed()
    if len(rows) > 1:
        return Several()
    if _null(rows[0]["balance"]):
        return Empty()
    try:
        return Found(account(rows[0]))
    except _Beyond as beyond:
        return Unsayable(str(beyond))


def _is_closed(row: Row, closed: Collection[str]) -> bool:
    status = row.get(STATUS)
    return not _null(status) and code(_plain(status)) in {code(each) for each in closed}


def fund(row: Row) -> Fund:
    """A row of the fund query."""
    deposit = None if _null(row["monthly_deposit"]) else _money(row, "monthly_deposit")
    paid_to = None if _null(row["paid_to"]) else _year_month(row, "paid_to")
    return Fund(paid_to, deposit, _money(row, "balance"), _others(row))


def loan(row: Row) -> Loan:
    """A row of the loan query."""
    periods = None
    if not _null(row["periods_repaid"]):
        periods = _within("periods", "periods_repaid", _whole(row, "periods_repaid"))
    return Loan(_term(row), periods, _money(row, "balance"), _others(row))


def _others(row: Row) -> Mapping[str, Sensitive[Any]]:
    """All columns by name, for the centre's own readout; NULL where there is nothing to say."""
    return {name: Sensitive(None if _null(value) else _plain(value)) for name, value in row.items()}


def _plain(value: object) -> object:
    """A value as readings take it: a date without its time, 20.0000 as 20, no blanks around."""
    if isinstance(value, Decimal | float) and _is_whole(value):
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat()
    text = value.isoformat() if isinstance(value, date) else str(value).strip()
    whole = _POINT_ZERO.match(text)
    return text if whole is None else whole[1]


def _is_whole(value: Decimal | float) -> bool:
    return math.isfinite(value) and value == int(value)


def _null(value: object) -> bool:
    """NULL; Oracle knows no other empty text, and padded columns are blank."""
    return value is None or (isinstance(value, str) and not value.strip())


def _term(row: Row) -> int | None:
    """In months, from whichever column the query has."""
    name = "term_years" if _null(row.get("term_months")) else "term_months"
    if _null(row.get(name)):
        return None
    months = _number(row, name) * (12 if name == "term_years" else 1)
    whole = months.to_integral_value(ROUND_HALF_UP)
    if abs(months - whole) > _WHOLE_ENOUGH:
        raise _Beyond(name)
    return _within("term_months", name, int(whole))


def _money(row: Row, name: str) -> Sensitive[Decimal]:
    """Yuan, half a cent rounded up. Money is never a float beyond this line."""
    cents = _number(row, name).quantize(_CENT, ROUND_HALF_UP)
    if cents < 0 or cents not in RANGES["amount"]:
        raise _Beyond(name)
    return Sensitive(abs(cents))


def _whole(row: Row, name: str) -> int:
    """A count; drivers write it 20, 20.0 or 20.0000."""
    number = _number(row, name)
    if number != number.to_integral_value():
        raise _Beyond(name)
    return int(number)


def _within(kind: str, name: str, value: int) -> int:
    if value not in RANGES[kind]:
        raise _Beyond(name)
    return value


def _number(row: Row, name: str) -> Decimal:
    written = str(row[name]).strip()
    try:
        value = Decimal(written) if _NUMBER.match(written) else Decimal("NaN")
    except InvalidOperation:
        raise _Beyond(name) from None
    if not value.is_finite() or abs(value) >= Decimal(10) ** 15:
        raise _Beyond(name)
    return value


def _year_month(row: Row, name: str) -> str:
    found = _YEAR_MONTH.match(str(_plain(row[name])))
    if found is None:
        raise _Beyond(name)
    year, month = int(found[1]), int(next(part for part in found.groups()[1:] if part))
    if year not in RANGES["year"] or not 1 <= month <= 12:
        raise _Beyond(name)
    return f"{year}-{month:02}"
