"""What browsers load and others wrote: pinned here, fetched at set-up, bundled into the cache."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_HERE = Path(__file__).parent


def folder() -> Path:
    """Where the bundles of this version lie: `lib/` is served, `checks/` is for tests.

    Named by the hash of all that they are made from, so that checkouts of two versions share one
    cache and never each other's bundles.
    """
    made_from = hashlib.sha256()
    for source in sources():
        made_from.update(source.name.encode() + b"\0" + source.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "ivr-12329" / "pages" / made_from.hexdigest()[:16]


def sources() -> tuple[Path, ...]:
    """The pinned versions, and a small file for each bundle."""
    pinned = (_HERE / "package.json", _HERE / "package-lock.json")
    return (*pinned, *sorted((_HERE / "libraries").glob("*.js")))
