"""The import contracts of pyproject.toml forget no room; tests and measurements know one way."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ivr.config import PROJECT

PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS: list[dict[str, Any]] = PYPROJECT["tool"]["importlinter"]["contracts"]


def rooms(house: str) -> set[str]:
    """A house's folders and the modules beside them, as imports name them."""
    folders = (path.parent for path in (PROJECT / house).glob("*/__init__.py"))
    modules = (PROJECT / house).glob("[!_]*.py")
    return {f"{house}.{path.stem}" for path in (*folders, *modules)}


def layered(house: str) -> set[str]:
    """What the house's contract puts in order."""
    layers = [layer for each in CONTRACTS for layer in each.get("layers", ())]
    named = {room.strip() for layer in layers for room in re.split(r"[|:]", layer)}
    return {room for room in named if room.startswith(f"{house}.")}


def imported(folder: str) -> Iterator[tuple[Path, str]]:
    """Every module that a file below the folder imports."""
    for path in (PROJECT / folder).glob("**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((path, name.name) for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from ((path, f"{node.module}.{name.name}") for name in node.names)


def test_every_room_of_the_hotline_stands_in_its_layers() -> None:
    assert layered("ivr") == rooms("ivr")


def test_every_room_of_the_analysts_stands_in_its_layers() -> None:
    assert layered("analytics") == rooms("analytics")


def test_every_room_of_the_console_stands_in_its_layers() -> None:
    assert layered("console") == rooms("console")


def test_every_folder_of_the_prompts_stands_in_its_layers() -> None:
    folders = {f"prompt_build.{path.parent.name}" for path in PROJECT.glob("prompt_build/*/*.py")}
    assert folders <= layered("prompt_build")


def test_a_room_of_the_hotline_is_used_by_the_other_houses_or_closed_to_them() -> None:
    closed = {room for each in CONTRACTS for room in each.get("forbidden_modules", ())}
    used = {
        ".".join(name.split(".")[:2])
        for house in ("prompt_build", "analytics")
        for _, name in imported(house)
        if name.startswith("ivr.")
    }
    beneath = {"ivr.people", "ivr.fast"}  # what they use stands on it
    neither = rooms("ivr") - closed - used - beneath
    assert neither == set(), f"forbid {neither} to prompt_build and analytics in pyproject.toml"


def test_no_test_knows_a_measurement() -> None:
    knowing = [path for path, name in imported("tests") if name.split(".")[0] == "bench"]
    assert knowing == [], "what both use lives under tests/; tests of a measurement lie beside it"


def test_no_program_knows_tests_or_measurements() -> None:
    houses = ("ivr", "prompt_build", "analytics", "console")
    outside = [
        (path, name)
        for house in houses
        for path, name in imported(house)
        if name.split(".")[0] in {"tests", "bench"}
    ]
    assert outside == []


LATE = frozenset(
    {"console", "duckdb", "jinja2", "numpy", "prompt_build", "rich"}
    | {"analytics", "sqlalchemy", "typer"}
)
"""What no call needs in its first moments, and what takes longer to import than all the rest."""


def test_a_service_that_starts_imports_nothing_that_its_first_calls_do_not_need() -> None:
    """Callers wait in silence until it is there."""
    started = "import sys, json, ivr.cli.serving, ivr.service; print(json.dumps(list(sys.modules)))"
    command = [sys.executable, "-c", started]
    told = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True)
    houses = {name.partition(".")[0] for name in json.loads(told.stdout)}
    assert "aiohttp" in houses
    assert houses & LATE == set()
