"""What is unreadable now is not deleted: rebuilds, volumes, lists, rot, live pages, kills."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from analytics.answering.asking import LIMITS, ask, opened
from analytics.loading import closing, listing, losses, quarantine
from analytics.loading.closing import ClosedDays
from analytics.loading.horizon import Horizon, keep_from
from analytics.loading.listing import Away
from analytics.loading.loader import Loader, run
from analytics.loading.store import FactsFolder, is_damage, open_store
from ivr.records import journal
from ivr.records.facts import Recorded, RecordingMoved, Refused, Step
from ivr.records.journal import Journal
from tests.analytics.spool import lines, spool_file
from tests.analytics.standing import Standing, passed
from tests.analytics.test_closing import (
    CLOSED,
    MONTH_CLOSED,
    NOON,
    content,
    counting,
    days_of_calls,
)
from tests.analytics.test_loader import call

pytestmark = pytest.mark.live

AS_SHIPPED = dict(LIMITS)
DAY = timedelta(days=1)
MERGED = (CLOSED + DAY, MONTH_CLOSED)
"""Two passes: days are filed, and their month is merged."""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Standing:
    """A line with closed days, whose spools have gone, and open ones."""

    def begun(folder: FactsFolder) -> None:
        spool_file(folder.home).write_bytes(lines(days_of_calls(0, 1)))
        passed(folder, CLOSED + DAY)
        spool_file(folder.home).unlink()
        spool_file(folder.home, "facts-2.jsonl").write_bytes(lines(days_of_calls(2, 3)))
        passed(folder, CLOSED)

    return Standing(tmp_path_factory.mktemp("line"), begun)


@pytest.fixture
def folder(line: Standing) -> FactsFolder:
    return line.after()


# --- rebuilds ---------------------------------------------------------------------------------


def test_a_rebuild_that_is_interrupted_is_done_again(
    folder: FactsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(folder)
    folder.private.unlink()

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupted:
        interrupted.setattr(listing, "recall", cut)
        with pytest.raises(KeyboardInterrupt):
            open_store(folder)
    assert not folder.private.exists()
    passed(folder, MONTH_CLOSED)
    assert content(folder) == before


def test_a_database_that_an_older_loader_left_half_made_is_made_anew(
    folder: FactsFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows no file; an older loader went on with it and removed all history."""
    before, files = content(folder), counting(folder)
    other = FactsFolder(tmp_path / "other")
    open_store(other).close()
    other.private.replace(folder.private)
    monkeypatch.setattr(closing, "GRACE_SECONDS", -1.0)
    passed(folder, CLOSED)
    assert content(folder) == before
    assert counting(folder) == files


def test_a_log_without_its_database_is_laid_aside(folder: FactsFolder) -> None:
    before = content(folder)
    folder.private.unlink()
    folder.private.with_name("private.duckdb.wal").write_bytes(os.urandom(5000))
    passed(folder)
    assert content(folder) == before
    assert list(folder.private.parent.glob("quarantine/*/damaged-*.wal"))


# --- volumes and lists ------------------------------------------------------------------------


@pytest.mark.parametrize("private", ["known", "lost"])
@pytest.mark.parametrize("there", ["no folder", "an empty folder", "the list only"])
def test_a_volume_that_is_not_mounted_yet_costs_nothing(
    folder: FactsFolder, private: str, there: str
) -> None:
    before, away = content(folder), folder.home / "away"
    folder.parquet.rename(away)
    if there != "no folder":
        folder.parquet.mkdir()
    if there == "the list only":
        shutil.copy(away / listing.FILE, folder.parquet)
    if private == "lost":
        folder.private.unlink()
    for _ in range(2):
        with pytest.raises(Away, match="mounted"):
            passed(folder, MONTH_CLOSED)
    shutil.rmtree(folder.parquet)
    away.rename(folder.parquet)
    passed(folder, MONTH_CLOSED)
    assert content(folder) == before


def test_a_volume_that_goes_while_the_loader_runs_is_not_written_to(folder: FactsFolder) -> None:
    before, away = content(folder), folder.home / "away"
    loader = Loader(folder)
    folder.parquet.rename(away)
    folder.parquet.mkdir()
    with pytest.raises(Away):
        list(loader.tidy(MONTH_CLOSED))
    loader.close()
    assert list(folder.parquet.iterdir()) == []
    folder.parquet.rmdir()
    away.rename(folder.parquet)
    passed(folder, MONTH_CLOSED)
    assert content(folder) == before


