"""Saved questions: somebody's SQL under a name, with values for its parameters, alone or shared."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from analytics.answering.asking import CannotAnswer
from analytics.answering.statements import parameters, refuse_private
from console.rows import transaction

FILE: Final = "questions.sqlite"
"""Below the home folder."""
LONGEST_NAME: Final = 60
LONGEST_TEXT: Final = 20_000
MOST_OF_ONE: Final = 200
"""Questions that one person may keep."""
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS question (number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name TEXT NOT NULL, owner TEXT NOT NULL, shared INTEGER NOT NULL, text TEXT NOT NULL,"
    " given TEXT NOT NULL, changed REAL NOT NULL, UNIQUE (owner, name))"
)
_COLUMNS: Final = "number, name, owner, shared, text, given, changed"


@dataclass(frozen=True, slots=True)
class Saved:
    """One question that was kept."""

    number: int
    name: str
    owner: str
    shared: bool
    """Others with the right may ask it too; its owner alone changes it."""
    text: str
    given: Mapping[str, str]
    """The values that its parameters had, as they were written: also 昨天, 上月初."""
    changed: float


class Questions:
    """The questions of one line. All methods block: an event loop calls them in a thread."""

    def __init__(self, home: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = home / FILE
        self._clock = clock

    def seen_by(self, user: str) -> list[Saved]:
        """Their own, and what others share, by name."""
        with self._opened() as rows:
            found = rows.execute(
                f"SELECT {_COLUMNS} FROM question WHERE owner = ? OR shared"  # noqa: S608
                " ORDER BY owner <> ?, name",
                (user, user),
            )
            return [_saved(row) for row in found]

    def find(self, number: int, user: str | None) -> Saved | None:
        """None where there is none that they may see; at the machine itself (None) it is any."""
        with self._opened() as rows:
            row = rows.execute(
                f"SELECT {_COLUMNS} FROM question"  # noqa: S608
                " WHERE number = ? AND (owner = ? OR shared OR ? IS NULL)",
                (number, user, user),
            ).fetchone()
        return None if row is None else _saved(row)

    def keep(
        self, name: str, owner: str, text: str, given: Mapping[str, str], *, shared: bool
    ) -> int:
        """Keep it under this name, in place of the one of that name; its number.

        Raises CannotAnswer for a name or a text that cannot be kept.
        """
        if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
            raise CannotAnswer(f"给查询起一个 1 到 {LONGEST_NAME} 个字的名字")
        if not text or len(text) > LONGEST_TEXT:
            raise CannotAnswer(f"查询要有内容，最多 {LONGEST_TEXT} 个字符")
        refuse_private(name, text, *given.values())
        with self._opened() as rows:
            ((count,),) = rows.execute(
                "SELECT count(*) FROM question WHERE owner = ? AND name <> ?", (owner, name)
            )
            if count >= MOST_OF_ONE:
                raise CannotAnswer(f"一个人最多保存 {MOST_OF_ONE} 个查询：请先删去不用的")
            ((number,),) = rows.execute(
                "INSERT INTO question (name, owner, shared, text, given, changed)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (owner, name) DO UPDATE SET"
                " shared = excluded.shared, text = excluded.text, given = excluded.given,"
                " changed = excluded.changed RETURNING number",
                (name, owner, shared, text, json.dumps(dict(given)), self._clock()),
            ).fetchall()
            return int(number)

    def drop(self, number: int, owner: str) -> Saved | None:
        """Forget one of their own; None where it is none of theirs."""
        with self._opened() as rows:
            row = rows.execute(
                f"DELETE FROM question WHERE number = ? AND owner = ? RETURNING {_COLUMNS}",  # noqa: S608
                (number, owner),
            ).fetchone()
        return None if row is None else _saved(row)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with transaction(self._path, _TABLE) as rows:
            yield rows


def _saved(row: tuple[int, str, str, int, str, str, float]) -> Saved:
    number, name, owner, shared, text, given, changed = row
    return Saved(number, name, owner, bool(shared), text, json.loads(given), changed)


# --- values -----------------------------------------------------------------------------------


def values(text: str, given: Mapping[str, str], today: date) -> dict[str, str]:
    """What the parameters of a text are asked with; days in words count from `today`.

    Raises CannotAnswer for one that is empty, or no day where a day is wanted.
    """
    asked = {}
    for name, kind in parameters(text).items():
        value = given.get(name, "").strip()
        if not value:
            raise CannotAnswer(f"请填参数 {name}")
        asked[name] = str(day(value, today)) if kind == "DATE" else value
    refuse_private(*asked.values())
    return asked


_AGO: Final = re.compile(r"(\d{1,4}) ?天前")


def day(text: str, today: date) -> date:
    """A day as people write it; raises CannotAnswer."""
    first = today.replace(day=1)
    last_month = first - timedelta(days=1)
    words = {
        "今天": today,
        "昨天": today - timedelta(days=1),
        "本周一": today - timedelta(days=today.weekday()),
        "上周一": today - timedelta(days=today.weekday() + 7),
        "上周日": today - timedelta(days=today.weekday() + 1),
        "本月初": first,
        "上月初": last_month.replace(day=1),
        "上月末": last_month,
    }
    if text in words:
        return words[text]
    if ago := _AGO.fullmatch(text):
        return today - timedelta(days=int(ago[1]))
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CannotAnswer(
            f"{text} 不是日期：写 2026-11-27，或 {'、'.join(words)}、7天前"
        ) from None
