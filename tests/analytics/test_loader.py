"""Every fact once: after repeated lines, torn lines, kills, a damaged database, a second loader."""

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import duckdb
import pytest

from analytics.answering.asking import CannotAnswer, NothingPublished, ask
from analytics.answering.views import FACT_TABLES
from analytics.loading.loader import AlreadyLoading, Loader, run
from analytics.loading.store import SCHEMA, FactsFolder, migrate, open_store
from ivr.records.facts import (
    KINDS,
    OF_PROBE,
    Disposition,
    Fact,
    LinkLost,
    LinkRestored,
    LookedUp,
    LookupOutcome,
    Probed,
    Recorded,
    RecordingMoved,
    SessionAnswered,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    Step,
    Transferred,
    Voted,
)
from tests.analytics.spool import Timed, lines, spool_file

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


def at(seconds: float, fact: Fact) -> Timed:
    return NOON + timedelta(seconds=seconds), fact


def call(session: str, start: float = 0.0) -> list[Timed]:
    return [
        at(
            start,
            SessionStarted(
                session=session, channel=f"c-{session}", dialled="12329", caller="t", catalog="v1"
            ),
        ),
        at(start + 0.1, SessionAnswered(session=session, after_ms=100)),
        at(
            start + 29,
            Step(
                session=session, n=1, dialogue="account.inquiry", verb="menu",
                prompt="nav.replay_or_back", heard="hung_up", ms=20000, said="part",
                opening="account.readout", figures=True,
            ),
        ),
        at(start + 9, LookedUp(session=session, source="fund", person="p", outcome="found", ms=9)),
        at(
            start + 30,
            SessionEnded(
                session=session, disposition="hung_up", dialogue="account.inquiry", cause=16,
                ms=30000,
            ),
        ),
    ]  # fmt: skip


def asked(home: Path, sql: str) -> list[tuple[object, ...]]:
    return list(ask(FactsFolder(home).published, sql).rows)


COUNTS = (
    "SELECT (SELECT count(*) FROM call_session), (SELECT count(*) FROM call_step),"
    " (SELECT count(*) FROM lookup), (SELECT count(DISTINCT event) FROM call_step)"
)


def test_a_call_becomes_one_row(tmp_path: Path) -> None:
    spool_file(tmp_path).write_bytes(lines(call("a")))
    run(FactsFolder(tmp_path), once=True)
    assert asked(
        tmp_path,
        "SELECT session, node, dialled, caller, started::VARCHAR, ended::VARCHAR, answer_ms,"
        " ms, disposition, last_dialogue, cause, steps, lookups, completed, transfers"
        " FROM call_session",
    ) == [
        (
            "a", "n1", "12329", "t", "2026-11-24 04:00:00", "2026-11-24 04:00:30",
            100, 30000, "hung_up", "account.inquiry", 16, 1, 1, 1, 0,
        )
    ]  # fmt: skip


def test_a_call_that_goes_on_has_no_end_and_is_completed_later(tmp_path: Path) -> None:
    path, facts = spool_file(tmp_path), lines(call("a"))
    cut = facts.rindex(b"\n", 0, -1) + 1
    path.write_bytes(facts[:cut])
    run(FactsFolder(tmp_path), once=True)
    query = "SELECT ended IS NULL, disposition, steps FROM call_session"
    assert asked(tmp_path, query) == [(True, None, 1)]
    path.write_bytes(facts)
    run(FactsFolder(tmp_path), once=True)
    assert asked(tmp_path, query) == [(False, "hung_up", 1)]


def test_a_session_that_goes_on_in_the_next_spool_file_stays_one(tmp_path: Path) -> None:
    first = call("a")[:3]
    second = [at(40, SessionResumed(session="a", dialogue="main")), *call("a", 50)[4:]]
    spool_file(tmp_path, "facts-1.jsonl").write_bytes(lines(first))
    run(FactsFolder(tmp_path), once=True)
    spool_file(tmp_path, "facts-2.jsonl").write_bytes(lines(second))
    run(FactsFolder(tmp_path), once=True)
    query = "SELECT session, resumed, steps, disposition FROM call_session"
    assert asked(tmp_path, query) == [("a", 1, 1, "hung_up")]


