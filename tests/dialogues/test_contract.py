"""What is agreed with the catalog is what stands in the code: prompts, values, keys."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from ivr.agents.presence import State
from ivr.config import PROJECT
from ivr.speech.contract import CONTRACT
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import Source

PROMPTS = load(Source(PROJECT / "scripts.zh.toml")).prompts
PUT_TOGETHER = {"line.no_input", "line.no_match", "line.apology"} | {
    f"attendance.{state}" for state in State
}
"""Names that the code makes of what was heard, or of what the dialplan wants."""
CONTRACT_FILE = PROJECT / "ivr" / "speech" / "contract.py"
FILES = [file for file in (PROJECT / "ivr").rglob("*.py") if file != CONTRACT_FILE]


def nodes() -> Iterator[ast.AST]:
    for file in FILES:
        yield from ast.walk(ast.parse(file.read_text(encoding="utf-8")))


def words(node: ast.AST) -> str | None:
    found = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return node.value if found else None  # type: ignore[attr-defined]


def menus() -> Mapping[str, list[set[str]]]:
    """By its question: the keys of each `call.menu("a.menu", {"1": …})` in the code."""
    found: dict[str, list[set[str]]] = {}
    for node in nodes():
        match node:
            case ast.Call(
                func=ast.Attribute(attr="menu"),
                args=[ast.Constant(str() as question), ast.Dict(keys=keys), *_],
            ):
                found.setdefault(question, []).append(
                    {w for key in keys if key and (w := words(key))}
                )
    return found


def test_every_prompt_of_the_contract_is_spoken_and_every_spoken_one_is_in_it() -> None:
    spoken = {word for node in nodes() if (word := words(node)) in PROMPTS}
    assert set(CONTRACT.clauses) == (spoken | PUT_TOGETHER) & set(PROMPTS)
    assert list(CONTRACT.clauses) == sorted(CONTRACT.clauses)


def test_every_sentence_of_the_catalog_is_in_the_contract() -> None:
    texts = {name for name in PROMPTS if name.startswith("information.")}
    assert set(PROMPTS) - texts == set(CONTRACT.clauses)


def test_the_menus_in_the_code_take_the_keys_of_the_contract() -> None:
    found = menus()
    assert len(found) > 8
    for question, each in found.items():
        for keys in each:
            assert keys == set(CONTRACT.clauses[question].keys), question


def test_the_catalog_fills_every_value_of_the_contract() -> None:
    """A value that no sentence says any more is a value that nobody tried."""
    for name, clause in CONTRACT.clauses.items():
        assert {slot.name: slot.read for slot in PROMPTS[name].slots} == clause.slots, name


def test_every_value_of_the_contract_stands_in_the_code() -> None:
    given = {word for node in nodes() if (word := words(node))}
    given |= {node.arg for node in nodes() if isinstance(node, ast.keyword) and node.arg}
    for name, clause in CONTRACT.clauses.items():
        assert set(clause.slots) <= given, name
