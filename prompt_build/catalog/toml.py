"""The few kinds of TOML that a catalog has, written as a person would; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def document(content: Mapping[str, Any]) -> str:
    """Tables of sentences: what is one line goes before what has a header of its own."""
    return "".join(_table((), content))


def _table(path: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[str]:
    plain = {k: v for k, v in table.items() if not _has_header(path, v)}
    if plain and path:
        yield f"\n[{'.'.join(map(_key, path))}]\n"
    for name, each in plain.items():
        yield f"{_key(name)} = {value(each)}\n"
    for name, each in table.items():
        if name not in plain:
            yield from _table((*path, name), each)


def _has_header(path: tuple[str, ...], entry: Any) -> bool:
    """The three tables, the groups, their longer entries and the branches have one.

    Values of variables and hints stay on their line.
    """
    if not isinstance(entry, dict):
        return False
    if not path or path[0] == "information":
        return not path or _is_branch(entry)
    return path[0] == "prompts" and len(path) < 3


def _is_branch(entry: Mapping[str, Any]) -> bool:
    """Hints have Hanzi for names; branches have keys and options."""
    return all(map(_BARE.match, entry))


def value(given: Any) -> str:
    """A value on one line."""
    if isinstance(given, dict):
        return "{ " + ", ".join(f"{_key(k)} = {value(v)}" for k, v in given.items()) + " }"
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, date):
        return given.isoformat()
    return json.dumps(given, ensure_ascii=False)


def _key(name: str) -> str:
    return name if _BARE.match(name) else json.dumps(name, ensure_ascii=False)
