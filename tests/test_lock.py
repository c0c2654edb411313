"""The pinned packages are those of pyproject.toml, each with hashes, from no named registry.

One file has all of them, for who works on the code; one has those that a line runs with.
"""

from __future__ import annotations

import re
import tomllib

import pytest

from ivr.config import PROJECT

LOCK = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
RUN = (PROJECT / "requirements.run.lock").read_text(encoding="utf-8")
NOT_RUN = ("browser", "dev")
"""Extras that no line runs with."""


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(*without: str) -> set[str]:
    """The names of all packages that pyproject.toml asks for, without some extras."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"]]
    for name, extra in project["optional-dependencies"].items():
        asked += extra if name not in without else []
    return {plain(match[0]) for each in asked if (match := re.match(r"[\w.-]+", each))}


def pins(lock: str) -> set[tuple[str, str]]:
    return {
        (plain(name), version) for name, version in re.findall(r"^([\w.-]+)==(\S+)", lock, re.M)
    }


def test_every_dependency_is_pinned() -> None:
    proof = "proof"  # a listener that nobody installs by default
    assert wanted(proof) - {name for name, _ in pins(LOCK)} == set(), "run `make lock`"
    missing = wanted(proof, *NOT_RUN) - {name for name, _ in pins(RUN)}
    assert missing == set(), "run `make lock`"


def test_a_line_runs_with_what_is_tested_and_without_the_tests_tools() -> None:
    assert pins(RUN) - pins(LOCK) == set()
    tools = wanted() - wanted(*NOT_RUN)
    assert tools & {name for name, _ in pins(RUN)} == set()


@pytest.mark.parametrize("lock", [LOCK, RUN])
def test_every_pin_has_hashes_and_no_address(lock: str) -> None:
    entries = re.split(r"\n(?=\S)", lock)
    bare = [entry for entry in entries if "==" in entry and "--hash=sha256:" not in entry]
    assert bare == []
    assert "://" not in lock
