"""What may go wrong, done to real programs: killed, stopped, cut off, slowed, left without disk."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ivr.upkeep.supervisor import Kept, Program


def kill(pid: int) -> None:
    """As the kernel does when memory is short."""
    os.kill(pid, signal.SIGKILL)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A program that hangs: it is there, keeps its connections, and does nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


class Aside:
    """An event loop in a thread of its own: what runs there goes on while a test blocks."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, Any], within: float = 60.0) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(within)

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        self.do(_end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@dataclass
class Supervised:
    """A program under the care of the line's own supervisor, as `ivr run` has it."""

    kept: Kept
    said: list[str]

    @property
    def pid(self) -> int:
        assert self.kept._process is not None
        return self.kept._process.pid


@contextmanager
def supervised(program: Program) -> Iterator[Supervised]:
    """Started, and started again whenever it ends or hangs, until the block ends."""
    said: list[str] = []
    one, aside = Supervised(Kept(program, said.append), said), Aside()
    try:
        aside.do(one.kept.start())
        aside.begin(one.kept.keep())
        yield one
    finally:
        aside.do(_end_all())
        aside.do(one.kept.stop())
        aside.close()


@dataclass
class Wire:
    """A wire between a client and a server on loopback, to be cut, slowed, or left half open."""

    server_port: int
    port: int = 0
    delay: float = 0.0
    """Seconds by which everything is late, both ways."""
    dropping: bool = False
    """Half open: connections stand, new ones too, and nothing comes through."""
    refusing: bool = False
    """New connections are closed at once."""
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._joined, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        asyncio.get_running_loop().create_task(server.serve_forever())

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.close()
            return
        self._writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.server_port)
        except OSError:
            writer.close()
            return
        self._writers.add(far_writer)
        await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await asyncio.sleep(self.delay)
                if not self.dropping:
                    writer.write(data)
                    await writer.drain()
        if not self.dropping:
            writer.close()
        self._writers.discard(writer)

    async def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


@dataclass
class Cut:
    """The wire as a test handles it, from its own thread."""

    wire: Wire
    aside: Aside

    @property
    def port(self) -> int:
        return self.wire.port

    def cut(self) -> None:
        """Close all that stands."""
        self.aside.do(self.wire._cut())

    @contextmanager
    def half_open(self) -> Iterator[None]:
        """Packets get lost; nobody is told."""
        self.wire.dropping = True
        try:
            yield
        finally:
            self.wire.dropping = False
            self.cut()


@contextmanager
def wire_to(server_port: int) -> Iterator[Cut]:
    """A wire to a server on loopback; clients connect to its `port`."""
    aside, wire = Aside(), Wire(server_port)
    aside.do(wire._serve())
    try:
        yield Cut(wire, aside)
    finally:
        aside.close()


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """A disk that lets nobody write, as a kernel makes one that has faults."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Callable[[], None]]:
    """A disk of its own at `folder`; yields what fills it. Skipped where nobody may mount."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={kilobytes}k,mode=0700"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"no small disk without the right to mount: {done.stderr.decode().strip()}")

    def fill() -> None:
        with suppress(OSError), (folder / "filler").open("ab", buffering=0) as filler:
            for size in (4096, 1):
                with suppress(OSError):
                    while True:
                        filler.write(b"x" * size)

    try:
        yield fill
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
