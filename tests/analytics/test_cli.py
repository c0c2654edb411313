"""The commands, as an analyst types them."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from analytics.loader import run
from analytics.store import FactsFolder
from ivr.cli import app
from ivr.cli.failure import CommandFailure
from ivr.privacy import Keys, Vault
from ivr.sensitive import Sensitive
from tests.analytics.day import twenty_calls
from tests.analytics.spool import lines, spool_file


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IVR_HOME", str(tmp_path))
    return tmp_path


def ivr(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def failure(*words: str) -> CommandFailure:
    told = ivr(*words).exception
    assert isinstance(told, CommandFailure)
    return told


def loaded(home: Path) -> None:
    spool_file(home).write_bytes(lines(twenty_calls()))
    run(FactsFolder(home), once=True)


def test_loading_once_publishes_what_the_spools_hold(home: Path) -> None:
    spool_file(home).write_bytes(lines(twenty_calls()))
    assert ivr("loader", "--once").exit_code == 0
    answer = ivr("sql", "SELECT count(*) AS calls FROM call_session", "--format", "json")
    assert json.loads(answer.stdout) == [{"calls": 21}]


def test_sql_before_any_publishing_says_what_to_do() -> None:
    told = failure("sql", "SELECT 1")
    assert told.exit_code == 3
    assert "ivr loader --once" in str(told)


def test_sql_that_is_wrong_or_writes_is_one_clear_failure(home: Path) -> None:
    loaded(home)
    assert "syntax error" in str(failure("sql", "SELEC 1"))
    assert "only questions" in str(failure("sql", "DROP TABLE call_step"))


def test_csv_has_a_header_and_nothing_for_null(home: Path) -> None:
    loaded(home)
    out = ivr("sql", "SELECT 1 AS a, NULL AS b, 'x,y' AS c", "--format", "csv").stdout
    assert list(csv.reader(io.StringIO(out))) == [["a", "b", "c"], ["1", "", "x,y"]]


def test_a_table_in_a_pipe_is_not_cut(home: Path) -> None:
    loaded(home)
    assert "z" * 300 in ivr("sql", "SELECT repeat('z', 300)").stdout


def test_reports_are_listed_and_answered_for_days(home: Path) -> None:
    loaded(home)
    assert "calls_by_day" in ivr("report").stdout
    words = ("report", "calls_by_day", "--from", "2026-11-23", "--to", "2026-11-24")
    assert ivr(*words, "--format", "csv").stdout.splitlines() == [
        "day,calls,answered,mean_seconds",
        "2026-11-23,1,1,3000.0",
        "2026-11-24,20,19,75.3",
    ]


def test_an_unknown_report_is_refused(home: Path) -> None:
    loaded(home)
    assert "no question 'weather'" in str(failure("report", "weather"))


def test_every_table_of_the_schema_says_what_it_is_for(home: Path) -> None:
    loaded(home)
    rows = json.loads(ivr("schema", "--format", "json").stdout)
    tables = [row for row in rows if not row["column"]]
    assert {"call_session", "call_step", "lookup", "survey_vote"} <= {t["table"] for t in tables}
    assert [t["table"] for t in tables if not t["meaning"]] == []


def test_who_names_the_person_and_writes_down_who_asked_and_why(home: Path) -> None:
    Vault(home / "vault.sqlite", Keys.load(home / "keys")).keep(
        "t1", Sensitive("11010519491231002X")
    )
    assert ivr("who", "t1", "--reason", "核实投诉 20261124001").stdout == "11010519491231002X\n"
    (entry,) = map(json.loads, (home / "audit.jsonl").read_text().splitlines())
    assert (entry["action"], entry["token"], entry["reason"]) == (
        "who",
        "t1",
        "核实投诉 20261124001",
    )
    assert "11010519491231002X" not in (home / "audit.jsonl").read_text()


def test_who_wants_a_reason(home: Path) -> None:
    assert "--reason" in str(failure("who", "t1", "--reason", " "))
    assert not (home / "audit.jsonl").exists()


def test_a_forgotten_person_stays_unknown(home: Path) -> None:
    Vault(home / "vault.sqlite", Keys.load(home / "keys")).keep("t1", Sensitive("x"))
    assert ivr("forget", "t1", "--reason", "本人要求").exit_code == 0
    assert "nobody is kept" in str(failure("who", "t1", "--reason", "试"))
    assert "nobody is kept" in str(failure("forget", "t1", "--reason", "试"))


def test_nothing_is_revealed_over_a_changed_trail(home: Path) -> None:
    Vault(home / "vault.sqlite", Keys.load(home / "keys")).keep("t1", Sensitive("x"))
    ivr("who", "t1", "--reason", "first")
    trail = home / "audit.jsonl"
    trail.write_text(trail.read_text().replace("first", "other"))
    assert "line 1: the trail was changed" in str(failure("who", "t1", "--reason", "second"))


DAY = ("--from", "2026-11-24", "--to", "2026-11-24")


@pytest.mark.parametrize("name", ["calls.parquet", "calls.csv"])
def test_an_export_has_the_days_asked_for_and_no_others(home: Path, name: str) -> None:
    loaded(home)
    assert "20 rows" in ivr("export", "call_session", str(home / name), *DAY).stdout
    with duckdb.connect() as other:
        rows = other.execute(f"SELECT count(*), sum(ms) FROM '{home / name}'").fetchall()
    assert rows == [(20, 1430000)]


def test_an_export_refuses_what_it_cannot_do_well(home: Path) -> None:
    loaded(home)
    (home / "here.csv").write_text("mine")
    assert "exists already" in str(failure("export", "lookup", str(home / "here.csv")))
    assert (home / "here.csv").read_text() == "mine"
    assert ".parquet or .csv" in str(failure("export", "lookup", str(home / "x.doc")))
    assert "call_session" in str(failure("export", "weather", str(home / "x.csv")))


def test_the_loader_ends_when_told_and_has_published_everything(home: Path) -> None:
    path = spool_file(home)
    loader = subprocess.Popen([sys.executable, "-m", "ivr.cli", "loader"])
    try:
        while not FactsFolder(home).published.exists():
            assert loader.poll() is None
            time.sleep(0.01)
        path.write_bytes(lines(twenty_calls()))
    finally:
        loader.terminate()
    assert loader.wait(30) == 0
    answer = ivr("sql", "SELECT count(*) AS calls FROM call_session", "--format", "json")
    assert json.loads(answer.stdout) == [{"calls": 21}]
