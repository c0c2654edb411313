"""Where a key of a TOML file stands, for messages that an editor can follow."""

from __future__ import annotations

import re

_HEADER = re.compile(r"\s*\[+([^\]]+)\]+")
_ENTRY = re.compile(r"\s*([A-Za-z0-9_\-\"'.一-鿿]+)\s*=")


class Positions:
    """Lines and columns (from 1) of the headers and entries of one file."""

    def __init__(self, source: str) -> None:
        self._lines = source.splitlines()
        self._found: dict[tuple[str, ...], tuple[int, int]] = {}
        header: tuple[str, ...] = ()
        for number, line in enumerate(self._lines, 1):
            if matched := _HEADER.match(line):
                header = _path(matched[1])
                self._found[header] = (number, line.index("[") + 1)
            elif matched := _ENTRY.match(line):
                path = (*header, *_path(matched[1]))
                self._found.setdefault(path, (number, matched.start(1) + 1))

    def of(self, where: tuple[str, ...], within: str = "") -> tuple[int, int]:
        """Line and column of an entry, or of the text `within` it; of its table at worst."""
        known = next(
            (
                self._found[where[:end]]
                for end in range(len(where), 0, -1)
                if where[:end] in self._found
            ),
            (1, 1),
        )
        return self._within(known, within) if within else known

    def _within(self, start: tuple[int, int], text: str) -> tuple[int, int]:
        for number in range(start[0], min(start[0] + 20, len(self._lines)) + 1):
            column = self._lines[number - 1].find(text)
            if column >= 0:
                return number, column + 1
        return start


def _path(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
