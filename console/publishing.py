"""A publication on its way: it takes minutes, and goes on while nobody looks at the page."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ivr.records.durable import write
from prompt_build.build import Progress
from prompt_build.studio.drafts import Refused

log = logging.getLogger(__name__)

_FILE = "words.publishing.json"
_LEFT: Final = "生成的时候控制台停了，没有发布。再发布一次：做好的句子都留着。"
_BROKEN: Final = "没有办成，来电人听的还是原来的。请看控制台的日志。"
_END_WITHIN_SECONDS = 30.0
"""Of a sentence that is being spoken when the console is told to stop."""


@dataclass(frozen=True, slots=True)
class Course:
    """How far a publication has come, or how it ended."""

    who: str
    why: str
    began: datetime
    made: int = 0
    of: int = 0
    says: str = ""
    """The words that were spoken last."""
    ended: datetime | None = None
    number: int | None = None
    """The set that came of it; None where none did."""
    fault: str = ""

    @property
    def runs(self) -> bool:
        """Whether it is on its way."""
        return self.ended is None


class _Stopped(Exception):
    """The console is told to stop."""


class Publishing:
    """The one publication of this line; what became of the last one is kept beside the draft."""

    def __init__(self, home: Path) -> None:
        self._path = home / _FILE
        self._lock = threading.Lock()
        self._course: Course | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def now(self) -> Course | None:
        """The publication on its way, else the last one; None before the first."""
        with self._lock:
            if self._course is None:
                self._course = self._kept()
            return self._course

    def begin(
        self,
        work: Callable[[Progress], int],
        told: tuple[type[Exception], ...],
        who: str,
        why: str,
    ) -> None:
        """Start it; `told` are the failures that speak for themselves. Refused while one runs."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                raise Refused("正在发布，等它做完")
            self._course = Course(who, why, datetime.now(UTC))
            self._keep(self._course)
            self._thread = threading.Thread(target=self._run, args=(work, told), name="publishing")
            self._thread.start()

    def end(self) -> None:
        """Stop after the sentence that is being made; nothing is published then."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_END_WITHIN_SECONDS)

    def _run(self, work: Callable[[Progress], int], told: tuple[type[Exception], ...]) -> None:
        try:
            self._over(number=work(self._progress))
        except _Stopped:
            self._over(fault=_LEFT)
        except told as refused:
            self._over(fault=str(refused))
        except Exception:
            log.exception("a publication failed")
            self._over(fault=_BROKEN)

    def _progress(self, made: int, of: int, says: str) -> None:
        if self._stop.is_set():
            raise _Stopped
        with self._lock:
            if self._course is not None:
                self._course = replace(self._course, made=made, of=of, says=says)

    def _over(self, *, number: int | None = None, fault: str = "") -> None:
        with self._lock:
            if self._course is not None:
                ended = datetime.now(UTC)
                self._course = replace(self._course, ended=ended, number=number, fault=fault)
                self._keep(self._course)

    # --- its file -----------------------------------------------------------------------------

    def _keep(self, course: Course) -> None:
        content = json.dumps(asdict(course), ensure_ascii=False, default=datetime.isoformat)
        write(self._path, content.encode(), mode=0o600)

    def _kept(self) -> Course | None:
        try:
            course = _course(json.loads(self._path.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if course.runs:  # of a console that is no more
            return replace(course, ended=course.began, fault=_LEFT)
        return course


def _course(kept: Mapping[str, Any]) -> Course:
    ended = kept["ended"] and datetime.fromisoformat(kept["ended"])
    return Course(**{**kept, "began": datetime.fromisoformat(kept["began"]), "ended": ended})
