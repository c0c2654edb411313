"""One set of users for the consoles of all nodes; each has a copy, by which people sign in.

A change is made to the users as the line has them, and needs the database. While it is away people
sign in by the copy; what is counted then (failures, and figures that were used) is told once it is
back. What is told of are whole users, so nothing has to be reconciled piece by piece.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    String,
    Table,
    delete,
    insert,
    select,
)

from console.rows import transaction
from console.users import FILE, TABLES, Refused, Users
from ivr.config import Settings
from ivr.lifecycle.tending import tended
from ivr.state.shared import CannotReach, Shared
from ivr.state.trips import Matter, alone, durable

T = TypeVar("T")
Told = Mapping[str, str]
"""Users by name, each as JSON."""

PATIENCE_SECONDS: Final = 2.0
"""Whoever signs in waits no longer for the database."""
LOOK_SECONDS: Final = 1.0
_ROW: Final = Table(
    "console_user",
    MetaData(),
    Column("name", String, primary_key=True),
    Column("body", String),
)
_KEPT: Final = (
    "roles", "hash", "one_time", "locked", "failures", "shut_until", "version", "seen",
    "salt", "used", "confirmed",
)  # fmt: skip
_USER, _FACTOR = _KEPT[:8], _KEPT[8:]
_COUNTED: Final = ("failures", "shut_until", "seen", "used")
"""What changes without the database."""
_HERE: Final = (
    f"{TABLES};CREATE TABLE IF NOT EXISTS line (name TEXT PRIMARY KEY, body TEXT NOT NULL)"
)


class OfAllNodes:
    """The users in the database, and the copy of them in `home` (console.users.Line)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = settings.home / FILE

    def change(self, work: Callable[[], T]) -> T:
        """See Line."""
        try:
            return self._within(partial(self._done, work=work))
        except CannotReach as away:
            raise Refused(
                f"用户是全线共有的，共享数据库现在用不了，没有改，恢复以后再来：{away}"
                " · users lie in the database of [state]: nothing was changed, try again"
            ) from away

    def count(self, work: Callable[[], T]) -> T:
        """See Line."""
        try:
            return self._within(partial(self._done, work=work))
        except CannotReach:
            return work()

    def _within(self, work: Callable[[Connection], T]) -> T:
        with closing(Shared(self._settings)) as shared:
            return shared.within(work, PATIENCE_SECONDS)

    def _done(self, rows: Connection, work: Callable[[], T]) -> T:
        self.make_even(rows)
        result = work()
        self.make_even(rows, is_ours=True)
        return result

    def make_even(self, rows: Connection, *, is_ours: bool = False) -> int:
        """The copy is as the line's, and the line knows who and what is new here; how many users.

        `is_ours`: what was changed here just now, after the line was looked at, holds.
        """
        durable(rows)
        alone(rows, Matter.USERS)
        line = {row.name: row.body for row in rows.execute(select(_ROW))}
        with transaction(self._path, _HERE) as here:
            ours, before = _users(here), _line(here)
            agreed = ours if is_ours else settled(ours, before, line)
            _keep(here, {name: body for name, body in agreed.items() if ours.get(name) != body})
            if agreed != before:
                here.executemany("INSERT OR REPLACE INTO line VALUES (?, ?)", agreed.items())
        _tell(rows, {name: body for name, body in agreed.items() if line.get(name) != body})
        return len(agreed)


def settled(ours: Told, before: Told, line: Told) -> Told:
    """What holds of the users here and of the line's; `before`: the line's, as it was known here.

    Nobody is ever taken out. Of a name that both have the line's holds, but for what was counted;
    unless the line's is older than it was known to be, as in a database that was put back: nobody
    who was locked since gets in again.
    """
    return {
        name: _settled(ours.get(name), before.get(name), line.get(name))
        for name in {**ours, **line}
    }


def _settled(ours: str | None, before: str | None, line: str | None) -> str:
    if line is None or ours is None:
        return line or ours or ""
    if before is None or before == line == ours:
        return line
    here, known, there = (json.loads(each) for each in (ours, before, line))
    if there["version"] < known["version"]:
        return ours
    if ours == before or not here["version"] == known["version"] == there["version"]:
        return line
    if line == before:
        return ours
    return _body({**there, **{name: _later(here[name], there[name]) for name in _COUNTED}})


def _later(one: float | None, other: float | None) -> float | None:
    return max((each for each in (one, other) if each is not None), default=None)


# --- here -------------------------------------------------------------------------------------


def _users(here: sqlite3.Connection) -> Told:
    asked = f"SELECT name, {', '.join(_KEPT)} FROM user LEFT JOIN factor USING (name)"  # noqa: S608
    return {name: _body(dict(zip(_KEPT, kept, strict=True))) for name, *kept in here.execute(asked)}


def _line(here: sqlite3.Connection) -> Told:
    return dict(here.execute("SELECT name, body FROM line"))


def _keep(here: sqlite3.Connection, changed: Told) -> None:
    for name, body in changed.items():
        told = json.loads(body)
        here.execute("DELETE FROM factor WHERE name = ?", (name,))
        _put(here, "user", name, {column: told[column] for column in _USER})
        if told["salt"] is not None:
            salt = bytes.fromhex(told["salt"])
            _put(here, "factor", name, {**{each: told[each] for each in _FACTOR}, "salt": salt})


def _put(here: sqlite3.Connection, table: str, name: str, told: Mapping[str, Any]) -> None:
    places = ", ".join("?" * (len(told) + 1))
    here.execute(
        f"INSERT OR REPLACE INTO {table} (name, {', '.join(told)}) VALUES ({places})",  # noqa: S608
        (name, *told.values()),
    )


def _body(told: Mapping[str, Any]) -> str:
    salt = told["salt"]
    shown = salt.hex() if isinstance(salt, bytes) else salt
    return json.dumps({**told, "salt": shown}, ensure_ascii=False, sort_keys=True)


# --- in the database --------------------------------------------------------------------------


def _tell(rows: Connection, changed: Told) -> None:
    if not changed:
        return
    rows.execute(delete(_ROW).where(_ROW.c.name.in_(changed)))
    told = [{"name": name, "body": body} for name, body in changed.items()]
    rows.execute(insert(_ROW), told)


async def kept_even(settings: Settings) -> None:
    """Until cancelled: a change on one node is known on all within a second or two."""
    shared, users = Shared(settings), OfAllNodes(settings)

    async def once() -> None:
        with suppress(CannotReach):  # the service tells of that
            await shared.attempt(users.make_even, PATIENCE_SECONDS)

    try:
        await tended("the users of all nodes", once, LOOK_SECONDS)
    finally:
        await asyncio.to_thread(shared.close)


def among_nodes(settings: Settings) -> Users:
    """The line's users, changed and looked at from this node."""
    return Users(settings.home, line=OfAllNodes(settings))
