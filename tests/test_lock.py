"""The pinned packages are those of pyproject.toml, each with hashes, from no named registry."""

from __future__ import annotations

import re
import tomllib

from ivr.config import PROJECT

LOCK = (PROJECT / "requirements.lock").read_text(encoding="utf-8")


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"]]
    for name, extra in project["optional-dependencies"].items():
        wanted += extra if name != "proof" else []  # a listener that nobody installs by default
    names = {plain(match[0]) for each in wanted if (match := re.match(r"[\w.-]+", each))}
    pinned = {plain(name) for name in re.findall(r"^([\w.-]+)==", LOCK, re.M)}
    assert names - pinned == set(), "run `make lock`"


def test_every_pin_has_hashes_and_no_address() -> None:
    entries = re.split(r"\n(?=\S)", LOCK)
    bare = [entry for entry in entries if "==" in entry and "--hash=sha256:" not in entry]
    assert bare == []
    assert "://" not in LOCK
