"""The list of what the code speaks is what stands in the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from ivr.config import PROJECT
from ivr.dialogues import SPOKEN
from prompt_build.catalog import load

PROMPTS = load(PROJECT / "scripts.zh.toml").prompts
PUT_TOGETHER = {"line.no_input", "line.no_match", "line.apology"}
"""Names that the code makes of what was heard, or of what the dialplan wants."""
LIST = PROJECT / "ivr" / "dialogues" / "spoken.py"


def words(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def spoken_in_the_code() -> set[str]:
    files = [file for file in (PROJECT / "ivr").rglob("*.py") if file != LIST]
    return {word for file in files for word in words(file) if word in PROMPTS} | PUT_TOGETHER


def test_the_list_is_in_order_and_complete() -> None:
    assert list(SPOKEN) == sorted(set(SPOKEN))
    branches = {f"information.{key}" for key in "345"}
    assert set(SPOKEN) == spoken_in_the_code() | branches


def test_every_sentence_of_the_catalog_is_spoken() -> None:
    texts = {name for name in PROMPTS if name.startswith("information.")}
    assert set(PROMPTS) - texts - set(SPOKEN) == set()
