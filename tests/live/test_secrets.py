"""Calls with known numbers through the dialogues; then nothing that anybody wrote holds them."""

from __future__ import annotations

import asyncio
import io
import signal
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from analytics.loading.loader import Loader
from analytics.loading.store import FactsFolder
from ivr.alarms.support import gather
from ivr.asterisk.configure import agent_password
from ivr.asterisk.locate import install
from ivr.speech.prompts import PromptSet
from ivr.upkeep.doctor import examine
from tests.live.conftest import Caller, LiveLine, a_line
from tests.live.phone import Phone
from tests.live.test_agents import until
from tests.live.test_balance import to_the_question
from tests.live.test_feedback import recorded

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

FUND, WITH_X, SHORT = "990102200012120127", "11010519491231002X", "990101900101001"
MISTYPED = "990102200012120128"
TELEPHONES = ("13912345678", "057188889999")
PRIVATE = (
    *(FUND, WITH_X, WITH_X[:-1], SHORT, MISTYPED, *TELEPHONES),
    *("12345.67", "1680.32", "798650.08", "100500.05", "312000.50"),
)
NOT_OURS = ("accounts.sqlite", "accounts.sqlite-wal", "accounts.sqlite-shm")
"""The accounts themselves are what is protected."""


@pytest.fixture(scope="module")
def used_line(tmp_path_factory: pytest.TempPathFactory, whole_set: PromptSet) -> Iterator[LiveLine]:
    """A line that has been called, killed in mid-number, asked for agents, and come to its end."""
    home = tmp_path_factory.mktemp("secrets")
    with a_line(home, whole_set, guests=True) as line:
        line.start_service()
        asyncio.run(a_day(line))
        line.kill_service(signal.SIGTERM)
        file_all_days(line)
        unpack_for_a_helper(line)
        yield line


async def a_day(line: LiveLine) -> None:
    lookups = (("1", FUND), ("2", FUND), ("1", WITH_X), ("2", SHORT))
    await asyncio.gather(
        *(ask_for(line, key, number) for key, number in lookups), complain(line), vote(line)
    )
    async with line.call(user=TELEPHONES[1]) as caller:
        await to_the_question(caller, "1")
        caller.phone.press(MISTYPED)
        await caller.hears_begin(line.ear.alias["identity.wrong_number.1"])
        caller.phone.press(FUND[:10])
        await asyncio.sleep(2.5)
        line.kill_service()
        line.start_service()
        await caller.hears("line.sorry_wait")
        caller.phone.press(FUND)
        await caller.hears_begin(line.ear.alias["account.readout.1"])
        await with_an_agent(line, caller)
    await line.settled()


async def ask_for(line: LiveLine, key: str, number: str) -> None:
    async with line.call(user=TELEPHONES[0]) as caller:
        await to_the_question(caller, key)
        caller.phone.press(number.replace("X", "*") + "#" * (len(number) == 15))
        readout = "account.readout.1" if key == "1" else "loan.readout.1"
        await caller.hears_begin(line.ear.alias[readout])


async def complain(line: LiveLine) -> None:
    async with recorded(line) as caller:
        caller.phone.speak(line.ear.sound("line.goodbye"))
        await asyncio.sleep(1.5)
        caller.phone.press("#")
        await until(lambda: any(fact["fact"] == "Recorded" for fact in line.facts()))


async def vote(line: LiveLine) -> None:
    async with line.call(user=TELEPHONES[1]) as caller:
        await caller.hears_begin("main.greeting")
        caller.phone.press("62" + WITH_X.replace("X", "*"))
        await caller.hears_begin("survey.menu")
        caller.phone.press("1")
        await until(lambda: any(fact["fact"] == "Voted" for fact in line.facts()))


async def with_an_agent(line: LiveLine, caller: Caller) -> None:
    """The agent sees the tail of the number and what was looked up."""
    agent = line.settings.agents.phones[0]
    password = agent_password(agent, line.settings)
    port = line.settings.sip_port
    async with Phone.open(port, user=agent.extension, password=password) as phone:
        await phone.register()
        caller.phone.press("0")
        async with asyncio.timeout(20):
            await phone.answered.wait()
        await asyncio.sleep(1.0)  # the two talk
        await phone.hang_up()
        await caller.hears("agent.ended")