def test_a_running_loader_waits_for_its_volume(
    folder: FactsFolder, caplog: pytest.LogCaptureFixture
) -> None:
    away, stop = folder.home / "away", threading.Event()
    folder.parquet.rename(away)
    spool_file(folder.home, "facts-3.jsonl").write_bytes(lines(call("late", 86_400 * 3.2)))
    loader = threading.Thread(target=run, args=(folder,), kwargs={"stop": stop})
    loader.start()
    try:
        until(lambda: "没有挂载" in caplog.text)
        shutil.rmtree(folder.parquet)
        away.rename(folder.parquet)
        until(lambda: ask(folder.published, "SELECT count(*) FROM call_session").rows == ((13,),))
    finally:
        stop.set()
        loader.join()


def test_parquet_without_its_list_stops_a_new_database(folder: FactsFolder) -> None:
    listed = folder.parquet / listing.FILE
    whole, before = listed.read_bytes(), content(folder)
    listed.unlink()
    folder.private.unlink()
    with pytest.raises(Away, match=r"restore it from its backup"):
        passed(folder)
    listed.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Away, match=r"restore it from its backup"):
        passed(folder)
    listed.write_bytes(whole)
    passed(folder)
    assert content(folder) == before


def test_a_list_that_alone_is_lost_is_written_anew(folder: FactsFolder) -> None:
    listed = folder.parquet / listing.FILE
    whole = listed.read_bytes()
    listed.unlink()
    passed(folder)
    assert listed.read_bytes() == whole


def test_a_file_that_the_system_refuses_is_not_a_lost_one(folder: FactsFolder) -> None:
    before = content(folder)
    victim = next(folder.parquet.glob("call_step-*"))
    whole = victim.read_bytes()
    victim.unlink()
    victim.symlink_to(victim)  # root may read everything, but not this
    with pytest.raises(Away, match="cannot be read now"):
        passed(folder, MONTH_CLOSED)
    victim.unlink()
    victim.write_bytes(whole)
    passed(folder, MONTH_CLOSED)
    assert content(folder) == before


