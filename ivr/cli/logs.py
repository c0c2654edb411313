"""How our programs' log lines look: when, with its zone, how bad, from where, what."""

from __future__ import annotations

import logging
import sys
from datetime import datetime
from typing import TextIO

from ivr.hours import BEIJING


class _Stamped(logging.Formatter):
    """Beijing time with its zone, whatever the machine's own is."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """As ISO 8601 has it."""
        return datetime.fromtimestamp(record.created, BEIJING).isoformat(timespec="milliseconds")


def begin(level: int = logging.WARNING, stream: TextIO | None = None) -> None:
    """Log to standard error from here on."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Stamped("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
