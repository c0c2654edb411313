"""The published facts as pages and commands ask them: the snapshot, the terms, the words."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Final, TypeVar

import duckdb

from analytics.answering.asking import CannotAnswer, opened
from analytics.answering.questioning import Terms
from analytics.answering.words import Vocabulary
from analytics.loading.lake import Lake
from analytics.loading.store import FactsFolder
from ivr.config import Settings, standing
from ivr.speech import publications
from ivr.speech.prompts import described

T = TypeVar("T")

MOST_SECONDS: Final = 20.0
"""A page's question is given up after so long."""
_ASKING = ThreadPoolExecutor(1, "asking")
"""One after another, also where nobody waits for an answer any more: each may take half a gigabyte,
a process has one DuckDB for a file, whose configuration is locked by whoever opens it, and
Matplotlib draws one picture at a time."""


def snapshot(settings: Settings, reach: Path | None = None) -> duckdb.DuckDBPyConnection:
    """The newest facts of this machine, or of all, to ask; files are written in `reach` only."""
    folder = FactsFolder(settings.home)
    if settings.facts.target is None:
        return opened(folder.published, reach=reach)
    data = settings.facts.data or folder.lock.with_name("lake")
    return Lake(settings.facts.target, data).opened(reach=reach)


def terms(settings: Settings) -> Terms:
    """What the settings and this moment make of an answer."""
    agents = standing(settings).agents
    return Terms(datetime.now(UTC), agents.answer_within_seconds, agents.hours)


def vocabulary(settings: Settings) -> Vocabulary:
    """With the words of the published prompts, where there are any on this machine."""
    try:
        audio = settings.audio
        heard = publications.file_of(audio, publications.last(audio), datetime.now(UTC))
        return _vocabulary(audio, heard, heard.stat().st_mtime_ns)
    except (OSError, ValueError, KeyError):
        return Vocabulary()


@lru_cache(maxsize=1)
def _vocabulary(audio: Path, file: Path, _: int) -> Vocabulary:
    """Read once for a manifest, which is told from the next one by its time: pages ask often."""
    manifest = json.loads(file.read_text(encoding="utf-8"))
    return Vocabulary.of(described(manifest, audio))


async def asked(
    settings: Settings,
    work: Callable[[duckdb.DuckDBPyConnection], T],
    *,
    seconds: float = MOST_SECONDS,
    reach: Path | None = None,
) -> T:
    """What `work` makes of a snapshot, in a thread and in bounded time; raises CannotAnswer."""
    asking = partial(_within, settings, work, seconds, reach)
    return await asyncio.get_running_loop().run_in_executor(_ASKING, asking)


def _within(
    settings: Settings,
    work: Callable[[duckdb.DuckDBPyConnection], T],
    seconds: float,
    reach: Path | None,
) -> T:
    over = threading.Event()
    with snapshot(settings, reach) as facts:

        def stop() -> None:
            over.set()
            facts.interrupt()

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            return work(facts)
        except CannotAnswer as refused:
            if not over.is_set():
                raise
            raise CannotAnswer(
                f"超过 {seconds:g} 秒没有结果，已停止：请缩短日期范围或先汇总 · stopped after"
                f" {seconds:g} s: ask for fewer days"
            ) from refused
        finally:
            timer.cancel()
