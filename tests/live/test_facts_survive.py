"""Facts survive a full disk and a broken database; the callers notice neither."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import duckdb
import pytest

from analytics.loading.store import FactsFolder
from ivr.asterisk import locate, process
from ivr.records.durable import append
from ivr.speech import prompts
from tests import commands
from tests.live.conftest import HANGING_SECONDS, LiveLine, a_line
from tests.live.faults import small_disk
from tests.live.test_agents import until

pytestmark = pytest.mark.live


async def calls_and_leaves(line: LiveLine) -> None:
    async with line.call() as caller:
        await caller.hears_begin("main.menu")
        caller.phone.press("1*7")
        await caller.hears("line.goodbye")
        await caller.phone.wait_for_end(within=HANGING_SECONDS)


def lines(line: LiveLine) -> list[bytes]:
    pages = sorted((line.settings.home / "spool").glob("*.jsonl"))
    spools = [path for path in pages if not path.name.endswith("-asterisk.jsonl")]
    return [each for path in spools for each in path.read_bytes().splitlines(keepends=True)]


def test_a_full_disk_ends_no_call_damages_nothing_and_loses_no_fact(bare_line: LiveLine) -> None:
    line, disk = bare_line, bare_line.settings.home / "spool"

    async def story() -> None:
        await calls_and_leaves(line)
        await line.settled()
        before = lines(line)
        fill()
        await calls_and_leaves(line)
        await until(lambda: "No space left" in line.health()["journal"]["detail"])
        assert line.health()["status"] == "unavailable"
        await calls_and_leaves(line)
        assert lines(line)[: len(before)] == before
        (disk / "filler").unlink()
        await until(lambda: line.health()["status"] == "ok")
        await line.settled()
        assert lines(line)[: len(before)] == before

    with small_disk(disk, kilobytes=256) as fill:
        line.start_service()
        try:
            asyncio.run(story())
        finally:
            line.kill_service()
        facts = [json.loads(each) for each in lines(line)]
    for kind in ("SessionStarted", "SessionEnded"):
        assert len({fact["session"] for fact in facts if fact["fact"] == kind}) == 3
    assert len({fact["id"] for fact in facts}) == len(facts)


def test_a_service_that_is_started_on_a_full_disk_takes_calls_all_the_same(
    bare_line: LiveLine,
) -> None:
    line, home = bare_line, bare_line.settings.home
    slips = home / "slips"
    slips.mkdir(mode=0o700, exist_ok=True)
    spoilt = slips / "26112500001.slip"

    async def story() -> None:
        async with line.call() as caller:
            await caller.hears_begin("main.menu")
            line.kill_service()
            fill_spool()
            fill_sounds()
            spoilt.write_text("{")
            line.launch_service()
            await caller.hears_begin("line.sorry_wait")
            caller.phone.press("7")
            await caller.hears("line.goodbye")
        assert "No space left" in line.health()["journal"]["detail"]

    with (
        small_disk(home / "spool", kilobytes=256) as fill_spool,
        small_disk(home / "asterisk" / "sounds", kilobytes=64) as fill_sounds,
    ):
        line.start_service()
        try:
            asyncio.run(story())
        finally:
            line.kill_service()
            spoilt.unlink()


def test_a_line_that_dies_on_a_full_disk_is_there_again(
    tmp_path: Path, whole_set: prompts.PromptSet
) -> None:
    home = tmp_path / "home"
    with small_disk(home, kilobytes=32_000) as fill, a_line(home, whole_set) as line:
        line.start_service()
        asyncio.run(calls_and_leaves(line))
        asyncio.run(line.settled())
        append(home / "locks.jsonl", b'["caller somebody", 99999999999.0]\n')
        line.kill_service()
        os.killpg(line.asterisk.pid, signal.SIGKILL)
        line.asterisk.wait()
        fill()
        line.asterisk = process.start(line.settings, locate.install())
        process.wait_until_ready(line.settings, line.asterisk)
        line.launch_service()

        async def story() -> None:
            await until(lambda: "No space left" in str(line.health()))
            await calls_and_leaves(line)
            (home / "filler").unlink()
            await until(lambda: line.health()["status"] == "ok")
            await line.settled()

        asyncio.run(story())
        ends = [fact["disposition"] for fact in line.facts() if fact["fact"] == "SessionEnded"]
    assert ends == ["completed", "completed"]


@pytest.mark.parametrize("fault", ["locked", "corrupt", "missing"])
def test_a_database_that_is_broken_is_not_noticed_and_each_fact_arrives_once(
    line: LiveLine, fault: str
) -> None:
    folder = FactsFolder(line.settings.home)
    asyncio.run(calls_and_leaves(line))
    load(line)
    keeper = None
    match fault:
        case "locked":
            keeper = duckdb.connect(str(folder.private))
        case "corrupt":
            folder.private.write_bytes(os.urandom(100_000))
        case "missing":
            folder.private.unlink()
    asyncio.run(calls_and_leaves(line))
    asyncio.run(line.settled())
    assert line.health()["status"] == "ok"
    if keeper is not None:
        assert load(line) != 0
        keeper.close()
    assert load(line) == 0
    assert ended_calls(folder.published) == ended_sessions(line)


def load(line: LiveLine) -> int:
    return commands.ivr(line.env, "loader", "--once").returncode


def ended_calls(published: Path) -> list[str]:
    with duckdb.connect(str(published), read_only=True) as database:
        rows = database.execute("SELECT session FROM call_session WHERE ended IS NOT NULL")
        return sorted(row[0] for row in rows.fetchall())


def ended_sessions(line: LiveLine) -> list[str]:
    return sorted(fact["session"] for fact in line.facts() if fact["fact"] == "SessionEnded")
