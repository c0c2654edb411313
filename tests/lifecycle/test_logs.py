"""What a program logs: one line, its zone, the call, and a traceback once."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.config import PROJECT
from ivr.lifecycle.logs import OneLine, OneObject, about

log = logging.getLogger("test.logs")


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What is written, a string per record."""
    written: list[str] = []

    class Writing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(self.format(record))

    handler = Writing()
    handler.setFormatter(OneLine())
    log.addHandler(handler)
    yield written
    log.removeHandler(handler)


def fail() -> None:
    raise ValueError("two\nlines")


def test_a_line_has_its_zone_and_is_one(lines: list[str]) -> None:
    log.warning("a reason of\nseveral %s", "lines")
    (line,) = lines
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+0800 WARNING test.logs: a reason of / several lines", line
    )


def test_what_a_call_begins_is_about_the_call_too(lines: list[str]) -> None:
    async def call(session: str) -> None:
        with about(session):
            await asyncio.gather(asyncio.create_task(later()), asyncio.to_thread(log.error, "x"))

    async def later() -> None:
        log.error("x")

    async def story() -> None:
        await asyncio.gather(call("one"), call("two"))
        log.error("x")

    asyncio.run(story())
    about_whom = sorted(re.findall(r"test\.logs(.*): x", "\n".join(lines)))
    assert about_whom == ["", " [one]", " [one]", " [two]", " [two]"]


def test_a_traceback_is_shown_once(lines: list[str]) -> None:
    for session in ("one", "two"):
        with about(session):
            try:
                fail()
            except ValueError:
                log.exception("a call failed in %s", "balance")
    first, second = lines
    assert "ERROR test.logs [one]: a call failed in balance — ValueError: two / lines\n" in first
    assert first.count("Traceback") == 1
    assert second.endswith(
        "[two]: a call failed in balance — ValueError: two / lines (traceback above)"
    )


def test_for_a_collector_a_line_is_an_object() -> None:
    formatter = OneObject()
    try:
        fail()
    except ValueError as fault:
        cause = (type(fault), fault, fault.__traceback__)
    record = logging.LogRecord("ivr.x", logging.ERROR, "x.py", 1, "a\nreason %d", (7,), cause)
    with about("s1"):
        first, again = (json.loads(formatter.format(record)) for _ in range(2))
    assert first["message"] == "a / reason 7 — ValueError: two / lines"
    assert (first["level"], first["logger"], first["session"]) == ("ERROR", "ivr.x", "s1")
    assert first["at"].endswith("+08:00")
    assert "fail()" in first["traceback"]
    assert "traceback" not in again, "once only"
    assert again["message"].endswith("(traceback above)")


@pytest.mark.parametrize("collected", ["by systemd", "by ivr run"])
def test_a_warning_is_in_a_file_too_where_the_journal_has_the_rest(
    tmp_path: Path, collected: str
) -> None:
    """The page of the night reads files; what `ivr run` collects is in one already."""
    program = (
        "import logging, os, sys; from ivr.config import load; from ivr.lifecycle import logs;"
        "there = os.fstat(2); named = f'{there.st_dev}:{there.st_ino}';"
        "os.environ.update(JOURNAL_STREAM=named if sys.argv[1] == 'by systemd' else '1:2');"
        "logs.of(load(), 'loader');"
        "logging.info('all is well'); logging.warning('it is not')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, collected], capture_output=True, text=True, check=True,
        env={**os.environ, "IVR_HOME": str(tmp_path)}, cwd=PROJECT,
    )  # fmt: skip
    assert "all is well" in done.stderr
    assert "it is not" in done.stderr
    written = [path.read_text() for path in (tmp_path / "log").glob("*")]
    assert len(written) == (collected == "by systemd")
    assert all("WARNING root: it is not" in each and "well" not in each for each in written)