def test_the_order_of_files_does_not_matter(tmp_path: Path) -> None:
    facts = call("a")
    spool_file(tmp_path, "facts-1.jsonl").write_bytes(lines(facts[2:]))
    spool_file(tmp_path, "facts-2.jsonl").write_bytes(lines(facts[:2]))
    run(FactsFolder(tmp_path), once=True)
    assert asked(tmp_path, COUNTS) == [(1, 1, 1, 1)]
    assert asked(tmp_path, "SELECT steps, completed FROM call_session") == [(1, 1)]


def test_lines_that_come_twice_count_once(tmp_path: Path) -> None:
    facts = lines([*call("a"), *call("b")])
    spool_file(tmp_path, "facts-1.jsonl").write_bytes(facts + facts)
    run(FactsFolder(tmp_path), once=True)
    spool_file(tmp_path, "facts-2.jsonl").write_bytes(facts)
    run(FactsFolder(tmp_path), once=True)
    assert asked(tmp_path, COUNTS) == [(2, 2, 2, 2)]


def test_a_torn_line_waits_and_a_spoilt_one_is_passed_over(tmp_path: Path) -> None:
    facts = lines(call("a"))
    path = spool_file(tmp_path)
    path.write_bytes(b'{"id": "spoilt\nnull\n[1]\n' + facts + b'{"id": "torn')
    run(FactsFolder(tmp_path), once=True)
    assert asked(tmp_path, COUNTS) == [(1, 1, 1, 1)]


def test_recordings_votes_transfers_and_the_link_have_their_rows(tmp_path: Path) -> None:
    facts = [
        *call("a"),
        at(1, RecordingMoved(reference="R1", state="handled")),
        at(
            0,
            Recorded(
                session="a", kind="complaint", person="p", path="x.wav", ms=5, bytes=6,
                sha256="0", reference="R1",
            ),
        ),
        at(2, Voted(session="a", person="p", choice=4)),
        at(3, Voted(session="a", person="p", choice=2)),
        at(4, Transferred(session="a", agent="一号坐席", outcome="answered", ring_ms=7, talk_ms=8)),
        at(5, LinkLost(reason="closed")),
        at(6, LinkRestored(adopted=3, ms=1000)),
    ]  # fmt: skip
    spool_file(tmp_path).write_bytes(lines(facts))
    run(FactsFolder(tmp_path), once=True)
    assert asked(tmp_path, "SELECT state, moved IS NOT NULL FROM recording") == [("handled", True)]
    assert asked(tmp_path, "SELECT choice FROM counted_vote") == [(2,)]
    assert asked(tmp_path, "SELECT queue_ms, agent_ms, completed FROM call_session") == [(7, 8, 4)]
    assert asked(tmp_path, "SELECT kind, adopted FROM link ORDER BY happened") == [
        ("lost", None),
        ("restored", 3),
    ]


def test_a_complaint_that_is_spoken_again_is_one_inquiry(tmp_path: Path) -> None:
    first, second = (
        Recorded(
            session="a", kind="complaint", person="p", path=f"{reference}.wav", ms=5, bytes=6,
            sha256="0", reference=reference,
        )
        for reference in ("R1", "R2")
    )  # fmt: skip
    replaced = RecordingMoved(reference="R1", state="replaced")
    facts = [*call("a")[:3], at(1, first), at(5, second), at(5, replaced), *call("a")[3:]]
    spool_file(tmp_path).write_bytes(lines([*facts, *call("b", 100)]))
    run(FactsFolder(tmp_path), once=True)
    by_call = asked(tmp_path, "SELECT completed FROM call_session ORDER BY session")
    assert by_call == [(2,), (1,)], "one inquiry more than the call without a complaint"


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 1000])
def test_a_lost_or_damaged_database_is_made_anew_from_the_spools(
    tmp_path: Path, damage: bytes
) -> None:
    folder = FactsFolder(tmp_path)
    spool_file(tmp_path).write_bytes(lines([*call("a"), *call("b")]))
    run(folder, once=True)
    folder.private.unlink()
    if damage:
        folder.private.write_bytes(damage)
    run(folder, once=True)
    assert asked(tmp_path, COUNTS) == [(2, 2, 2, 2)]


