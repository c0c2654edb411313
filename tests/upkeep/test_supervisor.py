"""Programs that die, hang or do not come up, each a small real process."""

from __future__ import annotations

import asyncio
import errno
import http.client
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from ivr.lifecycle import watchdog
from ivr.upkeep import guardian, supervisor
from ivr.upkeep.supervisor import Kept, Program, ProgramFailed, pause_after, stop_all

WAIT = "import time; print('here', flush=True); time.sleep(60)"


def program(folder: Path, source: str = WAIT, **more: object) -> Program:
    command = [sys.executable, "-c", source]
    return Program("sleeper", lambda: command, folder / "sleeper.log", **more)  # type: ignore[arg-type]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110  another process sets it
            await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def pid_of(kept: Kept) -> int:
    assert kept._process is not None
    return kept._process.pid


def test_a_log_that_grows_is_put_aside_while_its_program_writes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LARGEST_LOG_BYTES", 20_000)
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.05)
    talks = (
        "import time\nn = 0\nwhile True:\n"
        " print(n, 'x' * 200, flush=True); n += 1; time.sleep(.002)"
    )
    log, older = tmp_path / "sleeper.log", tmp_path / "sleeper.log.1"

    async def story() -> None:
        kept = Kept(program(tmp_path, talks), lambda _: None)
        await kept.start()
        care = asyncio.create_task(kept.keep())
        await until(older.exists)
        await until(lambda: log.stat().st_size < 20_000)
        care.cancel()
        await asyncio.gather(care, return_exceptions=True)
        await kept.stop()

    asyncio.run(story())
    assert b"\0" not in log.read_bytes(), "it goes on at the beginning"
    numbers = [int(line.split()[0]) for line in (older.read_text() + log.read_text()).splitlines()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "nothing is lost"


def test_what_dies_is_started_again_and_what_is_stopped_stays_down(tmp_path: Path) -> None:
    news: list[str] = []

    async def story() -> list[int]:
        kept = Kept(program(tmp_path), news.append)
        await kept.start()
        first = pid_of(kept)
        care = asyncio.create_task(kept.keep())
        os.kill(first, signal.SIGKILL)
        await until(lambda: pid_of(kept) != first)
        care.cancel()
        await asyncio.gather(care, return_exceptions=True)
        await kept.stop()
        return [first, pid_of(kept)]

    pids = asyncio.run(story())
    assert not any(map(alive, pids))
    assert news == ["sleeper ended (by SIGKILL) and is started again"]


def test_a_death_after_a_steady_time_is_news_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a night of many deaths reads like one of a single one."""
    monkeypatch.setattr(supervisor, "STEADY_SECONDS", 0.0)
    news: list[str] = []

    async def story() -> None:
        kept = Kept(program(tmp_path), news.append)
        await kept.start()
        care = asyncio.create_task(kept.keep())
        for _ in range(2):
            died = pid_of(kept)
            os.kill(died, signal.SIGKILL)
            await until(lambda died=died: pid_of(kept) != died)  # type: ignore[misc]
        care.cancel()
        await asyncio.gather(care, return_exceptions=True)
        await kept.stop()

    asyncio.run(story())
    assert news == ["sleeper ended (by SIGKILL) and is started again"] * 2


def test_what_a_full_disk_keeps_from_starting_is_tried_again(tmp_path: Path) -> None:
    news: list[str] = []
    refusals = iter([OSError(errno.ENOSPC, "No space left on device")] * 2)

    def command() -> Sequence[str]:
        if started and (refusal := next(refusals, None)):
            raise refusal
        started.append(True)
        return [sys.executable, "-c", WAIT]

    started: list[bool] = []

    async def story() -> None:
        kept = Kept(Program("sleeper", command, tmp_path / "sleeper.log"), news.append)
        await kept.start()
        care = asyncio.create_task(kept.keep())
        os.kill(pid_of(kept), signal.SIGKILL)
        await until(lambda: len(started) == 2 and alive(pid_of(kept)))
        care.cancel()
        await asyncio.gather(care, return_exceptions=True)
        await kept.stop()

    asyncio.run(story())
    assert "sleeper cannot be started yet: [Errno 28] No space left on device" in news


def test_what_answers_no_more_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "HUNG_SECONDS", 0.1)
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.05)
    deaf = [False]

    async def story() -> None:
        kept = Kept(program(tmp_path, answers=lambda: not deaf[0]), lambda _: None)
        await kept.start()
        first = pid_of(kept)
        care = asyncio.create_task(kept.keep())
        deaf[0] = True
        await until(lambda: not alive(first))
        deaf[0] = False
        await until(lambda: pid_of(kept) != first)
        care.cancel()
        await asyncio.gather(care, return_exceptions=True)
        await kept.stop()

    asyncio.run(story())


def test_what_gives_no_sign_of_life_any_more_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the loader and the guardian are run, which have no page to ask for."""
    monkeypatch.setattr(supervisor, "HUNG_SECONDS", 1.5)
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.1)
    beating = (
        "import time; from ivr.lifecycle import watchdog; watchdog.BEAT_SECONDS = 0.1\n"
        "with watchdog.watched_work(60): time.sleep(60)"
    )
    said: list[str] = []

    async def story() -> None:
        kept = Kept(program(tmp_path, beating, beats=True), said.append)
        await kept.start()
        first = pid_of(kept)
        care = asyncio.create_task(kept.keep())
        os.kill(first, signal.SIGSTOP)
        await until(lambda: not alive(first))
        await until(lambda: pid_of(kept) != first)
        care.cancel()
        await asyncio.gather(care, return_exceptions=True)
        await kept.stop()

    asyncio.run(story())
    assert "sleeper does not answer any more and is ended" in said


