"""Keeps the line's programs running: started again when they end, ended when they hang."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ivr.lifecycle.watchdog import ADDRESS, Pulse

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 5.0
"""With a start less than the guardian's patience: whoever comes back at all strands nobody."""
STEADY_SECONDS = 60.0
"""Who lived so long is started again without the pauses that earlier deaths earned."""
LOOK_SECONDS = 1.0
HUNG_SECONDS = 6.0
STOP_SECONDS = 15.0
LARGEST_LOG_BYTES = 10_000_000

Say = Callable[[str], None]


class ProgramFailed(Exception):
    """A program did not come up; says which, and its last words."""


@dataclass(frozen=True, slots=True)
class Program:
    """One program of the line."""

    name: str
    command: Callable[[], Sequence[str]]
    """Called before each start, so that it can write its configuration anew."""
    output: Path
    answers: Callable[[], bool] | None = None
    """Whether it answers now; blocks for two seconds at most. None: being alive is enough."""
    beats: bool = False
    """Whether it gives signs of life of its own accord (lifecycle.watchdog)."""
    start_seconds: float = 60.0
    ends_for_good: int | None = None
    """The exit code of one that is not to be started again: somebody else does its work."""
    needed: bool = True
    """Whether there is no line without it; others come up when they can."""
    ends_last: bool = False
    """Whether others leave it something to do until they have ended."""


class Kept:
    """One program under our care."""

    def __init__(self, program: Program, say: Say) -> None:
        self.program = program
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._pulse = Pulse() if program.beats else None
        self._started = 0.0
        self._answered = False
        """Whether it has answered since its start; until then it may take its time."""
        self._deaths = 0
        self._told = ""

    async def start(self) -> None:
        """Start it and wait until it answers; ProgramFailed when it does not."""
        await self._launch()
        deadline = self._started + self.program.start_seconds
        while time.monotonic() < deadline:
            if self._ended():
                raise ProgramFailed(f"{self.program.name} ended at once: {self.last_words()}")
            if await self._answers():
                return
            await asyncio.sleep(0.1)
        raise ProgramFailed(f"{self.program.name} does not answer: {self.last_words()}")

    async def keep(self) -> None:
        """Until cancelled: start it again whenever it ends or hangs; else it has ended for good."""
        while True:
            await self._until_gone()
            if self._for_good():
                self._say(f"{self.program.name} ended for good: {self.last_words()}")
                return
            pause = self._pause()
            self._tell(f"{self.program.name} ended ({self._how()}) and is started again")
            await asyncio.sleep(pause)
            try:
                await self._launch()
            except Exception as refused:  # noqa: BLE001  a full disk, most often; others go on
                self._tell(f"{self.program.name} cannot be started yet: {refused}")

    async def stop(self) -> None:
        """Ask it to end, ask again, and see that nothing of it is left."""
        process = self._process
        if process is None:
            return
        for _ in range(3):
            self._signal(signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_SECONDS / 3)
                break
        self._signal(signal.SIGKILL)
        await process.wait()

    def last_words(self) -> str:
        """The last line that it said."""
        with suppress(OSError):
            lines = self.program.output.read_text(errors="replace").strip().splitlines()
            return lines[-1] if lines else "it said nothing"
        return "it said nothing"

    async def _launch(self) -> None:
        self._started, self._answered = time.monotonic(), False
        command = self.program.command()
        self.program.output.parent.mkdir(parents=True, exist_ok=True)
        _make_room(self.program.output)
        with self.program.output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment(),
                start_new_session=True,
            )

    def _environment(self) -> dict[str, str]:
        """Where it tells that it lives; systemd hears of this program from us and of no other."""
        rest = {name: value for name, value in os.environ.items() if name != ADDRESS}
        return rest if self._pulse is None else {**rest, ADDRESS: self._pulse.address}

    async def _until_gone(self) -> None:
        """Return when it has ended; one that stays silent too long is killed."""
        heard = time.monotonic()
        while not self._ended():
            if await self._answers():
                heard = time.monotonic()
            elif time.monotonic() - heard > self._patience():
                self._say(f"{self.program.name} does not answer any more and is ended")
                self._signal(signal.SIGKILL)
            _keep_short(self.program.output)
            await self._look_away()

    def _patience(self) -> float:
        return HUNG_SECONDS if self._answered else max(HUNG_SECONDS, self.program.start_seconds)

    async def _look_away(self) -> None:
        """A second, or less when it ends meanwhile."""
        if self._process is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), LOOK_SECONDS)

    async def _answers(self) -> bool:
        try:
            answers = await self._sign_of_life()
        except Exception as odd:  # noqa: BLE001  one program's odd answer must not end the others
            self._tell(f"{self.program.name} answers oddly: {type(odd).__name__}")
            answers = False
        self._answered |= answers
        return answers

    async def _sign_of_life(self) -> bool:
        if self.program.answers is not None:
            return await asyncio.to_thread(self.program.answers)
        if self._pulse is not None:
            return self._pulse.heard()
        return not self._ended()

    def _for_good(self) -> bool:
        code = None if self._process is None else self._process.returncode
        return code is not None and code == self.program.ends_for_good

    def _ended(self) -> bool:
        return self._process is None or self._process.returncode is not None

    def _how(self) -> str:
        code = self._process.returncode if self._process is not None else None
        if code is not None and code < 0:
            return f"by {signal.Signals(-code).name}"
        return f"exit code {code}: {self.last_words()}"

    def _tell(self, news: str) -> None:
        """The same again and again is no news; after a steady time it is."""
        if news != self._told:
            self._say(news)
        self._told = news

    def _pause(self) -> float:
        lived = time.monotonic() - self._started
        if lived > STEADY_SECONDS:
            self._deaths, self._told = 0, ""
        else:
            self._deaths += 1
        return pause_after(self._deaths)

    def _signal(self, sign: signal.Signals) -> None:
        """To all processes of its session: it may have children of its own."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, sign)


async def stop_all(all_kept: Sequence[Kept]) -> None:
    """Those that end last after the others, else all at once: within twice STOP_SECONDS."""
    for last in (False, True):
        await asyncio.gather(*(each.stop() for each in all_kept if each.program.ends_last is last))


def pause_after(deaths: int) -> float:
    """Seconds to wait before the next start: doubled with each death in a row, bounded."""
    return float(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(deaths, 20)))


def _keep_short(output: Path) -> None:
    """A full log goes aside while its program writes on: it appends, so the file can be emptied.

    What comes while it is copied is copied too; on a full disk it is emptied all the same, for
    else it would grow until nothing of anybody's could be written.
    """
    with suppress(OSError):
        if output.stat().st_size <= LARGEST_LOG_BYTES:
            return
        with output.open("r+b") as full:
            with suppress(OSError), output.with_name(f"{output.name}.1").open("wb") as older:
                while part := full.read(1 << 20):
                    older.write(part)
            full.truncate(0)


def _make_room(output: Path) -> None:
    """Keep one older log beside the present one."""
    if output.exists() and output.stat().st_size > LARGEST_LOG_BYTES:
        output.replace(output.with_name(f"{output.name}.1"))
