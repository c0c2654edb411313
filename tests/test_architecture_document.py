"""docs/architecture.md shows the house as it is, and docs/README.md every document."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from ivr.config import PROJECT

DOCUMENT = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
HOUSES = ("ivr", "analytics", "prompt_build")


def rooms() -> Iterator[str]:
    """Every folder of code, and every module that lies beside the hotline's rooms."""
    for house in HOUSES:
        for init in (PROJECT / house).glob("**/__init__.py"):
            yield f"{init.parent.relative_to(PROJECT)}/"
    yield from (f"ivr/{path.name}" for path in (PROJECT / "ivr").glob("[!_]*.py"))


def definitions(file: Path) -> Iterator[str]:
    """`function`, `Class` and `Class.method`."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{inner.name}"


def test_every_room_has_its_line() -> None:
    named = set(re.findall(r"`([\w/]+/|ivr/\w+\.py)`", DOCUMENT))
    of_one_house = {"ivr/", "analytics/"}  # the table has their rooms
    assert sorted(set(rooms()) - of_one_house - named) == []


def test_every_file_and_folder_that_it_names_is_there() -> None:
    named = re.findall(r"`((?:ivr|analytics|prompt_build)/[\w/]*(?:\.\w+)?)", DOCUMENT)
    assert len(named) > 40
    assert [name for name in named if not (PROJECT / name).exists()] == []


def test_every_function_that_it_names_is_there() -> None:
    named = re.findall(r"`([\w/]+\.py)::([\w.]+)`", DOCUMENT)
    assert len(named) > 25
    lacking = [f"{file}::{name}" for file, name in named if name not in definitions(PROJECT / file)]
    assert lacking == []


def test_no_name_after_the_colons_escapes_the_check() -> None:
    assert DOCUMENT.count("::") - DOCUMENT.count("`文件::函数`") - DOCUMENT.count(
        "`file::function`"
    ) == len(re.findall(r"`[\w/]+\.py::[\w.]+`", DOCUMENT))


def test_every_document_stands_in_the_index() -> None:
    docs = PROJECT / "docs"
    index = (docs / "README.md").read_text(encoding="utf-8")
    linked = {(docs / link).resolve() for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", index)}
    everything = {*docs.glob("**/*.md"), *PROJECT.glob("deploy/**/*.md"), *PROJECT.glob("*.md")}
    everything.add(PROJECT / "generated_audio" / "README.md")
    there = {path.resolve() for path in everything} - {docs / "README.md"}
    assert sorted(str(path.relative_to(PROJECT)) for path in there - linked) == []
