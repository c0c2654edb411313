"""The same questions on DuckDB, SQLite and PostgreSQL, on the same month of calls, as ratios.

`python -m bench.facts_engines [--calls 100000] [--seed 12329]`

Each engine gets the rows of call_session and call_step, an index on their times where it has such,
and the same standard SQL. PostgreSQL is started in a folder of its own and ended afterwards.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import duckdb
import psycopg

from analytics.loading.store import FactsFolder
from bench.facts_scale import History
from tests.analytics.postgres import made_database, postgres

FIRST_DAY = date(2026, 10, 1)
DAYS = 30
TIMES = 5
TABLES = {
    "call_session": "session, started, answered, ms, disposition, last_dialogue, completed,"
    " transfers, caller",
    "call_step": "session, happened, dialogue, verb, prompt, heard, key, interrupted, ms",
}
ROWS = 50_000

QUESTIONS = {
    "summary": "SELECT count(*), count(answered), sum(CASE WHEN completed > 0 AND transfers = 0"
    " THEN 1 ELSE 0 END), avg(ms) FROM call_session WHERE {day}",
    "where_callers_give_up": "SELECT last_dialogue, count(*), avg(ms) FROM call_session"
    " WHERE completed = 0 AND transfers = 0 AND {day} GROUP BY last_dialogue ORDER BY 2 DESC",
    "session_length": "SELECT disposition, count(*), avg(ms), max(ms) FROM call_session"
    " WHERE {month} GROUP BY disposition",
    "repeat_callers": "SELECT count(*), max(calls) FROM (SELECT caller, count(*) AS calls"
    " FROM call_session WHERE {month} GROUP BY caller) AS callers",
    "prompts": "SELECT prompt, count(*), sum(CASE WHEN interrupted THEN 1 ELSE 0 END)"
    " FROM call_step WHERE {month} GROUP BY prompt ORDER BY 2 DESC",
    "keys_pressed": "SELECT prompt, key, count(*) FROM call_step WHERE verb = 'menu'"
    " AND key IS NOT NULL AND {month} GROUP BY prompt, key ORDER BY prompt, key",
}

Ask = Callable[[str], object]


def main() -> None:
    """Make the month, copy it into each engine, ask, print."""
    options = argparse.ArgumentParser()
    options.add_argument("--calls", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=12329)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as name:
        folder = Path(name)
        store = month(FactsFolder(folder), asked.calls, asked.seed)
        took = {"duckdb": measured(lambda sql: store.execute(sql).fetchall())}
        with sqlite3.connect(folder / "facts.sqlite") as lite:
            copy_to_sqlite(store, lite)
            took["sqlite"] = measured(lambda sql: lite.execute(sql).fetchall())
        with (
            postgres(folder / "pg") as server,
            psycopg.connect(made_database(server, "facts"), autocommit=True) as other,
        ):
            copy_to_postgres(store, other)
            took["postgresql"] = measured(lambda sql: other.execute(sql).fetchall())
        store.close()
    for name in QUESTIONS:
        ours = took["duckdb"][name]
        others = ", ".join(
            f"{engine} {each[name] * 1000:.0f} ms ({each[name] / ours:.1f} times)"
            for engine, each in took.items()
            if engine != "duckdb"
        )
        print(f"{name}: duckdb {ours * 1000:.0f} ms, {others}")


def month(folder: FactsFolder, calls: int, seed: int) -> duckdb.DuckDBPyConnection:
    """A month of calls in tables of DuckDB."""
    history = History(folder, seed)
    for n in range(DAYS):
        history.make(FIRST_DAY + timedelta(n), calls // DAYS)
        history.take(FIRST_DAY + timedelta(n))
    for table, columns in TABLES.items():
        history.store.execute(
            f"CREATE TABLE main.plain_{table} AS SELECT {columns} FROM hot.{table}"
        )
        ((rows,),) = history.store.execute(f"SELECT count(*) FROM plain_{table}").fetchall()
        print(f"{table}: {rows:,} rows")
    return history.store


def copy_to_sqlite(store: duckdb.DuckDBPyConnection, lite: sqlite3.Connection) -> None:
    for table, columns in TABLES.items():
        lite.execute(f"CREATE TABLE plain_{table} ({columns})")
        marks = ", ".join("?" * len(columns.split(",")))
        times = ["started", "answered"] if table == "call_session" else ["happened"]
        texts = ", ".join(f"{name}::VARCHAR AS {name}" for name in times)
        found = store.execute(f"SELECT * REPLACE ({texts}) FROM plain_{table}")
        while rows := found.fetchmany(ROWS):
            lite.executemany(f"INSERT INTO plain_{table} VALUES ({marks})", rows)
        lite.execute(f"CREATE INDEX time_of_{table} ON plain_{table} ({time_of(table)})")
    lite.commit()
    lite.execute("ANALYZE")


def copy_to_postgres(
    store: duckdb.DuckDBPyConnection, other: psycopg.Connection[tuple[object, ...]]
) -> None:
    for table in TABLES:
        described = store.execute(f"DESCRIBE plain_{table}").fetchall()
        columns = ", ".join(f"{name} {kind}" for name, kind, *_ in described)
        other.execute(f"CREATE TABLE plain_{table} ({columns})")
        found = store.execute(f"FROM plain_{table}")
        with other.cursor().copy(f"COPY plain_{table} FROM STDIN") as copy:
            while rows := found.fetchmany(ROWS):
                for row in rows:
                    copy.write_row(row)
        other.execute(f"CREATE INDEX ON plain_{table} ({time_of(table)})")
        other.execute(f"ANALYZE plain_{table}")


def time_of(table: str) -> str:
    return "started" if table == "call_session" else "happened"


def measured(ask: Ask) -> dict[str, float]:
    """Each question's median, in seconds."""
    return {
        name: median(_seconds(ask, _worded(sql)) for _ in range(TIMES))
        for name, sql in QUESTIONS.items()
    }


def _worded(sql: str) -> str:
    """The question with its days, on the plain tables."""
    table = "call_step" if "FROM call_step" in sql else "call_session"
    first, last = FIRST_DAY + timedelta(14), FIRST_DAY + timedelta(15)
    day = f"{time_of(table)} >= '{first} 00:00:00' AND {time_of(table)} < '{last} 00:00:00'"
    month = f"{time_of(table)} >= '{FIRST_DAY} 00:00:00'"
    return sql.format(day=day, month=month).replace("FROM call_", "FROM plain_call_")


def _seconds(ask: Ask, sql: str) -> float:
    began = time.perf_counter()
    ask(sql)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
