"""Which Parquet files count: listed beside them, so that the list outlives the database."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from analytics.answering.asking import CannotAnswer
from ivr.records.durable import write

FILE = "files.json"
_COLUMNS = ("name", "fact_table", "first_day", "last_day", "rows")


class Away(CannotAnswer):
    """Closed days cannot be reached, or nobody knows which count: nothing is loaded or changed."""


class Forgotten(Exception):
    """A database that was made while its files were not told of, and must be made anew."""


def keep(store: duckdb.DuckDBPyConnection, parquet: Path) -> None:
    """Write the list as the database has it; on disk when it returns."""
    rows = store.execute("SELECT * FROM hot.parquet_file ORDER BY ALL").fetchall()
    files = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    write(parquet / FILE, json.dumps(files, default=str, indent=1).encode())


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
    if files is None and (number := _published_files(published)):
        raise _not_there(parquet, number, published)
    for file in files or ():
        store.execute(
            "INSERT INTO hot.parquet_file VALUES (?, ?, ?, ?, ?)",
            [file[column] for column in _COLUMNS],
        )


def ensure_at_hand(store: duckdb.DuckDBPyConnection, parquet: Path) -> None:
    """Away where the folder is not the one that the database knows, as before a volume is mounted.

    A list that alone is lost is written anew.
    """
    known = [name for (name,) in store.execute("SELECT name FROM hot.parquet_file").fetchall()]
    there = [name for name in known if (parquet / name).exists()]
    if known and not there:
        raise _not_there(parquet, len(known), parquet / FILE)
    if _listed(parquet) is None:
        if there != known:
            raise _not_there(parquet, len(known) - len(there), parquet / FILE)
        keep(store, parquet)


def ensure_known(store: duckdb.DuckDBPyConnection, parquet: Path) -> None:
    """Forgotten where the database knows nothing of the files that the list tells of."""
    ((known,),) = store.execute("SELECT count(*) FROM hot.parquet_file").fetchall()
    if known == 0 and _listed(parquet):
        raise Forgotten(f"it knows none of the files of {parquet / FILE}")


def _listed(parquet: Path) -> list[dict[str, object]] | None:
    """The list; None where there is none. A torn one is Away: it is never written in part."""
    try:
        files = json.loads((parquet / FILE).read_text())
        return [{column: file[column] for column in _COLUMNS} for file in files]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as torn:
        raise Away(
            f"{parquet / FILE} 无法读取，请从备份恢复。· The list of closed days cannot be read,"
            f" restore it from its backup: {torn}"
        ) from torn


def _published_files(published: Path) -> int:
    """How many files the published snapshot reads; 0 where it cannot tell."""
    if not published.exists():
        return 0
    try:
        with duckdb.connect(str(published), read_only=True) as snapshot:
            ((number,),) = snapshot.execute("SELECT count(*) FROM hot.parquet_file").fetchall()
    except duckdb.Error:
        return 0
    return int(number)


def _not_there(parquet: Path, number: int, last: Path) -> Away:
    return Away(
        f"{parquet} 里缺少 {number} 个已归档的文件：磁盘还没有挂载？挂载或从备份恢复后自动继续；"
        f"确已不在，请删除 {last}。· {number} files of closed days are not there: is the volume not"
        " mounted yet? Nothing was changed; the loader goes on by itself when they are back. If"
        f" they are gone for good, remove {last} and the database of the loader"
    )
