"""`ivr node join`: a machine becomes a node of its line, or is told what is in the way."""

from __future__ import annotations

import time
from functools import partial

from sqlalchemy import Connection

from ivr.config import Settings, SettingsError
from ivr.depot.depot import depot
from ivr.depot.errors import DepotAway
from ivr.people.keys import GIVEN, Keys
from ivr.state import admission, nodes, prompts
from ivr.state.identity import has_keys, identity
from ivr.state.nodes import Identity, Line
from ivr.state.release import CannotOffer, CannotTake
from ivr.state.shared import Shared
from ivr.state.trips import Matter, alone, now


class CannotJoin(Exception):
    """Says everything that is wrong, a line each."""


def join(
    settings: Settings, shared: Shared, *, renew: bool = False, make_keys: bool = False
) -> Identity:
    """This machine is a node from now on; CannotJoin, and CannotReach.

    `renew`: its keys and sentences are the line's from now on, as after a rotation or an upgrade.
    `make_keys`: it has none yet, and nobody else has.
    """
    line = shared.at_once(nodes.read)
    try:
        if make_keys:
            _make(settings, line)
        if line.prompts and settings.depot.is_named and not renew:
            prompts.taken(settings, depot(settings), line.prompts)
        me = identity(settings)
    except (SettingsError, DepotAway, CannotTake) as unusable:
        raise CannotJoin(str(unusable)) from unusable
    wrong = shared.at_once(partial(_entered, me=me, renew=renew))
    if wrong:
        raise CannotJoin("\n".join(wrong))
    if renew and settings.depot.is_named:
        _give(settings, shared)
    return me


def _give(settings: Settings, shared: Shared) -> None:
    """What is published here is heard everywhere; raises CannotJoin."""
    try:
        prompts.renewed(settings, shared, depot(settings))
    except (DepotAway, CannotOffer) as unusable:
        raise CannotJoin(
            f"已加入，但话术没有送到：{unusable}；好了以后再来一次 · joined; try again"
        ) from unusable


def _make(settings: Settings, line: Line) -> None:
    folder = settings.home / "keys"
    if line.keys:
        raise CannotJoin(
            "这条热线已经有钥匙：从别的节点安全地拷来整个 keys 文件夹，不要另做"
            " · the line has keys: copy them"
        )
    if has_keys(folder):
        raise CannotJoin(f"{folder} 里已经有钥匙：不带 --make-keys 再试 · there are keys already")
    (folder / GIVEN).unlink(missing_ok=True)  # of a start or a try before: there was nothing yet
    Keys.load(folder)


def _entered(rows: Connection, *, me: Identity, renew: bool) -> list[str]:
    """In one transaction: two machines of one name cannot both have been the first."""
    alone(rows, Matter.JOINING)
    line, ahead = nodes.read(rows), time.time() - now(rows)
    wrong = admission.to_join(me, _renewed(line, me) if renew else line, ahead=ahead)
    if wrong:
        return wrong
    nodes.join(rows, me)
    if renew:
        for name, fingerprint in me.keys.items():
            nodes.agree(rows, f"{nodes.KEY}{name}", fingerprint, line.clock)
        nodes.agree(rows, nodes.CATALOG, me.catalog, line.clock)
    return []


def _renewed(line: Line, me: Identity) -> Line:
    return Line(line.clock, line.nodes, me.keys, me.catalog, line.catalog)
