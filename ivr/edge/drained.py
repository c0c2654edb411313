"""Which cells take no new calls for now, kept so that a new start of Kamailio knows it too."""

from __future__ import annotations

import json
from pathlib import Path

from ivr.config import Settings
from ivr.records.durable import write


def _file(settings: Settings) -> Path:
    return settings.home / "edge" / "drained.json"


def drained(settings: Settings) -> frozenset[str]:
    """Their names."""
    try:
        return frozenset(json.loads(_file(settings).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return frozenset()


def keep(settings: Settings, names: frozenset[str]) -> None:
    """On disk when it returns."""
    _file(settings).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write(_file(settings), json.dumps(sorted(names)).encode(), mode=0o600)
