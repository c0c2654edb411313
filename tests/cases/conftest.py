"""Databases of cases: an SQLite, or a PostgreSQL where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.analytics.postgres import emptied, made_database, postgres, programs


def on_sqlite(folder: Path) -> str:
    return f"sqlite:///{folder / 'cases.sqlite'}"


@pytest.fixture(scope="package")
def server() -> Iterator[Path]:
    """One PostgreSQL for all of them, where there is one."""
    if programs() is None:
        pytest.skip("no PostgreSQL on this machine")
    pytest.importorskip("psycopg")
    with postgres() as socket:
        yield socket


@pytest.fixture(scope="package")
def database(server: Path) -> str:
    made_database(server, "cases")
    return f"postgresql+psycopg://ivr@/cases?host={server}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.live)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return on_sqlite(tmp_path)
    return emptied(request.getfixturevalue("database"))
