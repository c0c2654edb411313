"""The sets of prompts of all nodes: what is published on one is heard on all, by way of a depot.

What is in force is the hash of a release (`release.py`), in the database. A node on which somebody
has published since brings its release into the depot and asks that it be in force; who is later,
and has not heard of the other's, gets the other's, and its own set stays a draft.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from ivr.config import Settings
from ivr.depot.depot import Depot
from ivr.records.durable import write
from ivr.records.holding import alone
from ivr.speech import publications
from ivr.speech.contract import CONTRACT
from ivr.speech.prompts import described
from ivr.state import nodes, release
from ivr.state.nodes import FOLDER
from ivr.state.shared import Shared
from ivr.state.trips import Matter, now
from ivr.state.trips import alone as nobody_else

_LATER: Final = (
    "换上了全线在用的话术；本机另外发布过的留作草稿，要用就重新发布"
    " · the line's prompts are heard; what was published here is a draft"
)


@dataclass(frozen=True, slots=True)
class Noted:
    """What this machine has given or taken last."""

    release: str = ""
    log: str = ""
    """The digest of the log of publications as it was then: another one was written here."""

    @classmethod
    def read(cls, home: Path) -> Noted:
        """Nothing where nothing was noted, or the note is damaged."""
        try:
            return cls(**json.loads(_file(home).read_bytes()))
        except (OSError, ValueError, TypeError):
            return cls()

    def keep(self, home: Path) -> None:
        """On disk when it returns."""
        write(_file(home), json.dumps(asdict(self)).encode(), mode=0o600)


def in_force_here(settings: Settings) -> str:
    """The hash of the release that callers hear here; empty once somebody has published since."""
    noted = Noted.read(settings.home)
    return noted.release if noted.log == release.is_published(settings.audio) else ""


def even(settings: Settings, shared: Shared, depot: Depot) -> str:
    """Give what was published here, take what was published elsewhere; what was done, in words.

    Raises CannotReach, DepotAway, CannotOffer and CannotTake; all of it may be done again.
    """
    with _alone(settings.home):
        line = shared.at_once(nodes.read)
        noted, log = Noted.read(settings.home), release.is_published(settings.audio)
        is_new = log != noted.log or not line.prompts
        if log and is_new and line.prompts in (noted.release, ""):
            return _given(settings, shared, depot, noted.release)
        if not line.prompts or line.prompts == noted.release:
            return ""
        if log == noted.log and release.came_before(settings, depot, line.prompts):
            return _given(settings, shared, depot, line.prompts)  # the database was put back
        _take(settings, depot, line.prompts)
        if log == noted.log:
            return "换上了全线在用的话术 · took the line's prompts"
        return _LATER


def taken(settings: Settings, depot: Depot, name: str) -> None:
    """Be as the line is, whatever was published here; as `even`."""
    with _alone(settings.home):
        if name != in_force_here(settings):
            _take(settings, depot, name)


def renewed(settings: Settings, shared: Shared, depot: Depot) -> None:
    """From now on all nodes are to hear what is published here; as `even`."""
    with _alone(settings.home):
        log = release.is_published(settings.audio)
        name = release.offer(settings, depot, datetime.now(UTC))
        shared.at_once(partial(_agree, settings=settings, name=name))
        Noted(name, log).keep(settings.home)


def brought_again(settings: Settings, depot: Depot) -> None:
    """What lacks in the depot of what callers hear here, such as what was damaged there.

    Raises DepotAway and CannotOffer.
    """
    with _alone(settings.home):
        if in_force_here(settings):
            release.offer(settings, depot, datetime.now(UTC))


def _given(settings: Settings, shared: Shared, depot: Depot, base: str) -> str:
    log = release.is_published(settings.audio)
    name = release.offer(settings, depot, datetime.now(UTC))
    agree = partial(_agreed, settings=settings, name=name, base=base)
    in_force = shared.at_once(agree)
    if in_force == name:
        Noted(name, log).keep(settings.home)
        return "本机发布的话术，全线从现在起都用 · what was published here is the line's"
    _take(settings, depot, in_force)
    return _LATER


def _take(settings: Settings, depot: Depot, name: str) -> None:
    is_first = not Noted.read(settings.home).release
    breaches = partial(_breaches, settings.audio)
    release.take(settings, depot, name, breaches, is_first=is_first)
    Noted(name, release.is_published(settings.audio)).keep(settings.home)


def _agreed(rows: Connection, *, settings: Settings, name: str, base: str) -> str:
    """The release that is in force, once this one was asked for; ours may be it already."""
    nobody_else(rows, Matter.PROMPTS)
    line = nodes.read(rows)
    if line.prompts not in (base, "", name):
        return line.prompts
    _agree(rows, settings=settings, name=name)
    return name


def _agree(rows: Connection, *, settings: Settings, name: str) -> None:
    at = now(rows)
    manifest = json.loads((settings.audio / publications.MANIFEST).read_bytes())
    nodes.agree(rows, nodes.PROMPTS, name, at)
    nodes.agree(rows, nodes.CATALOG, manifest["catalog"], at)


def _breaches(audio: Path, manifest: Mapping[str, Any]) -> list[str]:
    found = described(manifest, audio)
    return [*found.breaches(CONTRACT), *found.missing_clips()]


def _alone(home: Path) -> Any:
    """One program of this machine at a time."""
    _file(home).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return alone(_file(home).with_suffix(".lock"))


def _file(home: Path) -> Path:
    return home / FOLDER / "prompts.json"
