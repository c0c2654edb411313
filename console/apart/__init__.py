"""Somebody's own SQL in a process of its own, which can be ended at any moment.

DuckDB bounds its memory by its own count, and heeds an interruption between two vectors; neither
holds for every function. The process has a limit of the kernel's on memory, files and processor
time, knows no secret of ours, and is killed when its time is over or nobody waits for it any more.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

from analytics.answering.asking import CannotAnswer
from ivr.asterisk.locate import ENDS_WITH_PARENT
from ivr.config import PROJECT, Settings

Ending = Literal["csv", "xlsx"]

MOST_SECONDS: Final = 20.0
WAITING_SECONDS: Final = 30.0
"""So long somebody waits for the questions of others."""
MOST_ROWS: Final[Mapping[Ending | None, int]] = {None: 1000, "csv": 200_000, "xlsx": 100_000}
"""Of the table on a page, and of files."""
_LARGEST_ANSWER_BYTES: Final = 8_000_000
_LOOK_SECONDS: Final = 0.2
_ONE_AT_ONCE = asyncio.Semaphore(1)
"""The machine is the callers': one question has one processor and half a gigabyte."""


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column, and whether numbers stand in it."""

    name: str
    number: bool


@dataclass(frozen=True, slots=True)
class Table:
    """The first rows of an answer, as they are shown."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str | None, ...], ...]
    more: bool
    """There are rows behind the last one."""


@dataclass(frozen=True, slots=True)
class File:
    """An answer as a file."""

    body: bytes
    rows: int
    more: bool


class Left(Exception):
    """Nobody waits for the answer any more."""


def _stays() -> bool:
    return False


async def table(
    settings: Settings,
    statement: str,
    values: Mapping[str, str],
    *,
    gone: Callable[[], bool] = _stays,
) -> Table:
    """The answer to one statement; raises CannotAnswer, or Left when `gone` says so."""
    told, _ = await _asked(settings, statement, values, None, gone)
    columns = tuple(Column(name, number) for name, number in told["columns"])
    return Table(columns, tuple(map(tuple, told["rows"])), told["more"])


async def file(
    settings: Settings,
    statement: str,
    values: Mapping[str, str],
    ending: Ending,
    *,
    gone: Callable[[], bool] = _stays,
) -> File:
    """The answer as a file; raises CannotAnswer, or Left when `gone` says so."""
    told, body = await _asked(settings, statement, values, ending, gone)
    return File(body, told["rows"], told["more"])


async def _asked(
    settings: Settings,
    statement: str,
    values: Mapping[str, str],
    ending: Ending | None,
    gone: Callable[[], bool],
) -> tuple[Any, bytes]:
    try:
        await asyncio.wait_for(_ONE_AT_ONCE.acquire(), WAITING_SECONDS)
    except TimeoutError:
        raise CannotAnswer("别人的查询还在算：一次只算一个，请过半分钟再试") from None
    try:
        with tempfile.TemporaryDirectory(prefix="ivr-sql-") as folder:
            wish = {
                "home": str(settings.home),
                "target": settings.facts.target,
                "data": settings.facts.data and str(settings.facts.data),
                "statement": statement,
                "values": dict(values),
                "ending": ending,
                "most": MOST_ROWS[ending],
            }
            told = await _told(wish, Path(folder), gone)
            target = Path(folder) / f"answer.{ending}"
            return told, await asyncio.to_thread(target.read_bytes) if ending else b""
    finally:
        _ONE_AT_ONCE.release()


async def _told(wish: Mapping[str, Any], folder: Path, gone: Callable[[], bool]) -> Any:
    """What the process says, which is gone when this returns."""
    process = await asyncio.create_subprocess_exec(
        *ENDS_WITH_PARENT,
        *(sys.executable, "-m", "console.apart"),
        cwd=folder,
        env={"PYTHONPATH": str(PROJECT), "HOME": str(folder), "TMPDIR": str(folder)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_LARGEST_ANSWER_BYTES,
    )
    answer = asyncio.create_task(_answer(process, json.dumps(wish).encode()))
    try:
        async with asyncio.timeout(MOST_SECONDS):
            while not answer.done():
                await asyncio.wait({answer}, timeout=_LOOK_SECONDS)
                if gone():
                    raise Left
            return _understood(await answer)
    except TimeoutError:
        raise CannotAnswer(
            f"超过 {MOST_SECONDS:g} 秒没有结果，已停止：请缩短日期范围，或先 GROUP BY 汇总"
        ) from None
    finally:
        answer.cancel()
        if process.returncode is None:
            process.kill()
        await asyncio.gather(answer, process.wait(), return_exceptions=True)


async def _answer(process: asyncio.subprocess.Process, wish: bytes) -> bytes:
    """All that it says, up to a bound; empty where it ended without a word."""
    to, out = cast("asyncio.StreamWriter", process.stdin), process.stdout
    try:
        to.write(wish)
        to.close()
        return await cast("asyncio.StreamReader", out).readuntil(b"\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
    except asyncio.LimitOverrunError:
        raise CannotAnswer("结果太大，显示不下：请少选几列，或者下载 CSV") from None


def _understood(said: bytes) -> Any:
    if not said:
        raise CannotAnswer("要的内存超过了限额，已停止：请缩短日期范围，或先 GROUP BY 汇总")
    told = json.loads(said)
    if refused := told.get("refused"):
        raise CannotAnswer(refused)
    return told
