"""`ivr run`: a whole line on one machine — made ready, started, kept up, ended in order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from ivr.accounts.demo import PEOPLE, make_demo
from ivr.accounts.store import ImportRefused
from ivr.asterisk import locate, process
from ivr.asterisk.configure import agent_password, folder, publish_sounds
from ivr.config import LINE_NUMBER, PROJECT, Settings
from ivr.lifecycle import asking, logs
from ivr.lifecycle.succession import REPLACED
from ivr.people.sensitive import leave_no_core
from ivr.records.holding import hold
from ivr.speech.contract import CONTRACT
from ivr.speech.prompts import PromptSetError, Shelf
from ivr.upkeep.supervisor import Kept, Program, ProgramFailed, Say, stop_all

log = logging.getLogger(__name__)


class CannotRun(Exception):
    """What is missing, and what to do about it."""


def run(settings: Settings, say: Say, welcome: Callable[[], Sequence[str]] = tuple) -> None:
    """Make everything ready, run the line, return on SIGINT or SIGTERM; nothing is left running.

    `welcome` is asked, once all runs, what else somebody must know. Raises SettingsError (a port is
    taken) or CannotRun before the first call.
    """
    leave_no_core()
    with only_one(settings):
        process.check_ports(settings)
        programs = _made_ready(settings, say)
        logs.to_file(logs.folder(settings) / "run.log", as_json=settings.log_json)
        asyncio.run(_lead(settings, programs, say, welcome))


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Two lines in one home folder would spoil each other's records."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "run.lock").open("a+") as lock:
        if not hold(lock):
            lock.seek(0)
            raise CannotRun(
                f"a line runs in {settings.home} already (process {lock.read().strip() or '?'});"
                " end it, or set IVR_HOME to another folder"
            )
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


# --- making ready -----------------------------------------------------------------------------


def _made_ready(settings: Settings, say: Say) -> tuple[Program, ...]:
    """Everything that the programs need; those without which there is no line start in order."""
    with ThreadPoolExecutor(1) as aside:
        asterisk = aside.submit(_asterisk, say)  # where it is to be installed, beside the prompts
        _prompts(settings, say)
        _accounts(settings, say)
        _pages(say)
        found = asterisk.result()
    log = logs.folder(settings)
    return (
        Program(
            "asterisk",
            lambda: process.command(settings, found),
            process.output_file(settings),
            lambda: process.answers(settings),
            ends_last=True,
        ),
        Program(
            "service",
            lambda: _ivr("serve"),
            log / "service.log",
            lambda: asking.speaks(settings),
            ends_for_good=REPLACED,
        ),
        Program("loader", lambda: _ivr("loader"), log / "loader.log", beats=True, ends_last=True),
        Program("guardian", lambda: _ivr("guard"), log / "guardian.log", beats=True),
        Program("console", lambda: _ivr("console"), log / "console.log", beats=True, needed=False),
        Program("watch", lambda: _ivr("watch"), log / "watch.log", beats=True, needed=False),
        *_probe(settings),
    )


def _probe(settings: Settings) -> Iterator[Program]:
    """Trial calls, where the settings want them."""
    if settings.probe.every_seconds:
        yield Program(
            "probe",
            lambda: _ivr("probe", "--again"),
            logs.folder(settings) / "probe.log",
            beats=True,
            needed=False,
        )


def _asterisk(say: Say) -> locate.Found:
    try:
        found = locate.install(say)
    except locate.AsteriskUnavailable as unavailable:
        raise CannotRun(str(unavailable)) from unavailable
    say(f"Asterisk: {found.root or 'of this machine'}")
    return found


def _prompts(settings: Settings, say: Say) -> None:
    """What was published is spoken: drafts stay drafts, and what was taken back stays so.

    Only where nothing can be spoken (at first, or after an upgrade that speaks more) it is made.
    """
    try:
        shelf = Shelf(settings.audio, CONTRACT)
    except PromptSetError as nothing:
        say(f"prompts: they are made now, since {_first_line(nothing)} …")
        done = subprocess.run(_ivr("build-prompts", "--why", "ivr run"), check=False)  # noqa: S603
        if done.returncode:
            raise CannotRun("the prompts could not be made; see above") from nothing
        shelf = _made(settings)
    spoken = shelf.current()
    publish_sounds(settings, spoken)
    say(f"prompts: set {spoken.number}；改过话术，用 `ivr build-prompts` 发布")
    if shelf.refused:
        say(f"prompts: 发布的语音用不了，改播第 {spoken.number} 版 · {_first_line(shelf.refused)}")


def _made(settings: Settings) -> Shelf:
    try:
        return Shelf(settings.audio, CONTRACT)
    except PromptSetError as unusable:
        raise CannotRun(str(unusable)) from unusable


def _first_line(told: object) -> str:
    return str(told).partition("\n")[0]


def _accounts(settings: Settings, say: Say) -> None:
    """Demo accounts for a line that has no database yet; one that is there is left alone."""
    database = settings.home / "accounts.sqlite"
    if settings.accounts.url is None and not database.exists():
        try:
            make_demo(database)
        except ImportRefused as refused:
            raise CannotRun(str(refused)) from refused
        say("accounts: made a database of demo accounts")


def _pages(say: Say) -> None:
    """What the console's pages load; without it they still show everything but the charts."""
    done = subprocess.run(
        [sys.executable, "-m", "console.browser"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        say(done.stderr.strip())


def _ivr(*arguments: str) -> Sequence[str]:
    """One of our own commands, which ends when we do."""
    return [*locate.ENDS_WITH_PARENT, sys.executable, "-m", "ivr.cli", *arguments]


# --- running ----------------------------------------------------------------------------------


async def _lead(
    settings: Settings,
    programs: Sequence[Program],
    say: Say,
    welcome: Callable[[], Sequence[str]],
) -> None:
    """Start in order, keep, and on a signal stop: first who takes calls, last who carries them."""
    told = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(sign, told.set)
    all_kept = [Kept(program, partial(_tell, say)) for program in programs]
    running = asyncio.create_task(_kept_up(settings, all_kept, say, welcome))
    waiting = asyncio.create_task(told.wait())
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
    finally:
        running.cancel()
        waiting.cancel()
        say("stopping …")
        await asyncio.gather(running, return_exceptions=True)
        await stop_all(all_kept)
        say("stopped; nothing is left running")


def _tell(say: Say, news: str) -> None:
    """What befell a program: to whoever looks on, and to whoever asks in the morning."""
    say(news)
    log.warning("%s", news)


async def _kept_up(
    settings: Settings,
    all_kept: Sequence[Kept],
    say: Say,
    welcome: Callable[[], Sequence[str]],
) -> None:
    for kept in all_kept:
        if kept.program.needed:
            await _started(kept, say)
    await asyncio.gather(*(_started(kept, say) for kept in all_kept if not kept.program.needed))
    for line in (*how_to_call(settings), *await asyncio.to_thread(welcome)):
        say(line)
    async with asyncio.TaskGroup() as care:
        for kept in all_kept:
            care.create_task(kept.keep())


async def _started(kept: Kept, say: Say) -> None:
    """Up, or still trying where the line can do without it."""
    try:
        await kept.start()
    except ProgramFailed as failed:
        if kept.program.needed:
            raise CannotRun(str(failed)) from failed
        say(f"{failed}；电话照常 · calls are taken all the same")
        return
    say(f"{kept.program.name}: running")


# --- what the newcomer is told -----------------------------------------------------------------


def how_to_call(settings: Settings) -> list[str]:
    """Everything that somebody with a softphone needs to know. 拨打方法"""
    lines = ["", f"拨打 · call  {' 或 '.join(_addresses(settings))}  (any SIP phone, no account)"]
    if settings.accounts.url is None:
        lines += ["演示证件号 · demo ID numbers:"]
        lines += [f"  {person.id_number:18}  {person.shows}" for person in PEOPLE]
    lines += ["坐席话机 · agents' phones (SIP user, password in the file):"]
    lines += [f"  {agent}" for agent in _agents(settings)]
    lines += [
        f"健康检查 · health  {asking.page(settings, 'healthz')}",
        f"日志 · logs    {logs.folder(settings)}",
        "Ctrl-C 停止 · stops everything",
    ]
    return lines


def _addresses(settings: Settings) -> list[str]:
    host = settings.sip_host
    hosts = [host] if host != "0.0.0.0" else ["127.0.0.1", *_own_address()]  # noqa: S104
    return [f"sip:{LINE_NUMBER}@{each}:{settings.sip_port}" for each in dict.fromkeys(hosts)]


def _own_address() -> list[str]:
    """The address that other machines see; nothing is sent to find it out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return []
        return [str(probe.getsockname()[0])]


def _agents(settings: Settings) -> Iterator[str]:
    for agent in settings.agents.phones:
        agent_password(agent, settings)
        where = folder(settings) / "agents" / f"{agent.extension}.secret"
        told = "settings" if agent.password is not None else str(_near(where))
        yield f"{agent.extension}  {agent.name}  ({told})"


def _near(path: os.PathLike[str]) -> str:
    """A path as somebody in the checkout would write it."""
    text = os.fspath(path)
    return os.path.relpath(text, PROJECT) if text.startswith(f"{PROJECT}/") else text