def test_retired_files_are_set_apart_and_go_thirty_days_later(
    folder: FactsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = counting(folder)
    monkeypatch.setattr(closing, "GRACE_SECONDS", -1.0)
    passed(folder, MONTH_CLOSED)
    apart = lambda: {path.name for path in folder.parquet.glob("quarantine/*/*")}  # noqa: E731
    assert old - counting(folder) <= apart()
    passed(folder, MONTH_CLOSED + quarantine.KEEP)
    assert old - counting(folder) <= apart()
    passed(folder, MONTH_CLOSED + quarantine.KEEP + DAY)
    assert apart() == set()


# --- restored from a backup -------------------------------------------------------------------


@pytest.fixture
def older(line: Standing, tmp_path: Path) -> Path:
    """The private database as it was before days were filed and their month was merged."""
    older = tmp_path / "older.duckdb"
    shutil.copy(line.after().private, older)
    for spool in line.after(*MERGED).spool.glob("*.jsonl"):
        spool.unlink()  # filed long ago
    return older


@pytest.mark.parametrize("grace", [True, False])
def test_a_database_older_than_its_list_is_made_anew(
    folder: FactsFolder,
    older: Path,
    grace: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whether what it knows still lies there or is set apart."""
    before, files = content(folder), counting(folder)
    monkeypatch.setattr(closing, "GRACE_SECONDS", -1.0)
    if not grace:
        passed(folder, MONTH_CLOSED)
    older.replace(folder.private)
    for _ in range(2):
        passed(folder, MONTH_CLOSED)
        assert content(folder) == before
        assert counting(folder) == files
    assert "older than" in caplog.text
    assert list(folder.private.parent.glob("quarantine/*/*-private.duckdb"))


def test_a_list_older_than_the_database_is_written_anew(line: Standing) -> None:
    old = (line.after().parquet / listing.FILE).read_bytes()
    folder = line.after(*MERGED)
    listed = folder.parquet / listing.FILE
    before, new = content(folder), listed.read_bytes()
    assert new != old
    listed.write_bytes(old)
    passed(folder)
    assert listed.read_bytes() == new
    assert content(folder) == before


def test_a_folder_restored_without_the_database_is_taken_as_it_is(
    line: Standing, tmp_path: Path
) -> None:
    """Its list is older; what was filed since then stands as lost until it is put back."""
    backup = tmp_path / "backup"
    shutil.copytree(line.after().parquet, backup)
    before = content(line.after())
    folder = line.after(*MERGED)
    shutil.rmtree(folder.parquet)
    shutil.move(backup, folder.parquet)
    passed(folder, MONTH_CLOSED)
    assert content(folder) == before
    assert losses.noted(folder.parquet)


def test_a_list_of_an_older_version_is_read(folder: FactsFolder) -> None:
    before = content(folder)
    listed = folder.parquet / listing.FILE
    listed.write_text(json.dumps(json.loads(listed.read_text())["files"]))
    folder.private.unlink()
    passed(folder, MONTH_CLOSED)
    assert content(folder) == before


def test_a_file_that_is_put_back_counts_once(tmp_path: Path) -> None:
    """Also where a part of it came again from the spools meanwhile."""
    folder, told = FactsFolder(tmp_path), lines(days_of_calls(0, 1))
    spool = spool_file(tmp_path)
    spool.write_bytes(told)
    passed(folder, CLOSED + DAY)
    before = content(folder)
    spool.write_bytes(b"".join(told.splitlines(keepends=True)[:7]))
    lost = [next(folder.parquet.glob(f"{table}-2026-11-24*")) for table in ("call_step", "lookup")]
    kept = {file: file.read_bytes() for file in lost}
    for file in lost:
        file.unlink()
    passed(folder)
    assert {loss.name for loss in losses.noted(folder.parquet)} == {file.name for file in lost}
    for file, whole in kept.items():
        file.write_bytes(whole)
    passed(folder, MONTH_CLOSED)
    assert losses.noted(folder.parquet) == ()
    assert content(folder) == before


def test_a_lost_file_takes_no_counts_of_others_with_it(folder: FactsFolder) -> None:
    """Counts outlive the steps that were counted: those are dropped after their age."""
    passed(folder, MONTH_CLOSED)
    saved = Recorded(
        session="0-0", kind="complaint", person="p", path="x.wav", ms=5, bytes=6, sha256="0",
        reference="R1",
    )  # fmt: skip
    spool_file(folder.home, "facts-4.jsonl").write_bytes(lines([(NOON, saved)]))
    passed(folder, MONTH_CLOSED)
    keep_from(folder, Horizon(NOON.date() + 30 * DAY, NOON.date() - 30 * DAY))
    passed(folder, MONTH_CLOSED)
    counts = "SELECT sum(times) FROM step_day"
    before = ask(folder.published, counts).rows
    spool_file(folder.home, "facts-2.jsonl").unlink()  # of such days long gone
    (lost,) = (name for name in counting(folder) if name.startswith("recording_saved"))
    (folder.parquet / lost).unlink()
    passed(folder)
    assert ask(folder.published, counts).rows == before != ((None,),)


# --- rot --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["home", "lock", "Permission"])
def test_a_block_that_rotted_is_found_at_the_next_start(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    home = tmp_path / name
    home.mkdir()
    folder = FactsFolder(home)
    spool_file(home).write_bytes(lines(days_of_calls(0, calls=3000)))
    passed(folder)
    before = content(folder)
    rot(folder.private)
    passed(folder)
    assert "made anew" in caplog.text
    assert content(folder) == before


def rot(database: Path) -> None:
    """Some bytes of every block change; the headers stay."""
    with database.open("r+b") as file:
        for at in range(3 * 4096 + 100_000, database.stat().st_size, 262_144):
            file.seek(at)
            file.write(os.urandom(64))


@pytest.mark.parametrize(
    ("words", "damage"),
    [
        ("Corrupt database file: checksum does not match in block at location 1", True),
        ('The file "x" exists, but it is not a valid DuckDB database file!', True),
        ('Could not set lock on file "x": Conflicting lock is held', False),
        ('Cannot open file "/var/lib/block/x": Permission denied', False),
        ('Could not write file "x": No space left on device', False),
        ('Could not read from file "x": Input/output error', False),
    ],
)
def test_damage_is_told_from_what_passes(words: str, damage: bool) -> None:
    assert is_damage(duckdb.IOException(f"IO Error: {words}")) == damage


def test_every_table_is_read_once_a_day(
    folder: FactsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[datetime] = []
    monkeypatch.setattr("analytics.loading.loader.read_all", lambda _: read.append(NOON))
    loader, now = Loader(folder), datetime.now(UTC)
    for hours in (1, 23, 25, 26, 48, 50):
        list(loader.tidy(now + timedelta(hours=hours)))
    loader.close()
    assert len(read) == 2


def test_a_fault_of_tidying_keeps_no_fact_from_analysts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(ClosedDays, "sweep", full)
    monkeypatch.setattr("analytics.loading.loader.TIDY_SECONDS", 0.0)
    folder, stop = FactsFolder(tmp_path), threading.Event()
    pages = [spool_file(tmp_path, f"facts-{n}.jsonl") for n in range(2)]
    loader = threading.Thread(target=run, args=(folder,), kwargs={"stop": stop})
    loader.start()
    try:
        for n, page in enumerate(pages):
            page.write_bytes(lines(call(f"{n}")))
            until(
                lambda n=n: (
                    folder.published.exists()
                    and ask(folder.published, "SELECT count(*) FROM call_session").rows
                    == ((n + 1,),)
                )
            )
        until(lambda: "tried again later" in caplog.text)
    finally:
        stop.set()
        loader.join()


def test_days_are_closed_one_by_one_so_that_facts_are_published_between(tmp_path: Path) -> None:
    folder = FactsFolder(tmp_path)
    spool_file(tmp_path).write_bytes(lines(days_of_calls(0, 1, 2)))
    loader = Loader(folder)
    loader.load()
    tidying = loader.tidy(NOON + 4 * DAY)
    for n in range(3):
        next(tidying)
        spool_file(tmp_path, f"facts-new-{n}.jsonl").write_bytes(lines(call(f"new {n}", 400_000)))
        loader.load()
        loader.publish()
        calls = ask(folder.published, "SELECT count(*) FROM call_session").rows
        assert calls == ((10 + n,),)
    loader.close()


# --- what others may do -----------------------------------------------------------------------


def test_nobody_opens_the_private_database_while_it_is_published(folder: FactsFolder) -> None:
    loader = Loader(folder)
    try:
        spool_file(folder.home, "facts-3.jsonl").write_bytes(lines(call("more", 400_000)))
        loader.load()
        assert loader.publish()
        program = "import duckdb, sys; duckdb.connect(sys.argv[1])"
        intruder = subprocess.run(
            [sys.executable, "-c", program, str(folder.private)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Could not set lock" in intruder.stderr
    finally:
        loader.close()


def test_questions_have_bounds_that_they_cannot_lift(folder: FactsFolder) -> None:
    with opened(folder.published, limits=AS_SHIPPED) as facts:
        bounds = facts.execute(
            "SELECT current_setting('memory_limit'), current_setting('threads')"
        ).fetchone()
        assert bounds == ("488.2 MiB", 2)
        with pytest.raises(duckdb.Error, match="locked"):
            facts.execute("SET memory_limit = '8GB'")


def test_the_page_that_a_service_writes_is_never_put_away(tmp_path: Path) -> None:
    """Its clock is behind, and an operator's command has written a newer file."""
    folder = FactsFolder(tmp_path)

    async def story() -> None:
        page = Journal.open(folder.spool, node="n1", clock=lambda: NOON)
        page.note(Refused(session=None, reason="line_full"))
        await page.settled()
        moved = RecordingMoved(reference="R1", state="handled")
        for days in (0, 30):
            at = NOON + timedelta(days=days)
            journal.put(folder.spool, [moved], node="n1", clock=lambda at=at: at)
        service = Journal.open(folder.spool, node="n1", clock=lambda: NOON + 31 * DAY)
        service.note(Refused(session=None, reason="caller_busy"))
        await service.settled()
        passed(folder, NOON + 60 * DAY)
        assert page.path is not None
        assert page.path.exists()
        page.note(Refused(session=None, reason="line_overrun"))
        await page.settled()
        await page.close()
        passed(folder, NOON + 60 * DAY)
        assert not page.path.exists(), "nobody writes it any more, and all of it is filed"
        await service.close()

    asyncio.run(story())
    reasons = ask(folder.published, "SELECT reason FROM refusal ORDER BY ALL").rows
    assert reasons == (("caller_busy",), ("line_full",), ("line_overrun",))


# --- kills ------------------------------------------------------------------------------------

KILLS = int(os.environ.get("KILL_ROUNDS", "6"))
COURSES = """
import os, signal, sys
from pathlib import Path
from tests.analytics.test_nothing_is_lost import STEPS, course
from analytics.loading.store import FactsFolder

def child(step, home, tell):
    done = 0
    def look(_, event, called):
        nonlocal done
        if event == "c_call" and getattr(called, "__name__", "") in STEPS:
            done += 1
            if done == step:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.setprofile(look)
    try:
        course(FactsFolder(Path(home)))
    finally:
        sys.setprofile(None)
        os.write(tell, f"{done}\\n".encode())
        os._exit(0)

for line in sys.stdin:  # this process has no thread, which a fork would leave behind
    step, home = line.rstrip("\\n").split(" ", 1)
    told = os.fork()
    if told == 0:
        child(int(step), home, sys.stdout.fileno())
    os.waitpid(told, 0)
"""
"""For each line, a number and a home: all of `course` there, killed before that call."""
STEPS = frozenset(
    [
        "execute",
        "begin",
        "commit",
        "replace",
        "rename",
        "unlink",
        "fsync",
        "utime",
        "mkdir",
        "chmod",
        "open",
        "write",
        "close",
        "connect",
        "fork_exec",
    ]
)
"""Calls between which a kill may fall: of DuckDB and of the system."""


def course(folder: FactsFolder) -> None:
    """A lost database, a load with a late fact, days filed, a month merged, old calls dropped."""
    folder.private.unlink(missing_ok=True)
    with_horizon(folder)


def with_horizon(folder: FactsFolder) -> None:
    keep_from(folder, Horizon(NOON.date() - 30 * DAY, NOON.date() - 30 * DAY))
    passed(folder, MONTH_CLOSED)


def killed_at(*steps: tuple[int, FactsFolder]) -> str:
    """What courses that ended by themselves tell: how many calls there were."""
    done = subprocess.run(
        [sys.executable, "-c", COURSES],
        input="".join(f"{step} {folder.home}\n" for step, folder in steps),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_a_kill_at_any_step_loses_and_doubles_nothing(tmp_path: Path) -> None:
    origin = FactsFolder(tmp_path / "origin")
    origin.home.mkdir()
    old = spool_file(origin.home, "facts-1.jsonl")
    old.write_bytes(lines(days_of_calls(-70, 0, 1)))
    passed(origin, CLOSED + DAY)
    old.unlink()
    late = Step(session="0-0", n=2, dialogue="main", verb="menu", prompt="p", heard="match", ms=1)
    facts = [*days_of_calls(2, 20), (NOON + timedelta(seconds=20), late)]
    spool_file(origin.home, "facts-2.jsonl").write_bytes(lines(facts))

    reference = copied(origin, tmp_path / "reference")
    steps = int(killed_at((0, reference)))
    expected = content(reference)
    assert len(expected[0]) == 12
    assert steps > 100

    chance = random.Random()
    kills = sorted(chance.sample(range(1, steps), KILLS))
    homes = {step: copied(origin, tmp_path / f"killed-{step}") for step in kills}
    assert killed_at(*homes.items()) == "", "each was killed"
    # A second time; a course that has less left to do may come to its end before.
    killed_at(*((chance.randrange(1, step + 1), folder) for step, folder in homes.items()))
    for step, folder in homes.items():
        with_horizon(folder)
        assert content(folder) == expected, f"killed before call {step} of {steps}"


def copied(folder: FactsFolder, home: Path) -> FactsFolder:
    shutil.copytree(folder.home, home)
    return FactsFolder(home)


def until(held: Callable[[], bool]) -> None:
    """Wait; the test's own time limit ends what never holds."""
    while not held():
        time.sleep(0.05)
