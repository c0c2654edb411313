"""A PostgreSQL of the test's own: a folder, a socket in it, no port; ended by its process id."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

PROGRAMS = "/usr/lib/postgresql"
USER = "ivr"


def programs() -> Path | None:
    """The folder of the newest server of this machine; None where there is none."""
    found = sorted(Path(PROGRAMS).glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


@contextmanager
def postgres(*options: str) -> Iterator[Path]:
    """A running server without a password; the folder of its socket."""
    with tempfile.TemporaryDirectory(prefix="ivr-postgres-", dir=passable()) as folder:
        Path(folder).chmod(0o755)
        with _serving(Path(folder) / "pg", options) as socket:
            yield socket


def passable() -> Path:
    """Where root's server comes, which runs as another user.

    Not pytest's folders: each run that starts takes every right of others from pytest-of-root, also
    while a server of another run is in there.
    """
    usual = Path(tempfile.gettempdir()).resolve()
    open_to_all = all(each.stat().st_mode & stat.S_IXOTH for each in (usual, *usual.parents))
    return usual if open_to_all else Path("/tmp")


@contextmanager
def _serving(folder: Path, options: Sequence[str]) -> Iterator[Path]:
    tools = programs()
    assert tools is not None
    folder.mkdir()
    as_user = _as_another_user(folder)
    data = str(folder / "data")
    made = [*as_user, str(tools / "initdb"), "-D", data, "-U", USER, "-A", "trust", "--no-sync"]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
    serve = [*as_user, str(tools / "postgres"), "-D", data, "-k", str(folder), "-F"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*serve, "-c", "listen_addresses=", *options], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        made_database(folder, "first")
        yield folder
    finally:
        server.send_signal(signal.SIGINT)  # fast: sessions are ended
        server.wait(30)


def _as_another_user(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]


def made_database(folder: Path, name: str) -> str:
    """A new database, as libpq's words for it; waits for a server that is starting."""
    tools = programs()
    assert tools is not None
    make = [str(tools / "createdb"), "-h", str(folder), "-U", USER, name]
    until = time.monotonic() + 60
    while subprocess.run(make, check=False, stderr=subprocess.DEVNULL).returncode:
        assert time.monotonic() < until, (folder / "log").read_text()
        time.sleep(0.1)
    return f"dbname={name} host={folder} user={USER}"


def emptied(url: str) -> str:
    """A database without anything, by its address for SQLAlchemy.

    To make another for each test would take longer than most of them.
    """
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as rows:
        rows.execute(text("DROP SCHEMA public CASCADE"))
        rows.execute(text("CREATE SCHEMA public"))
    return url


@contextmanager
def held(postmaster: int) -> Iterator[None]:
    """Every process of a server stands still (SIGSTOP), and goes on afterwards."""
    stopped = [postmaster]
    try:
        os.kill(postmaster, signal.SIGSTOP)  # from now on nobody is begun or taken away
        for backend in _children(postmaster):
            stopped.append(backend)
            _tell(backend, signal.SIGSTOP)
        yield
    finally:
        for each in stopped:
            _tell(each, signal.SIGCONT)


def _children(parent: int) -> list[int]:
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(file.parent.name))
    return found


def _tell(process: int, sign: signal.Signals) -> None:
    """Nothing where it has ended."""
    with suppress(ProcessLookupError):
        os.kill(process, sign)
