"""An export read and checked by DuckDB: every row is what its header says, or is named.

One path for ten accounts and for ten million: the file is copied as lines, the lines are split
and checked in SQL, and only what is wrong with a bounded number of them is put into words here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import duckdb

from ivr.accounts.columns import DOUBTFUL, PERSON, SPACES, WRONG, Column
from ivr.accounts.headers import DELIMITERS, Header, WrongHeader, understood
from ivr.accounts.lines import Lines, NoText, copied

SHOWN = 100
"""Faults of a file that are told in words; the others are counted."""
MENTIONED = 5
"""Lines that are named where very many are doubtful."""
MOST_LINES_OF_A_FIELD = 20
"""A quoted field does not go on for longer: the quote was a stray one."""
IN_MEMORY = 64_000_000
"""Bytes of a file up to which DuckDB needs no room on the disk."""
LONGEST_LINE = 1_000_000
"""Bytes."""
_BLANK = f"""NOT regexp_matches(t, '[^{SPACES}{"".join(DELIMITERS)}"]')"""
"""SQL: such lines are left by spreadsheets where rows were deleted."""
_QUOTES = "len(t) - len(replace(t, '\"', ''))"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a file that its sender must mend; never what stands there."""

    line: int
    column: int
    """From 1; 0 where it is the line, or the file, that is wrong."""
    told: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column or 1}: {self.told}"