def test_work_that_gets_on_no_more_gives_no_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "BEAT_SECONDS", 0.01)
    pulse = watchdog.Pulse()
    monkeypatch.setenv("NOTIFY_SOCKET", pulse.address)
    with watchdog.watched_work(0.2) as moved:
        time.sleep(0.1)
        assert pulse.heard()
        time.sleep(0.3)
        pulse.heard()
        time.sleep(0.1)
        assert not pulse.heard()
        moved()
        time.sleep(0.1)
        assert pulse.heard()
    pulse.close()


def test_what_ends_for_good_is_left_alone_and_anything_else_is_not(tmp_path: Path) -> None:
    news: list[str] = []

    async def story() -> None:
        replaced = program(tmp_path, "print('replaced'); raise SystemExit(4)", ends_for_good=4)
        kept = Kept(replaced, news.append)
        await kept._launch()
        async with asyncio.timeout(20):
            await kept.keep()
        other = Kept(program(tmp_path, "raise SystemExit(1)", ends_for_good=4), news.append)
        await other._launch()
        care = asyncio.create_task(other.keep())
        await until(lambda: any("is started again" in told for told in news))
        care.cancel()
        await asyncio.gather(care, return_exceptions=True)
        await other.stop()

    asyncio.run(story())
    assert news[0] == "sleeper ended for good: replaced"


ODDITIES = [http.client.IncompleteRead(b"{"), ValueError("no JSON"), RuntimeError("a bug")]


@pytest.mark.parametrize("odd", ODDITIES, ids=lambda odd: type(odd).__name__)
def test_an_odd_answer_is_none_and_ends_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: Exception
) -> None:
    monkeypatch.setattr(supervisor, "HUNG_SECONDS", 0.1)
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.05)
    well = [True]

    def answers() -> bool:
        if not well[0]:
            raise odd
        return True

    async def story() -> None:
        kept = Kept(program(tmp_path, answers=answers), lambda _: None)
        await kept.start()
        first = pid_of(kept)
        care = asyncio.create_task(kept.keep())
        well[0] = False
        await until(lambda: not alive(first))
        well[0] = True
        await until(lambda: pid_of(kept) != first)
        assert not care.done()
        care.cancel()
        await asyncio.gather(care, return_exceptions=True)
        await kept.stop()

    asyncio.run(story())


