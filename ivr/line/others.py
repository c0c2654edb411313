"""A service as the only machine of its line, and as one among other nodes.

What nodes share takes long to import, and one machine does not need it: it is imported where there
are others, and by nobody else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from importlib import import_module
from subprocess import SubprocessError
from typing import TYPE_CHECKING, Protocol

from ivr.agents.desks import Moved
from ivr.agents.switchboard import Switchboard
from ivr.agents.wishes import WishBook, Wishes
from ivr.asterisk import locate, process
from ivr.cases.enquiries import ANSWER_SECONDS
from ivr.config import Settings, SettingsError
from ivr.lifecycle.health import Part
from ivr.limits.gate import Gate
from ivr.limits.limits import Limits
from ivr.line.conduct import Conductor
from ivr.people.vault_file import FILE, Rows, VaultFile
from ivr.records.facts import Fact

if TYPE_CHECKING:
    from ivr.agents.notes_together import NodeNotes
    from ivr.state.node import Node
    from ivr.state.nodes import Doing

log = logging.getLogger(__name__)


class Others(Protocol):
    """What a service has of the other nodes of its line."""

    caller_seconds: float
    """How long a caller waits for what cases say."""
    away: Callable[[], float] | None
    """1 while the database of all nodes does not answer; None: there is none."""

    def cases_away(self) -> bool:
        """Whether it is known that cases cannot be asked for."""

    def people(self) -> Rows:
        """Whose tokens are known."""

    def gate(self, limits: Limits) -> Gate:
        """The limits that callers pass."""

    def wishes(self, own: Wishes, note: Callable[[Fact], None]) -> WishBook:
        """What callers wish, whichever node they have told."""

    def share_agents(self, switchboard: Switchboard, stack: AsyncExitStack) -> None:
        """Each phone rings for one call of all nodes; they hear of what becomes of agents here."""

    def take_part(self, conductor: Conductor) -> None:
        """Who was asked, how many calls there are, whether to take any: from now on."""

    def parts(self) -> Mapping[str, Part]:
        """What `/healthz` tells of it."""


class Alone:
    """There are no others."""

    caller_seconds = ANSWER_SECONDS
    away: Callable[[], float] | None = None

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def cases_away(self) -> bool:
        """They are asked, and answer or not."""
        return False

    def people(self) -> Rows:
        """Those whom this machine was told."""
        return VaultFile(self._settings.home / FILE)

    def gate(self, limits: Limits) -> Gate:
        """This machine's."""
        return Gate(limits)

    def wishes(self, own: Wishes, note: Callable[[Fact], None]) -> WishBook:
        """This machine's."""
        return own

    def share_agents(self, switchboard: Switchboard, stack: AsyncExitStack) -> None:
        """With nobody."""

    def take_part(self, conductor: Conductor) -> None:
        """In nothing."""

    def parts(self) -> Mapping[str, Part]:
        """Nothing."""
        return {}


class Among:
    """One node of several."""

    def __init__(self, settings: Settings, node: Node) -> None:
        self._settings = settings
        self._node = node
        self.caller_seconds = node.caller_seconds
        self.away: Callable[[], float] | None = node.away
        url = settings.state.url
        self._has_cases = url is not None and settings.cases_url == url.get_secret_value()

    def cases_away(self) -> bool:
        """Where they lie with all that is shared."""
        return self._has_cases and bool(self._node.away())

    def people(self) -> Rows:
        """Those of all nodes."""
        rows: Rows = import_module("ivr.state.vault").among_nodes(self._node, self._settings)
        return rows

    def gate(self, limits: Limits) -> Gate:
        """The limits of this machine as one among others."""
        agreed = import_module("ivr.limits.agreed")
        gate: Gate = agreed.among_nodes(self._node, self._settings, limits.counts)
        return gate

    def wishes(self, own: Wishes, note: Callable[[Fact], None]) -> WishBook:
        """Those of all nodes."""
        room = import_module("ivr.agents.wishes_together")
        shared: WishBook = room.among_nodes(self._node, self._settings, own, note)
        return shared

    def share_agents(self, switchboard: Switchboard, stack: AsyncExitStack) -> None:
        """See Others."""
        floor = import_module("ivr.agents.together").among_nodes(self._node, switchboard)
        stack.push_async_callback(floor.stop)
        keep = switchboard.desks.told

        def told(moved: Moved) -> None:
            keep(moved)
            floor.moved(moved)

        switchboard.desks.told = told

    def take_part(self, conductor: Conductor) -> None:
        """See Others."""
        node, settings = self._node, self._settings
        notes = import_module("ivr.agents.notes_together").among_nodes(node, settings)
        asked = conductor.reception.means.asked
        import_module("ivr.calls.asked_together").among_nodes(node, asked)
        import_module("ivr.state.trail").among_nodes(node, settings)
        import_module("ivr.calls.pins_together").among_nodes(node, settings)
        conductor.set_aside = node.drains
        conductor.callers = node.counts_calls()
        node.table.taken = partial(_read_anew, settings)
        node.begin(partial(_doing, conductor, notes))

    def parts(self) -> Mapping[str, Part]:
        """The line is well whatever the other machines do; drained, it takes no new calls."""
        told = self._node.told()
        part = Part(True, "; ".join(told), warns=bool(told), shut=self._node.drains())
        return {"node": part}


async def among_others(settings: Settings, stack: AsyncExitStack) -> Others:
    """This machine among those of its line, if there are others.

    Raises SettingsError with everything that keeps it from being one of them.
    """
    if not settings.shares:
        return Alone(settings)
    room = import_module("ivr.state.node")
    return Among(settings, await stack.enter_async_context(room.admitted(settings)))


def _doing(conductor: Conductor, notes: NodeNotes) -> Doing:
    doing: Doing = import_module("ivr.state.nodes").Doing(
        len(conductor.calls), conductor.vitals.cases_waiting(), notes.left
    )
    return doing


def _read_anew(settings: Settings) -> None:
    """Asterisk's part of what was set on another node: phones of agents; calls go on."""
    found = locate.find()
    if settings.ari_url is not None or found is None:
        return
    try:
        process.renew(settings, found)
    except (SettingsError, OSError, SubprocessError, TimeoutError) as refused:
        log.warning("Asterisk has not read what was set on another node: %s", refused)
