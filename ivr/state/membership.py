"""This node among the others: admitted before the first call, heard of every second after it.

What nodes share is caught up with at each beat by its `Part`: first what was kept here while the
database was away, then what the others have done. Only when all of that is done do callers'
questions go to the database again. However long it takes on a slow database, the node is heard of
meanwhile: the others would give its phones and places away.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, Protocol

from sqlalchemy import Connection

from ivr.config import Settings, SettingsError
from ivr.depot.depot import depot
from ivr.depot.errors import DepotAway
from ivr.lifecycle.tending import tended
from ivr.speech.publications import MANIFEST
from ivr.state import admission, nodes
from ivr.state.identity import Known, identity, published
from ivr.state.nodes import Doing, Identity, Line
from ivr.state.prompts import in_force_here, taken
from ivr.state.release import CannotTake
from ivr.state.shared import CannotReach, Shared, TooNew
from ivr.state.trips import now

log = logging.getLogger(__name__)

BEAT_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 2.0
"""No caller waits for a beat."""
_ROUNDING_SECONDS: Final = 0.01
_PUT_BACK: Final = (
    "数据库是旧的，像是从备份恢复的：各节点知道的正在补回去，再在每个节点 `ivr node join`"
    " · the database is older than it was: put back from a backup?"
)
START_SECONDS: Final = 5.0
"""A service that starts waits so long for the database before it serves by what it knows."""


class Part(Protocol):
    """Something that the nodes of a line share."""

    async def catch_up(self) -> None:
        """Tell what was kept here, learn what others did; harmless to repeat.

        Raises CannotReach.
        """

    def is_even(self) -> bool:
        """Whether nothing is kept here any more; asked in the moment in which callers return."""


class Membership:
    """One service's place in its line."""

    def __init__(
        self,
        settings: Settings,
        shared: Shared,
        me: Identity,
        *,
        clock: Callable[[], float] = time.time,
        beat_seconds: float = BEAT_SECONDS,
    ) -> None:
        self._settings = settings
        self._shared = shared
        self._me = me
        self._clock = clock
        self._beat_seconds = beat_seconds
        self._ahead = 0.0
        self._heard_at = 0.0
        """When the database last heard of this service, by its own clock."""
        self._is_put_back = False
        """Whether it has forgotten that since."""
        self._seen = 0
        """When the manifest of the published prompts was written."""
        self._is_newer = False
        """Prompts were published here, and the others do not know it yet."""
        self.parts: list[Part] = []
        self.doing: Callable[[], Doing] = Doing
        """What this node has to do just now; asked in the loop."""
        self.known = Known.read(settings.home)
        self.warnings: Sequence[str] = ()
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def admitted(self) -> None:
        """Before the first call; SettingsError with everything that is wrong.

        Where the database is away, a node that was admitted before serves by what it knew then.
        """
        try:
            line = await self._shared.attempt(self._looked, START_SECONDS)
        except TooNew as newer:
            wrong = [str(newer)]
        except CannotReach as gone:
            self._shared.lost(str(gone))
            wrong = self._by_heart(str(gone))
        else:
            await self._be_as_the_line_is(line)
            wrong = admission.faults(self._me, line, ahead=self._ahead)
            if not wrong:
                await self._learn(line)
        if wrong:
            raise SettingsError("\n".join(wrong))

    async def _be_as_the_line_is(self, line: Line) -> None:
        """Sentences with which this node may not serve are changed for the line's, if it can."""
        if not (self._settings.depot.is_named and line.prompts):
            return
        if any(admission.catalog(self._me, line)):
            try:
                await asyncio.to_thread(taken, self._settings, depot(self._settings), line.prompts)
            except (DepotAway, CannotTake) as lacking:
                log.warning("the line's prompts cannot be had: %s", lacking)
            self._me = await asyncio.to_thread(identity, self._settings)

    def begin(self) -> None:
        """Be heard of from now on, and catch up."""
        works = {"a beat of this node": self._be_heard, "catching up": self._catch_up}
        self._tasks = tuple(
            asyncio.create_task(tended(what, work, self._beat_seconds))
            for what, work in works.items()
        )

    async def stop(self) -> None:
        """No beat any more; what the last one had to do is done or given up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = ()

    @property
    def draining(self) -> bool:
        """Whether new calls are for other nodes: it is drained, or was taken out."""
        return self.known.draining

    async def beat(self) -> None:
        """Be heard of, and catch up."""
        await self._be_heard()
        await self._catch_up()

    async def _be_heard(self) -> None:
        await asyncio.to_thread(self._look_at_publication)
        try:
            await self._learn(await self._heard())
        except CannotReach as gone:
            self._shared.lost(str(gone))
        else:
            if self._is_put_back:
                self._shared.lost(_PUT_BACK)

    async def _catch_up(self) -> None:
        try:
            while self._shared.may_be_found():
                for part in self.parts:
                    await part.catch_up()
                if all(part.is_even() for part in self.parts):
                    self._shared.found()
                    return
        except CannotReach as gone:
            self._shared.lost(str(gone))

    def _looked(self, rows: Connection) -> Line:
        before = self._clock()
        line = nodes.read(rows)
        self._compare_clocks(before, line)
        return line

    async def _heard(self) -> Line:
        """What is published while the service runs is the line's from then on.

        A database that was put back from before is lost for a moment, so that each part tells it
        again what it knows.
        """
        telling = partial(self._told, self.doing())
        line, before = await self._shared.attempt(telling, PATIENCE_SECONDS)
        ours = line.node(self._me.name)
        heard_at, self._heard_at = (
            self._heard_at,
            0.0 if ours is None else line.clock - ours.unheard,
        )
        self._is_put_back = before < heard_at - _ROUNDING_SECONDS
        if self._is_newer and ours is not None and ours.machine == self._me.machine:
            line = await self._shared.attempt(self._published, PATIENCE_SECONDS)
            self._is_newer = False
        return line

    def _told(self, doing: Doing, rows: Connection) -> tuple[Line, float]:
        asked = self._clock()
        line, before = nodes.beat(rows, self._me, doing, ahead=self._ahead)
        self._compare_clocks(asked, line)
        return line, before

    def _published(self, rows: Connection) -> Line:
        nodes.agree(rows, nodes.CATALOG, self._me.catalog, now(rows))
        return nodes.read(rows)

    def _compare_clocks(self, before: float, line: Line) -> None:
        """Half of the way there and back is the database's; `before`: when it was asked."""
        self._ahead = (before + self._clock()) / 2 - line.clock

    def _by_heart(self, complaint: str) -> list[str]:
        if not self.known.keys:
            return [
                "共享数据库连不上，本机也还没有加入过："
                f"先让数据库起来，再 `ivr node join`；{complaint}"
                " · shared state is away and this node was never admitted"
            ]
        line = self.known.line()
        return [*admission.keys(self._me, line), *admission.catalog(self._me, line)]

    async def _learn(self, line: Line) -> None:
        self.warnings = admission.warnings(self._me, line, ahead=self._ahead)
        known = Known.of(line, self._me)
        if known == self.known or line.is_new:
            return
        self.known = known
        try:
            await asyncio.to_thread(known.keep, self._settings.home)
        except OSError as full:
            log.warning("what is known of the other nodes is not written down: %s", full.strerror)

    def _look_at_publication(self) -> None:
        """Read again only where there is another file; with a depot the courier tells the line."""
        if self._settings.depot.is_named:
            here = in_force_here(self._settings)
            heard = published(self._settings.audio) or self._me.catalog
            self._me = replace(self._me, catalog=heard, prompts=here)
            return
        try:
            seen = (self._settings.audio / MANIFEST).stat().st_mtime_ns
        except FileNotFoundError:
            return
        if seen == self._seen:
            return
        first, self._seen = self._seen == 0, seen
        catalog = published(self._settings.audio)
        if catalog and catalog != self._me.catalog:
            self._me = replace(self._me, catalog=catalog)
            self._is_newer = self._is_newer or not first


async def member(settings: Settings, shared: Shared) -> Membership:
    """This node, admitted; raises SettingsError."""
    me = await asyncio.to_thread(identity, settings)
    membership = Membership(settings, shared, me)
    await membership.admitted()
    return membership
