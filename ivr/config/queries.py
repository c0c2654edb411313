"""What a query says by its text: the columns that it returns, and where it looks people up; pure.

For the editor's check, and for `ivr doctor`, which takes from there whom to ask for.
"""

from __future__ import annotations

import re

_SKIPPED = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_WORD = re.compile(r"[\"`\[]?([\w$#]+)[\"`\]]?\s*\Z")
_FROM = re.compile(r"\s*\bfrom\b", re.IGNORECASE)
_SELECT = re.compile(r"\bselect\b\s*(?:distinct\b|all\b|top\s*\(?\d+\)?)?", re.IGNORECASE)

_NAME = r"(?:[^\W\d][\w$#]*|\"[^\"]+\"|`[^`]+`|\[[^\]]+\])"
_NAMES = rf"{_NAME}(?:\.{_NAME})*"
_ASKED = r":id1[85]\b"
_COMPARED = (
    re.compile(rf"({_NAMES})[\s)]*(?:=|\bin\s*\()[\s(]*{_ASKED}", re.IGNORECASE),
    re.compile(rf"{_ASKED}\s*(?:=|\bin\s*\()\s*({_NAMES})", re.IGNORECASE),
)
_FROM_CLAUSE = re.compile(
    r"\b(?:from|join)\b(.*?)(?=\b(?:from|join|inner|left|right|full|cross|on|using|where|group|order"
    r"|having|union|limit|fetch|for|select)\b|[();]|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_TABLE = re.compile(rf"\s*({_NAMES})(?:\s+(?:as\s+)?({_NAME}))?\s*\Z", re.IGNORECASE)
_WITH = re.compile(rf"(?:\bwith|,)\s+(?:recursive\s+)?({_NAME})\s+as\s*\(", re.IGNORECASE)


def columns_of(query: str) -> frozenset[str] | None:
    """Names of the columns in lower case; None where the text does not tell (`SELECT *`)."""
    flat = _without_inner(_SKIPPED.sub(lambda found: "" if found[0][0] in "-/" else "0", query))
    selected = _SELECT.search(flat)
    if selected is None:
        return None
    listed = _FROM.split(flat[selected.end() :], maxsplit=1)[0]
    names = [_WORD.search(item) for item in listed.split(",")]
    if "*" in (item.strip()[-1:] for item in listed.split(",")) or None in names:
        return None
    return frozenset(found[1].lower() for found in names if found)


def looked_up_in(query: str) -> tuple[str, str] | None:
    """Table and column that `:id18` and `:id15` are compared with, as the query writes them.

    None where the text does not tell: a calculated number, a table that is a query itself.
    """
    flat = _SKIPPED.sub(lambda found: " " if found[0][0] in "-/" else "0", query)
    compared = next((found for each in _COMPARED if (found := each.search(flat))), None)
    if compared is None:
        return None
    qualifier, _, column = compared[1].rpartition(".")
    tables = _tables(flat)
    if qualifier:
        table = tables.get(_plain(qualifier))
    else:
        table = next(iter(tables.values())) if len(set(tables.values())) == 1 else None
    return None if table is None else (table, column)


def _tables(query: str) -> dict[str, str | None]:
    """By every name that a column can be qualified with: the table; None for a query inside."""
    tables: dict[str, str | None] = {}
    own = {_plain(found[1]) for found in _WITH.finditer(query)}
    for clause in _FROM_CLAUSE.findall(query):
        for item in clause.split(","):
            if found := _TABLE.match(item):
                name, alias = found[1], found[2]
                table = None if _plain(name) in own else name
                tables[_plain(name)] = tables[_plain(name.rpartition(".")[2])] = table
                if alias:
                    tables[_plain(alias)] = table
            else:
                tables[item] = None
    return tables


def _plain(name: str) -> str:
    return re.sub(r"[\"`\[\]]", "", name).lower()


def _without_inner(query: str) -> str:
    """What stands in no parentheses: calls, subqueries and WITH are nothing of the list."""
    while (inner := re.sub(r"\([^()]*\)", " 0 ", query)) != query:
        query = inner
    return query
