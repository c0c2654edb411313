"""Locks that outlive the service, in a file that only this user reads."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ivr.limits import locks
from ivr.limits.limits import Lock
from ivr.limits.locks import LockFile


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
    file = LockFile(tmp_path / "no such folder" / "locks.jsonl")
    file.keep(Lock("caller a", 100.0))
    file.close()
    assert "will not outlive" in caplog.text
    assert "caller a" not in caplog.text


def test_a_full_disk_keeps_the_file_as_it_was_and_the_service_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "locks.jsonl"
    path.write_text('["caller a", 100.0]\n["caller b", 1.0]\n')
    monkeypatch.setattr(locks, "write", full)
    assert LockFile(path).read(50.0) == (Lock("caller a", 100.0),)
    assert len(path.read_text().splitlines()) == 2
    assert "No space left" in caplog.text


def test_a_line_torn_by_a_power_cut_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "locks.jsonl"
    path.write_text('["caller a", 100.0]\n["caller b"]\n17\n["person c", 20')
    assert LockFile(path).read(0.0) == (Lock("caller a", 100.0),)
