"""A line whose facts stand as so many passes of the loader left them: each state is made once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from analytics.loading.loader import Loader
from analytics.loading.store import FactsFolder

Passes = tuple[datetime | None, ...]


def passed(folder: FactsFolder, now: datetime | None = None) -> None:
    """One pass of a loader that starts and ends; at `now` it tidies."""
    loader = Loader(folder)
    loader.load()
    if now is not None:
        for _ in loader.tidy(now):
            loader.publish()  # as between any two steps
    loader.publish()
    loader.close()


class Standing:
    """One test at a time has a line at the place: facts know the way to their files."""

    def __init__(self, place: Path, begun: Callable[[FactsFolder], None]) -> None:
        """`begun`: makes what every state comes from."""
        self._home, self._begun = place / "home", begun
        self._kept: dict[Passes, Path] = {}

    def after(self, *passes: datetime | None) -> FactsFolder:
        """The line after these passes, whatever was done to it since it was last asked for."""
        shutil.rmtree(self._home, ignore_errors=True)
        if passes in self._kept:
            shutil.copytree(self._kept[passes], self._home, symlinks=True)
        else:
            self._make(passes)
            kept = self._home.with_name(f"state {len(self._kept)}")
            self._kept[passes] = Path(shutil.copytree(self._home, kept, symlinks=True))
        return FactsFolder(self._home)

    def _make(self, passes: Passes) -> None:
        if passes:
            passed(self.after(*passes[:-1]), passes[-1])
        else:
            self._home.mkdir(parents=True)
            self._begun(FactsFolder(self._home))