class Refused(Exception):
    """The file is no export of accounts; carries its faults, and how many more there are."""

    def __init__(self, faults: Sequence[Fault], more: int = 0) -> None:
        self.faults = tuple(faults)
        self.more = more
        super().__init__("; ".join(map(str, faults)))


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export holds, once nothing is wrong with it."""

    rows: int
    doubtful: int
    """Numbers whose check digit or birth date is wrong: nobody can key them in."""
    doubtful_lines: tuple[int, ...]
    """Where the first of them stand."""
    several: int
    """People who have more than one account in it."""
    cut: bool
    """The last line has no end and looks shorter than the one before: a transfer broke off?"""
    kept: Mapping[str, str]
    """Column of the database → its column in the table `checked`."""
    _connection: duckdb.DuckDBPyConnection

    def close(self) -> None:
        """Let go of the database that it is read from."""
        self._connection.close()

    def batches(self, columns: Sequence[str], size: int) -> Iterator[list[tuple[object, ...]]]:
        """Its rows in their order: the values of `columns`, NULL for one that it does not have."""
        chosen = ", ".join(self.kept.get(name, "NULL") for name in columns)
        self._connection.execute(f"SELECT {chosen} FROM checked")  # noqa: S608
        while batch := self._connection.fetchmany(size):
            yield batch


def read(
    export: Path,
    columns: Sequence[Column],
    wanted: Sequence[str],
    *,
    folder: Path,
    unique: bool = False,
) -> Exported:
    """Read `export`; Refused with everything that is wrong, OSError where there is no file.

    `folder` is for what DuckDB writes meanwhile. `wanted` as in `headers.understood`; `unique`:
    a person stands in it once.
    """
    try:
        lines = copied(export, folder / f"{export.name}.lines")
    except NoText as no_text:
        raise Refused([Fault(no_text.line, 0, str(no_text))]) from no_text
    small = lines.path.stat().st_size < IN_MEMORY
    connection = _loaded(lines, ":memory:" if small else folder / f"{export.name}.duckdb")
    reading = _Reading(connection, columns, *_header(connection, columns, wanted))
    if lines.quoted:
        reading.join_quoted()
    reading.check()
    reading.refuse(unique=unique)
    return reading.exported(cut=not lines.ended and reading.looks_cut())


def _loaded(lines: Lines, database: Path | str) -> duckdb.DuckDBPyConnection:
    """The lines as table `raw` (n from 1, t); what DuckDB writes is bounded in memory."""
    connection = duckdb.connect(database)
    connection.execute("SET memory_limit = '1GB'; SET preserve_insertion_order = true")
    try:
        connection.execute(
            "CREATE TABLE line AS SELECT t FROM read_csv(?,"  # noqa: S608  a constant
            " columns = {'t': 'VARCHAR'}, auto_detect = false, header = false, delim = '\x01',"
            " quote = '', escape = '', comment = '', nullstr = '\x02', new_line = '\\n',"
            f" max_line_size = {LONGEST_LINE})",
            [str(lines.path)],
        )
        connection.execute("CREATE VIEW raw AS SELECT rowid + 1 AS n, t FROM line")
    except duckdb.Error:
        told = f"有一行超过 {LONGEST_LINE:,} 个字节：不是账户导出文件 (a line is too long)"
        raise Refused([Fault(1, 0, told)]) from None
    return connection


def _header(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[Column], wanted: Sequence[str]
) -> tuple[int, Header]:
    first = connection.execute(
        f"SELECT n, t FROM raw WHERE NOT {_BLANK} ORDER BY n LIMIT 1",  # noqa: S608
    ).fetchone()
    line, text = first or (1, "")
    try:
        names = {column.name: column.names for column in columns}
        return line, understood(text.removeprefix("\ufeff"), names, wanted)
    except WrongHeader as wrong:
        raise Refused([Fault(line, wrong.column, str(wrong))]) from wrong


@dataclass(frozen=True, slots=True)
class _Reading:
    """The steps from lines to checked rows, in one private database."""

    connection: duckdb.DuckDBPyConnection
    columns: Sequence[Column]
    header_line: int
    header: Header

    @property
    def present(self) -> list[Column]:
        return [column for column in self.columns if column.name in self.header.places]

    # --- quotes -------------------------------------------------------------------------------

    @property
    def _field(self) -> str:
        """One field as CSV has it; besides ="…", a spreadsheet's way to keep digits."""
        other = re.escape(self.header.delimiter)
        return rf'(?: *"(?:[^"]|"")*" *|=?"[^"]*"|[^"{other}]*)'

    @property
    def _record(self) -> str:
        return f"{self._field}(?:{re.escape(self.header.delimiter)}{self._field})*"

    def join_quoted(self) -> None:
        """Put together what a quoted field spreads over several lines.

        Such a field may not hold the delimiter: then it is a stray quote that swallows rows.
        """
        odd = self.connection.execute(
            f"SELECT n FROM raw WHERE n > ? AND ({_QUOTES}) % 2 = 1 ORDER BY n",  # noqa: S608
            [self.header_line],
        ).fetchall()
        joined = list(self._joined([n for (n,) in odd]))
        if joined:
            self.connection.execute("CREATE TEMP TABLE joined (n BIGINT, t VARCHAR)")
            self.connection.executemany("INSERT INTO joined VALUES (?, ?)", joined)
            self.connection.execute(
                "UPDATE line SET t = joined.t FROM joined WHERE line.rowid + 1 = joined.n"
            )

    def _joined(self, odd: Sequence[int]) -> Iterator[tuple[int, str]]:
        """The lines that change: the whole record in its first, nothing in the others."""
        at = 0
        while at + 1 < len(odd):
            first, last = odd[at], odd[at + 1]
            record = self._lines(first, last) if last - first < MOST_LINES_OF_A_FIELD else None
            if record is None or not self._is_record(record):
                at += 1
                continue
            yield first, record
            yield from ((n, "") for n in range(first + 1, last + 1))
            at += 2

    def _lines(self, first: int, last: int) -> str:
        found = self.connection.execute(
            "SELECT t FROM raw WHERE n BETWEEN ? AND ? ORDER BY n", [first, last]
        ).fetchall()
        return "\n".join(text for (text,) in found)

    def _is_record(self, text: str) -> bool:
        if not re.fullmatch(self._record, text):
            return False
        fields = _split(text, self._field, self.header.delimiter)
        return len(fields) == self.header.width and not any(
            "\n" in field and self.header.delimiter in field for field in fields
        )

    # --- checking -----------------------------------------------------------------------------

    def check(self) -> None:
        """Make the table `checked`: line, width, and value and fault of each column."""
        cleaned, judged = [], []
        for at, column in enumerate(self.present):
            place = f"fields[{self.header.places[column.name]}]"
            cleaned.append(f"{column.clean.replace('FIELD', place)} AS c{at}")
            fault, value = (sql.replace("VALUE", f"c{at}") for sql in (column.fault, column.value))
            judged.append(f"{fault} AS e{at}, CASE WHEN e{at} IS NULL THEN {value} END AS v{at}")
        delimiter = _text(self.header.delimiter)
        self.connection.execute(
            f"""
            CREATE TABLE checked AS
            SELECT line, width, {", ".join(judged)}
            FROM (
              SELECT line, coalesce(len(fields), -1) AS width, {", ".join(cleaned)}
              FROM (
                SELECT n AS line, CASE
                  WHEN NOT contains(t, '"') THEN string_split(t, {delimiter})
                  WHEN NOT regexp_full_match(t, {_text("(?s)" + self._record)}) THEN NULL
                  ELSE list_transform(
                    regexp_extract_all(t || {delimiter},
                      {_text(f"(?s)({self._field}){re.escape(self.header.delimiter)}")}, 1),
                    lambda x: CASE WHEN starts_with(trim(x), '"')
                      THEN replace(substr(trim(x), 2, len(trim(x)) - 2), '""', '"') ELSE x END)
                  END AS fields
                FROM raw
                WHERE n > {self.header_line} AND NOT {_BLANK}
              )
            )
            """  # noqa: S608  columns and patterns are ours; the file's text is never in it
        )
        self.connection.execute("CHECKPOINT")

    @property
    def _faulty(self) -> str:
        faults = " OR ".join(f"e{at} IS NOT NULL" for at in range(len(self.present)))
        return f"width <> {self.header.width} OR {faults}"

    def refuse(self, *, unique: bool) -> None:
        """Refused with the first faults in words, where there are any."""
        row = f"SELECT line, width, {', '.join(f'e{at}' for at in range(len(self.present)))}"
        rows = self.connection.execute(
            f"{row} FROM checked WHERE {self._faulty} ORDER BY line LIMIT {SHOWN}"
        ).fetchall()
        faults = [fault for line, width, *keys in rows for fault in self._faults(line, width, keys)]
        if faults:
            raise Refused(faults, self._count(self._faulty) - len(rows))
        twice = list(self._twice()) if unique else []
        if twice:
            raise Refused(twice)

    def _faults(self, line: int, width: int, keys: Sequence[str | None]) -> Iterator[Fault]:
        if width != self.header.width:
            yield self._misfit(line, width)
            return
        for column, key in zip(self.present, keys, strict=True):
            if key is not None:
                told = f"{column.name}（{column.names[1]}）{WRONG[key]}"
                yield Fault(line, self.header.places[column.name], told)

    def _misfit(self, line: int, width: int) -> Fault:
        """A line that is not as wide as the header, or whose quotes are no quotes."""
        (text,) = self.connection.execute("SELECT t FROM raw WHERE n = ?", [line]).fetchone() or (
            "",
        )
        if width < 0:
            at = len(_split(text, self._field, self.header.delimiter))
            told = "引号没有成对：去掉多余的引号，引号里的引号写成两个 (a stray quote)"
            return Fault(line, at, told)
        counts = (
            f"这一行有 {width} 列，表头有 {self.header.width} 列 (fields do not fit the header)"
        )
        if width < self.header.width:
            return Fault(line, width + 1, f"{counts}：从第 {width + 1} 列起缺，补齐这一行")
        parted = _thousands(text.split(","))
        if parted is not None and self.header.delimiter == ",":
            return Fault(
                line, parted, f"{counts}：像是金额里的千位逗号，去掉逗号，或者给金额加上引号"
            )
        return Fault(
            line, self.header.width + 1, f"{counts}：去掉多余的列，或者给含逗号的内容加上引号"
        )

    def _twice(self) -> Iterator[Fault]:
        again = self.connection.execute(
            f"SELECT list(line ORDER BY line) FROM ({self._people}) GROUP BY person"  # noqa: S608
            f" HAVING count(*) > 1 ORDER BY min(line) LIMIT {SHOWN}"
        ).fetchall()
        at = self.header.places["id_number"]
        for ((first, *others),) in again:
            for line in others:
                yield Fault(line, at, f"同一个人在第 {first} 行已经有了：只留一行 (stands twice)")

    # --- what it holds ------------------------------------------------------------------------

    @property
    def _people(self) -> str:
        at = next(i for i, column in enumerate(self.present) if column.name == "id_number")
        numbers = f"SELECT line, v{at} AS id_number FROM checked"  # noqa: S608
        return f"SELECT line, id_number, {PERSON} AS person FROM ({numbers})"  # noqa: S608

    def _count(self, condition: str) -> int:
        found = self.connection.execute(
            f"SELECT count(*) FROM checked WHERE {condition}"  # noqa: S608
        ).fetchone()
        return 0 if found is None else int(found[0])

    def exported(self, *, cut: bool) -> Exported:
        """What was read, counted."""
        doubtful, several = self.connection.execute(
            f"SELECT (SELECT count(*) FROM ({self._people}) WHERE {DOUBTFUL}), (SELECT count(*)"  # noqa: S608
            f" FROM (SELECT 1 FROM ({self._people}) GROUP BY person HAVING count(*) > 1))"
        ).fetchone() or (0, 0)
        return Exported(
            rows=self._count("true"),
            doubtful=doubtful,
            doubtful_lines=self._doubtful_lines() if doubtful else (),
            several=several,
            cut=cut,
            kept={column.kept: f"v{at}" for at, column in enumerate(self.present)},
            _connection=self.connection,
        )

    def _doubtful_lines(self) -> tuple[int, ...]:
        found = self.connection.execute(
            f"SELECT line FROM ({self._people}) WHERE {DOUBTFUL}"  # noqa: S608
            f" ORDER BY line LIMIT {MENTIONED}"
        ).fetchall()
        return tuple(line for (line,) in found)

    def looks_cut(self) -> bool:
        """Whether the last field of the last line is shorter than that of the line before.

        An amount is compared by its decimals, since 5.00 may well follow 12345.67.
        """
        last = self.connection.execute(
            f"SELECT t FROM raw WHERE n > ? AND NOT {_BLANK} ORDER BY n DESC LIMIT 2",  # noqa: S608
            [self.header_line],
        ).fetchall()
        ends = [text.rpartition(self.header.delimiter)[2].strip() for (text,) in last]
        return len(ends) == 2 and _decimals(ends[0]) < _decimals(ends[1])


def _decimals(field: str) -> int:
    whole, point, decimals = field.partition(".")
    return len(decimals) if point or whole.isdigit() else len(field)


def _split(text: str, field: str, delimiter: str) -> list[str]:
    """The fields of a record up to the first that is none, which comes last."""
    pattern = re.compile(f"({field})(?:{re.escape(delimiter)}|$)")
    fields: list[str] = []
    at = 0
    while at <= len(text):
        found = pattern.match(text, at)
        if found is None:
            return [*fields, text[at:]]
        fields.append(found[1])
        if found.end() == len(text):
            break
        at = found.end()
    return fields


def _thousands(fields: Sequence[str]) -> int | None:
    """Where an amount was parted at its thousands, from 1."""
    for at, (left, right) in enumerate(pairwise(fields), 1):
        if re.fullmatch(r"\s*\d{1,3}", left) and re.fullmatch(r"\d{3}(\.\d*)?\s*", right):
            return at
    return None


def _text(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"
