"""Where a key of a TOML file stands, for messages that an editor can follow."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

_HEADER = re.compile(r"\s*(\[+)([^\]]+)\]+")
_ENTRY = re.compile(r"\s*([A-Za-z0-9_\-\"'.一-鿿]+)\s*=")
_LONG_TEXT = re.compile(r'"""|\'\'\'')


def repeated(source: str) -> list[tuple[str, int, int, int]]:
    """Tables and entries that stand twice: name, first line, and line and column of the second."""
    found: dict[tuple[str, ...], int] = {}
    twice = []
    for path, line, column in _entries(source):
        if path in found:
            twice.append((".".join(path), found[path], line, column))
        found.setdefault(path, line)
    return twice


def _entries(source: str) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """Every header and entry with its line and column; `[[phones]]` are phones.0, phones.1 …"""
    header: tuple[str, ...] = ()
    count: Counter[tuple[str, ...]] = Counter()
    for number, line in _outside_long_texts(source):
        if matched := _HEADER.match(line):
            header = _numbered(_path(matched[2]), count, another=matched[1] == "[[")
            yield header, number, line.index("[") + 1
        elif matched := _ENTRY.match(line):
            yield (*header, *_path(matched[1])), number, matched.start(1) + 1


def _numbered(
    path: tuple[str, ...], count: Counter[tuple[str, ...]], *, another: bool
) -> tuple[str, ...]:
    """The path with the place of each array's table that it leads through."""
    if another:
        count[path] += 1
    numbered: tuple[str, ...] = ()
    for end in range(1, len(path) + 1):
        numbered += (path[end - 1],)
        if count[path[:end]]:
            numbered += (str(count[path[:end]] - 1),)
    return numbered


def _outside_long_texts(source: str) -> Iterator[tuple[int, str]]:
    """The lines, with their numbers, that do not begin within a text of several lines."""
    closing = ""
    for number, line in enumerate(source.splitlines(), 1):
        if not closing:
            yield number, line
        for mark in _LONG_TEXT.findall(line):
            if not closing:
                closing = mark
            elif closing == mark:
                closing = ""


class Positions:
    """Lines and columns (from 1) of the headers and entries of one file."""

    def __init__(self, source: str) -> None:
        self._lines = source.splitlines()
        self._found: dict[tuple[str, ...], tuple[int, int]] = {}
        for path, line, column in _entries(source):
            for end in range(1, len(path) + 1):
                self._found.setdefault(path[:end], (line, column))

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
            line = self._lines[number - 1]
            column = line.find(text, line.find("=") + 1 if number == start[0] else 0)
            if column >= 0:
                return number, column + 1
        return start


def _path(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
