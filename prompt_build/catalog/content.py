"""What a catalog holds once it is read: sentences, cut where a call fills something in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

NOTICE = timedelta(days=30)
"""How long before its date a text is due for review."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A stretch of a sentence that is the same in every call."""

    text: str
    part: int = 0
    """Which optional part it belongs to, from 1; 0 where it is always said."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch that a call fills in."""

    name: str
    read: str
    part: int = 0
    """As of Spoken; a part falls away when a value in it is NULL."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """Of a column of codes: what is said for each; an empty text is nothing."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One sentence of the catalog, cut where a call fills something in."""

    name: str
    pieces: tuple[Spoken | Slot, ...]
    keys: str = ""
    """The keys of the menu that it is; empty for a sentence."""
    hints: Mapping[str, str] = field(default_factory=dict)
    pace: float = 1.0
    """Of this sentence, times that of the settings."""
    recorded: Path | None = None
    """An editor's recording that takes the place of the voice."""
    reviewed: date | None = None
    expires: date | None = None

    @property
    def words(self) -> str:
        """What is the same in every call."""
        return "".join(piece.text for piece in self.pieces if isinstance(piece, Spoken))

    @property
    def slots(self) -> tuple[Slot, ...]:
        """What a call fills in, in order."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Slot))


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything that a caller can hear, apart from numbers."""

    prompts: Mapping[str, Prompt]
    information: Mapping[str, Any]
    """The tree behind keys 3, 4 and 5 as the manifest has it: key → title, prompt, children."""
    version: str
    """Hash of the content; the same words are the same version."""

    def due(self, today: date) -> list[str]:
        """What must be looked at again by now or within a month, in words, the oldest first."""
        dated = sorted((p.expires, p.name) for p in self.prompts.values() if p.expires)
        return [
            f"{name}: {'expired' if expires <= today else 'expires'} on {expires}; review it"
            for expires, name in dated
            if expires <= today + NOTICE
        ]
