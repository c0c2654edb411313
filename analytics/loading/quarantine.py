"""Files that nobody needs any more lie apart for thirty days: a mistake can be undone."""

from __future__ import annotations

import shutil
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


def empty(folder: Path, now: datetime) -> None:
    """Remove for good what was set apart from `folder` more than thirty days ago."""
    for day in (folder / FOLDER).glob("????-??-??"):
        if date.fromisoformat(day.name) < now.astimezone(BEIJING).date() - KEEP:
            shutil.rmtree(day)