def file_all_days(line: LiveLine) -> None:
    """Load what the spools hold, and file the day as if it were long over."""
    loader = Loader(FactsFolder(line.settings.home))
    loader.load()
    for _step in loader.tidy(datetime.now(UTC) + timedelta(days=4)):
        pass
    loader.publish()
    loader.close()


def unpack_for_a_helper(line: LiveLine) -> None:
    """What `ivr support` sends away, laid among the files that are searched."""
    content = gather(line.settings, examine, datetime.now(UTC))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(line.settings.home)


def test_the_file_for_a_helper_is_among_what_is_searched(used_line: LiveLine) -> None:
    sent = {name for name, _ in written(used_line) if name.startswith("ivr-support/")}
    assert {"ivr-support/log/asterisk.log", "ivr-support/doctor.json"} <= sent


def written(line: LiveLine) -> Iterator[tuple[str, bytes]]:
    """Everything on disk: each file's name and content; DuckDB's and Parquet's rows as text."""
    root = install().root
    places = [line.settings.home]
    if root is not None:
        places += [root / "var" / name for name in ("log", "spool", "lib/asterisk")]
    for place in places:
        for path in place.rglob("*"):
            if path.is_file() and path.name not in NOT_OURS:
                yield str(path.relative_to(place)), path.read_bytes()
    facts = FactsFolder(line.settings.home)
    yield from rows(facts.published)
    yield from rows(facts.private)


def rows(database: Path) -> Iterator[tuple[str, bytes]]:
    """DuckDB compresses what it keeps: searching its bytes would find nothing."""
    with duckdb.connect(str(database), read_only=True) as facts:
        tables = facts.execute(
            "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE NOT internal"
            " UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal"
        ).fetchall()
        for (table,) in tables:
            content = facts.execute(f"FROM {table}").fetchall()
            yield f"{database.name}: {table}", repr(content).encode()


@pytest.mark.parametrize("private", PRIVATE)
def test_nothing_that_anybody_wrote_holds_it(used_line: LiveLine, private: str) -> None:
    for name, content in written(used_line):
        assert private.encode() not in content, f"{name} holds it"
        assert private not in name


def test_the_search_finds_what_is_there(used_line: LiveLine) -> None:
    """A session's id stands in the spool, in DuckDB and in Parquet: the search looks into each."""
    started = next(f for f in used_line.facts() if f["fact"] == "SessionStarted")
    session = started["session"].encode()
    holding = [name for name, content in written(used_line) if session in content]
    assert any(name.startswith("spool/facts-") for name in holding)
    assert any(name.startswith("ivr.duckdb: call_session") for name in holding)
    assert not any(name == "private.duckdb: hot.call_session" for name in holding), "not filed"


def test_the_calls_did_what_they_were_to_do(used_line: LiveLine) -> None:
    kinds = [fact["fact"] for fact in used_line.facts()]
    assert kinds.count("LookedUp") == 5
    assert kinds.count("SessionResumed") == 1
    assert kinds.count("Recorded") == kinds.count("Voted") == 1
    assert [f["outcome"] for f in used_line.facts() if f["fact"] == "Transferred"] == ["answered"]


def test_nobody_else_may_read_what_is_kept(used_line: LiveLine) -> None:
    """Spools, keys, secrets, Asterisk's configuration: this user's only."""
    home = used_line.settings.home
    kept = [
        *home.glob("keys/*"),
        *home.glob("spool/*"),
        *home.glob("asterisk/etc/*.conf"),
        *home.rglob("*.secret"),
        *home.glob("locks.jsonl"),
        home / "vault.sqlite",
        *home.glob("recordings/*/*/*"),
    ]
    assert len(kept) > 10
    assert {oct(path.stat().st_mode & 0o077) for path in kept} == {"0o0"}


def test_no_core_dump_can_be_left(used_line: LiveLine) -> None:
    used_line.start_service()
    assert used_line.service is not None
    limits = Path(f"/proc/{used_line.service.pid}/limits").read_text()
    (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]
    used_line.kill_service(signal.SIGTERM)
