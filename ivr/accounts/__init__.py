"""Fund and loan accounts: asking for one, and loading them from a centre's export."""

from ivr.accounts.database import open_accounts
from ivr.accounts.guarded import Guarded
from ivr.accounts.outcomes import (
    Accounts,
    Empty,
    Found,
    Fund,
    Loan,
    NotFound,
    RightPassword,
    Several,
    Unavailable,
    WrongPassword,
)

__all__ = [
    "Accounts",
    "Empty",
    "Found",
    "Fund",
    "Guarded",
    "Loan",
    "NotFound",
    "RightPassword",
    "Several",
    "Unavailable",
    "WrongPassword",
    "open_accounts",
]
