"""`scripts.zh.toml` read and checked: every fault with its line and a remedy, all at once."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ivr.positions import Positions, repeated
from ivr.speech import numbers
from prompt_build.syllables import is_syllable

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_UNSPEAKABLE = re.compile(r"[^0-9一-鿿X，、。！？；：\s]+")
"""What no voice can say; digits have a fault of their own."""
_KEY_WORDS = {
    **{key: f"请按{word}" for key, word in zip("0123456789", "零一二三四五六七八九", strict=True)},
    "*": "请按星号",
    "#": "请按井号",
}
_TABLES = ("variables", "prompts", "information")
_INFORMATION = ("3", "4", "5")
"""The keys of the main menu behind which the information tree stands."""
_COMMON = {"hints", "pace", "recorded", "reviewed", "expires"}
_PROMPT_OPTIONS = _COMMON | {"text", "keys"}
_NODE_OPTIONS = _COMMON | {"title", "menu", "text"}
_LONGEST_SENTENCE = 115
"""Hanzi up to a full stop: 30 s at the usual pace; nobody listens longer without a break."""
_VALUE = "零" * 12
"""Stands for a value of the call where a sentence's length is reckoned."""
_SLOWEST, _FASTEST = 0.7, 1.3
NOTICE = timedelta(days=30)
"""How long before its date a text is due for review."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in the catalog that an editor must mend, and how."""

    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.message}"


