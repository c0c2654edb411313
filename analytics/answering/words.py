"""The names of facts in the words of the script, for everything that people read."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from analytics.answering.asking import ResultSet
from ivr.speech.prompts import Node, PromptSet

_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_COLUMNS, _VALUES, _PLACES, _PARTS = (
    _TABLES[name] for name in ("columns", "values", "places", "parts")
)
_PLACED = {"dialogue", "last_dialogue"}
_SPOKEN = {"prompt", "opening", "step"}
_WEEKDAYS = "一二三四五六日"
_BEGINNING = 16
"""Characters of a sentence that stand for it."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What columns, places, sentences and outcomes are called; with the script at hand if any."""

    sentences: Mapping[str, str] = field(default_factory=dict)
    """Prompt -> the words that callers hear."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Place of the information tree, such as `information.4.1.2` -> its titles from the top."""

    @classmethod
    def of(cls, script: PromptSet) -> Vocabulary:
        """With the words of a published set."""
        titles: dict[str, str] = {}
        for branch in script.information.values():
            _entitle(titles, branch, "")
        return cls(script.wordings(), titles)

    def column(self, name: str) -> str:
        """The head of a column."""
        return str(_COLUMNS.get(name, name))

    def value(self, column: str, value: object) -> object:
        """What a cell shows; numbers, times and what is no name of ours stay as they are."""
        match value:
            case bool():
                return "是" if value else "否"
            case int() if column == "weekday":
                return f"周{_WEEKDAYS[value - 1]}"
            case str():
                return self._word(column, value)
            case _:
                return value

    def _word(self, column: str, name: str) -> str:
        if column in _PLACED:
            return self.place(name)
        if column in _SPOKEN:
            return self.sentence(name)
        if column == "leaf":
            return self.titles.get(f"information.{name}", name)
        if column == "figure":
            return self.column(name)
        return str(_TABLES["values_of"].get(column, {}).get(name, _VALUES.get(name, name)))

    def place(self, name: str) -> str:
        """A place of the script."""
        if name in self.titles:
            return self.titles[name]
        room, _, part = name.partition(".")
        known = _PLACES.get(room, room)
        return f"{known} · {_PARTS.get(part, part)}" if part else known

    def sentence(self, prompt: str) -> str:
        """A sentence by its place and its first words."""
        if prompt in self.titles:
            return self.titles[prompt]
        said = self.sentences.get(prompt)
        if said is None:
            return self.place(prompt)
        room = prompt.partition(".")[0]
        shown = said if len(said) <= _BEGINNING else f"{said[:_BEGINNING]}…"
        return f"{_PLACES.get(room, room)}“{shown}”"

    def translated(self, answer: ResultSet) -> ResultSet:
        """An answer whose cells are in words; its columns keep their names."""
        rows = tuple(tuple(map(self.value, answer.columns, row)) for row in answer.rows)
        return ResultSet(answer.columns, rows)


def _entitle(titles: dict[str, str], node: Node, above: str) -> None:
    titles[node.prompt] = f"{above} › {node.title}" if above else node.title
    for child in node.children.values():
        _entitle(titles, child, titles[node.prompt])
