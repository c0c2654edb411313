"""A centre's CSV export into the account database: all or nothing, every bad line named.

An import replaces all accounts of its kind, since centres export all of them every night. The
new table is filled beside the old one and takes its name at the end, in one transaction, so a
running line sees the old accounts or the new ones.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ivr.accounts import columns, reading
from ivr.accounts.columns import Column
from ivr.accounts.demo import PEOPLE
from ivr.accounts.passwords import kept
from ivr.accounts.reading import Exported, Fault, Refused
from ivr.accounts.store import TABLES, ImportRefused, prepared
from ivr.people.sensitive import Sensitive

BATCH = 50_000
MOST_DOUBTFUL = 0.01
"""Share of ID numbers that cannot be right."""
_WORKROOM = "import-"
LEAST_SEVERAL = 20
"""So few people with several accounts are never doubted."""
_REAL = f"id_number NOT IN ({', '.join(repr(person.id_number) for person in PEOPLE)})"
"""SQL: no demo account; those are made to be replaced."""


class ImportDoubted(ImportRefused):
    """Nothing was imported: the files are well formed, and hardly meant. `sure` imports them."""


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of account: its columns in the database, and those of an export."""

    name: str
    columns: Sequence[Column]
    wanted: Sequence[str]
    """Columns of the export that must be there; alternatives have bars between."""
    kept: Sequence[str]
    """The columns of the database, in order."""
    unique: bool = False
    """A person stands in it once."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import puts in the place of what was there."""

    table: str
    before: int
    """Rows that were there, those of demo people not counted."""
    rows: int
    doubtful: int
    """ID numbers whose check digit or birth date is wrong: kept, but nobody can key them in."""
    several: int
    """People who have more than one account."""


FUND = Table(
    "fund_account",
    (columns.ID_NUMBER, columns.PAID_TO, columns.MONTHLY_DEPOSIT, columns.FUND_BALANCE),
    ("id_number", "paid_to", "monthly_deposit", "balance"),
    ("id_number", "paid_to", "monthly_deposit", "balance"),
)
LOAN = Table(
    "loan_account",
    (
        columns.ID_NUMBER,
        columns.TERM_YEARS,
        columns.TERM_MONTHS,
        columns.PERIODS_REPAID,
        columns.LOAN_BALANCE,
    ),
    ("id_number", "term_years|term_months", "periods_repaid", "balance"),
    ("id_number", "term_years", "periods_repaid", "balance"),
)
PASSWORD = Table(
    "query_password",
    (columns.ID_NUMBER, columns.QUERY_PASSWORD),
    ("id_number", "password"),
    ("id_number", "hash"),
    unique=True,
)


def import_exports(  # noqa: PLR0913  what and where; the rest are settings of it
    database: Path,
    exports: Sequence[tuple[Table, Path]],
    *,
    rows: Mapping[str, int] | None = None,
    most_fall: float = 0.2,
    sure: bool = False,
    tell: Callable[[Imported], None] = lambda _: None,
) -> tuple[Imported, ...]:
    """Replace the accounts of each table by its file; ImportRefused when nothing was changed.

    `rows`: table → how many its file has to hold. `most_fall`: the share of accounts that may be
    gone; more is doubted, as are an empty file and many wrong ID numbers. `sure` silences doubts.
    `tell` hears of each table before anything is replaced.
    """
    with (
        prepared(database) as connection,
        _workroom(database.parent) as folder,
        ExitStack() as opened,
    ):
        found = _read(exports, rows or {}, folder, opened)
        told = tuple(_compared(connection, table, found[table.name]) for table, _ in exports)
        for each in told:
            tell(each)
        doubts = [
            doubt
            for (table, path), each in zip(exports, told, strict=True)
            for doubt in _doubts(connection, path, each, found[table.name], most_fall)
        ]
        if doubts and not sure:
            raise ImportDoubted(_doubted(doubts))
        for table, _ in exports:
            _replace(connection, table, found[table.name])
        connection.commit()
    return told


@contextmanager
def _workroom(home: Path) -> Iterator[Path]:
    """A folder of our own for what is read, beside the database: private, and gone afterwards.

    What an import left that was killed goes too; while the database is ours there is no other.
    """
    for left in home.glob(f"{_WORKROOM}*"):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=_WORKROOM, dir=home) as folder:
        yield Path(folder)


# --- reading --------------------------------------------------------------------------------------


