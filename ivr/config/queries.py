"""Which columns a query returns, as far as its text says; pure.

For the editor's check only: the database is asked by `ivr doctor`, and at each call.
"""

from __future__ import annotations

import re

_SKIPPED = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_WORD = re.compile(r"[\"`\[]?([\w$#]+)[\"`\]]?\s*\Z")
_FROM = re.compile(r"\s*\bfrom\b", re.IGNORECASE)
_SELECT = re.compile(r"\bselect\b\s*(?:distinct\b|all\b|top\s*\(?\d+\)?)?", re.IGNORECASE)


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


def _without_inner(query: str) -> str:
    """What stands in no parentheses: calls, subqueries and WITH are nothing of the list."""
    while (inner := re.sub(r"\([^()]*\)", " 0 ", query)) != query:
        query = inner
    return query
