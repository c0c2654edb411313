"""The line's switch for all its nodes: turned on any of them, and the last word holds.

Each node has the switch as a file (`lifecycle/switch.py`), at which every new call looks: it waits
for no database. Every beat turns it as the database has it. A turn that the database cannot be told
holds on this node at once, and is kept beside the file until the next beat that can tell it. The
last one that was agreed is kept too: a database that was put back from before it is told it again.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from ivr.config import Settings
from ivr.lifecycle import switch
from ivr.lifecycle.switch import Closed
from ivr.records import holding
from ivr.records.durable import write
from ivr.state.membership import PATIENCE_SECONDS
from ivr.state.nodes import AGREED, FOLDER
from ivr.state.shared import CannotReach, Shared
from ivr.state.trips import Matter, alone, answered

SWITCH: Final = "switch"
"""Its row among what is agreed."""
_ITS_ROW: Final = select(AGREED.c.value).where(AGREED.c.name == SWITCH)


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody opened or closed the line."""

    at: float
    """Seconds since 1970; of two turns the later one holds."""
    closed: Closed | None
    """None: opened."""


def close(settings: Settings, reason: str, now: datetime) -> bool:
    """Close the line for new calls on all nodes; whether all of them learn it now."""
    return _turned(settings, Turn(now.timestamp(), Closed(now, reason)))


def reopen(settings: Settings, now: datetime) -> bool:
    """Take calls again on all nodes; whether all of them learn it now."""
    return _turned(settings, Turn(now.timestamp(), None))


class SharedSwitch:
    """The switch as a part of what a node catches up with (Part)."""

    def __init__(self, home: Path, shared: Shared) -> None:
        self._home = home
        self._shared = shared

    async def catch_up(self) -> None:
        """Tell what is not told yet, and be as the line is."""
        agreed = await self._shared.attempt(partial(_settled, self._home), PATIENCE_SECONDS)
        if agreed is not None:
            await asyncio.to_thread(_turn_here, self._home, agreed)

    def is_even(self) -> bool:
        """A turn meanwhile is told by the next beat: no call asks the database for it."""
        return True


def _turned(settings: Settings, turn: Turn) -> bool:
    if not settings.shares:
        _set(settings.home, turn)
        return True
    shared = Shared(settings)
    try:
        turn = shared.at_once(partial(_told, turn))
    except CannotReach:
        with _alone(settings.home):
            write(_untold(settings.home), json.dumps(_words(turn)).encode(), mode=0o600)
            _set(settings.home, turn)
        return False
    finally:
        shared.close()
    _turn_here(settings.home, turn)
    return True


def _told(turn: Turn, rows: Connection) -> Turn:
    """Whoever turns it now is the last one, whatever the clocks of the nodes say."""
    alone(rows, Matter.SWITCH)
    before = _agreed(rows)
    if before is not None and before.at >= turn.at:
        turn = replace(turn, at=math.nextafter(before.at, math.inf))
    _agree(rows, turn)
    return turn


def _settled(home: Path, rows: Connection) -> Turn | None:
    """What holds for the line, once what is kept here is told; None: nobody ever turned it.

    A machine that was closed when it became the first node has closed the line.
    """
    agreed = _agreed(rows)
    kept = _kept(home) or _lost(home, agreed)
    if kept is None and (agreed is not None or switch.closed(home) is None):
        return agreed  # as at nearly every beat: there is nothing to tell
    alone(rows, Matter.SWITCH)
    agreed = _agreed(rows)
    if kept is None and agreed is None and (found := switch.closed(home)) is not None:
        kept = Turn(found.since.timestamp() if found.since else 0.0, found)
    if kept is None or (agreed is not None and agreed.at >= kept.at):
        return agreed
    _agree(rows, kept)
    return kept


def _turn_here(home: Path, agreed: Turn) -> None:
    """Be as the line is, unless somebody has turned it here since and could not tell."""
    with _alone(home):
        kept = _kept(home)
        if kept is not None and kept.at > agreed.at:
            return
        if switch.closed(home) != agreed.closed:
            _set(home, agreed)
        if kept is not None:
            _untold(home).unlink(missing_ok=True)
        if _last(home) != agreed:
            write(_last_file(home), json.dumps(_words(agreed)).encode(), mode=0o600)


def _lost(home: Path, agreed: Turn | None) -> Turn | None:
    """What the line had agreed on, and the database no longer knows; None: it knows it."""
    last = _last(home)
    return last if last is not None and (agreed is None or agreed.at < last.at) else None


def _last(home: Path) -> Turn | None:
    """The last turn that was agreed; None where there was none, or it cannot be read."""
    try:
        return _turn_of(json.loads(_last_file(home).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _set(home: Path, turn: Turn) -> None:
    if turn.closed is None:
        switch.reopen(home)
    else:
        since = turn.closed.since or datetime.fromtimestamp(turn.at, UTC)
        switch.close(home, turn.closed.reason, since)


def _agreed(rows: Connection) -> Turn | None:
    (found,) = answered(rows, (_ITS_ROW, {}))
    return _turn_of(json.loads(found[0][0])) if found else None


def _agree(rows: Connection, turn: Turn) -> None:
    given = {"value": json.dumps(_words(turn), ensure_ascii=False), "at": turn.at}
    changed = update(AGREED).where(AGREED.c.name == SWITCH).values(**given)
    if rows.execute(changed).rowcount == 0:
        rows.execute(insert(AGREED).values(name=SWITCH, value_before="", **given))


def _kept(home: Path) -> Turn | None:
    """The turn that the line does not know; where it cannot be read, what the switch says."""
    try:
        return _turn_of(json.loads(_untold(home).read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return Turn(_untold(home).stat().st_mtime, switch.closed(home))


def _words(turn: Turn) -> Mapping[str, Any]:
    closed = turn.closed
    if closed is None:
        return {"at": turn.at}
    since = closed.since or datetime.fromtimestamp(turn.at, UTC)
    return {"at": turn.at, "since": since.isoformat(), "reason": closed.reason}


def _turn_of(told: Mapping[str, Any]) -> Turn:
    if "since" not in told:
        return Turn(float(told["at"]), None)
    since = datetime.fromisoformat(told["since"])
    return Turn(float(told["at"]), Closed(since, str(told["reason"])))


def _alone(home: Path) -> Any:
    """One program of this machine at a time."""
    _untold(home).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return holding.alone(_untold(home).with_suffix(".lock"))


def _untold(home: Path) -> Path:
    return home / FOLDER / "switch.json"


def _last_file(home: Path) -> Path:
    return home / FOLDER / "switch-agreed.json"
