"""The agents' own passwords on a line of several nodes: chosen on one, they hold on all.

Each node has them in its file, at which a call looks: it waits for no database. Of two that were
chosen for one agent the later one holds, so that what is told twice, or late, changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, Float, MetaData, String, Table, delete, insert, select

from ivr.calls.pins import Kept, Pins
from ivr.cases.sealing import Unreadable, seal, unseal
from ivr.config import Settings
from ivr.state.membership import PATIENCE_SECONDS
from ivr.state.node import Node
from ivr.state.shared import Shared
from ivr.state.trips import Matter, alone

log = logging.getLogger(__name__)

_PIN: Final = Table(
    "agent_pin",
    MetaData(),
    Column("extension", String, primary_key=True),
    Column("sealed", String),
    Column("at", Float),
)


class PinsTogether:
    """The passwords as a part of what a node catches up with (Part)."""

    def __init__(self, home: Path, shared: Shared) -> None:
        self._pins = Pins(home)
        self._keys = home / "keys"
        self._shared = shared

    async def catch_up(self) -> None:
        """Tell what was chosen here, and have what was chosen later elsewhere."""
        here = await asyncio.to_thread(self._pins.all)
        exchanged = partial(_exchanged, self._keys, here)
        later = await self._shared.attempt(exchanged, PATIENCE_SECONDS)
        if later:
            try:
                await asyncio.to_thread(self._pins.take, later)
            except OSError as full:
                log.error("agents' passwords of other nodes are not kept: %s", full.strerror)  # noqa: TRY400  no trace

    def is_even(self) -> bool:
        """No call asks the database for them."""
        return True


def among_nodes(node: Node, settings: Settings) -> None:
    """Those of this machine are those of its line until the node ends."""
    node.shares(PinsTogether(settings.home, node.shared))


def _exchanged(keys: Path, here: Mapping[str, Kept], rows: Connection) -> dict[str, Kept]:
    """What was chosen later than what is here, once the database has what is later here."""
    if _later(here, _times(rows)):
        alone(rows, Matter.PINS)
        for extension in _later(here, _times(rows)):
            kept = here[extension]
            sealed = seal(keys, _place(extension), kept.hash.encode())
            rows.execute(delete(_PIN).where(_PIN.c.extension == extension))
            rows.execute(insert(_PIN).values(extension=extension, sealed=sealed, at=kept.at))
    found: dict[str, Kept] = {}
    for extension, at in _times(rows).items():
        if extension not in here or here[extension].at < at:
            found |= _opened(keys, extension, rows)
    return found


def _later(here: Mapping[str, Kept], there: Mapping[str, float]) -> list[str]:
    return [
        extension
        for extension, kept in here.items()
        if extension not in there or there[extension] < kept.at
    ]


def _times(rows: Connection) -> dict[str, float]:
    return {row.extension: row.at for row in rows.execute(select(_PIN.c.extension, _PIN.c.at))}


def _opened(keys: Path, extension: str, rows: Connection) -> dict[str, Kept]:
    """By its extension; none where this node has another key."""
    query = select(_PIN.c.sealed, _PIN.c.at).where(_PIN.c.extension == extension)
    row = rows.execute(query).one()
    try:
        return {extension: Kept(unseal(keys, _place(extension), row.sealed).decode(), row.at)}
    except Unreadable:
        log.warning("the password of agent %s is sealed under another key", extension)
        return {}


def _place(extension: str) -> str:
    return f"{extension}/pin"
