"""The city's own words laid over the shipped catalog, and where each of them stands; pure.

What the city writes replaces what ships, entry by entry: a variable by its name, a sentence or a
branch by its place. New words leave the pronunciation and the pace of the old ones behind; the
keys of a menu stay, since they are agreed with the code. `removed = true` takes a branch away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prompt_build.catalog.faults import CatalogError, Fault
from prompt_build.catalog.source import Source
from prompt_build.catalog.written import Written, read

Where = tuple[str, ...]
REMOVED = "removed"
_BRANCH = re.compile(r"[0-9]\Z")
_OF_THE_OLD_WORDS = {"text", "menu", "hints", "pace", "recorded"}


@dataclass(frozen=True, slots=True)
class Layers:
    """One catalog of one or two files."""

    shipped: Written
    words: Written | None
    content: Mapping[str, Any]

    def fault(self, where: Where, chinese: str, english: str, within: str = "") -> Fault:
        """A fault of an entry, in the file that it comes from; of the text `within` it."""
        file = self.file_of(where)
        line, column = file.positions.of(where, within)
        return Fault(file.name, line, column, chinese, english)

    def file_of(self, where: Where) -> Written:
        """The file that an entry comes from: the city's where both know it."""
        if self.words is None or _depth(self.words, where) < _depth(self.shipped, where):
            return self.shipped
        return self.words if _depth(self.words, where) else self.shipped

    def folder(self, where: Where) -> Path:
        """What an entry's paths are relative to."""
        return self.file_of(where).path.parent

    def in_words(self, where: Where) -> bool:
        """Whether the city wrote this itself."""
        return self.words is not None and _depth(self.words, where) == len(where)


def _depth(file: Written, where: Where) -> int:
    """How much of the way to an entry the file knows."""
    table: Any = file.content
    for depth, step in enumerate(where):
        if isinstance(table, str) and step == "text":
            return len(where)  # a sentence written without a table
        if not isinstance(table, dict) or step not in table:
            return depth
        table = table[step]
    return len(where)


def laid(source: Source) -> Layers:
    """Both files read, one over the other; CatalogError with the faults of both."""
    files: list[Written] = []
    faults: list[Fault] = []
    for path, instead in ((source.shipped, None), (source.words, source.instead)):
        if path is not None and (path == source.shipped or instead is not None or path.exists()):
            try:
                files.append(read(path, instead))
            except CatalogError as broken:
                faults += broken.faults
    if faults:
        raise CatalogError(faults)
    shipped, words = files[0], files[1] if len(files) > 1 else None
    return Layers(shipped, words, over(shipped.content, words.content if words else {}))


def over(shipped: Mapping[str, Any], words: Mapping[str, Any]) -> dict[str, Any]:
    """The content of both."""
    merged = {**shipped, **{name: table for name, table in words.items() if name not in shipped}}
    for name, lay in _LAID:
        below, above = shipped.get(name), words.get(name)
        if isinstance(below, dict) and isinstance(above, dict):
            merged[name] = lay(below, above)
    return merged


def _named(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    return {**below, **above}


def _tables(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables of codes, code by code."""
    both = {
        name: {**below[name], **new}
        for name, new in above.items()
        if isinstance(new, dict) and isinstance(below.get(name), dict)
    }
    return {**below, **above, **both}


def _groups(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for group, entries in above.items():
        known = below.get(group)
        both = isinstance(known, dict) and isinstance(entries, dict)
        merged[group] = _sentences(known, entries) if both else entries
    return merged


def _sentences(below: Any, above: Any) -> dict[str, Any]:
    laid_over = {name: _sentence(below[name], new) for name, new in above.items() if name in below}
    return {**below, **above, **laid_over}


def _sentence(old: Any, new: Any) -> Any:
    if not isinstance(old, str | dict) or not isinstance(new, str | dict):
        return new
    before = {"text": old} if isinstance(old, str) else old
    after = {"text": new} if isinstance(new, str) else new
    return options_over(before, after)


def options_over(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """A sentence's options with those that the city writes."""
    if after.keys() & {"text", "menu"}:
        before = {k: value for k, value in before.items() if k not in _OF_THE_OLD_WORDS}
    return {**before, **after}


def _branches(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, new in above.items():
        old = below.get(key)
        if isinstance(new, dict) and new.get(REMOVED) is True:
            merged.pop(key, None)
        elif isinstance(old, dict) and isinstance(new, dict):
            merged[key] = _branch(old, new)
        else:
            merged[key] = new
    return merged


_LAID: tuple[tuple[str, Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]], ...] = (
    ("variables", _named),
    ("codes", _tables),
    ("prompts", _groups),
    ("information", _branches),
)


def _branch(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    children, options = split(old)
    new_children, new_options = split(new)
    if "text" in new_options and not new_children:
        children = {}
    return {**options_over(options, new_options), **_branches(children, new_children)}


def split(node: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A branch's own branches, and what is said of itself."""
    children = {k: v for k, v in node.items() if _BRANCH.match(k)}
    return children, {k: v for k, v in node.items() if k not in children}


# --- what differs -----------------------------------------------------------------------------


def entries(content: Mapping[str, Any]) -> Iterator[tuple[Where, Any]]:
    """Every variable, code, sentence and branch (without those below it) of a file's content."""
    for name, value in _table(content.get("variables")).items():
        yield ("variables", name), value
    for name, codes in _table(content.get("codes")).items():
        for code, said in _table(codes).items():
            yield ("codes", name, code), said
    for group, sentences in _table(content.get("prompts")).items():
        for name, value in _table(sentences).items():
            yield ("prompts", group, name), value
    for key, node in _table(content.get("information")).items():
        yield from _nodes(("information", key), node)


def _nodes(where: Where, node: Any) -> Iterator[tuple[Where, Any]]:
    children, options = split(_table(node))
    if options:
        yield where, options
    for key, child in children.items():
        yield from _nodes((*where, key), child)


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


class Told:
    """The faults that were found so far: none stops the reading."""

    def __init__(self, layers: Layers) -> None:
        self.layers = layers
        self.faults: list[Fault] = []

    def __call__(self, where: Where, chinese: str, english: str, within: str = "") -> None:
        """Note what is wrong with an entry, or with the text `within` it."""
        self.faults.append(self.layers.fault(where, chinese, english, within))
