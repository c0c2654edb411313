"""Programs without the seconds that Python's imports take: forked by one that imported everything.

`start(IVR, "serve")` is what `ivr serve` is: words, environment, files, folder,
signals, exit code; only its name in /proc is the server's. The server is started at the first use
and ends with who started it; all that `python -m tests.side_by_side` runs share one. Tests about
starting start an interpreter.
"""

from __future__ import annotations

import atexit
import faulthandler
import gc
import json
import os
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import IO, NoReturn

from ivr.config import PROJECT
from ivr.speech.prompts import PromptSetError
from tests.live import known

ADDRESS = "TESTS_FORKS"
"""The environment's name of the server's socket."""
IMPORTED = (
    "analytics.answering.exporting",
    "analytics.answering.questioning",
    "analytics.loading.loader",
    "console.app",
    "hypothesis.strategies",
    "ivr.cases.register",
    "ivr.cli.commands",
    "ivr.cli.serving",
    "ivr.service",
    "ivr.stage.talk",
    "ivr.upkeep.doctor",
    "ivr.upkeep.guardian",
    "ivr.upkeep.run",
    "playwright.sync_api",
    "prompt_build.build",
    "pytest",
    "tests.command_tree",
)
"""No module with assertions is among them: pytest writes those anew."""
IVR = str(Path(sys.executable).with_name("ivr"))
"""The command as an operator has it."""
SECONDS = 60
"""What takes so long never ends."""
END_SECONDS = 600
"""For the last steps of a program: what is nice may stand still for minutes."""
LARGEST = 2**17
"""Bytes of a message; an environment is most of the longest."""
_KIND = socket.AF_UNIX, socket.SOCK_SEQPACKET
_FILES = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Program:
    """A module as after `python -m`, or a script, with its words and what a shell would set."""

    words: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    nice: int = 0
    """As nice as whoever wants it, or more."""


@dataclass(frozen=True, slots=True)
class End:
    """What became of it."""

    code: int
    """Of a signal the negative number."""
    busy: float
    """Seconds of processor: of its own, its children, and what was forked for it and has ended."""


class Forked:
    """A program that runs: a Popen, as far as tests use one."""

    def __init__(self, program: Program, *files: int) -> None:
        self.args = program.words
        self.returncode: int | None = None
        self.busy = 0.0
        self.stdout: IO[str] | None = None
        self._server = socket.socket(*_KIND)
        self._server.connect(address())
        with ExitStack() as opened:
            numbers = [self._number(file, opened) for file in files]
            socket.send_fds(self._server, [json.dumps(asdict(program)).encode()], numbers)
        self.pid = int(self._server.recv(LARGEST))

    def _number(self, file: int, opened: ExitStack) -> int:
        if file == subprocess.DEVNULL:
            return opened.enter_context(Path(os.devnull).open("r+b", buffering=0)).fileno()
        if file != subprocess.PIPE:
            return file
        read, write = os.pipe()
        opened.callback(os.close, write)
        self.stdout = os.fdopen(read, encoding="utf-8", errors="replace")
        return write

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code. Raises TimeoutExpired."""
        if self.returncode is None:
            self._server.settimeout(timeout)
            try:
                told = self._server.recv(LARGEST)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0) from None
            self._server.close()
            end = End(**json.loads(told))
            self.returncode, self.busy = end.code, end.busy
        return self.returncode

    def send_signal(self, sign: int) -> None:
        """Nothing, where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sign)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def start(
    *words: str,
    env: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int = 1,
    stderr: int = 2,
    nice: int = 0,
) -> Forked:
    """`python -m WORDS` here, or IVR and words; files by number or DEVNULL, stdout also PIPE."""
    told = {**(os.environ if env is None else env), ADDRESS: address()}
    program = Program(words, told, str(Path.cwd()), os.nice(0) + nice)
    return Forked(program, stdin, stdout, stderr)


