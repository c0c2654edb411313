"""What is wrong with a catalog, for its editor: where, what stands there, and what to write."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Something in a file of the catalog that an editor must mend, and how."""

    file: str
    line: int
    column: int
    chinese: str
    english: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.chinese} · {self.english}"


class CatalogError(Exception):
    """The catalog cannot be built; carries every fault, in the order of the files."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(map(str, self.faults)))
