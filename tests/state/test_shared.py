"""Shared state that is away: nobody waits for it twice, no thread stays, and it is found again."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from ivr.config import Settings
from ivr.config.settings import StateSettings
from ivr.state.connections import OF_A_NODE, connections
from ivr.state.shared import AWAY, CALLER_SECONDS, CannotReach, Shared
from ivr.state.trips import now
from tests.analytics.postgres import made_database, postgres
from tests.state.conftest import stopped, until

pytestmark = pytest.mark.live
Story = Callable[[Shared], Awaitable[None]]


def at(url: str) -> Settings:
    return Settings(state=StateSettings(url=url, address="127.0.0.1:5060"))  # type: ignore[arg-type]


def told(url: str, story: Story, *, rest_seconds: float = 0.0, patience: float = 30.0) -> Shared:
    """A story with a database that answers when it begins."""

    async def course() -> Shared:
        shared = Shared(at(url), caller_seconds=patience, rest_seconds=rest_seconds)
        try:
            await shared.attempt(one, 30)
            shared.found()
            await story(shared)
        finally:
            await asyncio.to_thread(shared.close)
        return shared

    shared = asyncio.run(course())
    assert not [each for each in threading.enumerate() if each.name.startswith("state")]
    return shared


def ended(socket: Path) -> None:
    """The server, at once, with all its sessions."""
    pid = int((socket / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGINT)
    until(lambda: not (socket / "data" / "postmaster.pid").exists())


def one(rows: Connection) -> int:
    return int(rows.execute(text("SELECT 1")).scalar_one())


def test_a_stopped_database_costs_one_wait_and_no_thread(server: Path, postgres_url: str) -> None:
    """Its sockets stay open and nothing answers; nobody after the first one waits."""
    asked = []

    def counted(rows: Connection) -> int:
        asked.append(1)
        return one(rows)

    async def story(shared: Shared) -> None:
        with stopped(server):
            assert await shared.ask(counted) is AWAY
            assert not shared.up
            for _ in range(50):
                assert await shared.ask(counted) is AWAY
            with pytest.raises(CannotReach):
                await shared.attempt(counted, 0.3)
        assert len(asked) <= 3, "somebody waited for a database that was known to be away"
        assert await shared.attempt(counted, 30) == 1
        shared.found()

    assert told(postgres_url, story, patience=CALLER_SECONDS).losses == 1


def test_the_loop_goes_on_while_somebody_waits(server: Path, postgres_url: str) -> None:
    """Other calls are served in the meantime."""

    async def story(shared: Shared) -> None:
        turns = 0
        with stopped(server):
            asking = asyncio.create_task(shared.ask(one))
            while not asking.done():
                await asyncio.sleep(0.001)
                turns += 1
            assert await asking is AWAY
        assert turns > 2

    told(postgres_url, story, patience=CALLER_SECONDS)


def test_who_hangs_up_while_waiting_leaves_nothing_behind(server: Path, postgres_url: str) -> None:
    async def story(shared: Shared) -> None:
        with stopped(server):
            asking = asyncio.create_task(shared.ask(one))
            await asyncio.sleep(0.05)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await asyncio.to_thread(until, lambda: not shared.up)
        assert await shared.attempt(one, 30) == 1

    told(postgres_url, story, patience=CALLER_SECONDS)


def test_a_database_that_has_gone_is_away() -> None:
    """Its server was ended; connections that the pool still has lead nowhere."""
    with postgres() as socket:
        made_database(socket, "state")
        running = f"postgresql+psycopg://ivr@/state?host={socket}"

        async def story(shared: Shared) -> None:
            assert await shared.ask(one) == 1
            await asyncio.to_thread(ended, socket)
            assert await shared.ask(one) is AWAY
            with pytest.raises(CannotReach):
                await shared.attempt(one, 30)

        told(running, story)


def test_it_rests_before_callers_are_sent_there_again(postgres_url: str) -> None:
    """A database that answers in turns must not cost each caller in turn."""

    async def story(shared: Shared) -> None:
        shared.lost("it failed")
        assert await shared.attempt(one, 30) == 1
        assert not shared.may_be_found()

    told(postgres_url, story, rest_seconds=3600.0)


def test_a_transaction_is_whole_or_not_at_all(postgres_url: str) -> None:
    def half(rows: Connection) -> None:
        rows.execute(text("UPDATE state_version SET version = version + 90"))
        raise ValueError("in the middle")

    async def story(shared: Shared) -> None:
        with pytest.raises(ValueError, match="middle"):
            await shared.ask(half)
        assert await shared.ask(lambda rows: rows.execute(VERSIONS).scalar()) < 90

    told(postgres_url, story)


VERSIONS = text("SELECT max(version) FROM state_version")


def test_its_clock_is_read(postgres_url: str) -> None:
    async def story(shared: Shared) -> None:
        earlier = await shared.attempt(now, 30)
        assert await shared.attempt(now, 30) >= earlier > 1.7e9

    told(postgres_url, story)


def test_who_is_refused_a_connection_is_told_what_to_do(server: Path, postgres_url: str) -> None:
    """And before that: nodes that need more than there are, told where nodes are listed."""
    engine = create_engine(postgres_url, poolclass=NullPool)
    with ExitStack() as held:
        with suppress(OperationalError):
            while True:
                held.enter_context(engine.connect())
        with closing(Shared(at(postgres_url))) as shared, pytest.raises(CannotReach, match="用完"):
            shared.at_once(one)
    with closing(Shared(at(postgres_url))) as shared:
        found = shared.at_once(connections)
    assert found is not None
    assert found.complaint == ""
    needed = found.elsewhere + 20 * OF_A_NODE
    assert f"至少 {needed + 20}" in replace(found, nodes=20, most=needed - 1).complaint