def run(
    *words: str, env: Mapping[str, str] | None = None, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """The same to its end, with what it printed. Raises TimeoutExpired."""
    with ExitStack() as files:
        typed, *printed = (files.enter_context(tempfile.TemporaryFile()) for _ in _FILES)
        typed.write(given.encode())
        typed.seek(0)
        shown, failed = (file.fileno() for file in printed)
        program = start(*words, env=env, stdin=typed.fileno(), stdout=shown, stderr=failed)
        try:
            code = program.wait(SECONDS)
        finally:
            program.kill()
        texts = [_whole(file) for file in printed]
    return subprocess.CompletedProcess(words, code, *texts)


def _whole(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


@cache
def address() -> str:
    """Where the server listens; it is started where nobody has, and ends with who did."""
    return os.environ.get(ADDRESS) or str(_started())


def _started() -> Path:
    """It imports while others work: who connects meanwhile waits."""
    folder = tempfile.mkdtemp(prefix="forks-")
    path = Path(folder, "socket")
    with socket.socket(*_KIND) as listener:
        listener.bind(str(path))
        listener.listen(64)
        alive, ours = os.pipe()  # nobody else has this end: it is closed when we are gone
        words = [sys.executable, "-m", "tests.forks", str(listener.fileno()), folder]
        subprocess.Popen(words, stdin=alive, pass_fds=[listener.fileno()], cwd=PROJECT)
        os.close(alive)
    os.register_at_fork(after_in_child=partial(os.close, ours))
    return path


@contextmanager
def apart() -> Iterator[None]:
    """Forks of another server, which is started where this thread is now: in its network."""
    shared = os.environ.pop(ADDRESS, None)
    address.cache_clear()
    try:
        yield
    finally:
        address.cache_clear()
        if shared is not None:
            os.environ[ADDRESS] = shared


# --- the server -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Order:
    """What somebody wants to be run; `files` are its input, output and errors."""

    program: Program
    files: tuple[int, ...]
    by: socket.socket

    @property
    def peer(self) -> int:
        """The process that wants it."""
        told = self.by.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return int.from_bytes(told[:4], sys.byteorder)


class _Server:
    """One thread, which forks: nothing stands still in what it forked."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._running: dict[int, tuple[int, _Order]] = {}
        """By what the kernel tells their end with: process and order."""
        self._spent: Counter[int] = Counter()
        """Seconds of processor, in hundredths, by the process for which they were spent."""
        self._ready = selectors.DefaultSelector()
        for file in (0, listener.fileno()):
            self._ready.register(file, selectors.EVENT_READ)

    def until_forked(self) -> _Order | None:
        """In a fork: what it is to be. In the server: None, when who started it has ended."""
        while True:
            for key, _ in self._ready.select():
                if key.fd == 0:
                    return None
                if key.fd in self._running:
                    self._ended(key.fd)
                elif (order := self._forked()) is not None:
                    return order

    def _forked(self) -> _Order | None:
        by, _ = self._listener.accept()
        told, files, *_ = socket.recv_fds(by, LARGEST, len(_FILES))
        order = _Order(Program(**json.loads(told)), tuple(files), by)
        pid = os.fork()
        if pid == 0:
            self._leave(by)
            return order
        by.send(str(pid).encode())
        for file in files:
            os.close(file)
        watched = os.pidfd_open(pid)
        self._running[watched] = pid, order
        self._ready.register(watched, selectors.EVENT_READ)
        return None

    def _ended(self, watched: int) -> None:
        self._ready.unregister(watched)
        os.close(watched)
        pid, order = self._running.pop(watched)
        _, status, used = os.wait4(pid, 0)
        busy = used.ru_utime + used.ru_stime + self._spent.pop(pid, 0) / 100
        self._spent[order.peer] += round(busy * 100)
        end = End(os.waitstatus_to_exitcode(status), busy)
        with suppress(OSError), order.by:  # who wanted it may be gone
            order.by.send(json.dumps(asdict(end)).encode())

    def _leave(self, by: socket.socket) -> None:
        """A fork has nothing of the server's open."""
        self._ready.close()
        self._listener.close()
        by.close()
        for watched, (_, order) in self._running.items():
            os.close(watched)
            order.by.close()


def _become(order: _Order) -> None:
    """Be the program that was ordered, as if an interpreter had just started."""
    program = order.program
    for number, file in enumerate(order.files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(program.cwd)
    os.setpriority(os.PRIO_PROCESS, 0, program.nice)
    os.environ.clear()
    os.environ.update(program.env)
    time.tzset()
    tempfile.tempdir = None  # asked for anew, of this environment
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdin = sys.__stdin__ = os.fdopen(0)  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = os.fdopen(  # type: ignore[misc]
        2, "w", buffering=1, errors="backslashreplace"
    )
    sys.argv = list(program.words)
    _end(_ran(program.words[0]))


def _ran(named: str) -> int:
    """A script or a module to its end, its exit code as an interpreter has it."""
    try:
        if "/" in named:
            runpy.run_path(named, run_name="__main__")
        else:
            runpy.run_module(named, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return -signal.SIGINT
    except BaseException:  # noqa: BLE001  the interpreter's own last words
        traceback.print_exc()
        return 1
    return 0


def _end(code: int) -> NoReturn:
    """As an interpreter ends, but for what libraries in C++ do then: they count on threads that a
    fork does not have. Where a thread of its own keeps it from ending, it says which and fails.
    """
    faulthandler.dump_traceback_later(END_SECONDS, exit=True)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for file in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            file.flush()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def main(listening: int, folder: str) -> None:
    """Serve on a socket in a folder, which is removed at the end; or be a program."""
    server = os.getpid()
    try:
        order = _served(listening)
    finally:
        if os.getpid() == server:
            shutil.rmtree(folder)
    if order is not None:
        _become(order)


def _served(listening: int) -> _Order | None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(*_KIND, fileno=listening) as listener:
        for name in IMPORTED:
            import_module(name)
        with suppress(PromptSetError):  # where none were made, nobody calls
            known.ear()
        gc.collect()
        gc.freeze()  # what is never collected is not copied into every fork
        return _Server(listener).until_forked()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
