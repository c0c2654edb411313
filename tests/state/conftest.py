"""Machines of one line, and the database that they share."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from ivr.config import Settings
from ivr.config.settings import StateSettings
from ivr.people.keys import Keys
from tests.analytics.postgres import emptied, held, made_database, postgres, programs

Machines = Callable[..., Settings]
Pair = tuple[Settings, Settings]


@pytest.fixture(scope="module", autouse=True)
def users_of_tests(quick_passwords: None) -> None:
    """Two nodes hash and ask the same passwords many times."""


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
    made_database(server, "state")
    return f"postgresql+psycopg://ivr@/state?host={server}"


@pytest.fixture
def postgres_url(database: str) -> str:
    return emptied(database)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.live)])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return str(request.getfixturevalue("file"))
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def machine(tmp_path: Path) -> Machines:
    """A machine with the line's keys and sentences; `keys=False`: without any."""

    def made(url: str, name: str = "node-1", *, keys: bool = True, says: str = "c1") -> Settings:
        home = tmp_path / f"home of {name} {uuid4().hex[:6]}"
        (home / "audio").mkdir(parents=True)
        publish(home / "audio", says)
        if keys:
            given = tmp_path / "the line's keys"
            Keys.load(given)
            shutil.copytree(given, home / "keys")
        shared = StateSettings(url=url, address="127.0.0.1:5060")  # type: ignore[arg-type]
        return Settings(home=home, audio=home / "audio", node=name, state=shared)

    return made


@pytest.fixture
def file(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'state.sqlite'}"


@pytest.fixture
def pair(file: str, machine: Machines) -> Pair:
    """On SQLite, which is quicker; what is told of `each_way` is the same for PostgreSQL."""
    return machine(file, "node-1"), machine(file, "node-2")


@pytest.fixture
def each_way(url: str, machine: Machines) -> Pair:
    return machine(url, "node-1"), machine(url, "node-2")


@pytest.fixture
def on_postgres(postgres_url: str, machine: Machines) -> Pair:
    return machine(postgres_url, "node-1"), machine(postgres_url, "node-2")


def publish(audio: Path, catalog: str) -> None:
    """These sentences are heard on this machine."""
    (audio / "manifest.json").write_text(json.dumps({"catalog": catalog}))


def other_key(settings: Settings, name: str = "tokens.key") -> None:
    (settings.home / "keys" / name).write_bytes(b"o" * 32)


@contextmanager
def stopped(server: Path) -> Iterator[None]:
    """The server is held: connections stay, and nothing answers."""
    with held(int((server / "data" / "postmaster.pid").read_text().split()[0])):
        yield


def until(holds: Callable[[], bool], within: float = 30.0) -> None:
    """Wait for something real."""
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.02)
