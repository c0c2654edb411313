"""Views are made when they must be other than they stand, and only then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from analytics.answering import views
from analytics.answering.asking import SCHEMA as MEANINGS
from analytics.answering.views import ALL, make_views
from analytics.loading.store import SCHEMA, FactsFolder, migrate, open_store

VIEWS = "SELECT view_name, view_oid FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal"
FILED = "INSERT INTO hot.parquet_file VALUES (?, ?, DATE '2026-11-24', DATE '2026-11-24', 1)"


@pytest.fixture
def folder(tmp_path: Path) -> FactsFolder:
    folder = FactsFolder(tmp_path)
    with open_store(folder) as store:
        make_views(store, folder.parquet)
        store.execute(f"COPY (FROM hot.lookup) TO '{folder.parquet / 'one.parquet'}'")
    return folder


@pytest.fixture
def store(folder: FactsFolder) -> Iterator[duckdb.DuckDBPyConnection]:
    """Opened again, as at the loader's next start."""
    with open_store(folder) as store:
        yield store


def made_anew(store: duckdb.DuckDBPyConnection, parquet: Path) -> set[str]:
    """Every view that was made anew is another object than before."""
    before = set(store.execute(VIEWS).fetchall())
    make_views(store, parquet)
    return {name for name, _ in set(store.execute(VIEWS).fetchall()) - before}


def test_a_start_makes_none_anew(store: duckdb.DuckDBPyConnection, folder: FactsFolder) -> None:
    assert made_anew(store, folder.parquet) == set()


def test_a_file_more_makes_its_tables_view_with_all_that_is_said_of_it(
    store: duckdb.DuckDBPyConnection, folder: FactsFolder
) -> None:
    said = store.execute(MEANINGS).fetchall()
    store.execute(FILED, ["one.parquet", "lookup"])
    assert made_anew(store, folder.parquet) == {"lookup"}
    assert store.execute(MEANINGS).fetchall() == said
    store.execute("DELETE FROM hot.parquet_file")
    assert made_anew(store, folder.parquet) == {"lookup"}


def test_a_home_that_moved_makes_the_views_of_its_files(
    store: duckdb.DuckDBPyConnection, folder: FactsFolder, tmp_path: Path
) -> None:
    store.execute(FILED, ["one.parquet", "lookup"])
    make_views(store, folder.parquet)
    moved = folder.parquet.rename(tmp_path / "moved")
    assert made_anew(store, moved) == {"lookup"}


def test_a_view_that_another_program_has_made_is_made_anew(
    store: duckdb.DuckDBPyConnection, folder: FactsFolder
) -> None:
    """As a loader of an older version, which a site went back to for a while."""
    store.execute("CREATE OR REPLACE VIEW call_local AS SELECT session FROM call_session")
    assert made_anew(store, folder.parquet) == {"call_local"}
    store.execute("DROP VIEW case_step")
    assert made_anew(store, folder.parquet) == {"case_step"}


@pytest.mark.parametrize("kind", ["_OTHERS", "_REMARKS"])
def test_another_text_in_a_new_version_is_taken_over(
    store: duckdb.DuckDBPyConnection,
    folder: FactsFolder,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = getattr(views, kind)
    changed = [each.replace("Beijing time", "another time") for each in texts["call_local"]]
    monkeypatch.setattr(views, kind, {**texts, "call_local": changed})
    assert made_anew(store, folder.parquet) == {"call_local"}
    comments = store.execute(MEANINGS).fetchall()
    assert any("another time" in (meaning or "") for *_, meaning in comments)


def test_a_step_of_the_schema_makes_all_of_them_anew(
    store: duckdb.DuckDBPyConnection, folder: FactsFolder, tmp_path: Path
) -> None:
    steps = tmp_path / "schema"
    steps.mkdir()
    for step in SCHEMA.glob("*.sql"):
        (steps / step.name).write_text(step.read_text())
    (steps / "0099_more.sql").write_text("ALTER TABLE hot.lookup ADD COLUMN region VARCHAR;")
    migrate(store, steps)
    assert made_anew(store, folder.parquet) >= {*ALL, "call_local"}
    store.execute("SELECT region FROM lookup")
