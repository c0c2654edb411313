"""The private database as a file that analysts open: whole, read-only, replaced by a rename."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

import duckdb

from ivr.records.durable import sync


def publish(store: duckdb.DuckDBPyConnection, private: Path, published: Path) -> None:
    """Copy the store to `published`; who has the older file open goes on reading that one.

    The store must have no transaction open: after the checkpoint its file is complete by itself.
    """
    store.execute("CHECKPOINT")
    published.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = published.with_name(f".{published.name}.new")
    fresh.unlink(missing_ok=True)
    _copy(private, fresh)
    fresh.chmod(0o444)
    sync(fresh)
    # A log left beside the old file by someone who could write would be replayed into the new.
    published.with_name(f"{published.name}.wal").unlink(missing_ok=True)
    fresh.replace(published)
    sync(published.parent)


def _copy(private: Path, fresh: Path) -> None:
    """By another program: closing the file in this one would drop the lock that DuckDB has on it.

    POSIX locks belong to a process and a file, and go with the first descriptor that is closed.
    """
    copying = ["cp", "--reflink=auto", "--", str(private), str(fresh)]
    done = subprocess.run(copying, capture_output=True, text=True, check=False)  # noqa: S603  our own paths
    if done.returncode:
        raise OSError(errno.EIO, done.stderr.strip() or "cp was ended", str(fresh))