def _read(
    exports: Sequence[tuple[Table, Path]], rows: Mapping[str, int], folder: Path, opened: ExitStack
) -> dict[str, Exported]:
    """Every file read; ImportRefused with the faults of all of them."""
    found: dict[str, Exported] = {}
    faults: list[str] = []
    for table, path in exports:
        try:
            found[table.name] = exported = reading.read(
                path, table.columns, table.wanted,
                folder=_room(folder, table), unique=table.unique,
            )  # fmt: skip
            opened.callback(exported.close)
            faults += _wrong_count(path, exported.rows, rows.get(table.name))
        except Refused as refused:
            faults += _worded(path, refused.faults, refused.more)
        except duckdb.Error as failed:  # its words may hold what stands in the file
            faults.append(f"{path.name}：读的时候磁盘或内存不够 ({type(failed).__name__})")
        except OSError as unreadable:
            faults.append(f"{path.name} cannot be read (读不了): {unreadable.strerror}")
    if faults:
        raise ImportRefused(
            "\n".join(["没有导入，原来的账户没有变 (nothing was imported)：", *faults])
        )
    return found


def _room(folder: Path, table: Table) -> Path:
    room = folder / table.name
    room.mkdir()
    return room


def _worded(path: Path, faults: Sequence[Fault], more: int) -> list[str]:
    told = [f"{path.name}:{fault}" for fault in faults]
    return [*told, f"{path.name}：另有 {more} 行有错 (and {more} more lines)"] if more else told


def _wrong_count(path: Path, rows: int, expected: int | None) -> list[str]:
    if expected is None or rows == expected:
        return []
    return [f"{path.name} 有 {rows} 行，应当有 {expected} 行：没有传完？请重新传送 (--rows)"]


# --- doubts ---------------------------------------------------------------------------------------


def _compared(connection: sqlite3.Connection, table: Table, found: Exported) -> Imported:
    before = _number(connection, f"SELECT count(*) FROM {table.name} WHERE {_REAL}")  # noqa: S608
    return Imported(table.name, before, found.rows, found.doubtful, found.several)


def _doubts(
    connection: sqlite3.Connection, path: Path, told: Imported, found: Exported, most_fall: float
) -> Iterator[str]:
    if told.rows == 0:
        yield f"{path.name} 里一个账户也没有 (no account at all)"
    elif told.rows < told.before * (1 - most_fall):
        fall = f"{told.before} → {told.rows}"
        yield f"{path.name} 的账户少了超过 {most_fall:.0%}：{fall} (accounts.most_fall)"
    if told.doubtful > told.rows * MOST_DOUBTFUL:
        share = f"{told.rows} 个证件号中有 {told.doubtful} 个的校验码或生日不对"
        lines = "、".join(map(str, found.doubtful_lines))
        yield f"{path.name}：{share}（第 {lines} 行…），表格软件会把末几位改成 0 (check digits)"
    if told.several > max(LEAST_SEVERAL, told.rows * most_fall, 2 * _several(connection, told)):
        yield f"{path.name}：有 {told.several} 人不止一个账户，文件是不是接了两遍？ (twice)"
    if found.cut:
        yield f"{path.name} 的最后一行没有行尾，又比前一行短：是不是没有传完？ (cut off)"


def _several(connection: sqlite3.Connection, told: Imported) -> int:
    return _number(
        connection,
        f"SELECT count(*) FROM (SELECT 1 FROM {told.table} WHERE {_REAL}"  # noqa: S608
        " GROUP BY id_number HAVING count(*) > 1)",
    )


def _number(connection: sqlite3.Connection, query: str) -> int:
    (found,) = connection.execute(query).fetchone()
    return int(found)


def _doubted(doubts: Sequence[str]) -> str:
    asked = "没有导入，原来的账户没有变；核对以后确实要导入，加上 --yes (nothing was imported)："
    return "\n".join([asked, *doubts])


# --- writing --------------------------------------------------------------------------------------


def _replace(connection: sqlite3.Connection, table: Table, found: Exported) -> None:
    """Fill a table beside the real one, and let it take its name."""
    connection.execute(f"DROP TABLE IF EXISTS {table.name}_new")
    connection.execute(f"CREATE TABLE {table.name}_new ({TABLES[table.name]})")
    marks = ", ".join("?" * len(table.kept))
    for batch in found.batches(table.kept, BATCH):
        rows = _hashed(batch) if table is PASSWORD else batch
        connection.executemany(f"INSERT INTO {table.name}_new VALUES ({marks})", rows)  # noqa: S608
    connection.execute(f"DROP TABLE {table.name}")
    connection.execute(f"ALTER TABLE {table.name}_new RENAME TO {table.name}")
    connection.execute(f"CREATE INDEX {table.name}_id ON {table.name} (id_number)")


def _hashed(batch: Sequence[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Passwords as they are kept; hashing takes its time on purpose, and both cores."""
    with ThreadPoolExecutor() as pool:
        hashes = pool.map(lambda row: kept(Sensitive(str(row[1]))), batch)
        return [(row[0], each) for row, each in zip(batch, hashes, strict=True)]
