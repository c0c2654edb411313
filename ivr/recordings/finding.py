"""Where a filed recording can be heard from: this machine's disk, or the depot."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Final

from ivr.cases.sealing import Unreadable
from ivr.config import Settings
from ivr.depot.depot import depot
from ivr.depot.errors import DepotAway, NotThere
from ivr.recordings.shape import Evidence, evidence
from ivr.recordings.shipping import fetch
from ivr.records.durable import write

FETCHED: Final = "fetched"
"""Under the home folder: what was brought from the depot to be heard, for a while."""
KEPT_SECONDS: Final = 3600.0


def is_here(settings: Settings, path: str) -> bool:
    """Whether it is heard without the depot."""
    return (settings.recordings_folder / path).exists() or not settings.depot.is_named


def find(settings: Settings, path: str, sha256: str) -> tuple[Path, Evidence]:
    """The file to hear, and whether it is what was filed; what is not here comes from the depot.

    Blocks, for as long as the depot takes.
    """
    if is_here(settings, path):
        local = settings.recordings_folder / path
        return local, evidence(local, sha256)
    fetched = settings.home / FETCHED / "recordings" / f"{sha256}.wav"
    state = evidence(fetched, sha256)
    if state is not Evidence.WHOLE:
        state = _fetched(settings, path, sha256, fetched)
    if state is Evidence.WHOLE:
        fetched.touch()  # heard lately
    return fetched, state


def _fetched(settings: Settings, path: str, sha256: str, fetched: Path) -> Evidence:
    try:
        content = fetch(depot(settings), settings.home / "keys", path)
    except NotThere:
        return Evidence.GONE
    except DepotAway:
        return Evidence.AWAY
    except Unreadable:
        return Evidence.CHANGED
    if hashlib.sha256(content).hexdigest() != sha256:
        return Evidence.CHANGED
    fetched.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write(fetched, content, mode=0o600)
    return Evidence.WHOLE


def tidy(home: Path) -> None:
    """Nobody has heard it lately."""
    for path in (home / FETCHED).glob("*/*.wav"):
        if path.stat().st_mtime < time.time() - KEPT_SECONDS:
            path.unlink(missing_ok=True)
