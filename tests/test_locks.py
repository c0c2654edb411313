"""Locks that outlive the service, in a file that only this user reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.limits import Lock
from ivr.locks import LockFile


def test_locks_are_there_after_a_restart_until_they_are_over(tmp_path: Path) -> None:
    path = tmp_path / "locks.jsonl"
    first = LockFile(path)
    assert first.read(0.0) == ()
    first.keep(Lock("caller a", 100.0))
    first.keep(Lock("person b", 200.0))
    first.close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert LockFile(path).read(99.0) == (Lock("caller a", 100.0), Lock("person b", 200.0))
    assert LockFile(path).read(100.0) == (Lock("person b", 200.0),)
    assert "caller a" not in path.read_text()


def test_a_full_disk_is_told_and_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    locks = LockFile(tmp_path / "no such folder" / "locks.jsonl")
    locks.keep(Lock("caller a", 100.0))
    locks.close()
    assert "will not outlive" in caplog.text
    assert "caller a" not in caplog.text


def test_a_line_torn_by_a_power_cut_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "locks.jsonl"
    path.write_text('["caller a", 100.0]\n["caller b"]\n17\n["person c", 20')
    assert LockFile(path).read(0.0) == (Lock("caller a", 100.0),)
