"""The lines that our programs write: one line each, with the zone and the call that it is about."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

from ivr.config import Settings
from ivr.hours import BEIJING

LARGEST_FILE_BYTES = 10_000_000
_session: ContextVar[str] = ContextVar("session", default="")


@contextmanager
def about(session: str) -> Iterator[None]:
    """What is logged meanwhile, and by tasks and threads begun meanwhile, is about this session."""
    before = _session.set(session)
    try:
        yield
    finally:
        _session.reset(before)


def folder(settings: Settings) -> Path:
    """Where every program of the line writes what the operator should know."""
    return (settings.home / "log").absolute()


def of(settings: Settings, program: str, level: int = logging.INFO) -> None:
    """Begin the log of a program: on stderr, which `ivr run` and service units collect.

    Where that is systemd's journal, what is at least a warning is in a file too: the page of the
    night and the file for whoever helps are made without a right to read a machine's journal.
    """
    _to_stderr(level, as_json=settings.log_json)
    if _is_journal(sys.stderr):
        to_file(folder(settings) / f"{program}.log", as_json=settings.log_json)


def _is_journal(stream: TextIO) -> bool:
    """systemd names what it has connected by device and inode (systemd.exec(5))."""
    try:
        there = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}"


def _to_stderr(level: int = logging.INFO, *, as_json: bool = False) -> None:
    """One line for each record; `as_json`: for programs that read logs."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneObject() if as_json else OneLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def to_file(file: Path, *, as_json: bool = False) -> None:
    """What is at least a warning, for whoever reads in the morning what the night was like."""
    handler = _File(file, maxBytes=LARGEST_FILE_BYTES, backupCount=1, encoding="utf-8", delay=True)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(OneObject() if as_json else OneLine())
    logging.getLogger().addHandler(handler)


class _File(RotatingFileHandler):
    """On a full disk nothing is written, and no work is held up by it."""

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the library's name
        """Whoever wrote it has said it elsewhere too."""


class OneLine(logging.Formatter):
    """`2026-11-27 09:30:00+0800 ERROR ivr.line.conduct [session]: what, and why`.

    A fault that comes with a traceback shows it the first time only: one that meets every caller
    would bury everything else.
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: set[tuple[str, str, int]] = set()

    def format(self, record: logging.LogRecord) -> str:
        """The whole line, and a traceback below it where it is news."""
        at = datetime.fromtimestamp(record.created, BEIJING).strftime("%Y-%m-%d %H:%M:%S%z")
        session = _session.get()
        about_it = f" [{session}]" if session else ""
        said = " / ".join(record.getMessage().splitlines())
        line = f"{at} {record.levelname} {record.name}{about_it}: {said}"
        fault = record.exc_info[1] if record.exc_info else None
        return line if fault is None else line + self._with_cause(fault)

    def _with_cause(self, fault: BaseException) -> str:
        why = " / ".join(f"{type(fault).__name__}: {fault}".splitlines())
        place = _place(fault)
        if place in self._shown:
            return f" — {why} (traceback above)"
        self._shown.add(place)
        return f" — {why}\n{self.formatException((type(fault), fault, fault.__traceback__))}"


class OneObject(OneLine):
    """The same as a JSON object a line: at, level, logger, session, message, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """What has no value is left out."""
        fault = record.exc_info[1] if record.exc_info else None
        cause, _, traceback = ("" if fault is None else self._with_cause(fault)).partition("\n")
        told = {
            "at": datetime.fromtimestamp(record.created, BEIJING).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "session": _session.get(),
            "message": " / ".join(record.getMessage().splitlines()) + cause,
            "traceback": traceback,
        }
        return json.dumps(
            {name: value for name, value in told.items() if value}, ensure_ascii=False
        )


def _place(fault: BaseException) -> tuple[str, str, int]:
    """What kind of fault it is, and where it was raised."""
    last = fault.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    code = last.tb_frame.f_code.co_filename if last is not None else ""
    return type(fault).__name__, code, last.tb_lineno if last is not None else 0
