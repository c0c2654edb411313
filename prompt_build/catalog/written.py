"""A file of the catalog as a person wrote it: what it says, and where; or all that is no TOML."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr import syntax
from ivr.positions import Positions
from prompt_build.catalog.faults import CatalogError, Fault


@dataclass(frozen=True, slots=True)
class Written:
    """One file: what it says, and where."""

    path: Path
    content: dict[str, Any]
    positions: Positions

    @property
    def name(self) -> str:
        """As messages call it."""
        return self.path.name


def read(path: Path, instead: str | None = None) -> Written:
    """Read one file, or what is to stand in it; CatalogError with all faults of its syntax."""
    if instead is not None:
        return _parsed(path, instead)
    try:
        text = syntax.text_of(path)
    except FileNotFoundError:
        missing = Fault(path.name, 1, 1, f"没有这个文件：{path}", "there is no such file")
        raise CatalogError([missing]) from None
    except syntax.Unreadable as refused:
        raise CatalogError([Fault(path.name, *refused.blemish)]) from refused
    return _parsed(path, text)


def _parsed(path: Path, text: str) -> Written:
    if blemishes := syntax.blemishes(text):
        raise CatalogError(Fault(path.name, *each) for each in blemishes)
    return Written(path, tomllib.loads(text), Positions(text))
