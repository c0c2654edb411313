"""A file of the city's words with some entries changed; what else a person wrote there stays."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, MutableMapping
from datetime import date
from typing import Any

from prompt_build.catalog import layers, toml
from prompt_build.catalog.layers import Where

_DAYS = {"reviewed", "expires"}
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


class CannotRewrite(Exception):
    """The file is written in a way that cannot be changed without losing something."""


def rewritten(text: str, changes: Mapping[Where, Any]) -> str:
    """The file `text` with these entries instead; None takes one out. Comments and order stay.

    Raises CannotRewrite rather than change or lose anything else. `text` is whole TOML.
    """
    import tomlkit  # noqa: PLC0415  only where somebody saves

    document = tomlkit.parse(text)
    for where, entry in changes.items():
        if entry is None:
            _take_out(document, where)
        else:
            _put(document, where, _dated(entry))
    written = tomlkit.dumps(document)
    if _entries(written) != _expected(text, changes):
        names = "、".join(".".join(where) for where in changes)
        raise CannotRewrite(f"{names}：文件里的写法特别，请直接在文件里改 · edit the file by hand")
    return written


def _entries(text: str) -> dict[Where, Any]:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}
    return {where: _options(entry) for where, entry in layers.entries(content)}


def _expected(text: str, changes: Mapping[Where, Any]) -> dict[Where, Any]:
    wanted = _entries(text)
    for where, entry in changes.items():
        wanted.pop(where, None)
        if entry is not None:
            wanted[where] = _options(_dated(entry))
    return wanted


def _options(entry: Any) -> Any:
    return {"text": entry} if isinstance(entry, str) else entry


def _dated(entry: Any) -> Any:
    """With days as TOML has them."""
    if not isinstance(entry, Mapping):
        return entry
    return {
        name: date.fromisoformat(each)
        if name in _DAYS and isinstance(each, str) and _ISO.match(each)
        else each
        for name, each in entry.items()
    }


# --- one entry --------------------------------------------------------------------------------


def _put(document: MutableMapping[str, Any], where: Where, entry: Any) -> None:
    table = _table_of(document, where[:-1])
    name = where[-1]
    known = table.get(name)
    if where[0] in ("prompts", "information") and isinstance(known, MutableMapping):
        _set_options(known, _options(entry), keeps=where[0] == "information")
    elif where[0] == "information":
        table[name] = _new_table(entry)
    elif isinstance(entry, Mapping):
        table[name] = _inline(entry)
    else:
        table[name] = entry


def _table_of(document: MutableMapping[str, Any], steps: Where) -> MutableMapping[str, Any]:
    import tomlkit  # noqa: PLC0415  as above

    table = document
    for at, step in enumerate(steps):
        if step not in table:
            table[step] = tomlkit.table(is_super_table=at < len(steps) - 1)
        table = table[step]
    return table


def _set_options(
    known: MutableMapping[str, Any], wanted: Mapping[str, Any], *, keeps: bool
) -> None:
    """`keeps`: a branch's own branches are none of its options."""
    options = layers.split(known)[1] if keeps else known
    for gone in [name for name in options if name not in wanted]:
        del known[gone]
    for name, each in wanted.items():
        if name not in known or known[name] != each:
            known[name] = _inline(each) if isinstance(each, Mapping) else each


def _new_table(options: Mapping[str, Any]) -> Any:
    import tomlkit  # noqa: PLC0415  as above

    table = tomlkit.table()
    for name, each in options.items():
        table[name] = _inline(each) if isinstance(each, Mapping) else each
    return table


def _inline(entry: Mapping[str, Any]) -> Any:
    import tomlkit  # noqa: PLC0415  as above

    return tomlkit.value(toml.value(dict(entry)))


def _take_out(document: MutableMapping[str, Any], where: Where) -> None:
    table: Any = document
    for step in where[:-1]:
        table = table.get(step, {})
    known = table.get(where[-1])
    if where[0] == "information" and isinstance(known, MutableMapping):
        children, options = layers.split(known)
        if children:
            for name in options:
                del known[name]
            return
    if where[-1] in table:
        del table[where[-1]]
