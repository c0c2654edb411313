"""What must survive a power cut: files, lines added to a file, names in a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def write(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write under another name, flush to the disk, rename; a failure leaves the old file.

    `mode` is what the umask leaves of it.
    """
    write_all({path: content}, mode=mode)


def write_all(files: Mapping[Path, bytes], *, mode: int = 0o666) -> None:
    """The same for files that belong together: none has its name before all are on the disk.

    They take their names in the order given, and each folder is flushed once.
    """
    scratches = {path: path.with_name(f".{path.name}.{os.getpid()}") for path in files}
    folders = dict.fromkeys(path.parent for path in files)
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        for path, scratch in scratches.items():
            _write_down(scratch, files[path], mode)
        for path, scratch in scratches.items():
            scratch.replace(path)
    except BaseException:
        for scratch in scratches.values():
            scratch.unlink(missing_ok=True)
        raise
    for folder in folders:
        sync(folder)


def _write_down(path: Path, content: bytes, mode: int) -> None:
    """A new file, on the disk on return."""
    flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
    with os.fdopen(os.open(path, flags, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def append(path: Path, content: bytes) -> None:
    """Add lines to a file that only this user reads, made where there is none; on disk on return.

    OSError where there is no room: a part may be there then, and the next call ends its line.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
    try:
        rest = content if _at_line_start(descriptor) else b"\n" + content
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _at_line_start(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def sync(path: Path) -> None:
    """Make what a file holds, or the coming and going of names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
