"""What a call can say of each kind of value: the one place that sets it; pure.

The clips of numbers are made for these ranges and no further (`numbers.inventory`); an import
refuses what lies beyond them, and a database's row beyond them is not read out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

FIRST_YEAR, LAST_YEAR = 1980, 2060
MOST_YUAN = Decimal("999999999.99")
MOST_PERIODS = 999
MOST_YEARS = 50
MOST_MONTHS = 12 * MOST_YEARS
"""Of a term, which is said in years and months."""
MOST_COUNTED = 30
MOST_MINUTES = 30
"""Of waiting; nobody can tell in earnest what takes longer."""


@dataclass(frozen=True, slots=True)
class Range:
    """From the least to the most value that is said, both included."""

    least: Decimal
    most: Decimal

    def __contains__(self, value: Decimal | int) -> bool:
        return self.least <= value <= self.most

    def __str__(self) -> str:
        return f"{self.least} 到 {self.most}"


RANGES: Mapping[str, Range] = MappingProxyType(
    {
        "amount": Range(-MOST_YUAN, MOST_YUAN),
        "year": Range(Decimal(FIRST_YEAR), Decimal(LAST_YEAR)),
        "term_years": Range(Decimal(0), Decimal(MOST_YEARS)),
        "term_months": Range(Decimal(1), Decimal(MOST_MONTHS)),
        "periods": Range(Decimal(0), Decimal(MOST_PERIODS)),
        "persons": Range(Decimal(0), Decimal(MOST_COUNTED)),
        "minutes": Range(Decimal(0), Decimal(MOST_MINUTES)),
    }
)
"""By kind of value (see `numbers.KINDS`); `year` is that of a year_month and of a date."""
