"""What a depot can do, which line's it is, and the one that the settings name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final, Protocol

from ivr.config import Settings, SettingsError
from ivr.depot.bucket import BucketDepot
from ivr.depot.errors import DepotAway, NotThere
from ivr.depot.folder import FolderDepot

MARK: Final = "12329.json"
"""Says whose depot it is; a folder without it is one that nobody has mounted."""


class Depot(Protocol):
    """Whole files by their names (`a/b/c`). All of it blocks, and may raise DepotAway."""

    @property
    def place(self) -> str:
        """Where it is, for an operator; without a secret."""

    def put(self, name: str, content: bytes) -> None:
        """Whole or not at all; what was there is replaced."""

    def get(self, name: str) -> bytes:
        """What was put there; raises NotThere."""

    def has(self, name: str) -> bool:
        """Whether something is there."""

    def remove(self, name: str) -> None:
        """Harmless where nothing is."""

    def names(self, under: str) -> Iterator[str]:
        """All that are below `under`, a folder's name."""


def depot(settings: Settings) -> Depot:
    """The one that the settings name; SettingsError where they name none."""
    told = settings.depot
    if told.bucket is not None:
        return BucketDepot(told.bucket)
    if told.folder is not None:
        return FolderDepot(told.folder, MARK)
    raise SettingsError("没有设置 depot：各机器没有共用的存放处 · no [depot] in settings.toml")


def begin(kept: Depot, line: str) -> None:
    """Make it this line's (`line`: what tells it from others), and try it.

    Raises DepotAway, also where it is another line's, or does not give back what it was given.
    """
    try:
        check(kept, line)
    except NotThere:
        kept.put(MARK, _mark(line))
        check(kept, line)


def check(kept: Depot, line: str) -> None:
    """Raises NotThere where nobody has begun it, DepotAway where it is another line's."""
    if kept.get(MARK) != _mark(line):
        raise DepotAway(
            f"{kept.place} 是另一条热线的（钥匙不同）：换一个文件夹或存储桶，每条热线一个"
            " · it belongs to another line"
        )


def _mark(line: str) -> bytes:
    return json.dumps({"line": line}).encode()
