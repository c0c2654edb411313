"""`python -m bench.province`: cells of many lines by the hundred calls, on one real PostgreSQL.

No Asterisk: each line has its keys and its database, as each centre has; each cell is a process
(`province_cell`). Told is how long callers waited for what is decided together, whether a budget
was exceeded or a phone rung twice, and what it costs (`province_told`); and, where this machine had
not the processors for so many, that it was short of them: then the waits say nothing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from bench.province_cell import LIMITS, Told, Wanted, serve, without_processor
from bench.province_told import faults, figures
from ivr.config import Agent, AgentsSettings, Settings
from ivr.config.settings import StateSettings
from ivr.people.keys import Keys
from tests.analytics.postgres import made_database, postgres
from tests.state.conftest import stopped

Lines = list[list[Told]]


def machines(folder: Path, url: str, cells: int, agents: int) -> list[Settings]:
    """Their homes, with the line's keys and sentences."""
    Keys.load(folder / "keys")
    phones = tuple(Agent(name=f"坐席 {n}", extension=str(60000 + n)) for n in range(agents))
    made = []
    for n in range(1, cells + 1):
        home = folder / f"node-{n}"
        (home / "audio").mkdir(parents=True)
        (home / "audio" / "manifest.json").write_text(json.dumps({"catalog": "c1"}))
        shutil.copytree(folder / "keys", home / "keys")
        state = StateSettings(url=url, address=f"127.0.0.{n}")  # type: ignore[arg-type]
        rules = AgentsSettings(phones=phones, strategy="longest_idle", after_call_seconds=0)
        made.append(
            Settings(
                home=home,
                audio=home / "audio",
                node=f"node-{n}",
                state=state,
                limits=LIMITS,
                agents=rules,
            )
        )
    return made


@contextmanager
def _cells(folder: Path, server: Path, wanted: argparse.Namespace) -> Iterator[list[Connection]]:
    """All of them, ready; ended with it."""
    pipes, begun = [], []
    try:
        for line in range(wanted.lines):
            url = f"postgresql+psycopg://ivr@/line{line}?host={server}"
            agents = wanted.agents * wanted.cells
            for settings in machines(folder / f"line-{line}", url, wanted.cells, agents):
                ours, theirs = multiprocessing.Pipe()
                task = Wanted(wanted.calls, wanted.rate, wanted.patience, wanted.seed + len(begun))
                cell = multiprocessing.Process(target=serve, args=(settings, task, theirs))
                cell.start()
                theirs.close()
                begun.append(cell)
                pipes.append(ours)
        for pipe in pipes:
            pipe.recv()
        yield pipes
        for cell in begun:
            cell.join(60)
    finally:
        for cell in begun:
            cell.kill()


def simulated(folder: Path, server: Path, wanted: argparse.Namespace) -> tuple[Lines, list[str]]:
    """All cells for so many seconds; what each told, by lines, and the figures."""
    with _cells(folder, server, wanted) as pipes:
        begin = time.monotonic() + 1.0
        for pipe in pipes:
            pipe.send((begin, begin + wanted.seconds))
        time.sleep(max(0.0, begin - time.monotonic()))
        before = _costs(server)
        if wanted.stop:
            time.sleep(wanted.seconds / 3)
            with stopped(server):
                time.sleep(wanted.stop)
        time.sleep(max(0.0, begin + wanted.seconds - time.monotonic()))
        after = _costs(server)
        told: list[Told] = [pipe.recv() for pipe in pipes]
    lines = [told[n : n + wanted.cells] for n in range(0, len(told), wanted.cells)]
    costs = {name: (after[name] - before[name]) / wanted.seconds for name in before}
    costs |= _of_a_call(told, costs, wanted.seconds)
    up = len(told) * wanted.calls
    head = (
        f"{wanted.lines} lines x {wanted.cells} cells x {wanted.calls} calls = {up} at once,"
        f" {wanted.seconds:g} s, rate {wanted.rate:g}, load {os.getloadavg()[0]:.1f}"
    )
    return lines, [head, *figures(lines, costs, wanted.seconds)]


def _of_a_call(told: Sequence[Told], costs: dict[str, float], seconds: float) -> dict[str, float]:
    calls = sum(cell.happened["calls"] for cell in told)
    if not calls:
        return {}
    used = costs["processors of the database"] * seconds / calls
    return {
        "calls that came a second": calls / seconds,
        "ms of the database's processor for each, with all beats": 1000 * used,
    }


def _costs(server: Path) -> dict[str, float]:
    query = "SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database WHERE datname ~ '^line'"
    engine = create_engine(f"postgresql+psycopg://ivr@/first?host={server}", poolclass=NullPool)
    with engine.connect() as rows:
        transactions = float(rows.execute(text(query)).scalar_one())
    processes = _processes(server)
    return {
        "transactions a second": transactions,
        "processors of the database": _processor_seconds(processes),
        "of the database, ready and without one": sum(map(without_processor, processes)),
    }


def _processes(server: Path) -> list[int]:
    """The server, and one for each connection."""
    postmaster = (server / "data" / "postmaster.pid").read_text().split()[0]
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return [int(postmaster), *map(int, children)]


def _processor_seconds(processes: Sequence[int]) -> float:
    """Of all, also of those that have ended; the first is the parent of the others."""
    spent = 0
    for process in processes:
        with suppress(OSError):  # it has ended since, and its parent has its seconds
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            spent += sum(map(int, fields[11 : 15 if process == processes[0] else 13]))
    return spent / os.sysconf("SC_CLK_TCK")


def run(wanted: argparse.Namespace) -> tuple[Lines, list[str]]:
    """On a server of its own; what happened on each cell, by lines, and the figures."""
    connections = 20 + 6 * wanted.lines * wanted.cells
    with (
        postgres("-c", f"max_connections={connections}") as server,
        tempfile.TemporaryDirectory(prefix="ivr-province-") as folder,
    ):
        for n in range(wanted.lines):
            made_database(server, f"line{n}")
        return simulated(Path(folder), server, wanted)


def options() -> argparse.ArgumentParser:
    """Of the command."""
    parser = argparse.ArgumentParser(prog="python -m bench.province", description=__doc__)
    parser.add_argument("--lines", type=int, default=20)
    parser.add_argument("--cells", type=int, default=1, help="of each line")
    parser.add_argument("--calls", type=int, default=100, help="at once, of each cell")
    parser.add_argument("--agents", type=int, default=5, help="for each cell of a line")
    parser.add_argument("--rate", type=float, default=1.0, help="as a multiple of a busy hour's")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--patience", type=float, default=0.3, help="of a caller, in seconds")
    parser.add_argument("--stop", type=float, default=0.0, help="hold the server for so long")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def main() -> int:
    """Print the figures; 1 where a budget was exceeded or a phone rung twice."""
    lines, told = run(options().parse_args())
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", *told, sep="\n")
    return 1 if any(map(faults, lines)) else 0


if __name__ == "__main__":
    raise SystemExit(main())
