"""A console in a home folder of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics.loading.loader import run
from analytics.loading.store import FactsFolder
from console.rights import Role
from ivr.config import Settings
from tests.analytics.day import twenty_calls
from tests.analytics.spool import lines, spool_file
from tests.console.visiting import Console, Visitor


@pytest.fixture(scope="module", autouse=True)
def users_of_tests(quick_passwords: None) -> None:
    """There are hundreds."""


@pytest.fixture
def console(settings: Settings) -> Iterator[Console]:
    opened = Console(settings)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose twenty calls of a day are published, for tests that only ask."""
    home = tmp_path_factory.mktemp("day")
    spool_file(home).write_bytes(lines(twenty_calls()))
    run(FactsFolder(home), once=True)
    return home


@pytest.fixture
def published(settings: Settings, day: Path) -> Settings:
    """A line of the test's own, with the facts of that day, which nobody writes to."""
    (settings.home / "facts").symlink_to(day / "facts")
    return settings


@pytest.fixture
def analyst(published: Settings, console: Console) -> Visitor:
    """Somebody who may see the reports of those calls."""
    return console.signed_in("统计员", Role.ANALYST)
