"""Spool files for tests: facts with times of the test's own choosing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from ivr.records.facts import Fact

Timed = tuple[datetime, Fact]


def lines(facts: Iterable[Timed], node: str = "n1") -> bytes:
    """As the journal writes them."""
    return b"".join(
        json.dumps(
            {
                "id": uuid4().hex,
                "at": at.isoformat(timespec="microseconds"),
                "node": node,
                "fact": type(fact).__name__,
                **asdict(fact),
            },
            ensure_ascii=False,
        ).encode()
        + b"\n"
        for at, fact in facts
    )


def spool_file(home: Path, name: str = "facts-20261124T000000-1.jsonl") -> Path:
    """A file of the spool under `home`."""
    (home / "spool").mkdir(exist_ok=True)
    return home / "spool" / name