class CatalogError(Exception):
    """The catalog cannot be built; carries every fault."""

    def __init__(self, path: Path, faults: list[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(f"{path.name}:{fault}" for fault in faults))


@dataclass(frozen=True, slots=True)
class Spoken:
    """A stretch of a sentence that is the same in every call."""

    text: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch that a call fills in."""

    name: str
    read: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """One sentence of the catalog, cut where a call fills something in."""

    name: str
    pieces: tuple[Spoken | Slot, ...]
    keys: str = ""
    """The keys of the menu that it is; empty for a sentence."""
    hints: Mapping[str, str] = field(default_factory=dict)
    pace: float = 1.0
    """Of this sentence, times that of the settings."""
    recorded: Path | None = None
    """An editor's recording that takes the place of the voice."""
    reviewed: date | None = None
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything that a caller can hear, apart from numbers."""

    prompts: Mapping[str, Prompt]
    information: Mapping[str, Any]
    """The tree behind keys 3, 4 and 5 as the manifest has it: key → title, prompt, children."""
    version: str
    """Hash of the content; the same words are the same version."""

    def due(self, today: date) -> list[str]:
        """What must be looked at again by now or within a month, in words, the oldest first."""
        dated = sorted((p.expires, p.name) for p in self.prompts.values() if p.expires)
        return [
            f"{name}: {'expired' if expires <= today else 'expires'} on {expires}; review it"
            for expires, name in dated
            if expires <= today + NOTICE
        ]


def load(path: Path) -> Catalog:
    """Read and check the catalog; raises CatalogError with all its faults."""
    try:
        source = path.read_text(encoding="utf-8-sig")
        content = tomllib.loads(source)
    except FileNotFoundError:
        raise CatalogError(path, [Fault(1, 1, "there is no such file")]) from None
    except UnicodeDecodeError:
        raise CatalogError(path, [Fault(1, 1, "it is not UTF-8; save it as UTF-8")]) from None
    except tomllib.TOMLDecodeError as broken:
        raise CatalogError(path, _syntax_faults(source, broken)) from None
    reading = _Reading(content, Positions(source), path.parent)
    catalog = reading.catalog()
    if reading.faults:
        faults = sorted(set(reading.faults), key=lambda fault: (fault.line, fault.column))
        raise CatalogError(path, faults)
    return catalog


def _syntax_faults(source: str, broken: tomllib.TOMLDecodeError) -> list[Fault]:
    """Everything that stands twice (two branches of one key, say), else where TOML ends."""
    twice = [
        Fault(line, column, f"{name} stands here and in line {first}: give it another key or name")
        for name, first, line, column in repeated(source)
    ]
    found = re.search(r"line (\d+), column (\d+)", str(broken))
    line, column = (int(found[1]), int(found[2])) if found else (1, 1)
    return twice or [Fault(line, column, f"this is no TOML: {broken}; quotes or brackets missing?")]


class _Reading:
    """One pass over the file's content; collects faults instead of stopping at the first."""

    def __init__(self, content: Mapping[str, Any], positions: Positions, folder: Path) -> None:
        self.faults: list[Fault] = []
        self._content = content
        self._positions = positions
        self._folder = folder
        self._used: set[str] = set()
        self._variables = self._read_variables()

    def catalog(self) -> Catalog:
        self._unknown_tables()
        prompts = {prompt.name: prompt for prompt in self._prompts()}
        tree, leaves = self._information()
        self._branches_missing(prompts.get("main.menu"), tree)
        for name in self._variables.keys() - self._used:
            self._fault(("variables", name), f"no sentence uses {{{name}}}: remove it")
        digest = hashlib.sha256(json.dumps(self._content, sort_keys=True, default=str).encode())
        return Catalog(
            prompts=MappingProxyType(prompts | leaves),
            information=MappingProxyType(tree),
            version=digest.hexdigest()[:12],
        )

    def _fault(self, where: tuple[str, ...], message: str, *, within: str = "") -> None:
        line, column = self._positions.of(where, within)
        self.faults.append(Fault(line, column, message))

    def _unknown_tables(self) -> None:
        for name in self._content.keys() - set(_TABLES):
            self._fault((name,), f"there is no table [{name}]; known: {', '.join(_TABLES)}")

    # --- variables ----------------------------------------------------------------------------

    def _read_variables(self) -> dict[str, str]:
        return {
            name: self._variable(name, entry)
            for name, entry in self._content.get("variables", {}).items()
        }

    def _variable(self, name: str, entry: object) -> str:
        """The Hanzi that a variable stands for."""
        if isinstance(entry, str):
            self._check_words(("variables", name), entry)
            return entry
        match entry:
            case {"value": str() as value, "read": str() as kind}:
                try:
                    return numbers.read(kind, value).text
                except numbers.Unreadable as unreadable:
                    self._fault(("variables", name), f"{{{name}}} cannot be read: {unreadable}")
            case _:
                self._fault(
                    ("variables", name),
                    f'{name} is a text, or {{ value = "…", read = "…" }} with a kind of'
                    f" {', '.join(numbers.KINDS)}",
                )
        return ""

    # --- prompts ------------------------------------------------------------------------------

    def _prompts(self) -> Iterator[Prompt]:
        for group, entries in self._content.get("prompts", {}).items():
            if not isinstance(entries, dict):
                self._fault(("prompts", group), f"{group} is a group: write [prompts.{group}]")
                continue
            for name, entry in entries.items():
                yield from self._prompt(("prompts", group, name), entry)

    def _prompt(self, where: tuple[str, ...], entry: object) -> Iterator[Prompt]:
        options = {"text": entry} if isinstance(entry, str) else entry
        name = ".".join(where[1:])
        if not isinstance(options, dict) or not isinstance(options.get("text"), str):
            self._fault(where, f'{name} needs a sentence: text = "…"')
            return
        self._unknown_options(where, options, _PROMPT_OPTIONS)
        keys = options.get("keys", "")
        if not isinstance(keys, str):
            self._fault((*where, "keys"), 'keys are written together, as a text: keys = "12*"')
            keys = ""
        yield self._sentence(where, name, options, options["text"], keys)

    def _unknown_options(
        self, where: tuple[str, ...], options: Mapping[str, Any], known: set[str]
    ) -> None:
        for option in options.keys() - known:
            self._fault(
                (*where, option),
                f"there is no option {option}; known: {', '.join(sorted(known))}",
            )

    def _sentence(
        self, where: tuple[str, ...], name: str, options: Mapping[str, Any], text: str, keys: str
    ) -> Prompt:
        prompt = Prompt(
            name=name,
            pieces=tuple(self._pieces(where, text)),
            keys=keys,
            hints=self._hints(where, options.get("hints", {}), text),
            pace=self._pace(where, options.get("pace", 1.0)),
            recorded=self._recorded(where, options.get("recorded")),
            reviewed=self._date(where, options, "reviewed"),
            expires=self._date(where, options, "expires"),
        )
        self._check(where, prompt, "menu" if "menu" in options else "text")
        return prompt

    def _pieces(self, where: tuple[str, ...], text: str) -> Iterator[Spoken | Slot]:
        spoken = ""
        for position, part in enumerate(_PLACEHOLDER.split(text)):
            if position % 2 == 0:
                self._check_words(where, part)
                spoken += part
            elif ":" not in part:
                spoken += self._site_variable(where, part)
            else:
                if spoken:
                    yield Spoken(spoken)
                spoken = ""
                yield self._slot(where, part)
        if spoken:
            yield Spoken(spoken)

    def _site_variable(self, where: tuple[str, ...], name: str) -> str:
        self._used.add(name)
        if name not in self._variables:
            near = difflib.get_close_matches(name, self._variables, n=1)
            guess = f", or did you mean {{{near[0]}}}?" if near else ""
            self._fault(
                where,
                f"unknown variable {{{name}}}: define it in [variables]{guess}",
                within="{" + name + "}",
            )
        return self._variables.get(name, "")

    def _slot(self, where: tuple[str, ...], part: str) -> Slot:
        name, _, kind = part.partition(":")
        if kind not in numbers.SLOT_KINDS or not _NAME.match(name):
            self._fault(
                where,
                f"{{{part}}}: a value of the call is {{name:kind}} with a kind of"
                f" {', '.join(sorted(numbers.SLOT_KINDS))}",
                within="{" + part + "}",
            )
        return Slot(name, kind)

    # --- options ------------------------------------------------------------------------------

    def _hints(self, where: tuple[str, ...], given: object, text: str) -> Mapping[str, str]:
        if not isinstance(given, dict) or not all(isinstance(v, str) for v in given.values()):
            self._fault(
                (*where, "hints"), 'hints are { "word" = "pinyin" }, e.g. "重听" = "chong2 ting1"'
            )
            return MappingProxyType({})
        for word, said in given.items():
            if word not in text:
                self._fault(
                    (*where, "hints"),
                    f"the sentence does not say {word}: remove the hint",
                    within=word,
                )
            if not _spells(word, said):
                self._fault(
                    (*where, "hints"),
                    f"{said} is not how {word} is said: write {len(word)} syllables of pinyin with"
                    " tone numbers and spaces (chong2 ting1), or as many Hanzi",
                    within=said,
                )
        return MappingProxyType(dict(given))

    def _pace(self, where: tuple[str, ...], given: object) -> float:
        if isinstance(given, int | float) and _SLOWEST <= given <= _FASTEST:
            return float(given)
        self._fault((*where, "pace"), f"a pace is between {_SLOWEST} and {_FASTEST}; 1.0 is usual")
        return 1.0

    def _recorded(self, where: tuple[str, ...], given: object) -> Path | None:
        if given is None:
            return None
        path = self._folder / str(given)
        if not path.is_file():
            self._fault((*where, "recorded"), f"there is no recording {given} beside the catalog")
        return path

    def _date(self, where: tuple[str, ...], options: Mapping[str, Any], name: str) -> date | None:
        given = options.get(name)
        try:
            return date.fromisoformat(str(given)) if given is not None else None
        except ValueError:
            self._fault((*where, name), f"{name} is a date: {name} = 2026-12-31")
            return None

    # --- the information tree -----------------------------------------------------------------

    def _information(self) -> tuple[dict[str, Any], dict[str, Prompt]]:
        """Keys 3, 4 and 5: the tree for the manifest, and the prompts of its nodes."""
        prompts: dict[str, Prompt] = {}
        branches = self._content.get("information", {})
        for key in branches.keys() - set(_INFORMATION):
            self._fault(
                ("information", key),
                f"the main menu leads to {', '.join(_INFORMATION)} only: move it below one of them",
            )
        tree = {
            key: self._node(("information", key), entry, prompts) for key, entry in branches.items()
        }
        return tree, prompts

    def _branches_missing(self, main: Prompt | None, tree: Mapping[str, Any]) -> None:
        for key in _INFORMATION:
            if main is not None and key in main.keys and key not in tree:
                self._fault(
                    ("prompts", "main", "menu"),
                    f"the main menu offers key {key}, but there is no [information.{key}]: add it",
                )

    def _node(
        self, where: tuple[str, ...], entry: object, prompts: dict[str, Prompt]
    ) -> dict[str, Any]:
        if not isinstance(entry, dict) or not re.fullmatch("[1-9]", where[-1]):
            self._fault(
                where,
                f"{where[-1]} is no branch: write [information.4.1], a key from 1 to 9 a level"
                " (0 is the agents')",
            )
            return {}
        name = ".".join(where)
        branches = {key: value for key, value in entry.items() if isinstance(value, dict)}
        branches.pop("hints", None)
        options = {key: value for key, value in entry.items() if key not in branches}
        self._unknown_options(where, options, _NODE_OPTIONS)
        node = {"title": self._said(where, options, "title"), "prompt": name}
        spoken = self._said(where, options, "menu" if branches else "text")
        keys = "".join(sorted(branches)) + "*" if branches else ""
        prompts[name] = self._sentence(where, name, options, spoken, keys)
        if branches:
            children = {k: self._node((*where, k), v, prompts) for k, v in sorted(branches.items())}
            return {**node, "children": children}
        dates = {key: str(options[key]) for key in ("reviewed", "expires") if key in options}
        return {**node, **dates}

    def _said(self, where: tuple[str, ...], options: Mapping[str, Any], option: str) -> str:
        given = options.get(option)
        if isinstance(given, str) and given:
            return given
        self._fault(where, f'{".".join(where)} needs {option} = "…"')
        return ""

    # --- checks -------------------------------------------------------------------------------

    def _check(self, where: tuple[str, ...], prompt: Prompt, said: str) -> None:
        """`said` is the option that has the words."""
        words = "".join(piece.text for piece in prompt.pieces if isinstance(piece, Spoken))
        if not any(map(_is_hanzi, words)) and not self.faults:
            self._fault(where, f"{prompt.name} says nothing: write a sentence")
        if prompt.keys:
            self._check_keys((*where, said), prompt.keys, words)
        if prompt.recorded and len(prompt.pieces) > 1:
            self._fault(where, "a sentence with {values} cannot be one recording")
        self._check_length(where, prompt)

    def _check_keys(self, where: tuple[str, ...], keys: str, words: str) -> None:
        for key in dict.fromkeys(keys):
            if keys.count(key) > 1:
                self._fault(where, f"key {key} stands twice in keys: remove one")
            wanted = _KEY_WORDS.get(key)
            if wanted is None:
                self._fault(where, f"there is no key {key!r} on a telephone: use 0 to 9, * and #")
            elif wanted not in words:
                self._fault(
                    where,
                    f"the menu has key {key}, but the sentence never says {wanted}: say it, or"
                    " remove the key",
                )
        for key, said in _KEY_WORDS.items():
            if words.count(said) > 1:
                self._fault(
                    where,
                    f"the sentence says {said} twice: give one of the two choices another key",
                    within=said,
                )
            if said in words and key not in keys:
                self._fault(
                    where,
                    f"the sentence says {said}, but the menu has no key {key}: remove the"
                    " words, or add the branch",
                    within=said,
                )

    def _check_length(self, where: tuple[str, ...], prompt: Prompt) -> None:
        """Values are reckoned as a dozen Hanzi each."""
        whole = "".join(
            piece.text if isinstance(piece, Spoken) else _VALUE for piece in prompt.pieces
        )
        most = int(_LONGEST_SENTENCE * prompt.pace)
        for sentence in re.split("[。！？]", whole):
            if (length := sum(map(_is_hanzi, sentence))) > most:
                self._fault(
                    where,
                    f"{length} Hanzi without a full stop take over 30 s (at most {most}): split"
                    " the sentence",
                    within=sentence[:6],
                )

    def _check_words(self, where: tuple[str, ...], text: str) -> None:
        """What stands in the file itself: can a voice say all of it?"""
        for digits in re.findall(r"[0-9]+", text):
            self._fault(
                where,
                f"nobody says how {digits} is read: write it in Hanzi, or make it a variable"
                ' with read = "…"',
                within=digits,
            )
        for odd in _UNSPEAKABLE.findall(text):
            self._fault(where, f"no voice can say {odd!r}: write it in Hanzi", within=odd)


def _spells(word: str, said: str) -> bool:
    if said.isascii():
        spelt = said.split()
        return len(spelt) == len(word) and all(map(is_syllable, spelt))
    return len(said) == len(word) and all(map(_is_hanzi, said))


def _is_hanzi(character: str) -> bool:
    return "一" <= character <= "鿿"
