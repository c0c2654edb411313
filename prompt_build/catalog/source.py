"""Where the words of the line stand: the shipped catalog, the city's own, and what was agreed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ivr.config import Settings
from ivr.speech import contract
from ivr.speech.contract import Contract


@dataclass(frozen=True, slots=True)
class Source:
    """What a catalog is read from."""

    shipped: Path
    words: Path | None = None
    """The city's own file, which is laid over the shipped one; it may not be there."""
    contract: Contract = field(default_factory=lambda: contract.CONTRACT)


def source_of(settings: Settings) -> Source:
    """The words of this line."""
    return Source(settings.catalog, settings.words_file)
