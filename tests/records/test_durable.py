"""Files are whole or absent; lines that are added, also where a disk was full in the middle."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ivr.records import durable


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    durable.write(tmp_path / "a" / "b", b"sound")
    assert (tmp_path / "a" / "b").read_bytes() == b"sound"
    assert [each.name for each in (tmp_path / "a").iterdir()] == ["b"]


def test_a_failure_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    durable.write(tmp_path / "a", b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        durable.write(tmp_path / "a", b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_files_that_belong_together_come_together_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one does not fit: the first one, already on the disk, has no name either."""
    fsync, left = os.fsync, [0, 1]

    def nearly_full(descriptor: int) -> None:
        if left.pop():
            fsync(descriptor)
        else:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    files = {tmp_path / "a" / "x": b"sound", tmp_path / "b" / "y": b"measures"}
    with monkeypatch.context() as patched:
        patched.setattr(durable.os, "fsync", nearly_full)
        with pytest.raises(OSError, match="No space"):
            durable.write_all(files)
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []
    durable.write_all(files)
    assert {path: path.read_bytes() for path in files} == files


def test_what_does_not_fit_is_an_error_and_spoils_no_later_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lines"
    durable.append(path, b"one\n")
    with monkeypatch.context() as nearly_full:
        room = [3]  # bytes

        def write(descriptor: int, content: bytes) -> int:
            if not room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return os.pwrite(descriptor, content[: room.pop()], 0)  # O_APPEND: at the end

        nearly_full.setattr(durable.os, "write", write)
        with pytest.raises(OSError, match="No space left"):
            durable.append(path, b"two, which is long\n")
    durable.append(path, b"three\n")
    assert path.read_bytes() == b"one\ntwo\nthree\n"
    assert path.stat().st_mode & 0o777 == 0o600
