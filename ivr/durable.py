"""What must survive a power cut: lines added to a file, names in a folder."""

from __future__ import annotations

import os
from pathlib import Path


def append(path: Path, content: bytes) -> None:
    """Add to a file that only this user reads, made where there is none; on disk on return."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the coming or going of a name in `folder` itself durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
