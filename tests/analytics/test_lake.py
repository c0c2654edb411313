"""Many machines: three loaders into one lake, killed at random; the same tables and questions."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from analytics.answering.asking import CannotAnswer, NothingPublished, answer
from analytics.answering.questioning import Days, question_called, questions
from analytics.loading import lake as lake_module
from analytics.loading.lake import Lake, LakeLoader, extension
from analytics.loading.loader import run
from analytics.loading.store import FactsFolder
from ivr.cli.commands import app
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.vault import Vault
from ivr.records.facts import Recorded
from tests.analytics.day import twenty_calls
from tests.analytics.postgres import made_database, postgres, programs
from tests.analytics.spool import lines, spool_file
from tests.analytics.test_loader import COUNTS, call
from tests.analytics.test_questions import BY_HAND, DAY, TERMS

KILLS = int(os.environ.get("KILL_ROUNDS", "3"))

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        programs() is None, reason="no PostgreSQL server here: apt-get install postgresql"
    ),
]

LOADER = """
import sys
from functools import partial
from pathlib import Path
from analytics.loading import intake, lake, loader
from analytics.loading.lake import Lake, LakeLoader
from analytics.loading.store import FactsFolder

loader.REST, loader.TIDY_SECONDS, intake.MOST_BYTES = 0.0, 0.5, 20000
lake.PERIOD_SECONDS = 0.01
opened = partial(LakeLoader, lake=Lake(sys.argv[2], Path(sys.argv[3])))
loader.run(FactsFolder(Path(sys.argv[1])), opened=opened)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Path]:
    with postgres() as running:
        yield running


@pytest.fixture
def lake(server: Path, tmp_path: Path) -> Lake:
    catalog = made_database(server, f"lake{uuid4().hex[:8]}")
    return Lake(f"ducklake:postgres:{catalog}", tmp_path / "data")


def once(home: Path, lake: Lake) -> None:
    home.mkdir(exist_ok=True)
    run(FactsFolder(home), once=True, opened=lambda folder: LakeLoader(folder, lake))


def asked(lake: Lake, sql: str) -> list[tuple[object, ...]]:
    with lake.opened() as facts:
        return list(answer(facts, sql).rows)


def test_every_question_has_the_answer_of_one_machine(lake: Lake, tmp_path: Path) -> None:
    spool_file(tmp_path).write_bytes(lines(twenty_calls()))
    once(tmp_path, lake)
    with lake.opened() as facts:
        for name in questions():
            found = question_called(name).answer(facts, Days(DAY, DAY), TERMS)
            assert list(found.rows) == BY_HAND[name], name


def test_three_loaders_killed_at_random_lose_and_double_nothing(lake: Lake, tmp_path: Path) -> None:
    chance = random.Random(12329)
    homes = [tmp_path / f"node{n}" for n in range(3)]
    paths = []
    for home in homes:
        home.mkdir()
        paths.append(spool_file(home, f"facts-{home.name}.jsonl"))

    def started(home: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", LOADER, str(home), lake.target, str(lake.data)]
        )

    loaders = [started(home) for home in homes]
    for round_ in range(KILLS):
        for n, path in enumerate(paths):
            with path.open("ab") as file:
                for i in range(20):
                    file.write(lines(call(f"{n}-{round_}-{i}", round_ * 100.0 + i), f"node{n}"))
        time.sleep(chance.uniform(0.3, 1.5))
        victim = chance.randrange(3)
        loaders[victim].send_signal(signal.SIGKILL)
        loaders[victim].wait()
        loaders[victim] = started(homes[victim])
    for loader in loaders:
        loader.send_signal(signal.SIGKILL)
        loader.wait()
    for home in homes:
        once(home, lake)
    calls = 3 * 20 * KILLS
    assert asked(lake, COUNTS) == [(calls, calls, calls, calls)]
    whole = "SELECT count(*) FROM call_session WHERE steps = 1 AND completed = 1 AND ms = 30000"
    assert asked(lake, whole) == [(calls,)]


def test_commands_load_into_the_lake_and_ask_it(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_HOME", str(tmp_path))
    monkeypatch.setenv("IVR_FACTS__TARGET", lake.target)
    monkeypatch.setenv("IVR_FACTS__DATA", str(lake.data))
    spool_file(tmp_path).write_bytes(lines(twenty_calls()))
    for words in (("loader", "--once"), ("loader", "--once", "--target", lake.target)):
        assert CliRunner().invoke(app, words).exit_code == 0
    words = ("report", "calls_by_day", "--from", "2026-11-24", "--to", "2026-11-24")
    told = CliRunner().invoke(app, (*words, "--format", "json")).stdout
    assert [row["calls"] for row in json.loads(told)] == [21], "and one that was turned away"
    target = tmp_path / "calls.parquet"
    assert CliRunner().invoke(app, ("export", "call_session", str(target))).exit_code == 0
    assert "call_session" in CliRunner().invoke(app, ("schema", "--format", "csv")).stdout


def test_tidying_merges_files_and_changes_nothing(lake: Lake, tmp_path: Path) -> None:
    for n in range(4):
        spool_file(tmp_path, f"facts-{n}.jsonl").write_bytes(lines(call(f"{n}", 100.0 * n)))
        once(tmp_path, lake)
    assert asked(lake, COUNTS) == [(4, 4, 4, 4)]
    files = "SELECT count(*) FROM ducklake_list_files('lake', 'call_step', schema => 'hot')"
    with lake.attached() as facts:
        assert facts.execute(files).fetchall() == [(1,)]


def test_retention_asks_the_lake_and_drops_there(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The complaint of another node's caller is known to the lake only."""
    now = datetime.now(UTC)
    told = {"new": now - timedelta(days=31), "old": now - timedelta(days=1300)}
    monkeypatch.setenv("IVR_HOME", str(tmp_path / "node1"))
    monkeypatch.setenv("IVR_FACTS__TARGET", lake.target)
    monkeypatch.setenv("IVR_FACTS__DATA", str(lake.data))
    other, own = tmp_path / "node2", tmp_path / "node1"
    other.mkdir()
    for who, at in told.items():
        complaint = Recorded(
            session=who, kind="complaint", person=who, path="x.wav", ms=1, bytes=1, sha256="",
            reference=who,
        )  # fmt: skip
        spool_file(other, f"facts-{who}.jsonl").write_bytes(lines([(at, complaint)], "n2"))
        Vault(own / "vault.sqlite", Keys.load(own / "keys"), clock=at.timestamp).keep(
            who, Sensitive("x")
        )
    run(FactsFolder(own), once=True)  # a snapshot of the time before the lake
    once(other, lake)
    done = CliRunner().invoke(app, ("retention", "run"))
    assert done.exit_code == 0, done.output
    vault = Vault(own / "vault.sqlite", Keys.load(own / "keys"))
    assert vault.kept_before(now) == {"new"}
    assert asked(lake, "SELECT person FROM recording_saved") == [("new",)]


def test_the_lake_is_only_asked(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(NothingPublished, match="cannot be read"):
        lake.opened()
    once(tmp_path, lake)
    with pytest.raises(CannotAnswer, match="only questions"):
        asked(lake, "DELETE FROM hot.call_step")


def test_a_missing_extension_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_module.duckdb, "__version__", "9.9.9")
    with pytest.raises(CannotAnswer, match=r"DuckDB 9\.9\.9 has no extension ducklake.*extra"):
        extension("ducklake")