@pytest.mark.parametrize("refusal", [OSError(28, "disk"), ValueError("a template is broken")])
def test_what_cannot_be_started_now_is_tried_again(tmp_path: Path, refusal: Exception) -> None:
    refusals = iter([refusal] * 2)

    def command() -> Sequence[str]:
        if started and (refused := next(refusals, None)):
            raise refused
        started.append(True)
        return [sys.executable, "-c", WAIT]

    started: list[bool] = []

    async def story() -> None:
        kept = Kept(Program("sleeper", command, tmp_path / "sleeper.log"), lambda _: None)
        await kept.start()
        care = asyncio.create_task(kept.keep())
        os.kill(pid_of(kept), signal.SIGKILL)
        await until(lambda: len(started) == 2)
        care.cancel()
        await asyncio.gather(care, return_exceptions=True)
        await kept.stop()

    asyncio.run(story())


def test_what_ends_at_once_is_named_with_its_last_words(tmp_path: Path) -> None:
    failing = program(tmp_path, "print('no such file'); raise SystemExit(3)", answers=lambda: False)

    async def story() -> None:
        await Kept(failing, lambda _: None).start()

    with pytest.raises(ProgramFailed, match="sleeper ended at once: no such file"):
        asyncio.run(story())


def test_children_of_a_stopped_program_end_with_it(tmp_path: Path) -> None:
    source = f"""
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_DFL)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid) + "\\n")
time.sleep(60)
"""

    async def story() -> int:
        kept = Kept(program(tmp_path, source), lambda _: None)
        await kept.start()
        written = tmp_path / "pid"
        await until(lambda: written.exists() and written.read_text().endswith("\n"))
        await kept.stop()
        return int(written.read_text())

    child = asyncio.run(story())
    deadline = time.monotonic() + 10
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(child)


ENDS_WITH = """
import signal, sys, time
from pathlib import Path
folder, own, others = Path({folder!r}), {own!r}, {others!r}

def told(*_):
    (folder / f"{{own}}.told").touch()

signal.signal(signal.SIGTERM, told)
print("here", flush=True)
while not all((folder / f"{{each}}.told").exists() for each in (own, *others)):
    time.sleep(0.02)
(folder / f"{{own}}.gone").write_text(" ".join(sorted(p.stem for p in folder.glob("*.gone"))))
"""


def test_programs_are_told_to_end_all_at_once_but_for_those_that_others_need(
    tmp_path: Path,
) -> None:
    """Each of two ends only when the other has been told too: one after the other, none would."""

    def one(own: str, *others: str, last: bool = False) -> Kept:
        folder = tmp_path / own
        folder.mkdir()
        source = ENDS_WITH.format(folder=str(tmp_path), own=own, others=others)
        return Kept(program(folder, source, ends_last=last), print)

    async def story() -> list[int | None]:
        all_kept = [one("last", last=True), one("a", "b"), one("b", "a")]
        for kept in all_kept:
            await kept.start()
            await until(lambda kept=kept: kept.last_words() == "here")  # type: ignore[misc]
        await stop_all(all_kept)
        return [kept._process.returncode for kept in all_kept if kept._process is not None]

    assert asyncio.run(story()) == [0, 0, 0]
    assert (tmp_path / "last.gone").read_text() == "a b"


def test_pauses_grow_and_are_bounded() -> None:
    pauses = [pause_after(deaths) for deaths in range(40)]
    assert pauses == sorted(pauses)
    assert pauses[0] == supervisor.FIRST_PAUSE_SECONDS
    assert pauses[-1] == supervisor.LONGEST_PAUSE_SECONDS


def test_a_service_that_hangs_again_and_again_is_back_before_its_callers_are_given_up() -> None:
    """It is noticed, paused for and started: the guardian sends everybody away after 17 s."""
    start = 5.0
    away = supervisor.HUNG_SECONDS + supervisor.LONGEST_PAUSE_SECONDS + start
    assert away < guardian.STRANDED_SECONDS
