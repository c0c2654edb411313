"""docs/reliability.md names tests that are there."""

from __future__ import annotations

import re

from ivr.config import PROJECT

DOCUMENT = (PROJECT / "docs" / "reliability.md").read_text(encoding="utf-8")


def test_every_promise_is_kept_by_a_test_that_exists() -> None:
    sources = [path.read_text(encoding="utf-8") for path in PROJECT.glob("tests/**/test_*.py")]
    there = {name for source in sources for name in re.findall(r"^def (test_\w+)\(", source, re.M)}
    named = set(re.findall(r"`[\w/.]*?(?:::)?(test_\w+)`", DOCUMENT))
    assert len(named) > 20
    assert named <= there


def test_every_file_that_it_names_is_there() -> None:
    for name in re.findall(r"tests/[\w/]+\.py", DOCUMENT):
        assert (PROJECT / name).exists(), name
