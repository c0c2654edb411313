"""A centre's CSV export into the account database: all or nothing, every bad line named.

An import replaces all accounts of its kind, since centres export all of them every night. The
new table is filled beside the old one and takes its name at the end, in one transaction, so a
running line sees the old accounts or the new ones.
"""

from __future__ import annotations

import csv
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import Path

from ivr.accounts.passwords import DIGITS, hashed
from ivr.people.identity import WrongLength, WrongNumber, parse
from ivr.people.sensitive import Sensitive

BATCH = 50_000
WAIT_SECONDS = 5.0
"""For another import that is at it."""
MOST_FAULTS = 100_000
"""A file with more than this is another file, or another format."""
_AMOUNT = re.compile(r"\d{1,10}(\.\d{1,2})?\Z", re.ASCII)
_YEAR_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])\Z", re.ASCII)


class ImportRefused(Exception):
    """Nothing was imported; names every bad line, never what stands in it."""


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of account: its columns, in the order of the export."""

    name: str
    definition: str
    columns: Mapping[str, Callable[[str], object]]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    table: str
    rows: int
    doubtful: int
    """ID numbers whose check digit or birth date is wrong: kept, but nobody can key them in."""


def _id_number(text: str) -> str:
    number = text.strip().upper()
    if isinstance(parse(number, verify=False), WrongLength):
        raise ValueError(  # noqa: TRY004  it is the value that is wrong
            "id_number is not of 15 or 18 digits"
        )
    return number


def _year_month(text: str) -> str:
    if not _YEAR_MONTH.match(text.strip()):
        raise ValueError("paid_to is not YYYY-MM")
    return text.strip()


def _amount(name: str) -> Callable[[str], str]:
    def amount(text: str) -> str:
        written = text.strip().replace(",", "")
        if not _AMOUNT.match(written):
            raise ValueError(f"{name} is no amount in yuan with at most two decimals")
        return str(_exact(written))

    return amount


def _exact(written: str) -> Decimal:
    try:
        return Decimal(written).quantize(Decimal("0.01"))
    except InvalidOperation:  # pragma: no cover  the pattern admits none
        raise ValueError("no amount") from None


def _balance(text: str) -> str | None:
    return _amount("balance")(text) if text.strip() else None


def _count(name: str, most: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        written = text.strip()
        if not (written.isascii() and written.isdigit() and int(written) <= most):
            raise ValueError(f"{name} is no whole number up to {most}")
        return int(written)

    return count


def _hash(text: str) -> str:
    """Six digits are hashed; what is hashed already is kept as it is."""
    written = text.strip()
    if written.startswith("$argon2id$"):
        return written
    if not (written.isascii() and written.isdigit() and len(written) == DIGITS):
        raise ValueError(f"password is neither {DIGITS} digits nor an Argon2id hash")
    return hashed(Sensitive(written))


FUND = Table(
    "fund_account",
    "id_number TEXT NOT NULL, paid_to TEXT NOT NULL, monthly_deposit TEXT NOT NULL, balance TEXT",
    {
        "id_number": _id_number,
        "paid_to": _year_month,
        "monthly_deposit": _amount("monthly_deposit"),
        "balance": _balance,
    },
)
LOAN = Table(
    "loan_account",
    "id_number TEXT NOT NULL, term_years INTEGER NOT NULL, periods_repaid INTEGER NOT NULL,"
    " balance TEXT",
    {
        "id_number": _id_number,
        "term_years": _count("term_years", 99),
        "periods_repaid": _count("periods_repaid", 999),
        "balance": _balance,
    },
)


PASSWORD = Table(
    "query_password",
    "id_number TEXT NOT NULL, hash TEXT NOT NULL",
    {"id_number": _id_number, "password": _hash},
)


def import_exports(database: Path, exports: Sequence[tuple[Table, Path]]) -> tuple[Imported, ...]:
    """Replace the accounts of each table by its file; ImportRefused when nothing was changed."""
    with prepared(database) as connection:
        faults: list[str] = []
        imported = [_fill(connection, table, path, faults) for table, path in exports]
        if faults:
            raise ImportRefused(_refusal(faults))
        for table, _ in exports:
            _replace(connection, table)
        connection.commit()
    return tuple(imported)


@contextmanager
def prepared(database: Path) -> Iterator[sqlite3.Connection]:
    """The SQLite database with both tables, in a transaction that is rolled back unless committed.

    Readers are never blocked by a writer (WAL), and need no room on the disk when it has gone.
    ImportRefused when it cannot be written.
    """
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with closing(_opened(database)) as connection:
            yield connection
            _at_rest(connection)
    except (sqlite3.Error, OSError) as unusable:
        raise ImportRefused(f"nothing was changed; {database}: {_advice(unusable)}") from unusable


def _opened(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(database, timeout=WAIT_SECONDS, isolation_level=None)
    database.chmod(0o600)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    for table in (FUND, LOAN, PASSWORD):
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table.name} ({table.definition})")
        connection.execute(
            f"CREATE INDEX IF NOT EXISTS {table.name}_id ON {table.name} (id_number)"
        )
    return connection


def _at_rest(connection: sqlite3.Connection) -> None:
    """Out of WAL, where a reader must make a file first, which it cannot on a full disk.

    SQLite asks for the file alone and does not wait; look-ups leave gaps of milliseconds.
    """
    if connection.in_transaction:
        connection.rollback()
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        try:
            ((mode,),) = connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        except sqlite3.OperationalError:
            mode = "busy"
        if mode == "delete":
            return
        time.sleep(0.02)


def _advice(unusable: Exception) -> str:
    if getattr(unusable, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
        return "another import is at it; try again when it has ended"
    return str(unusable)


def _fill(connection: sqlite3.Connection, table: Table, path: Path, faults: list[str]) -> Imported:
    """Read a file into a table beside the real one."""
    connection.execute(f"DROP TABLE IF EXISTS {table.name}_new")
    connection.execute(f"CREATE TABLE {table.name}_new ({table.definition})")
    marks = ", ".join("?" * len(table.columns))
    rows = _rows(table, path, faults)
    count = doubtful = 0
    while batch := list(islice(rows, BATCH)):
        count += len(batch)
        doubtful += sum(isinstance(parse(str(row[0])), WrongNumber) for row in batch)
        connection.executemany(f"INSERT INTO {table.name}_new VALUES ({marks})", batch)  # noqa: S608
    return Imported(table.name, count, doubtful)


def _replace(connection: sqlite3.Connection, table: Table) -> None:
    connection.execute(f"DROP TABLE {table.name}")
    connection.execute(f"ALTER TABLE {table.name}_new RENAME TO {table.name}")
    connection.execute(f"CREATE INDEX {table.name}_id ON {table.name} (id_number)")


def _rows(table: Table, path: Path, faults: list[str]) -> Iterator[tuple[object, ...]]:
    """The good rows of a file; bad ones go to `faults` with their line."""
    try:
        with path.open(encoding=_encoding(path), newline="") as file:
            reader = csv.DictReader(file)
            lacking = table.columns.keys() - {
                (name or "").strip() for name in reader.fieldnames or ()
            }
            if lacking:
                faults.append(f"{path.name}: the header lacks {', '.join(sorted(lacking))}")
                return
            reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            yield from _good(table, path, reader, faults)
    except (OSError, UnicodeDecodeError, csv.Error) as unreadable:
        faults.append(f"{path.name} cannot be read: {unreadable}")


def _good(
    table: Table, path: Path, reader: csv.DictReader[str], faults: list[str]
) -> Iterator[tuple[object, ...]]:
    for row in reader:
        wrong = []
        values: list[object] = []
        for name, read in table.columns.items():
            try:
                values.append(read(row[name] or ""))
            except ValueError as fault:
                wrong.append(str(fault))
        if wrong:
            faults.append(f"{path.name}:{reader.line_num}: {'; '.join(wrong)}")
            if len(faults) >= MOST_FAULTS:
                return
        else:
            yield tuple(values)


def _encoding(path: Path) -> str:
    """UTF-8 with or without BOM where the whole file is that, else GB18030."""
    with path.open("rb") as file:
        try:
            for chunk in iter(lambda: file.readline(1 << 20), b""):
                chunk.decode("utf-8")
        except UnicodeDecodeError:
            return "gb18030"
    return "utf-8-sig"


def _refusal(faults: list[str]) -> str:
    more = (
        f"\n… and perhaps more: reading stopped after {MOST_FAULTS}"
        if len(faults) >= MOST_FAULTS
        else ""
    )
    return f"nothing was imported; {len(faults)} faults:\n" + "\n".join(faults) + more
