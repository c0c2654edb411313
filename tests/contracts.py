"""Contracts for small catalogs: what a test's file says is what the code would speak."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from ivr.speech.contract import Clause, Contract
from prompt_build.catalog.source import Source

_SLOT = re.compile(r"\{([a-z_]+):([a-z0-9_]+)\}")
ANYTHING = ("",)
"""A key that may be said of anything."""


def contract_of(text: str) -> Contract:
    """Every prompt, value and key that the file has; nothing where it is no TOML."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        content = {}
    groups = {g: e for g, e in content.get("prompts", {}).items() if isinstance(e, dict)}
    clauses = {f"{g}.{name}": _clause(e) for g, each in groups.items() for name, e in each.items()}
    return Contract(clauses, tuple(key for key in "345" if key in content.get("information", {})))


def _clause(entry: Any) -> Clause:
    options = {"text": entry} if isinstance(entry, str) else entry
    text, keys = (
        (str(options.get(name, "")) for name in ("text", "keys"))
        if isinstance(options, dict)
        else ("", "")
    )
    return Clause(dict(_SLOT.findall(text)), dict.fromkeys(keys, ANYTHING))


def source_of(path: Path, words: Path | None = None) -> Source:
    """A catalog that is agreed with itself."""
    return Source(path, words, contract_of(path.read_text(encoding="utf-8-sig", errors="replace")))
