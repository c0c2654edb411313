"""What administrators have set is one for the line: each node has the same versions, as files.

A node reads its own files (`config/table.py`) and waits for no database. A version is made in the
database first, so that two administrators cannot both make the next one; while it is away nothing
can be changed, and what held last holds. Every beat brings the versions that are not here yet.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Connection, Integer, MetaData, String, insert, select
from sqlalchemy import Table as Rows

from ivr.config import Content, Settings, SettingsError, Table, Version
from ivr.lifecycle import setting
from ivr.lifecycle.setting import ChangedMeanwhile
from ivr.records.durable import write
from ivr.records.holding import alone as alone_here
from ivr.state.membership import PATIENCE_SECONDS
from ivr.state.nodes import AGREED, agree
from ivr.state.shared import CannotReach, Shared, asked_once
from ivr.state.trips import Matter, alone, now

log = logging.getLogger(__name__)

_VERSION: Final = Rows(
    "setting_version",
    MetaData(),
    Column("number", Integer, primary_key=True),
    Column("body", String),
)
_BEGUN: Final = "settings"
"""Its row among what is agreed: some node's versions have become the line's."""
OWN: Final = ".own"
"""What a machine had set before it had the line's versions is kept under this end of its name."""

Bodies = Mapping[int, str]
"""The content of each version's file, by its number."""


def change(
    settings: Settings,
    change_to: Callable[[Content], Content],
    *,
    made: Version,
    base: int | None = None,
) -> Version:
    """As `lifecycle.setting.change`, for all nodes; SettingsError also while that cannot be."""
    if not settings.shares:
        return setting.change(settings, change_to, made=made, base=base)
    try:
        take_over(settings)
        agreed = partial(_agreed, settings)
        return setting.change(settings, change_to, made=made, base=base, agreed=agreed)
    except CannotReach as away:
        raise SettingsError(
            f"共享数据库现在用不了，设置不能改，原来的照旧；恢复后先看一遍再改：{away}"
            " · shared state is away: settings cannot be changed now"
        ) from away


def take_over(settings: Settings) -> None:
    """This machine has the line's versions; the first one's are the line's. CannotReach."""
    table = Table(settings.home)
    _take(table, *asked_once(settings, partial(_settled, table)))


class SharedSettings:
    """The table of settings as a part of what a node catches up with (Part)."""

    def __init__(self, home: Path, shared: Shared) -> None:
        self._table = Table(home)
        self._shared = shared
        self.taken: Callable[[], None] = lambda: None
        """Called, in a thread, when versions of other nodes are here."""

    async def catch_up(self) -> None:
        """Have what was set on other nodes; a bad disk holds nobody up."""
        found = await self._shared.attempt(partial(_settled, self._table), PATIENCE_SECONDS)
        try:
            if await asyncio.to_thread(_take, self._table, *found):
                await asyncio.to_thread(self.taken)
        except OSError as refused:
            log.error("settings of other nodes cannot be kept here: %s", refused.strerror)  # noqa: TRY400  no trace

    def is_even(self) -> bool:
        """No call asks the database for it."""
        return True


def _agreed(settings: Settings, version: Version) -> None:
    """It is the line's next version; raises ChangedMeanwhile and CannotReach."""
    asked_once(settings, partial(_add, version))


def _add(version: Version, rows: Connection) -> None:
    alone(rows, Matter.SETTINGS)
    taken = rows.execute(select(_VERSION.c.number).where(_VERSION.c.number >= version.number))
    if taken.first() is not None:
        raise ChangedMeanwhile(
            "别的节点上刚刚改过：看过再改 · changed on another node meanwhile: look again"
        )
    body = setting.written(version).decode()
    rows.execute(insert(_VERSION).values(number=version.number, body=body))


def _settled(table: Table, rows: Connection) -> tuple[Bodies, Bodies]:
    """The line's versions that are not here as they are there, and what is here and nowhere else.

    A database that was restored from before lacks the newest: who has the same history brings them.
    """
    newest = select(_VERSION.c.number, _VERSION.c.body).order_by(_VERSION.c.number.desc())
    last = rows.execute(newest.limit(1)).first()
    number = table.latest()
    if last is not None and last.number == number and _same(_body(table, number), last.body):
        return {}, {}
    alone(rows, Matter.SETTINGS)
    there: dict[int, str] = {row.number: row.body for row in rows.execute(newest)}
    here = {each: body for each in range(1, number + 1) if (body := _body(table, each))}
    own = {each: body for each, body in here.items() if each not in there}
    if _is_first(rows) or (there and all(_same(here.get(each), there[each]) for each in there)):
        for each, body in own.items():
            rows.execute(insert(_VERSION).values(number=each, body=body))
        own = {}
    return {each: body for each, body in there.items() if not _same(here.get(each), body)}, own


def _is_first(rows: Connection) -> bool:
    """Whether no node has brought its versions yet; from now on one has."""
    if rows.execute(select(AGREED.c.at).where(AGREED.c.name == _BEGUN)).first() is not None:
        return False
    agree(rows, _BEGUN, "", now(rows))
    return True


def _take(table: Table, theirs: Bodies, own: Bodies) -> bool:
    """Have the line's versions; another one of the same number is kept under another name.

    Whether there is anything that was not here.
    """
    if not theirs and not own:
        return False
    table.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with alone_here(table.folder / "lock"):
        for number, body in sorted(theirs.items()):
            if not _same(before := _body(table, number), body):
                _set_aside(table.path(number), before)
                write(table.path(number), body.encode(), mode=0o600)
        for number, body in sorted(own.items(), reverse=True):
            _set_aside(table.path(number), body)
            table.path(number).unlink(missing_ok=True)
    return True


def _set_aside(path: Path, body: str | None) -> None:
    if body is not None:
        log.warning("%s was set on this machine alone: it is kept as %s", path.name, OWN)
        write(path.with_name(path.name + OWN), body.encode(), mode=0o600)


def _body(table: Table, number: int) -> str | None:
    """None where there is none that can be read."""
    try:
        return table.path(number).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _same(one: str | None, other: str) -> bool:
    return one is not None and (one == other or _parsed(one) == _parsed(other))


def _parsed(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body