def test_a_pass_ends_while_the_spool_goes_on_growing(tmp_path: Path) -> None:
    path, enough = spool_file(tmp_path), threading.Event()
    path.write_bytes(lines(call("a")))

    def write() -> None:
        with path.open("ab", buffering=0) as file:
            while not enough.wait(0.001):
                file.write(lines(call("b")[3:4]))

    busy = threading.Thread(target=write)
    loader = Loader(FactsFolder(tmp_path))
    busy.start()
    try:
        assert loader.load() > 0
        assert busy.is_alive()
    finally:
        enough.set()
        busy.join()
        loader.close()


def test_a_second_loader_is_refused(tmp_path: Path) -> None:
    folder, stop = FactsFolder(tmp_path), threading.Event()
    first = threading.Thread(target=run, args=(folder,), kwargs={"stop": stop})
    first.start()
    try:
        while not folder.published.exists():
            time.sleep(0.01)
        with pytest.raises(AlreadyLoading, match="one is enough"):
            run(folder, once=True)
    finally:
        stop.set()
        first.join()


def test_a_reader_keeps_its_snapshot_while_newer_ones_are_published(tmp_path: Path) -> None:
    folder = FactsFolder(tmp_path)
    spool_file(tmp_path, "facts-1.jsonl").write_bytes(lines(call("a")))
    loader = Loader(folder)
    loader.load()
    loader.publish()
    with duckdb.connect(str(folder.published), read_only=True) as reader:
        spool_file(tmp_path, "facts-2.jsonl").write_bytes(lines(call("b")))
        loader.load()
        loader.publish()
        assert reader.execute("SELECT count(*) FROM call_session").fetchall() == [(1,)]
    loader.close()
    assert asked(tmp_path, "SELECT count(*) FROM call_session") == [(2,)]


def test_facts_killed_loaders_left_behind_arrive_once(tmp_path: Path) -> None:
    """The loader is killed at random moments while the spool grows."""
    chance = random.Random(12329)
    path = spool_file(tmp_path)
    program = (
        "import sys; from pathlib import Path; from analytics.loading import intake, loader;"
        "from analytics.loading.store import FactsFolder; loader.PERIOD_SECONDS = 0.001;"
        "intake.MOST_BYTES = 20000; loader.run(FactsFolder(Path(sys.argv[1])))"
    )
    for round_ in range(6):
        victim = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)])
        with path.open("ab") as file:
            for n in range(100):
                file.write(lines(call(f"{round_}-{n}", round_ * 100 + n)))
        time.sleep(chance.uniform(0.2, 0.9))
        assert victim.poll() is None, "it ended by itself"
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    run(FactsFolder(tmp_path), once=True)
    assert asked(tmp_path, COUNTS) == [(600, 600, 600, 600)]


def test_questions_before_the_first_publishing_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NothingPublished, match="ivr loader --once"):
        asked(tmp_path, "SELECT 1")


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELEC 1", "syntax error"),
        ("DELETE FROM call_session", "only questions"),
        ("SELECT nothing FROM call_session", "nothing"),
    ],
)
def test_wrong_statements_are_refused_in_words(tmp_path: Path, statement: str, told: str) -> None:
    run(FactsFolder(tmp_path), once=True)
    with pytest.raises(CannotAnswer, match=told):
        asked(tmp_path, statement)


def test_analysts_cannot_write_the_published_file(tmp_path: Path) -> None:
    run(FactsFolder(tmp_path), once=True)
    assert FactsFolder(tmp_path).published.stat().st_mode & 0o777 == 0o444


def test_the_published_file_is_of_the_storage_version_that_older_clients_read(
    tmp_path: Path,
) -> None:
    run(FactsFolder(tmp_path), once=True)
    query = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE NOT internal"
    assert asked(tmp_path, query) == [("v1.4.0+",)]


# --- facts and schema -------------------------------------------------------------------------


