"""Files of closed days that are lost: noted beside the list, until they are put back."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

from analytics.answering.asking import CannotAnswer
from ivr.records.durable import write

FILE = "lost.json"


@dataclass(frozen=True, slots=True)
class Loss:
    """A file that counted, and that could not be read any more."""

    name: str
    fact_table: str
    first_day: date
    last_day: date
    rows: int
    since: datetime
    """When it was found lost."""


def noted(parquet: Path) -> tuple[Loss, ...]:
    """What is lost of this folder; CannotAnswer where the note itself cannot be read."""
    try:
        return tuple(_loss(each) for each in json.loads((parquet / FILE).read_text()))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as torn:
        raise CannotAnswer(
            f"{parquet / FILE} 无法读取，请从备份恢复。· The note of lost files cannot be read,"
            f" restore it from its backup: {torn}"
        ) from torn


def note(parquet: Path, found: Iterable[Loss]) -> None:
    """Add to what is lost; what is noted already keeps its time. On disk when it returns."""
    known = {loss.name: loss for loss in noted(parquet)}
    if new := {loss.name: loss for loss in found if loss.name not in known}:
        _keep(parquet, [*known.values(), *new.values()])


def settle(parquet: Path, names: Collection[str]) -> None:
    """These are lost no more."""
    known = noted(parquet)
    left = [loss for loss in known if loss.name not in names]
    if len(left) < len(known):
        _keep(parquet, left)


def _keep(parquet: Path, found: Iterable[Loss]) -> None:
    write(
        parquet / FILE,
        json.dumps([asdict(loss) for loss in found], default=str, indent=1).encode(),
    )


def _loss(each: dict[str, str | int]) -> Loss:
    return Loss(
        name=str(each["name"]),
        fact_table=str(each["fact_table"]),
        first_day=date.fromisoformat(str(each["first_day"])),
        last_day=date.fromisoformat(str(each["last_day"])),
        rows=int(each["rows"]),
        since=datetime.fromisoformat(str(each["since"])),
    )
