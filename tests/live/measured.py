"""Figures of live tests, kept beside the test's cache for docs/reliability.md."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from ivr.config import PROJECT

FILE = PROJECT / ".pytest_cache" / "measured.json"


def measured(what: str, figure: float) -> float:
    """Print a figure and keep the last one of its name."""
    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    known[what] = {"figure": round(figure, 2), "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}Z"}
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(known, ensure_ascii=False, indent=1), encoding="utf-8")
    print(f"{what}: {figure:.2f}", file=sys.stderr)
    return figure
