"""The catalog read and checked: every fault with its place and a remedy, all at once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ivr.speech import numbers
from ivr.speech.codes import code
from prompt_build.catalog import agreed, menus, wording
from prompt_build.catalog.content import Catalog, Prompt
from prompt_build.catalog.faults import CatalogError, Fault
from prompt_build.catalog.layers import Layers, Told, Where, laid, split
from prompt_build.catalog.shape import TABLES, Branch, Options, Reading, SentenceTable
from prompt_build.catalog.shape import faults as faults_of
from prompt_build.catalog.source import Source


def load(source: Source) -> Catalog:
    """Read and check the catalog with the city's own words; CatalogError with all the faults."""
    catalog, faults = examined(laid(source), source)
    if faults:
        raise CatalogError(faults)
    return catalog


def examined(layers: Layers, source: Source) -> tuple[Catalog, tuple[Fault, ...]]:
    """What the files say as far as it can be read, and all that is wrong with it."""
    reading = _Reading(layers)
    catalog = reading.catalog(source)
    return catalog, CatalogError(reading.told.faults).faults


class _Reading:
    """One pass over the content; collects faults instead of stopping at the first."""

    def __init__(self, layers: Layers) -> None:
        self.told = Told(layers)
        self._layers = layers
        self._used: set[str] = set()
        self._faulty: set[str] = set()
        """Names of sentences with an option that cannot be used."""
        self._variables = dict(self._read_variables())
        self._known = wording.Known(self._variables, dict(self._read_codes()))

    def catalog(self, source: Source) -> Catalog:
        self._unknown_tables()
        prompts = {prompt.name: prompt for prompt in self._prompts()}
        tree, leaves = self._information(source.contract.branches)
        agreed.check(self.told, source, prompts, tree, self._faulty)
        self._unused()
        content = json.dumps(self._layers.content, sort_keys=True, default=str)
        return Catalog(
            prompts=MappingProxyType(prompts | leaves),
            information=MappingProxyType(tree),
            version=hashlib.sha256(content.encode()).hexdigest()[:12],
        )

    def _tables(self, name: str) -> Mapping[str, Any]:
        table = self._layers.content.get(name, {})
        if isinstance(table, dict):
            return table
        self.told((name,), f"{name} 是一张表：写成 [{name}]", f"{name} is a table: write [{name}]")
        return {}

    def _unknown_tables(self) -> None:
        for name in self._layers.content.keys() - set(TABLES):
            self.told(
                (name,),
                f"没有 [{name}] 这张表{wording.nearest(name, TABLES)}"
                f"（可以有 {', '.join(TABLES)}）",
                f"there is no table [{name}]; known: {', '.join(TABLES)}",
            )

    # --- variables ----------------------------------------------------------------------------

    def _read_variables(self) -> Iterator[tuple[str, str]]:
        for name, entry in self._tables("variables").items():
            yield name, self._variable(("variables", name), entry)

    def _variable(self, where: Where, entry: object) -> str:
        """The Hanzi that a variable stands for."""
        if isinstance(entry, str):
            wording.check_words(self.told, where, entry)
            return entry
        if not isinstance(entry, dict) or any(faults_of(where, Reading, entry)):
            kinds = ", ".join(numbers.KINDS)
            self.told(
                where,
                f'变量 {where[-1]} 写成一句加引号的话，或者 {{ value = "…", read = "读法" }}，'
                f"读法可以是 {kinds}",
                f'{where[-1]} is a text, or {{ value = "…", read = "…" }} with a kind of {kinds}',
            )
            return ""
        try:
            return numbers.read(entry["read"], entry["value"]).text
        except numbers.Unreadable as unreadable:
            self.told(
                where,
                f"变量 {where[-1]} 的值 {entry['value']} 不能按 {entry['read']} 来读",
                f"{{{where[-1]}}} cannot be read: {unreadable}",
                within=entry["value"],
            )
            return ""

    # --- codes --------------------------------------------------------------------------------

    def _read_codes(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """The tables whose codes have words; what is wrong with one does not hide the others."""
        for name, table in self._tables("codes").items():
            where = ("codes", name)
            if name in numbers.KINDS or not wording.is_name(name):
                self.told(
                    where,
                    f"代码表不能叫 {name}：用小写英文起一个不是读法的名字",
                    f"a table of codes cannot be called {name}",
                )
            elif not isinstance(table, dict) or not table:
                self.told(
                    where,
                    f'{name} 是代码表：写成 [codes.{name}]，下面每行 "02" = "要说的话"',
                    f'{name} is a table of codes: write [codes.{name}], then "02" = "…"',
                )
            else:
                yield name, dict(self._codes(where, table))

    def _codes(self, where: Where, table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        first: dict[str, str] = {}
        for written, said in table.items():
            same = first.setdefault(code(written), written)
            if same != written:
                self.told(
                    (*where, written),
                    f"代码 {written} 和 {same} 是同一个：只留一个",
                    f"code {written} is {same}: keep one of them",
                )
            elif not isinstance(said, str):
                self.told(
                    (*where, written),
                    f'代码 {written} 写成 "{written}" = "要说的话"，不说就写 ""',
                    f'write "{written}" = "…", or "" where nothing is said',
                )
            else:
                wording.check_words(self.told, (*where, written), said)
                yield written, said

    def _unused(self) -> None:
        """Of the shipped variables the city's sentences may leave some unused."""
        for name in self._variables.keys() - self._used:
            if self._layers.words is None or self._layers.in_words(("variables", name)):
                self.told(
                    ("variables", name),
                    f"没有哪一句用到 {{{name}}}：删去这个变量",
                    f"no sentence uses {{{name}}}: remove it",
                )

    # --- prompts ------------------------------------------------------------------------------

    def _prompts(self) -> Iterator[Prompt]:
        for group, entries in self._tables("prompts").items():
            if not isinstance(entries, dict):
                self.told(
                    ("prompts", group),
                    f"{group} 是一组：写成 [prompts.{group}]，下面再写句子",
                    f"{group} is a group: write [prompts.{group}]",
                )
                continue
            for name, entry in entries.items():
                yield from self._prompt(("prompts", group, name), entry)

    def _prompt(self, where: Where, entry: object) -> Iterator[Prompt]:
        options = {"text": entry} if isinstance(entry, str) else entry
        name = ".".join(where[1:])
        if not isinstance(options, dict):
            self._faulty.add(name)
            self.told(
                where,
                f'{name} 要写 text = "…"，一句加引号的话',
                f'{name} needs a sentence: text = "…"',
            )
            return
        sound = self._sound(where, SentenceTable, options)
        if isinstance(sound.get("text"), str):
            yield self._sentence(where, name, sound, sound["text"], sound.get("keys", ""))

    def _sound(
        self, where: Where, model: type[Options], options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The options without those that are wrong, which are told."""
        wrong = list(faults_of(where, model, options))
        if wrong:
            self._faulty.add(".".join(where[1:]))
        for at, chinese, english in wrong:
            self.told(at, chinese, english)
        bad = {at[-1] for at, *_ in wrong if len(at) > len(where)}
        return {name: value for name, value in options.items() if name not in bad}

    def _sentence(
        self, where: Where, name: str, options: Mapping[str, Any], text: str, keys: str
    ) -> Prompt:
        before = len(self.told.faults)
        hints = options.get("hints", {})
        wording.check_hints(self.told, where, hints, text)
        prompt = Prompt(
            name=name,
            pieces=tuple(wording.pieces(self.told, where, text, self._known, self._used)),
            keys=keys,
            hints=MappingProxyType(dict(hints)),
            pace=float(options.get("pace", 1.0)),
            recorded=self._recorded(where, options.get("recorded")),
            reviewed=_day(options.get("reviewed")),
            expires=_day(options.get("expires")),
        )
        said = "menu" if "menu" in options else "text"
        self._check(where, prompt, said, readable=len(self.told.faults) == before)
        return prompt

    def _recorded(self, where: Where, given: str | None) -> Path | None:
        if given is None:
            return None
        path = self._layers.folder((*where, "recorded")) / given
        if not path.is_file():
            self.told(
                (*where, "recorded"),
                f"没有 {given} 这个录音文件（从话术文件所在的文件夹找起）",
                f"there is no recording {given} beside the catalog",
            )
        return path

    def _check(self, where: Where, prompt: Prompt, said: str, *, readable: bool) -> None:
        """`said` is the option that has the words."""
        if readable and not any(map(wording.is_hanzi, prompt.words)):
            self.told(
                where,
                f"{prompt.name} 什么也没有说：写一句话",
                f"{prompt.name} says nothing: write a sentence",
            )
        if prompt.keys:
            menus.check(self.told, (*where, said), prompt.keys, prompt.words)
        if prompt.recorded and len(prompt.pieces) > 1:
            self.told(
                where,
                "句子里有通话中的内容，不能整句用一个录音：去掉 recorded",
                "a sentence with {values} cannot be one recording",
            )
        if prompt.reviewed and prompt.expires and prompt.expires < prompt.reviewed:
            self.told(
                (*where, "expires"),
                f"到期日 {prompt.expires} 比核对日 {prompt.reviewed} 还早：是不是写反了？",
                f"it expires on {prompt.expires}, before it was reviewed ({prompt.reviewed})",
            )
        wording.check_length(self.told, where, prompt)

    # --- the information tree -----------------------------------------------------------------

    def _information(self, roots: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Prompt]]:
        """The tree for the manifest, and the prompts of its nodes."""
        prompts: dict[str, Prompt] = {}
        branches = self._tables("information")
        for key in branches.keys() - set(roots):
            self.told(
                ("information", key),
                f"主菜单只有 {', '.join(roots)} 通到这里：把 [information.{key}] 移到它们下面",
                f"the main menu leads to {', '.join(roots)} only: move it below one of them",
            )
        tree = {
            key: self._node(("information", key), entry, prompts) for key, entry in branches.items()
        }
        return tree, prompts

    def _node(self, where: Where, entry: object, prompts: dict[str, Prompt]) -> dict[str, Any]:
        if not isinstance(entry, dict) or not re.fullmatch("[1-9]", where[-1]):
            self.told(
                where,
                f"{where[-1]} 不是分支：写成 [information.4.1]，每一层一个键，1 到 9（0 是人工）",
                f"{where[-1]} is no branch: write [information.4.1], a key from 1 to 9 a level"
                " (0 is the agents')",
            )
            return {}
        name = ".".join(where)
        branches, options = split(entry)
        sound = self._sound(where, Branch, options)
        self._menu_or_text(where, sound, branches)
        node = {"title": sound.get("title", ""), "prompt": name}
        spoken = sound.get("menu" if branches else "text", "")
        keys = "".join(sorted(branches)) + "*" if branches else ""
        if spoken:
            prompts[name] = self._sentence(where, name, sound, spoken, keys)
            titles = {
                key: child.get("title", "")
                for key, child in branches.items()
                if isinstance(child, dict)
            }
            menus.check_titles(self.told, (*where, "menu"), prompts[name].words, titles)
        if branches:
            children = {k: self._node((*where, k), v, prompts) for k, v in sorted(branches.items())}
            return {**node, "children": children}
        node |= {key: str(sound[key]) for key in ("reviewed", "expires") if key in sound}
        return node

    def _menu_or_text(
        self, where: Where, options: Mapping[str, Any], branches: Mapping[str, Any]
    ) -> None:
        """A branch with branches has a menu, one without has a text; never both."""
        name = ".".join(where)
        needed, other = ("menu", "text") if branches else ("text", "menu")
        if needed not in options:
            self.told(where, f'{name} 要写 {needed} = "…"', f'{name} needs {needed} = "…"')
        if other in options:
            why = "下面有分支，播的是 menu" if branches else "下面没有分支，播的是 text"
            self.told(
                (*where, other),
                f"{name} {why}，{other} 不会有人听到：删去",
                f"{name}: nobody hears its {other}: remove it",
            )


def _day(given: object) -> date | None:
    """An ISO date, as TOML has it or as text; what is none was told before."""
    if isinstance(given, date) or given is None:
        return given
    return date.fromisoformat(str(given))
