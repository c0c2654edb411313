"""Closed days as Parquet: the same answers, whatever is filed, merged, late, lost or left over."""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from analytics.answering.asking import answer, ask, opened
from analytics.answering.views import ALL
from analytics.loading import closing
from analytics.loading.closing import ClosedDays, Period
from analytics.loading.horizon import Horizon, keep_from
from analytics.loading.loader import Loader, last_closed
from analytics.loading.spools import KEEP
from analytics.loading.store import SCHEMA, FactsFolder, migrate, open_store
from ivr.records.facts import DialogueEntered, Recorded, RecordingMoved, SessionEnded, Step
from tests.analytics.spool import Timed, lines, spool_file
from tests.analytics.standing import Standing, passed
from tests.analytics.test_loader import call

pytestmark = pytest.mark.live

DAY = timedelta(days=1)
NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
"""The day of the calls, which is closed two days later."""
CLOSED = NOON + 2 * DAY
MONTH_CLOSED = NOON + 10 * DAY

CONTENT = (
    "SELECT session, started, ended, ms, disposition, steps, lookups, completed FROM call_session"
    " ORDER BY ALL",
    "SELECT event, session, n FROM call_step ORDER BY ALL",
    "SELECT event, session, outcome FROM lookup ORDER BY ALL",
    "SELECT day, dialogue, prompt, sum(times), sum(ms) FROM step_day GROUP BY ALL ORDER BY ALL",
    "SELECT day, dialogue, sum(visits) FROM visit_day GROUP BY ALL ORDER BY ALL",
)


def days_of_calls(*days: int, calls: int = 3) -> list[Timed]:
    return [
        fact
        for day in days
        for n in range(calls)
        for fact in call(f"{day}-{n}", (day * DAY).total_seconds() + 60 * n)
    ]


def content(folder: FactsFolder) -> list[list[tuple[object, ...]]]:
    with opened(folder.published) as facts:
        return [list(answer(facts, query).rows) for query in CONTENT]


def hot_rows(folder: FactsFolder) -> int:
    ((rows,),) = ask(folder.published, "SELECT count(*) FROM hot.call_session").rows
    assert isinstance(rows, int)
    return rows


def counting(folder: FactsFolder) -> set[str]:
    return {
        str(name) for (name,) in ask(folder.published, "SELECT name FROM hot.parquet_file").rows
    }


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Standing:
    """Of four days of calls."""

    def begun(folder: FactsFolder) -> None:
        visits = [
            (NOON + day * DAY, DialogueEntered(session=f"{day}-0", dialogue="account.inquiry"))
            for day in range(4)
        ]
        spool_file(folder.home).write_bytes(lines([*days_of_calls(0, 1, 2, 3), *visits]))

    return Standing(tmp_path_factory.mktemp("line"), begun)


def test_closed_days_leave_the_database_and_all_stays_as_it_was(line: Standing) -> None:
    folder = line.after(None)
    before = content(folder)
    passed(folder, CLOSED + DAY)
    assert hot_rows(folder) == 6  # two days of four
    assert content(folder) == before
    assert not any("2026-11-26" in name for name in counting(folder))


def test_today_and_yesterday_stay() -> None:
    before_midnight = datetime(2026, 11, 24, 15, 59, tzinfo=UTC)  # 23:59 in Beijing
    assert last_closed(before_midnight) == date(2026, 11, 22)
    assert last_closed(before_midnight + timedelta(minutes=1)) == date(2026, 11, 23)


def test_a_closed_month_becomes_one_file_for_each_table(line: Standing) -> None:
    folder = line.after(CLOSED)
    passed(folder, CLOSED + DAY)
    before = content(folder)
    passed(folder, MONTH_CLOSED)
    assert content(folder) == before
    names = counting(folder)
    assert all("-2026-11-" in name and len(name.split("-")) == 4 for name in names)
    assert len([name for name in names if name.startswith("call_step")]) == 1
    assert hot_rows(folder) == 0


