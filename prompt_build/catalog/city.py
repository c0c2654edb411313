"""A city's own words: what they change, what a new version changed underneath, how they began.

Beside `words.zh.toml` stands `words.base.json`: of each of its entries what was written there, and
what shipped at that time. Where another text ships today, somebody must compare.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr.records.durable import write
from prompt_build.catalog import layers, toml
from prompt_build.catalog.layers import REMOVED, Where
from prompt_build.catalog.source import Source
from prompt_build.catalog.written import Written, read

_HEAD = "#:schema {schema}\n# 本市的话术：只写和自带话术不同的地方，写法和 scripts.zh.toml 一样。\n"


def head() -> str:
    """How a new file begins."""
    return _HEAD.format(schema=Path(__file__).parent.parent / "words.schema.json")


class CannotTake(Exception):
    """An edited catalog cannot be taken over; says why and what to do."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One entry of the city's, in words."""

    name: str
    shipped: str | None
    """What the program ships today; None where it has no such entry."""
    city: str
    underneath: str | None
    """What it shipped when the city wrote its own, where that was something else."""


def differences(source: Source) -> list[Difference]:
    """Every entry of the city's file; CatalogError where one of the files cannot be read."""
    if source.words is None or not source.words.exists():
        return []
    shipped = dict(layers.entries(read(source.shipped).content))
    base = _base(source.words)
    return [
        _difference(where, entry, shipped.get(where), base.get(name_of(where)))
        for where, entry in layers.entries(read(source.words).content)
    ]


def _difference(
    where: Where, city: Any, shipped: Any, noted: Mapping[str, Any] | None
) -> Difference:
    now = None if shipped is None else said(shipped)
    before = said(noted["shipped"]) if noted and noted["shipped"] is not None else None
    changed = noted is not None and noted["city"] == plain(city) and before != now
    return Difference(name_of(where), now, said(city), (before or "（没有）") if changed else None)


def said(entry: Any) -> str:
    """An entry in one line: its words, then its options."""
    if not isinstance(entry, dict):
        return str(entry)
    if entry.get(REMOVED) is True:
        return "（去掉这个分支）"
    words = [str(entry[name]) for name in ("menu", "text", "value") if name in entry]
    rest = {k: v for k, v in entry.items() if k not in ("menu", "text", "value")}
    options = "，".join(f"{name} = {toml.value(option)}" for name, option in rest.items())
    return " ".join([*words, *([f"（{options}）"] if options else [])])


def name_of(where: Where) -> str:
    """An entry as people call it: `main.greeting`, `information.4.1`, `variables.base_year`."""
    return ".".join(where[1:] if where[0] == "prompts" else where)


def where_of(name: str) -> Where:
    """The other way round."""
    first, _, rest = name.partition(".")
    if first == "information":
        return tuple(name.split("."))
    if first == "codes":
        return (first, *rest.split(".", 1))
    return (first, rest) if first == "variables" else ("prompts", first, rest)


# --- what shipped when the city wrote ---------------------------------------------------------


def remember(source: Source, *, all_of_them: bool = False) -> None:
    """Note what ships now under entries that are new or were written again (or all of them)."""
    if source.words is None or not source.words.exists():
        return
    shipped = dict(layers.entries(read(source.shipped).content))
    known = {} if all_of_them else _base(source.words)
    noted = {}
    for where, entry in layers.entries(read(source.words).content):
        name, city = name_of(where), plain(entry)
        fresh = {"city": city, "shipped": plain(shipped.get(where))}
        noted[name] = known[name] if name in known and known[name]["city"] == city else fresh
    _note(source.words, noted)


def _base(words: Path) -> dict[str, dict[str, Any]]:
    try:
        noted: dict[str, dict[str, Any]] = json.loads(_base_file(words).read_bytes())
    except (OSError, ValueError):
        return {}
    return noted


def _note(words: Path, noted: Mapping[str, Any]) -> None:
    content = json.dumps(noted, ensure_ascii=False, indent=1).encode()
    if not _base_file(words).exists() or _base_file(words).read_bytes() != content:
        write(_base_file(words), content)


def _base_file(words: Path) -> Path:
    return words.with_name("words.base.json")


def plain(entry: Any) -> Any:
    """An entry as JSON gives it back: dates are texts."""
    return json.loads(json.dumps(entry, default=str))


# --- taking an edited catalog over ------------------------------------------------------------


def take(edited: Written, base: Mapping[str, Any], words: Path) -> int:
    """Write what `edited` changed of the catalog `base` into `words`; returns how many entries.

    Raises CannotTake where that would not say the same, and where there is such a file already.
    """
    if words.exists():
        raise CannotTake(
            f"{words} 已经有了：先把它移开，再来一次 · it is there already: move it away first"
        )
    changed = dict(_changed(edited.content, base))
    content = nested(changed)
    if not _same(layers.over(base, content), edited.content):
        raise CannotTake(
            "改动不能全部移过去，请把文件发给维护人员 · not all changes can be taken over"
        )
    _take_recordings(changed, edited.path.parent, words.parent)
    words.parent.mkdir(parents=True, exist_ok=True)
    write(words, (head() + toml.document(content)).encode())
    shipped = dict(layers.entries(base))
    _note(
        words,
        {
            name_of(where): {"city": plain(entry), "shipped": plain(shipped.get(where))}
            for where, entry in changed.items()
        },
    )
    return len(changed)


def distance(edited: Mapping[str, Any], base: Mapping[str, Any]) -> int:
    """How many entries differ: an edited file was made from the version that it is nearest to."""
    return len(dict(_changed(edited, base)))


def _changed(edited: Mapping[str, Any], base: Mapping[str, Any]) -> Iterator[tuple[Where, Any]]:
    after, before = dict(layers.entries(edited)), dict(layers.entries(base))
    for where, entry in after.items():
        if where not in before or _options(entry) != _options(before[where]):
            yield where, entry
    gone = [where for where in before if where not in after and where[0] == "information"]
    for where in gone:
        if where[:-1] not in gone:
            yield where, {REMOVED: True}


def _options(entry: Any) -> Any:
    return {"text": entry} if isinstance(entry, str) else entry


def nested(entries: Mapping[Where, Any]) -> dict[str, Any]:
    """Entries by their place, as the tables of a file."""
    content: dict[str, Any] = {}
    for where, entry in entries.items():
        table = content
        for step in where[:-1]:
            table = table.setdefault(step, {})
        table[where[-1]] = (
            {**entry, **table.get(where[-1], {})} if isinstance(entry, dict) else entry
        )
    return content


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """What both files say; the sentences that only one has are told by the catalog's check."""
    first, second = ({w: _options(e) for w, e in layers.entries(c)} for c in (one, other))
    shared = first.keys() & second.keys()
    tree = {where for where in first.keys() ^ second.keys() if where[0] == "information"}
    return not tree and all(first[where] == second[where] for where in shared)


def _take_recordings(changed: Mapping[Where, Any], old: Path, new: Path) -> None:
    for entry in changed.values():
        name = entry.get("recorded") if isinstance(entry, dict) else None
        if name and not Path(name).is_absolute() and (old / name).is_file():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            if not (new / name).exists():
                shutil.copyfile(old / name, new / name)
