"""Files that nobody needs any more lie apart for thirty days: a mistake can be undone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from pathlib import Path

from ivr.hours import BEIJING

FOLDER = "quarantine"
KEEP = timedelta(days=30)


def set_apart(path: Path, now: datetime) -> None:
    """Move a file out of its folder, into one of this day beside it; harmless where it is gone."""
    apart = path.parent / FOLDER / f"{now.astimezone(BEIJING):%Y-%m-%d}"
    apart.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.replace(apart / path.name)


def empty(folder: Path, now: datetime, *, but: Collection[str] = ()) -> None:
    """Remove for good what was set apart from `folder` over thirty days ago, but some names."""
    for day in (folder / FOLDER).glob("????-??-??"):
        if date.fromisoformat(day.name) < now.astimezone(BEIJING).date() - KEEP:
            for path in day.iterdir():
                if path.name not in but:
                    path.unlink()
            if not any(day.iterdir()):
                day.rmdir()
