"""The first line of an export: what parts its fields, and which column is which; pure."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

DELIMITERS = {",": "逗号", "\t": "制表符", ";": "分号", "|": "竖线"}
_PRIVATE = re.compile(r"\d{4}")
"""Four digits in a row stand in data, and in no name of a column."""


class WrongHeader(ValueError):
    """The columns cannot be told; says what was found and what to write. `column` is from 1."""

    def __init__(self, column: int, told: str) -> None:
        self.column = column
        super().__init__(told)


@dataclass(frozen=True, slots=True)
class Header:
    """How the lines below are to be read."""

    delimiter: str
    width: int
    """Fields in a line."""
    places: Mapping[str, int]
    """Column → where it stands, from 1."""


def understood(line: str, names: Mapping[str, Sequence[str]], wanted: Sequence[str]) -> Header:
    """The header, by `names` (column → what exports call it); WrongHeader when in doubt.

    `wanted`: the columns that must be there; alternatives have bars between (`a|b`).
    """
    delimiter = max(DELIMITERS, key=lambda each: len(_places(_cells(line, each), names)))
    cells = _cells(line, delimiter)
    places = _places(cells, names)
    for column, found in places.items():
        if len(found) > 1:
            where = "、".join(f"第 {place} 列" for place in found)
            raise WrongHeader(found[1], f"{column} 有 {len(found)} 列（{where}）：只留一列")
    for choice in wanted:
        given = [name for name in choice.split("|") if name in places]
        if len(given) > 1:
            raise WrongHeader(places[given[1]][0], f"{' 和 '.join(given)} 只能有一个：去掉一列")
        if not given:
            raise WrongHeader(1, _lacking(wanted, places, cells, delimiter, names))
    return Header(delimiter, len(cells), {name: found[0] for name, found in places.items()})


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip().strip("\"'“”") for cell in line.split(delimiter)]


def _places(cells: Sequence[str], names: Mapping[str, Sequence[str]]) -> dict[str, list[int]]:
    known = {plain(alias): column for column, aliases in names.items() for alias in aliases}
    places: dict[str, list[int]] = {}
    for place, cell in enumerate(cells, 1):
        column = known.get(plain(cell))
        if column is not None:
            places.setdefault(column, []).append(place)
    return places


def plain(name: str) -> str:
    """A name without what exports differ in: case, width, spaces, underlines, the unit."""
    narrow = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[\s_\-\"']|\((元|¥)\)$", "", narrow)


def _lacking(
    wanted: Sequence[str],
    places: Mapping[str, Sequence[int]],
    cells: Sequence[str],
    delimiter: str,
    names: Mapping[str, Sequence[str]],
) -> str:
    absent = [choice for choice in wanted if not set(choice.split("|")) & places.keys()]
    lacks = f"表头缺少 {', '.join(absent)} (the header lacks {', '.join(absent)})"
    if any(map(_PRIVATE.search, cells)):
        return f"{lacks}；第一行像是数据：第一行要写列名 {', '.join(wanted)}"
    found = f"找到的是 {', '.join(filter(None, cells)) or '空行'}（按{DELIMITERS[delimiter]}分列）"
    return f"{lacks}；{found}{_guess(absent, cells, names)}；请写 {', '.join(wanted)}"


def _guess(absent: Sequence[str], cells: Sequence[str], names: Mapping[str, Sequence[str]]) -> str:
    known = {plain(alias): alias for each in absent for name in each.split("|")
             for alias in names[name]}  # fmt: skip
    for cell in cells:
        near = difflib.get_close_matches(plain(cell), known, n=1, cutoff=0.7)
        if near and cell:
            return f"；{cell} 是不是 {known[near[0]]}？"
    return ""