def test_a_snapshot_that_is_still_open_reads_retired_files(line: Standing) -> None:
    folder = line.after(CLOSED)
    with duckdb.connect(str(folder.published), read_only=True) as analyst:
        first = analyst.execute(CONTENT[1]).fetchall()
        passed(folder, CLOSED + DAY)
        passed(folder, MONTH_CLOSED)
        assert analyst.execute(CONTENT[1]).fetchall() == first


def test_retired_files_go_after_their_grace_and_counting_ones_never(
    line: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = line.after(CLOSED)
    old = counting(folder)
    torn = folder.parquet / "call_step-2026-11-24-torn.parquet"
    torn.write_bytes(b"PAR1")
    passed(folder, MONTH_CLOSED)
    assert old <= {path.name for path in folder.parquet.iterdir()}
    monkeypatch.setattr(closing, "GRACE_SECONDS", 0.0)
    time.sleep(0.01)
    passed(folder, MONTH_CLOSED)
    assert {path.name for path in folder.parquet.glob("*.parquet")} == counting(folder)


# --- late facts -------------------------------------------------------------------------------


def late_step(session: str, n: int) -> Timed:
    step = Step(
        session=session, n=n, dialogue="main", verb="menu", prompt="main.menu", heard="match",
        key="2", keys=1, ms=10,
    )  # fmt: skip
    return NOON + timedelta(seconds=20), step


def test_a_late_fact_renews_its_call_once(line: Standing) -> None:
    folder = line.after(CLOSED)
    spool_file(folder.home, "facts-late.jsonl").write_bytes(lines([late_step("0-0", 2)]))
    query = "SELECT steps, disposition FROM call_session WHERE session = '0-0'"
    for now in (None, CLOSED, MONTH_CLOSED):
        passed(folder, now)
        assert ask(folder.published, query).rows == ((2, "hung_up"),)
        assert ask(folder.published, "SELECT count(*) FROM call_session").rows == ((12,),)
        assert ask(folder.published, "SELECT sum(times)::INT FROM step_day").rows == ((13,),)
    assert hot_rows(folder) == 0


def test_facts_that_come_again_after_their_day_was_filed_change_nothing(
    line: Standing,
) -> None:
    folder = line.after(MONTH_CLOSED)
    before, files = content(folder), counting(folder)
    again = spool_file(folder.home).read_bytes()
    spool_file(folder.home, "facts-copy.jsonl").write_bytes(again)
    passed(folder, MONTH_CLOSED)
    assert content(folder) == before
    assert counting(folder) == files
    assert hot_rows(folder) == 0


def test_a_call_without_an_end_waits_for_it_and_keeps_its_counts(line: Standing) -> None:
    folder = line.after()
    facts = call("long")
    spool_file(folder.home, "facts-long.jsonl").write_bytes(lines(facts[:-1]))
    passed(folder, CLOSED)
    query = "SELECT steps, lookups, ended IS NULL FROM call_session WHERE session = 'long'"
    assert ask(folder.published, query).rows == ((1, 1, True),)
    spool_file(folder.home, "facts-long.jsonl").open("ab").write(lines(facts[-1:]))
    for now in (None, CLOSED):
        passed(folder, now)
        assert ask(folder.published, query).rows == ((1, 1, False),)


def test_a_call_that_never_ended_is_filed_after_a_week_and_can_end_later(
    line: Standing,
) -> None:
    folder = line.after()
    lost = spool_file(folder.home, "facts-lost.jsonl")
    lost.write_bytes(lines(call("lost")[:2]))
    passed(folder, MONTH_CLOSED)
    assert hot_rows(folder) == 0
    ended = SessionEnded(session="lost", disposition="service_lost", dialogue="main")
    lost.open("ab").write(lines([(MONTH_CLOSED, ended)]))
    query = "SELECT disposition, ms, dialled FROM call_session WHERE session = 'lost'"
    for now in (None, MONTH_CLOSED):
        passed(folder, now)
        assert ask(folder.published, query).rows == (("service_lost", None, "12329"),)


def test_a_recording_moves_though_its_day_is_filed(line: Standing) -> None:
    folder = line.after()
    saved = Recorded(
        session="0-0", kind="complaint", person="p", path="x.wav", ms=5, bytes=6, sha256="0",
        reference="R1",
    )  # fmt: skip
    spool_file(folder.home, "facts-1.jsonl").write_bytes(lines([(NOON, saved)]))
    passed(folder, CLOSED)
    moved = RecordingMoved(reference="R1", state="handled")
    spool_file(folder.home, "facts-2.jsonl").write_bytes(lines([(CLOSED, moved)]))
    passed(folder, CLOSED)
    query = "SELECT state, moved FROM recording"
    assert ask(folder.published, query).rows == (("handled", CLOSED.replace(tzinfo=None)),)


# --- loss and damage --------------------------------------------------------------------------


@pytest.mark.parametrize("now", [CLOSED + DAY, MONTH_CLOSED])
@pytest.mark.parametrize("spools", [True, False])
def test_a_lost_database_comes_back_from_parquet_and_spools(
    line: Standing, now: datetime, spools: bool
) -> None:
    folder = line.after(now)
    if not spools:  # filed long ago: another file has its place
        spool_file(folder.home).write_bytes(lines(days_of_calls(9)))
        passed(folder, MONTH_CLOSED + 10 * DAY)
    before = content(folder)
    folder.private.unlink()
    passed(folder)
    assert content(folder) == before


def test_a_spool_that_outlives_its_facts_brings_none_of_them_back(tmp_path: Path) -> None:
    """Counts by day outlive what was counted: read again, the same calls would count twice."""
    folder = FactsFolder(tmp_path)
    spool_file(tmp_path).write_bytes(lines(days_of_calls(0, 8)))
    passed(folder, MONTH_CLOSED)
    counted = content(folder)[-2:]
    keep_from(folder, Horizon(calls=date(2026, 12, 1), complaints=date(2026, 12, 1)))
    passed(folder, MONTH_CLOSED)
    kept = content(folder)
    assert {session for session, *_ in kept[0]} == {f"8-{n}" for n in range(3)}
    assert kept[-2:] == counted, "nothing of the counts is forgotten"
    folder.private.unlink()
    for _ in range(2):
        passed(folder, MONTH_CLOSED + 3 * DAY)
    assert content(folder) == kept


@pytest.mark.parametrize("harm", ["lost", "torn"])
@pytest.mark.parametrize("table", ["call_step", "call_session", "step_day"])
def test_a_damaged_file_is_told_and_comes_back_from_the_spools(
    line: Standing, harm: str, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = line.after(CLOSED + DAY)
    before = content(folder)
    victim = next(folder.parquet.glob(f"{table}-*"))
    whole = victim.read_bytes()
    victim.unlink()
    if harm == "torn":
        victim.write_bytes(whole[:-100])
    passed(folder)
    assert "lost or damaged" in caplog.text
    assert content(folder) == before


@pytest.mark.parametrize(
    ("table", "round_days", "days"),
    [
        pytest.param("call_session", 3, [2, 3, 4], id="when it has its turn"),
        pytest.param("call_step", 10**9, [8, 9], id="when its month is merged"),
        pytest.param("step_day", 10**9, [8, 9], id="when counts are merged"),
    ],
)
def test_what_rots_inside_a_file_is_found(
    line: Standing,
    table: str,
    round_days: int,
    days: list[int],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its footer is whole, so that a start sees nothing."""
    monkeypatch.setattr(closing, "CHECK_DAYS", round_days)
    folder = line.after(CLOSED + DAY)
    before = content(folder)
    victim = next(folder.parquet.glob(f"{table}-*"))
    _zeroed(victim)
    loader = Loader(folder)
    loader._checked = CLOSED
    assert "lost or damaged" not in caplog.text
    for day in days:
        for _ in loader.tidy(CLOSED + DAY + day * DAY):
            pass
        loader.load()
        loader.publish()
    loader.close()
    assert f"lost or damaged: {victim.name}" in caplog.text
    assert content(folder) == before


def _zeroed(parquet: Path) -> None:
    """All but the magic words and the footer, whose length stands before the last of them."""
    whole = parquet.read_bytes()
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    parquet.write_bytes(whole[:4] + bytes(len(whole) - 4 - footer) + whole[-footer:])


def test_files_of_an_older_schema_stay_readable(line: Standing) -> None:
    folder = line.after(CLOSED)
    old = next(folder.parquet.glob("call_session-*"))
    with duckdb.connect() as older:
        rows = f"SELECT * EXCLUDE (cause, agent_ms) FROM '{old}'"
        older.execute(f"COPY ({rows}) TO '{old}.tmp' (FORMAT parquet)")
    Path(f"{old}.tmp").replace(old)
    passed(folder, MONTH_CLOSED)
    query = "SELECT count(*), count(cause), count(agent_ms) FROM call_session"
    assert ask(folder.published, query).rows == ((12, 9, 9),)


STEPS = sorted(SCHEMA.glob("*.sql"))


def test_steps_of_the_schema_are_numbered_one_by_one() -> None:
    """Of two with one number a database would miss the second that comes to it later."""
    numbers = [int(step.name.partition("_")[0]) for step in STEPS]
    assert numbers == list(range(1, len(STEPS) + 1))


LOST = ("call_step", "step_day", "visit_day")
OLDER = [
    *((step, LOST[number % len(LOST)]) for number, step in enumerate(STEPS)),
    *((STEPS[0], lost) for lost in LOST[1:]),
]
"""Each step with one of the tables in turn, and the first step with every one."""


@pytest.mark.parametrize(("step", "lost"), OLDER, ids=lambda part: getattr(part, "stem", part))
def test_days_of_any_older_schema_are_counted_anew(
    line: Standing, step: Path, lost: str, tmp_path: Path
) -> None:
    """Every file of the month was written when the schema had no later step than this one."""
    folder = line.after(MONTH_CLOSED)
    before = content(folder)
    _written_under(step, folder.parquet, tmp_path / "older")
    next(folder.parquet.glob(f"{lost}-*")).unlink()
    passed(folder)
    assert content(folder) == before
    with opened(folder.published) as facts:
        for table in ALL:
            answer(facts, f"SELECT * FROM {table}")


def _written_under(step: Path, parquet: Path, scratch: Path) -> None:
    """Leave the files no columns but those of the schema up to that step."""
    scratch.mkdir()
    for each in STEPS[: STEPS.index(step) + 1]:
        shutil.copy(each, scratch)
    with duckdb.connect() as older:
        migrate(older, scratch)
        known = older.execute(
            "SELECT table_name, list(column_name) FROM duckdb_columns()"
            " WHERE schema_name = 'hot' GROUP BY ALL"
        ).fetchall()
        for file in parquet.glob("*.parquet"):
            columns = dict(known).get(file.name.split("-")[0], [])
            names = older.execute(f"DESCRIBE FROM '{file}'").fetchall()
            kept = ", ".join(f'"{name}"' for name, *_ in names if name in columns)
            if kept:
                older.execute(
                    f"COPY (SELECT {kept} FROM '{file}') TO '{file}.tmp' (FORMAT parquet)"
                )
                Path(f"{file}.tmp").replace(file)


def test_a_home_that_moved_finds_its_files(line: Standing, tmp_path: Path) -> None:
    folder = line.after(CLOSED)
    before = content(folder)
    moved = tmp_path / "moved"
    moved.mkdir()
    for part in ("facts", "spool"):
        shutil.move(folder.home / part, moved / part)
    FactsFolder(moved).published.unlink()
    passed(FactsFolder(moved))
    assert content(FactsFolder(moved)) == before


# --- spools and size --------------------------------------------------------------------------


def spools(folder: FactsFolder) -> list[str]:
    return sorted(path.name for path in folder.spool.glob("*.jsonl"))


def test_a_spool_file_goes_when_all_its_facts_were_filed_days_ago(tmp_path: Path) -> None:
    folder = FactsFolder(tmp_path)
    for number, day in enumerate((0, 1, 30), start=1):
        spool_file(tmp_path, f"facts-{number}.jsonl").write_bytes(lines(days_of_calls(day)))
    spool_file(tmp_path, "facts-4.jsonl").write_bytes(lines(days_of_calls(2), node="n2"))
    passed(folder, NOON + 3 * DAY)
    assert len(spools(folder)) == 4
    passed(folder, NOON + 2 * DAY + KEEP)
    assert spools(folder) == ["facts-3.jsonl", "facts-4.jsonl"]  # the newest of each node stays
    before = content(folder)
    folder.private.unlink()
    passed(folder)
    assert content(folder) == before


def test_a_spool_file_stays_while_it_has_facts_that_are_not_filed(tmp_path: Path) -> None:
    folder = FactsFolder(tmp_path)
    torn = b'{"id": "torn'
    spool_file(tmp_path, "facts-1.jsonl").write_bytes(lines(call("open")[:1]) + torn)
    spool_file(tmp_path, "facts-2.jsonl").write_bytes(lines(days_of_calls(1)))
    passed(folder, CLOSED)
    assert hot_rows(folder) == 4  # the open call, and the day after it
    loader = Loader(folder)
    for _ in loader.tidy(CLOSED + timedelta(days=4)):
        pass
    loader.close()
    assert spools(folder) == ["facts-1.jsonl", "facts-2.jsonl"]


def test_the_private_file_gives_back_what_closed_days_left(tmp_path: Path) -> None:
    folder = FactsFolder(tmp_path)
    store = open_store(folder)
    store.execute(
        "INSERT INTO hot.call_step (event, session, happened)"
        " SELECT uuid(), uuid()::VARCHAR, TIMESTAMP '2026-11-24 04:00:00' FROM range(200000)"
    )
    store.close()
    passed(folder)
    large = folder.published.stat().st_size
    passed(folder, CLOSED)
    assert folder.published.stat().st_size < large / 2
    assert ask(folder.published, "SELECT count(DISTINCT event) FROM call_step").rows == ((200000,),)


def test_history_is_filed_while_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.loading.loader.MOST_HOT_ROWS", 20)
    monkeypatch.setattr("analytics.loading.intake.MOST_BYTES", 5000)
    folder = FactsFolder(tmp_path)
    past = days_of_calls(*range(-400, -340, 5))
    spool_file(tmp_path).write_bytes(lines(past))
    loader = Loader(folder)
    loader.load()
    assert counting(folder) if folder.published.exists() else list(folder.parquet.glob("*.parquet"))
    loader.publish()
    loader.close()
    assert ask(folder.published, "SELECT count(*), sum(steps)::INT FROM call_session").rows == (
        (36, 36),
    )


@pytest.mark.parametrize(
    ("day", "until", "name"),
    [
        (date(2026, 11, 30), date(2026, 11, 30), "2026-11"),
        (date(2026, 11, 1), date(2026, 11, 29), "2026-11-01"),
        (date(2026, 2, 28), date(2026, 12, 1), "2026-02"),
        (date(2026, 12, 31), date(2026, 12, 31), "2026-12"),
    ],
)
def test_a_day_is_filed_under_its_month_once_that_is_closed(
    day: date, until: date, name: str
) -> None:
    assert Period.of(day, until).name == name


def test_a_file_that_is_not_whole_is_never_listed(line: Standing) -> None:
    """Killed while writing: the next loader files the same days again."""
    folder = line.after()
    store = open_store(folder)
    days = ClosedDays(store, folder.parquet)
    days.open(NOON)
    loader_rows = store.execute("SELECT count(*) FROM hot.call_session").fetchone()
    assert loader_rows == (0,)
    assert list(days.close_days(date(2026, 11, 30))) == []
    store.close()
    os.truncate(folder.private, 0)
    passed(folder, CLOSED)
    assert ask(folder.published, "SELECT count(*) FROM call_session").rows == ((12,),)
