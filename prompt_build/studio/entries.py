"""What an editor changes: variables, sentences, branches and codes, each with where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ivr.speech import numbers
from prompt_build.catalog.city import name_of, plain, where_of
from prompt_build.catalog.layers import Layers, Where, entries, options_over

_NAMED = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_KINDS: Final = {"variables": "变量", "codes": "代码", "prompts": "句子", "information": "分支"}
_USUAL: Final[Mapping[str, Any]] = {"pace": 1.0, "hints": {}}
"""What it means to say nothing of these."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the catalog, the city's words laid over those that ship."""

    name: str
    kind: str
    """In a word, for people."""
    options: Mapping[str, Any]
    """As it is in force; days as texts."""
    shipped: Any
    """What ships, as its file has it; None where it is the city's own."""
    city: Any
    """What the city's file has; None where it does not change this."""
    place: str
    """`words.zh.toml:12`."""
    variables: tuple[str, ...]
    """Names in braces, without those of values of the call."""
    used_by: tuple[str, ...]
    """Of a variable: the sentences that say it."""

    @property
    def said(self) -> str:
        """Its words as they are written."""
        return str(next((self.options[each] for each in _SAID if each in self.options), ""))

    @property
    def field(self) -> str:
        """Which option has its words."""
        return next((each for each in _SAID if each in self.options), "text")


_SAID = ("menu", "text", "value")


def every(layers: Layers) -> dict[str, Entry]:
    """All of them by name, in the order of the files."""
    shipped = dict(entries(layers.shipped.content))
    city = dict(entries(layers.words.content)) if layers.words else {}
    both = dict(entries(layers.content))
    using = _users(both)
    return {name_of(where): _entry(layers, where, both, shipped, city, using) for where in both}


def _entry(  # noqa: PLR0913, PLR0917  what the two files say of it, each by its place
    layers: Layers,
    where: Where,
    both: Mapping[Where, Any],
    shipped: Mapping[Where, Any],
    city: Mapping[Where, Any],
    using: Mapping[str, tuple[str, ...]],
) -> Entry:
    options = _as_options(both[where])
    file = layers.file_of(where)
    line, _ = file.positions.of(where)
    return Entry(
        name=name_of(where),
        kind=_KINDS[where[0]],
        options=plain(options),
        shipped=plain(shipped.get(where)),
        city=plain(city.get(where)),
        place=f"{file.name}:{line}",
        variables=tuple(dict.fromkeys(_named(options))),
        used_by=using.get(where[-1], ()) if where[0] == "variables" else (),
    )


def _as_options(entry: Any) -> dict[str, Any]:
    return dict(entry) if isinstance(entry, dict) else {"text": entry}


def _named(options: Mapping[str, Any]) -> Iterator[str]:
    for name in ("menu", "text"):
        if isinstance(said := options.get(name), str):
            yield from _NAMED.findall(said)


def _users(both: Mapping[Where, Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for where, entry in both.items():
        for variable in dict.fromkeys(_named(_as_options(entry))):
            found[variable] = (*found.get(variable, ()), name_of(where))
    return found


# --- what a form makes of one -----------------------------------------------------------------


def citys(entry: Entry, wanted: Mapping[str, Any]) -> Any:
    """What the city's file has to say so that `wanted` is in force; None: nothing, it ships.

    Only what differs from what ships is written, as a person would.
    """
    wanted = plain(dict(wanted))
    is_branch = where_of(entry.name)[0] == "information"
    if entry.shipped is None or where_of(entry.name)[0] in ("variables", "codes"):
        return None if _as_options(entry.shipped) == wanted else _short(wanted, is_branch)
    shipped = _as_options(entry.shipped)
    said = {name: each for name, each in wanted.items() if name in _SAID}
    if all(shipped.get(name) == each for name, each in said.items()):
        usual = {n: each for n, each in _USUAL.items() if n in shipped}
        wanted = {**usual, **wanted}
        return {n: each for n, each in wanted.items() if shipped.get(n) != each} or None
    below = options_over(shipped, said)
    options = {n: each for n, each in wanted.items() if n in said or below.get(n) != each}
    return _short(options, is_branch)


def _short(options: Mapping[str, Any], is_branch: bool) -> Any:
    """A text alone is written without a table; a branch is always one."""
    return options["text"] if options.keys() == {"text"} and not is_branch else dict(options)


def fields(entry: Entry, form: Mapping[str, str]) -> dict[str, Any]:
    """The entry's options as a form has them; what the form does not have stays.

    An option that was emptied is left out. Raises ValueError, in words, for what is no number and
    for hints that are not `词=注音` line by line.
    """
    options: dict[str, Any] = dict(entry.options)
    for name in (entry.field, "title", "reviewed", "expires"):
        if name in form:
            options[name] = _one_line(form[name])
    if "pace" in form:
        options["pace"] = _pace(form["pace"])
    if "hints" in form:
        options["hints"] = dict(_hints(form["hints"]))
    return {n: each for n, each in options.items() if each not in ("", None, _USUAL.get(n, ""))}


def _one_line(text: str) -> str:
    """What a page's field gives: without the line ends that paste brings along."""
    return "".join(text.split("\n")).replace("\r", "").strip()


def _pace(text: str) -> float:
    try:
        return float(text.strip() or 1.0)
    except ValueError:
        raise ValueError(f"语速“{text[:12]}”不是数字：写 0.7 到 1.3，平常是 1") from None


def _hints(text: str) -> Iterator[tuple[str, str]]:
    for line in filter(None, map(str.strip, text.splitlines())):
        word, sign, said = line.replace("＝", "=").partition("=")
        if not sign:
            raise ValueError(f"注音“{line[:20]}”缺等号：一行一个，写成 重听=chong2 ting1")
        yield word.strip(), said.strip()


def kinds() -> tuple[str, ...]:
    """How a variable's value can be read."""
    return tuple(numbers.KINDS)
