"""Whether the line is open: 公积金电话语音查询开通 (seed), a switch that outlives every program.

A file under the home folder says that the line is closed; without it the line is open. Each new
call looks, so that the switch works at once, and also while no service runs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ivr.hours import BEIJING
from ivr.records.durable import sync, write

_FILE = "line.closed"


@dataclass(frozen=True, slots=True)
class Closed:
    """Since when the line is closed, and what the operator said about it."""

    since: datetime | None
    """None where the file does not say: its being there closes the line."""
    reason: str

    def __str__(self) -> str:
        since = f" since {self.since.astimezone(BEIJING):%Y-%m-%d %H:%M}" if self.since else ""
        return f"closed{since}{self.reason and f' ({self.reason})'}"


def closed(home: Path) -> Closed | None:
    """None while the line is open."""
    try:
        content = (home / _FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        told = json.loads(content)
        return Closed(datetime.fromisoformat(told["since"]), told["reason"])
    except (ValueError, KeyError, TypeError):
        return Closed(None, "")


def close(home: Path, reason: str, now: datetime) -> None:
    """Close the line for new calls; calls in progress go on. On disk when it returns."""
    content = json.dumps({"since": now.isoformat(), "reason": reason}, ensure_ascii=False)
    write(home / _FILE, content.encode())


def reopen(home: Path) -> None:
    """Take calls again; harmless where the line is open. On disk when it returns."""
    (home / _FILE).unlink(missing_ok=True)
    if home.exists():
        sync(home)
