"""`scripts.zh.toml` read and checked: every fault with its line and a remedy, all at once."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ivr import numbers
from prompt_build.positions import Positions
from prompt_build.pronounce import Unspeakable, phonemes

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_KEY_WORDS = {
    **{key: f"请按{word}" for key, word in zip("0123456789", "零一二三四五六七八九", strict=True)},
    "*": "请按星号",
    "#": "请按井号",
}
_OPTIONS = {"text", "keys", "hints"}
_LONGEST_PIECE = 150
"""Hanzi in one piece: about 40 s of speech; nobody listens longer without a break."""


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


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything that a caller can hear, apart from numbers."""

    prompts: Mapping[str, Prompt]
    information: Mapping[str, Any]
    version: str
    """Hash of the content; the same words are the same version."""


def load(path: Path) -> Catalog:
    """Read and check the catalog; raises CatalogError with all its faults."""
    try:
        source = path.read_text(encoding="utf-8")
        content = tomllib.loads(source)
    except FileNotFoundError:
        raise CatalogError(path, [Fault(1, 1, "there is no such file")]) from None
    except UnicodeDecodeError:
        raise CatalogError(path, [Fault(1, 1, "it is not UTF-8; save it as UTF-8")]) from None
    except tomllib.TOMLDecodeError as broken:
        raise CatalogError(path, [_syntax_fault(broken)]) from None
    reading = _Reading(content, Positions(source))
    catalog = reading.catalog()
    if reading.faults:
        raise CatalogError(path, sorted(reading.faults, key=lambda fault: fault.line))
    return catalog


def _syntax_fault(broken: tomllib.TOMLDecodeError) -> Fault:
    found = re.search(r"line (\d+), column (\d+)", str(broken))
    line, column = (int(found[1]), int(found[2])) if found else (1, 1)
    return Fault(line, column, f"this is no TOML: {broken}")


class _Reading:
    """One pass over the file's content; collects faults instead of stopping at the first."""

    def __init__(self, content: Mapping[str, Any], positions: Positions) -> None:
        self.faults: list[Fault] = []
        self._content = content
        self._positions = positions
        self._used: set[str] = set()
        self._variables = self._read_variables()

    def catalog(self) -> Catalog:
        self._unknown_tables()
        prompts = {prompt.name: prompt for prompt in self._prompts()}
        for name in self._variables.keys() - self._used:
            self._fault(("variables", name), f"no sentence uses {{{name}}}: remove it")
        digest = hashlib.sha256(json.dumps(self._content, sort_keys=True, default=str).encode())
        return Catalog(
            prompts=MappingProxyType(prompts),
            information=MappingProxyType({}),
            version=digest.hexdigest()[:12],
        )

    def _fault(self, where: tuple[str, ...], message: str, *, within: str = "") -> None:
        line, column = self._positions.of(where, within)
        self.faults.append(Fault(line, column, message))

    def _unknown_tables(self) -> None:
        for name in self._content.keys() - {"variables", "prompts"}:
            self._fault((name,), f"there is no table [{name}]; known: variables, prompts")

    # --- variables ----------------------------------------------------------------------------

    def _read_variables(self) -> dict[str, str]:
        return {
            name: self._variable(name, entry)
            for name, entry in self._content.get("variables", {}).items()
        }

    def _variable(self, name: str, entry: object) -> str:
        """The Hanzi that a variable stands for."""
        if isinstance(entry, str):
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
        for option in options.keys() - _OPTIONS:
            self._fault(
                where, f"{name} has no option {option}; known: {', '.join(sorted(_OPTIONS))}"
            )
        prompt = Prompt(
            name=name,
            pieces=tuple(self._pieces(where, options["text"])),
            keys=options.get("keys", ""),
            hints=MappingProxyType(dict(options.get("hints", {}))),
        )
        self._check(where, prompt)
        yield prompt

    def _pieces(self, where: tuple[str, ...], text: str) -> Iterator[Spoken | Slot]:
        spoken = ""
        for position, part in enumerate(_PLACEHOLDER.split(text)):
            if position % 2 == 0:
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
            known = ", ".join(self._variables) or "none"
            self._fault(
                where,
                f"unknown variable {{{name}}}; define it in [variables] (known: {known})",
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

    # --- checks -------------------------------------------------------------------------------

    def _check(self, where: tuple[str, ...], prompt: Prompt) -> None:
        words = "".join(piece.text for piece in prompt.pieces if isinstance(piece, Spoken))
        self._check_keys(where, prompt, words)
        for piece in prompt.pieces:
            if isinstance(piece, Spoken):
                self._check_words(where, piece.text, prompt.hints)

    def _check_keys(self, where: tuple[str, ...], prompt: Prompt, words: str) -> None:
        for key in prompt.keys:
            if prompt.keys.count(key) > 1:
                self._fault(where, f"key {key} stands twice in keys")
            wanted = _KEY_WORDS.get(key)
            if wanted is None:
                self._fault(where, f"there is no key {key!r} on a telephone")
            elif wanted not in words:
                self._fault(where, f"the menu has key {key}, but the sentence never says {wanted}")

    def _check_words(self, where: tuple[str, ...], text: str, hints: Mapping[str, str]) -> None:
        if digits := re.search(r"[0-9]+", text):
            self._fault(
                where,
                f"nobody says how {digits[0]} is read: write it in Hanzi, or make it a variable"
                ' with read = "…"',
                within=digits[0],
            )
            return
        if sum(map(_is_hanzi, text)) > _LONGEST_PIECE:
            self._fault(where, f"longer than {_LONGEST_PIECE} Hanzi: split it into two sentences")
        try:
            phonemes(text, hints)
        except Unspeakable as unspeakable:
            self._fault(where, f"{unspeakable}: write it in Hanzi", within=unspeakable.character)
        except (ValueError, KeyError) as odd:
            self._fault(where, f"it cannot be pronounced: {odd}")


def _is_hanzi(character: str) -> bool:
    return "一" <= character <= "鿿"
