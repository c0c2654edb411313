"""The caller's channel as it is recorded: Asterisk itself writes what the caller says and hears."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ivr.asterisk import console
from ivr.config import Settings
from ivr.recordings.taping import TapeFailed


@dataclass(frozen=True, slots=True)
class ConsoleTape:
    """By Asterisk's console, for ARI records one side only, or both in one channel."""

    settings: Settings
    channel: str
    """As the console calls it."""

    async def start(self, caller: Path, agent: Path) -> None:
        """It goes on whatever becomes of this service; one that was not known to stop does now."""
        with _faults():
            await console.stop_recording(self.settings, self.channel)
            await console.start_recording(self.settings, self.channel, caller, agent)

    async def stop(self) -> None:
        """A channel that has gone has stopped by itself."""
        with _faults():
            await console.stop_recording(self.settings, self.channel)


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except (OSError, TimeoutError, ValueError, console.NotTaken) as failed:
        raise TapeFailed(str(failed) or type(failed).__name__) from failed
