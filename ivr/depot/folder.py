"""A depot in a folder that every machine mounts, such as one of NFS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ivr.depot.errors import DepotAway, NotThere
from ivr.records.durable import write


class FolderDepot:
    """Files below `folder`; nothing is written where `mark` is not: that is no mounted folder."""

    def __init__(self, folder: Path, mark: str) -> None:
        self._folder = folder
        self._mark = mark

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._folder)

    def put(self, name: str, content: bytes) -> None:
        """Under a hidden name first; on the disk when it returns."""
        with self._told():
            if name != self._mark:
                self._look_at_mark()
            write(self._folder / name, content, mode=0o600)

    def get(self, name: str) -> bytes:
        """Raises NotThere."""
        with self._told():
            try:
                return (self._folder / name).read_bytes()
            except FileNotFoundError:
                if name != self._mark:
                    self._look_at_mark()
                raise NotThere(name) from None

    def has(self, name: str) -> bool:
        """By its name alone."""
        with self._told():
            if (self._folder / name).is_file():
                return True
            self._look_at_mark()
            return False

    def remove(self, name: str) -> None:
        """The folders that it leaves empty go too."""
        with self._told():
            self._look_at_mark()
            path = self._folder / name
            path.unlink(missing_ok=True)
            for above in path.parents:
                if above == self._folder or not above.is_dir() or any(above.iterdir()):
                    return
                above.rmdir()

    def names(self, under: str) -> Iterator[str]:
        """In the order of their names; not those that are being written."""
        with self._told():
            self._look_at_mark()
            below = self._folder / under
            found = sorted(path for path in below.rglob("*") if path.is_file())
        for path in found:
            if not path.name.startswith("."):
                yield path.relative_to(self._folder).as_posix()

    def _look_at_mark(self) -> None:
        if not (self._folder / self._mark).is_file():
            raise DepotAway(
                f"{self._folder} 没有挂载，或还没有启用：先挂载，第一次用 `ivr depot begin`"
                " · not mounted, or never begun"
            )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as refused:
            raise DepotAway(f"{self._folder}: {refused.strerror}") from refused
