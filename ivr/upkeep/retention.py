"""Files past their age: what there is of them, and their removal, noted (settings `retention`)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from ivr.config import RetentionSettings
from ivr.hours import BEIJING
from ivr.people.vault import Vault
from ivr.records.durable import append
from ivr.records.journal import read_lines

VAULT_PATIENCE = timedelta(days=7)
"""A number that was keyed in lately may belong to a complaint that is still being spoken."""
_END_OF_TIME = datetime.max.replace(tzinfo=BEIJING)


@dataclass(frozen=True, slots=True)
class FirstDays:
    """The oldest days of Beijing time that are kept."""

    calls: date
    complaints: date

    @classmethod
    def on(cls, today: date, settings: RetentionSettings) -> FirstDays:
        """What the settings mean today."""
        return cls(
            _months_before(today, settings.calls_months),
            _months_before(today, settings.complaints_months),
        )


def _months_before(day: date, months: int) -> date:
    """The first of that month: facts are kept and dropped by whole months."""
    count = day.year * 12 + day.month - 1 - months
    return date(count // 12, count % 12 + 1, 1)


def overdue_recordings(folder: Path, first: date, held: Collection[str] = ()) -> tuple[Path, ...]:
    """Folders of days (YYYY-MM-DD) before the first that is kept; of a day that has a recording in
    legal hold, what is not held. `held`: their paths under the folder."""
    kept = {folder / path for path in held}
    found: list[Path] = []
    for path, day in _days(folder):
        if day < first and not any(each.is_relative_to(path) for each in kept):
            found.append(path)
        elif day < first:
            files = (each for each in sorted(path.rglob("*")) if each.is_file())
            found += [each for each in files if each not in kept]
    return tuple(found)


def remove(path: Path) -> None:
    """A folder of a day, or one file of it."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _days(folder: Path) -> Iterator[tuple[Path, date]]:
    for path in sorted(folder.glob("[0-9]*-[0-9]*-[0-9]*")):
        try:
            yield path, date.fromisoformat(path.name)
        except ValueError:
            continue  # not a folder of ours


def people_in(spool: Path, first: FirstDays) -> frozenset[str]:
    """Tokens of everybody whom a complaint or a vote in the spools names: not all is loaded yet."""
    kept_from = {"Recorded": first.complaints, "Voted": first.calls}
    return frozenset(
        str(fact["person"])
        for path in spool.glob("facts-*.jsonl")
        for fact in read_lines(path)
        if fact.get("person") and fact.get("fact") in kept_from
        if _day(fact) >= kept_from[fact["fact"]]
    )


def _day(fact: Mapping[str, Any]) -> date:
    """Of Beijing time, as everything is kept by."""
    return datetime.fromisoformat(fact["at"]).astimezone(BEIJING).date()


def unneeded_people(vault: Vault, needed: frozenset[str], now: datetime) -> frozenset[str]:
    """Tokens in the vault that no complaint and no vote names any more."""
    return vault.kept_before(now - VAULT_PATIENCE) - needed


def kept_since(vault: Vault, day: date) -> frozenset[str]:
    """Tokens in the vault of everybody whose number was keyed in on that day or later."""
    return vault.kept_before(_END_OF_TIME) - vault.kept_before(midnight(day))


def kept_between(vault: Vault, first: date, end: date) -> frozenset[str]:
    """Tokens in the vault of everybody whose number was last keyed in from the first day on."""
    return vault.kept_before(midnight(end)) - vault.kept_before(midnight(first))


def midnight(day: date) -> datetime:
    """When that day begins in Beijing."""
    return datetime.combine(day, time(), BEIJING)


def note(path: Path, now: datetime, removed: Mapping[str, int], first: FirstDays) -> None:
    """What was removed, when and why, as one line of a file; on disk when it returns."""
    line = {
        "at": now.isoformat(timespec="seconds"),
        "kept_from": {"calls": str(first.calls), "complaints": str(first.complaints)},
        "removed": dict(removed),
    }
    append(path, json.dumps(line).encode() + b"\n")
