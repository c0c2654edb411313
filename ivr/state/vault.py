"""The vault of a line with several machines: one set of rows, in the database that they share.

Whom a node is told of it keeps on its own disk first, sealed as ever: no caller waits for the
database, and nobody is lost while it is away. Its own rows stay there, for the calls back that it
owes; they go as soon as it hears that somebody was forgotten.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from typing import Final, TypeVar

from ivr.config import Settings
from ivr.people.keys import Keys
from ivr.people.vault import Vault, VaultLocked
from ivr.people.vault_file import FILE, Row, Rows, VaultFile
from ivr.state import people
from ivr.state.membership import PATIENCE_SECONDS
from ivr.state.node import Node
from ivr.state.shared import Away, CannotReach, Shared, Work, asked_once

log = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST: Final = ""
"""Before every token."""


class LineRows:
    """All nodes' rows, for a command or a page on this one (Rows).

    VaultLocked while the database is away.
    """

    def __init__(self, settings: Settings) -> None:
        self._node = settings.node
        self._settings = settings
        self._file = VaultFile(settings.home / FILE)
        self._own = Vault(self._file, Keys.load(settings.home / "keys"))

    def __str__(self) -> str:
        return "the vault of [state]"

    def put(self, row: Row) -> None:
        """See Rows; the service tells the others."""
        self._file.put(row)

    def find(self, token: str) -> Row | None:
        """See Rows: what the others know, or this machine has not told them yet."""
        found = self._ask(partial(people.find, token=token))
        return self._untold(token) if found is None else found

    def all(self) -> Iterator[Row]:
        """See Rows."""
        after = _FIRST
        with _explained(), closing(Shared(self._settings)) as shared:
            while found := shared.at_once(partial(people.some, after=after)):
                yield from found
                after = found[-1].token

    def kept_before(self, when: float) -> frozenset[str]:
        """See Rows."""
        return self._ask(partial(people.kept_before, node=self._node, when=when))

    def forget(self, tokens: Collection[str], mark: str) -> int:
        """See Rows."""
        there = self._ask(partial(people.forget, tokens=tokens, mark=mark))
        return max(there, self._file.forget(tokens))

    def let_go(self, token: str) -> bool:
        """See Rows."""
        there = self._ask(partial(people.let_go, node=self._node, token=token))
        return self._file.let_go(token) or there

    def seal(self, anew: Mapping[Row, bytes]) -> None:
        """See Rows; some at a time, each of which can be read before and after."""
        left = iter(anew.items())
        while some := dict(islice(left, people.MOST_AT_ONCE)):
            self._ask(partial(people.seal, anew=some))

    def _untold(self, token: str) -> Row | None:
        row = self._file.find(token) if self._file.waits(token) else None
        if row is None:
            return None
        gone = partial(people.is_forgotten, row=row, mark=self._own.mark(row))
        return None if self._ask(gone) else row

    def _ask(self, work: Work[T]) -> T:
        with _explained():
            return asked_once(self._settings, work)


class NodeRows(VaultFile):
    """This node's own rows, for its calls, and those of the others where there is time (Part)."""

    def __init__(self, settings: Settings, shared: Shared) -> None:
        super().__init__(settings.home / FILE)
        self._node = settings.node
        self._shared = shared
        self._own = Vault(VaultFile(self._path), Keys.load(settings.home / "keys"))
        self._loop = asyncio.get_running_loop()
        self._is_newest = False
        """Whether its rows are under the newest key: another node may have renewed it."""
        self._heard = 0.0
        """When the last of those was forgotten whom this node has heard of."""

    def find(self, token: str) -> Row | None:
        """See Rows; called in a thread. Raises OSError where the others cannot be asked now."""
        row = super().find(token)
        if row is not None:
            return row
        asking = self._shared.ask(partial(people.find, token=token))
        answer = asyncio.run_coroutine_threadsafe(asking, self._loop).result()
        if isinstance(answer, Away):
            raise TimeoutError
        return answer

    async def catch_up(self) -> None:
        """Tell whom this node was told of; hear who was forgotten."""
        if not self._is_newest:
            await asyncio.to_thread(self._seal_anew)
            self._is_newest = True
        while waiting := await asyncio.to_thread(self._marked):
            told = partial(people.deliver, node=self._node, marked=waiting)
            gone = await self._shared.attempt(told, PATIENCE_SECONDS)
            await asyncio.to_thread(_delivered, self, waiting, gone)
        since = partial(people.forgotten_since, when=self._heard)
        forgotten = await self._shared.attempt(since, PATIENCE_SECONDS)
        if forgotten:
            await asyncio.to_thread(self.forget_kept_until, forgotten)
            self._heard = max(forgotten.values())

    def is_even(self) -> bool:
        """No caller's question depends on it."""
        return True

    def _seal_anew(self) -> None:
        try:
            self._own.seal_anew()
        except VaultLocked as locked:
            log.warning("%s", locked)

    def _marked(self) -> dict[Row, str]:
        return _marked(self, self._own)


def among_nodes(node: Node, settings: Settings) -> Rows:
    """The rows for a service that is one of several."""
    rows = NodeRows(settings, node.shared)
    node.shares(rows)
    return rows


def take_over(settings: Settings, shared: Shared) -> int:
    """Whoever is kept on this machine is in the database too; how many, and raises CannotReach.

    All of them, also those who were told before: the database may be a new one.
    """
    rows = VaultFile(settings.home / FILE)
    own = Vault(rows, Keys.load(settings.home / "keys"))
    rows.everybody_waits()
    told = 0
    while waiting := _marked(rows, own):
        gone = shared.at_once(partial(people.deliver, node=settings.node, marked=waiting))
        _delivered(rows, waiting, gone)
        told += len(waiting)
    return told


def _marked(rows: VaultFile, own: Vault) -> dict[Row, str]:
    return {row: own.mark(row) for row in rows.waiting(people.MOST_AT_ONCE)}


@contextmanager
def _explained() -> Iterator[None]:
    """Nobody's number can be had, or forgotten, by this machine alone."""
    try:
        yield
    except CannotReach as away:
        raise VaultLocked(
            f"保险库是全线共有的，共享数据库现在用不了，恢复以后再来：{away}"
            " · the vault lies in the database of [state]: try again when it answers"
        ) from away


def _delivered(rows: VaultFile, told: Iterable[Row], gone: Collection[Row]) -> None:
    """The database has them; who was forgotten meanwhile goes here too."""
    rows.forget_kept_until({row.token: row.kept for row in gone})
    rows.delivered(told)
