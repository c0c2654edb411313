"""A catalog against what the code does with it: a set that passes fails no call (contract)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ivr.speech.contract import Clause, Contract
from prompt_build.catalog import menus
from prompt_build.catalog.content import Prompt, Slot
from prompt_build.catalog.layers import Told, Where
from prompt_build.catalog.source import Source
from prompt_build.catalog.wording import is_slot, nearest


def check(
    told: Told,
    source: Source,
    prompts: Mapping[str, Prompt],
    tree: Mapping[str, Any],
    faulty: Collection[str],
) -> None:
    """Everything that the code speaks is there, and is what the code takes it for.

    `faulty`: the entries that something else is wrong with, which was told.
    """
    contract = source.contract
    spoken = [name for name in prompts if not name.startswith("information.")]
    if not spoken and not tree:
        told((), "文件里一句话也没有：是不是存成了空文件？", "there is no sentence in it")
        return
    for name in contract.clauses:
        if name not in prompts and name not in faulty:
            _missing(told, name)
    for name in spoken:
        if name in contract.clauses:
            _slots(told, prompts[name], contract.clauses[name], source.columns.get(name))
            if name not in faulty:
                _menu(told, _where(name), prompts[name], contract.clauses[name])
        else:
            _nobody(told, name, contract)
    _branches(told, contract, tree)


def _where(name: str) -> Where:
    return ("prompts", *name.split(".", 1))


def _missing(told: Told, name: str) -> None:
    group, _, own = name.partition(".")
    told(
        ("prompts", group),
        f'少了一句：程序会说 {name}，在 [prompts.{group}] 下面补上 {own} = "…"',
        f"prompt {name} is missing: the code speaks it",
    )


def _nobody(told: Told, name: str, contract: Contract) -> None:
    told(
        _where(name),
        f"程序里没有哪一处会说 {name}{nearest(name, contract.clauses)}：改对名字，或者删去",
        f"nobody says {name}: remove it, or mend its name",
    )


def _slots(told: Told, prompt: Prompt, clause: Clause, columns: Collection[str] | None) -> None:
    """`columns` are those of the query whose row is read out; None where nobody knows them."""
    where = _where(prompt.name)
    for slot in (slot for slot in prompt.slots if slot.codes or is_slot(slot.name, slot.read)):
        if slot.name not in clause.slots:
            if not clause.open:
                _unknown_slot(told, where, slot.name, slot.read, clause)
            elif columns is not None and slot.name not in columns:
                _unknown_column(told, where, slot, {*clause.slots, *columns})
        elif slot.read != clause.slots[slot.name]:
            right = f"{{{slot.name}:{clause.slots[slot.name]}}}"
            told(
                where,
                f"{{{slot.name}:{slot.read}}} 的读法不对，这里只能写 {right}",
                f"{slot.name} cannot be read as {slot.read}: write {right}",
                within=f"{{{slot.name}:{slot.read}}}",
            )


def _unknown_slot(told: Told, where: Where, name: str, kind: str, clause: Clause) -> None:
    known = "".join(f"{{{each}:{read}}}" for each, read in clause.slots.items())
    there = f"这一句可以用 {known}" if known else "这一句里没有通话中的内容"
    told(
        where,
        f"程序不会给 {{{name}:{kind}}} 填内容：{there}",
        f"the code has no value {name} here: {known or 'this sentence has none'}",
        within=f"{{{name}:{kind}}}",
    )


def _unknown_column(told: Told, where: Where, slot: Slot, known: Collection[str]) -> None:
    written = f"{{{slot.name}:{slot.read}}}"
    there = ", ".join(sorted(known))
    told(
        where,
        f"{written}：设置里的查询没有 {slot.name} 这一列{nearest(slot.name, known)}；现有 {there}",
        f"the query of the settings returns no column {slot.name}: {there}",
        within=written,
    )


def _menu(told: Told, where: Where, prompt: Prompt, clause: Clause) -> None:
    known = "".join(clause.keys)
    if prompt.keys and not clause.menu:
        told(
            (*where, "keys"),
            f"{prompt.name} 不是菜单，程序在这里不等按键：去掉 keys",
            f"no key is waited for at {prompt.name}: remove keys",
        )
        return
    if clause.menu and not prompt.keys:
        told(
            where,
            f'{prompt.name} 是菜单，要写 keys = "{known}"',
            f'{prompt.name} is a menu: write keys = "{known}"',
        )
        return
    for key in dict.fromkeys(prompt.keys):
        if key not in clause.keys:
            told(
                (*where, "keys"),
                f"程序在这里不认 {key} 这个键，只认 {known}：去掉它",
                f"the code does not know key {key} here, only {known}: remove it",
            )
    menus.check_meaning(told, where, prompt.words, clause.keys)


def _branches(told: Told, contract: Contract, tree: Mapping[str, Any]) -> None:
    for key in contract.branches:
        if key not in tree:
            told(
                ("information",) if tree else ("prompts", "main", "menu"),
                f"主菜单按 {key} 会听到 [information.{key}]，这里没有：补上这个分支",
                f"the main menu leads to [information.{key}], which is missing: add it",
            )
