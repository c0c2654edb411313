"""Fund and loan accounts: asking for one, and loading them from a centre's export.

The database itself (`database.py`) is imported by name: callers wait while the service starts.
"""

from ivr.accounts.guarded import Guarded
from ivr.accounts.outcomes import (
    Accounts,
    Closed,
    Empty,
    Found,
    Fund,
    Loan,
    NotFound,
    Result,
    RightPassword,
    Several,
    Unavailable,
    Unsayable,
    WrongPassword,
)

__all__ = [
    "Accounts",
    "Closed",
    "Empty",
    "Found",
    "Fund",
    "Guarded",
    "Loan",
    "NotFound",
    "Result",
    "RightPassword",
    "Several",
    "Unavailable",
    "Unsayable",
    "WrongPassword",
]
