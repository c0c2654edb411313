"""Where the words of the line stand: the shipped catalog, the city's own, and what was agreed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ivr.config import AccountsSettings, Settings
from ivr.config.queries import columns_of
from ivr.speech import contract
from ivr.speech.contract import Contract


@dataclass(frozen=True, slots=True)
class Source:
    """What a catalog is read from."""

    shipped: Path
    words: Path | None = None
    """The city's own file, which is laid over the shipped one; it may not be there."""
    contract: Contract = field(default_factory=lambda: contract.CONTRACT)
    columns: Mapping[str, frozenset[str] | None] = field(
        default_factory=lambda: columns_of_readouts(AccountsSettings())
    )
    """Readout → the columns of its query; None where the query's text does not tell them."""
    instead: str | None = None
    """What is to stand in the city's file: a draft, which is in no file yet."""


def columns_of_readouts(accounts: AccountsSettings) -> Mapping[str, frozenset[str] | None]:
    """What the readouts may say: the columns of the centre's own queries."""
    return {
        "account.readout": columns_of(accounts.fund_query),
        "loan.readout": columns_of(accounts.loan_query),
    }


def source_of(settings: Settings) -> Source:
    """The words of this line."""
    columns = columns_of_readouts(settings.accounts)
    return Source(settings.catalog, settings.words_file, columns=columns)