def test_every_kind_of_fact_has_its_row(tmp_path: Path) -> None:
    """One row of one table for each, of a call of its own."""
    told = [at(number, specimen(kind, name)) for number, (name, kind) in enumerate(KINDS.items())]
    spool_file(tmp_path).write_bytes(lines(told))
    run(FactsFolder(tmp_path), once=True)
    counts = " + ".join(f"(SELECT count(*) FROM {table})" for table in FACT_TABLES)
    assert asked(tmp_path, f"SELECT {counts}") == [(len(KINDS),)]


def specimen(kind: type[Fact], text: str) -> Fact:
    values = {
        field.name: {"int": 1, "bool": True}.get(str(field.type).removesuffix(" | None"), text)
        for field in fields(kind)
    }
    return kind(**values)


def test_the_schema_names_every_disposition() -> None:
    told = (SCHEMA / "0001_facts.sql").read_text()
    (meaning,) = re.findall(r"COLUMN hot.call_session.disposition IS '(.*?)';", told)
    assert [each for each in get_args(Disposition) if each not in meaning] == []


def test_a_later_step_of_the_schema_is_applied_once_and_keeps_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = FactsFolder(tmp_path)
    spool_file(tmp_path).write_bytes(lines(call("a")))
    run(folder, once=True)
    steps = tmp_path / "schema"
    shutil.copytree(SCHEMA, steps)
    (steps / "0099_more.sql").write_text("ALTER TABLE hot.lookup ADD COLUMN region VARCHAR;")
    monkeypatch.setattr("analytics.loading.store.SCHEMA", steps)
    for _ in range(2):
        run(folder, once=True)
    assert asked(tmp_path, "SELECT person, region FROM lookup") == [("p", None)]
    assert asked(tmp_path, "SELECT max(version) FROM schema_version") == [(99,)]


def test_a_step_of_the_schema_that_fails_leaves_nothing_half_done(tmp_path: Path) -> None:
    steps = tmp_path / "schema"
    shutil.copytree(SCHEMA, steps)
    (steps / "0099_bad.sql").write_text("CREATE TABLE hot.good (a INT); CREATE TABLE nonsense;")
    with duckdb.connect() as store:
        with pytest.raises(duckdb.Error):
            migrate(store, steps)
        store.rollback()
        versions = store.execute("SELECT version FROM schema_version").fetchall()
        assert versions
        assert (99,) not in versions
        assert store.execute("FROM duckdb_tables() WHERE table_name = 'good'").fetchall() == []


def test_what_a_lookup_can_come_to_stands_in_the_schema(tmp_path: Path) -> None:
    """`ivr schema` is where analysts look for the words that they may filter by."""
    store = open_store(FactsFolder(tmp_path))
    rows = store.execute(
        "SELECT comment FROM duckdb_columns() WHERE schema_name = 'hot'"
        " AND table_name = 'lookup' AND column_name = 'outcome'"
    ).fetchall()
    store.close()
    missing = [word for word in get_args(LookupOutcome) if word not in rows[0][0]]
    assert missing == []


def test_a_trial_call_is_a_row_of_its_own_and_in_no_callers_table(tmp_path: Path) -> None:
    """拨测: its session is left out whole, whatever part of it comes in which file."""
    probed = Probed(
        verdict="clipped",
        step="main.greeting",
        greeting_ms=250,
        key_ms=None,
        answer_ms=None,
        lost=3,
        outside=False,
        line_closed=False,
        detail="main.greeting",
    )
    session = f"{OF_PROBE}one"
    spool_file(tmp_path).write_bytes(lines([*call("a"), *call(session), at(9, probed)]))
    later = at(60, SessionEnded(session=session, disposition="hung_up", dialogue="main"))
    spool_file(tmp_path, "facts-20261124T000000-2.jsonl").write_bytes(lines([later]))
    run(FactsFolder(tmp_path), once=True)
    told = ask(
        FactsFolder(tmp_path).published,
        "SELECT (SELECT string_agg(session) FROM call_session),"
        " (SELECT count(*) FROM call_step WHERE starts_with(session, 'probe')),"
        " (SELECT verdict || greeting_ms || lost FROM probe)",
    )
    assert list(told.rows) == [("a", 0, "clipped2503")]
