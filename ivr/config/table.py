"""What administrators have set: a table of versions over the machine's own settings.

Agents, their hours and the limits change while the line is in service. Each version is a file of
its own under the home folder and is never changed: what it sets, who made it, when and why. The
highest number holds, and lies over environment, settings file and defaults, which are the starting
values. To go back is to make a new version of an old content.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

SCOPE = ("agents", "limits", "answers", "recordings")
"""The tables of the settings that can be set here; all else belongs to the machine."""
OF_THE_MACHINE = frozenset(
    f"recordings.{name}"
    for name in ("folder", "most_seconds", "silence_seconds", "keep_free_mb", "series")
)
"""What of these tables does all the same: disks, numbers of nodes, and what prompts say."""
_NAME = re.compile(r"(\d{6})\.json")

Content = Mapping[str, Any]
"""As settings.toml would have it, in JSON: {"agents": {"ring_seconds": 20}}."""


class TableDamaged(Exception):
    """A version cannot be read; says which."""


@dataclass(frozen=True, slots=True)
class Version:
    """What held from then on, until the next one."""

    number: int
    at: datetime
    who: str
    why: str
    content: Content


NOTHING = Version(0, datetime.min, "", "", {})  # noqa: DTZ901  before anybody has set anything


class Table:
    """All versions of one line."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "settings"

    def latest(self) -> int:
        """The number of the version that holds; 0 before the first. Cheap: each call asks."""
        try:
            names = [_NAME.fullmatch(each.name) for each in self.folder.iterdir()]
        except FileNotFoundError:
            return 0
        return max((int(name[1]) for name in names if name), default=0)

    def newest(self) -> Version:
        """The version that holds; raises TableDamaged or OSError."""
        number = self.latest()
        return self.version(number) if number else NOTHING

    def version(self, number: int) -> Version:
        """Raises TableDamaged, or FileNotFoundError where there is none of that number."""
        path = self.path(number)
        try:
            told = json.loads(path.read_bytes())
            found = Version(**{**told, "at": datetime.fromisoformat(told["at"])})
            if not isinstance(found.content, dict) or not set(found.content) <= set(SCOPE):
                raise ValueError("no content")  # noqa: TRY301
        except (ValueError, KeyError, TypeError) as damaged:
            raise TableDamaged(
                f"{path} 损坏了：从备份放回，或删掉它，退回前一版 · damaged: put it back from a"
                " backup, or remove it, and the version before holds"
            ) from damaged
        return found

    def versions(self) -> list[Version]:
        """All that can be read, the newest first."""
        found = []
        for number in range(self.latest(), 0, -1):
            try:
                found.append(self.version(number))
            except (TableDamaged, FileNotFoundError):
                continue
        return found

    def path(self, number: int) -> Path:
        """Where a version lies, or will lie."""
        return self.folder / f"{number:06d}.json"


def over(below: Content, above: Content) -> dict[str, Any]:
    """Two contents, table by table; a list is one value."""
    merged = dict(below)
    for name, value in above.items():
        before = merged.get(name)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        merged[name] = over(before or {}, value) if both else value
    return merged


def flat(content: Content, above: str = "") -> dict[str, Any]:
    """Dotted names and their values."""
    found: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{above}{name}.")
        else:
            found[f"{above}{name}"] = value
    return found


def differences(before: Content, after: Content) -> dict[str, tuple[Any, Any]]:
    """What was set otherwise: name → before, after; None where it was not, or is no more, set."""
    old, new = flat(before), flat(after)
    return {
        name: (old.get(name), new.get(name))
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    }
