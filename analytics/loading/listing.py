"""Which Parquet files count: listed beside them, so that the list outlives the database."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from analytics.answering.asking import CannotAnswer
from analytics.loading import losses
from ivr.records.durable import write

log = logging.getLogger(__name__)

FILE = "files.json"
_COLUMNS = ("name", "fact_table", "first_day", "last_day", "rows")


class Away(CannotAnswer):
    """Closed days cannot be reached, or nobody knows which count: nothing is loaded or changed."""


class Forgotten(Exception):
    """A database that does not know what became of the files, and must be made anew."""


@dataclass(frozen=True, slots=True)
class _List:
    """What the file says."""

    generation: int
    """How often the files had changed; 0 in lists of older versions, which did not say."""
    files: list[dict[str, object]]

    @property
    def names(self) -> set[str]:
        """The files that count."""
        return {str(file["name"]) for file in self.files}


CHANGED = """
INSERT INTO hot.filing SELECT coalesce(max(generation), 0) + 1 FROM hot.filing;
DELETE FROM hot.filing WHERE generation < (SELECT max(generation) FROM hot.filing)
"""
"""Belongs to every transaction that changes which files count."""


def keep(store: duckdb.DuckDBPyConnection, parquet: Path) -> None:
    """Write the list as the database has it; on disk when it returns."""
    rows = store.execute("SELECT * FROM hot.parquet_file ORDER BY ALL").fetchall()
    files = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    content = {"generation": _generation(store), "files": files}
    write(parquet / FILE, json.dumps(content, default=str, indent=1).encode())


def recall(store: duckdb.DuckDBPyConnection, parquet: Path, published: Path) -> None:
    """Tell a new database of the files that are there already; Away where no list tells of them."""
    files = _listed(parquet)
    if files is None and (lost := sorted(each.name for each in parquet.glob("*.parquet"))):
        raise Away(
            f"{parquet} 里有 {len(lost)} 个 Parquet 文件却没有 {FILE}，无法知道哪些算数："
            f"请从备份恢复 {FILE}；确实不要这些文件，就把它们移到别处。"
            f"· {len(lost)} Parquet files ({lost[0]} …) without the list {FILE}:"
            " restore it from its backup, or move the files elsewhere"
        )
    known = _published(published) if files is None else files
    for file in known.files:
        store.execute(
            "INSERT INTO hot.parquet_file VALUES (?, ?, ?, ?, ?)",
            [file[column] for column in _COLUMNS],
        )
    store.execute("INSERT INTO hot.filing VALUES (?)", [known.generation])


def ensure_at_hand(store: duckdb.DuckDBPyConnection, parquet: Path) -> None:
    """Away where the folder is not the one that the database knows, as before a volume is mounted.

    A list that alone is lost is written anew, and so is one that is older than the database.
    """
    known = _known(store)
    there = _there(parquet, known)
    if known and not there:
        raise _not_there(parquet, len(known))
    files = _listed(parquet)
    if files is None and there != known:
        raise _not_there(parquet, len(known) - len(there))
    if files is None or files.generation < _generation(store):
        keep(store, parquet)


def ensure_newest(store: duckdb.DuckDBPyConnection, parquet: Path) -> None:
    """Forgotten where list and files went on without the database, or are others than it knows.

    A crash leaves the list one change behind the database, and all files there. What the database
    knows and the folder has not any more is noted as lost, before it is forgotten.
    """
    files, known = _listed(parquet), _known(store)
    if files is None:
        return
    lead = files.generation - _generation(store)
    if not known and files.names:
        raise Forgotten(f"it knows none of the files of {parquet / FILE}")
    if lead > 0:
        raise Forgotten(
            f"私有数据库比 {parquet / FILE} 旧（由备份恢复？）。· It is older than the list by"
            f" {lead} changes: restored from a backup?"
        )
    gone = known - _there(parquet, known)
    if gone - files.names and files.names and files.names == _there(parquet, files.names):
        losses.note(parquet, _lost(store, gone))
        raise Forgotten(
            f"{parquet} 由更旧的备份恢复，以它为准；缺少的 {len(gone)} 个文件记入 {losses.FILE}。"
            f"· The folder was restored from an older backup: {len(gone)} files are noted as lost"
        )


def give_up(store: duckdb.DuckDBPyConnection, parquet: Path) -> None:
    """Note every file that is not there as lost, and let it count no more."""
    known = _known(store)
    gone = known - _there(parquet, known)
    losses.note(parquet, _lost(store, gone))
    for name in gone:
        log.error("given up: %s", name)
        store.execute("DELETE FROM hot.parquet_file WHERE name = ?", [name])
    store.execute(CHANGED)
    keep(store, parquet)


def _known(store: duckdb.DuckDBPyConnection) -> set[str]:
    return {name for (name,) in store.execute("SELECT name FROM hot.parquet_file").fetchall()}


def _there(parquet: Path, names: set[str]) -> set[str]:
    return {name for name in names if (parquet / name).exists()}


def _lost(store: duckdb.DuckDBPyConnection, names: set[str]) -> list[losses.Loss]:
    """Of the files that the database knows."""
    rows = store.execute("FROM hot.parquet_file ORDER BY name").fetchall()
    now = datetime.now(UTC)
    return [
        losses.Loss(name, table, first, last, number, now)
        for name, table, first, last, number in rows
        if name in names
    ]


def _generation(store: duckdb.DuckDBPyConnection) -> int:
    ((generation,),) = store.execute(
        "SELECT coalesce(max(generation), 0) FROM hot.filing"
    ).fetchall()
    return int(generation)


def _listed(parquet: Path) -> _List | None:
    """The list; None where there is none. A torn one is Away: it is never written in part."""
    try:
        content = json.loads((parquet / FILE).read_text())
        if isinstance(content, list):  # as older versions wrote it
            content = {"generation": 0, "files": content}
        files = [{column: file[column] for column in _COLUMNS} for file in content["files"]]
        return _List(int(content["generation"]), files)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as torn:
        raise Away(
            f"{parquet / FILE} 无法读取，请从备份恢复。· The list of closed days cannot be read,"
            f" restore it from its backup: {torn}"
        ) from torn


def _published(published: Path) -> _List:
    """The list as the published snapshot knows it; an empty one where it cannot tell."""
    if not published.exists():
        return _List(0, [])
    try:
        with duckdb.connect(str(published), read_only=True) as snapshot:
            rows = snapshot.execute("FROM hot.parquet_file").fetchall()
    except duckdb.Error:
        return _List(0, [])
    return _List(0, [dict(zip(_COLUMNS, row, strict=True)) for row in rows])


def _not_there(parquet: Path, number: int) -> Away:
    return Away(
        f"{parquet} 里缺少 {number} 个已归档的文件：磁盘还没有挂载？挂载或从备份恢复后自动继续；"
        f"确已不在，请停下装载程序，运行 ivr loader --once --give-up，它们会记入 {losses.FILE}。"
        f"· {number} files of closed days are not there: is the volume not mounted yet? Nothing was"
        " changed; the loader goes on by itself when they are back. If they are gone for good,"
        f" stop it and run `ivr loader --once --give-up`, which notes them in {losses.FILE}"
    )
