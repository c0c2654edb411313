"""Spool files for tests: facts with times of the test's own choosing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from analytics.loading.loader import Loader
from analytics.loading.store import FactsFolder
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
    """A file of the spool under `home`, whose loader has started before, though it read nothing.

    To make a database takes half a second of processor, most of it for what is said of columns:
    the tests of lost and of damaged ones do.
    """
    folder = FactsFolder(home)
    folder.spool.mkdir(exist_ok=True)
    if not folder.private.parent.exists():
        folder.private.parent.mkdir(mode=0o755)
        folder.private.touch(mode=0o600)
        folder.private.write_bytes(_empty_database())
    return folder.spool / name


@cache
def _empty_database() -> bytes:
    with TemporaryDirectory() as home:
        folder = FactsFolder(Path(home))
        Loader(folder).close()
        return folder.private.read_bytes()
