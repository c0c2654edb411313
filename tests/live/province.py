"""A province in a network of its own: two edges with keepalived, and two whole cells of one line.

Each edge is a machine with an address and a cable (a network namespace, a pair of veth); the switch
is a bridge. There are the cells, .2 and .3, a carrier who calls from .20, strangers from .21 on.
The cells have one PostgreSQL.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ivr.config import PROJECT, EdgeSettings, Settings
from ivr.edge import console
from ivr.edge.configure import configure
from ivr.edge.console import Standing, State
from ivr.speech.prompts import PromptSet
from ivr.state.joining import join
from ivr.state.shared import Shared
from tests.analytics.postgres import made_database, postgres, programs
from tests.live.conftest import AGENTS, HANGING_SECONDS, Caller, LiveLine, a_line
from tests.live.network import own_network
from tests.live.phone import Phone
from tests.live.test_agents import until

NETWORK = "192.0.2."
EDGES = (f"{NETWORK}11", f"{NETWORK}12")
FLOATING = f"{NETWORK}10"
CELLS = {"hz-1": f"{NETWORK}2", "hz-2": f"{NETWORK}3"}
CARRIER, STRANGER, AGENTS_PHONE = (f"{NETWORK}{own}" for own in (20, 21, 22))
TRUNKS = [{"name": "telecom", "hosts": [CARRIER]}]
PASSWORD = "at the edge; for all cells"
PHONE = {"extension": "6001", "password": PASSWORD}
AGENT = {"name": "一号坐席", "extension": "6001"}
WEBSOCKET, SECRET = 8443, "given to edge and cells"
SBIN = "/usr/sbin:/usr/local/sbin:/usr/bin"
KAMAILIO, KEEPALIVED = (shutil.which(name, path=SBIN) for name in ("kamailio", "keepalived"))


def told(run: Path) -> dict[str, Any]:
    """What an edge's settings say of edges and cells."""
    cells = [{"name": name, "address": address} for name, address in CELLS.items()]
    centre = {"name": "hz", "cells": cells, "phones": [PHONE]}
    browsers = {"websocket_port": WEBSOCKET, "secret": SECRET}
    pair = {"addresses": EDGES, "floating": FLOATING, "interface": "eth0"}
    return {"run": str(run), "centres": [centre], **pair, **browsers}


@dataclass
class Edge:
    """One machine with Kamailio and keepalived."""

    own: str
    settings: Settings
    machine: subprocess.Popen[bytes]
    """What its network namespace is kept by."""
    _runs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def told(self) -> EdgeSettings:
        """Of its settings, what concerns it."""
        assert self.settings.edge is not None
        return self.settings.edge

    def stands_alone(self) -> None:
        """Wait until it has a network of its own: a cable would end in ours."""
        ours, deadline = Path("/proc/thread-self/ns/net"), time.monotonic() + HANGING_SECONDS
        while Path(f"/proc/{self.machine.pid}/ns/net").readlink() == ours.readlink():
            assert time.monotonic() < deadline, "no network for an edge"
            time.sleep(0.01)

    def connect(self) -> None:
        """A cable from the switch, and its own address."""
        _ip("link", "add", self._cable, "type", "veth", "peer", "name", f"{self._cable}e")
        _ip("link", "set", self._cable, "master", "switch")
        _ip("link", "set", f"{self._cable}e", "name", "eth0", "netns", str(self.machine.pid))
        self._within("ip", "addr", "add", f"{self.own}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            self._within("ip", "link", "set", device, "up")

    def start(self) -> None:
        """The cable is in, and what is not running runs, with what `ivr edge configure` wrote."""
        folder = self.settings.home / "edge" / self.own
        home = self.settings.home
        _ip("link", "set", self._cable, "up")
        self._run("kamailio", "-DD", "-E", "-f", f"{folder}/kamailio.cfg", "-P", f"{home}/pid")
        keeps = ("-f", f"{folder}/keepalived.conf", "-p", f"{home}/keeps", "-r", f"{home}/vrrp")
        self._run("keepalived", "--dont-fork", "--log-console", *keeps)

    def lose_kamailio(self) -> None:
        """It dies, and all else on the machine goes on."""
        self._kill("kamailio")

    def die(self) -> None:
        """The machine without power: nobody hears of it or from it, and it forgets."""
        _ip("link", "set", self._cable, "down")
        for name in tuple(self._runs):
            self._kill(name)
        self._within("ip", "addr", "flush", "dev", "eth0", "to", FLOATING)

    def has_the_address(self) -> bool:
        """Whether keepalived has given it the floating one."""
        return f" {FLOATING}/" in self._within("ip", "-4", "-oneline", "addr")

    def log(self) -> str:
        """The last that its programs said."""
        outs = sorted(self.settings.home.glob("*.out"))
        return "\n".join(out.read_text(errors="replace")[-3000:] for out in outs)

    @property
    def _cable(self) -> str:
        return f"cable{self.own.rpartition('.')[2]}"

    def _inside(self) -> tuple[str, ...]:
        return ("nsenter", f"--net=/proc/{self.machine.pid}/ns/net")

    def _within(self, *words: str) -> str:
        return subprocess.run(
            [*self._inside(), *words], check=True, capture_output=True, text=True
        ).stdout

    def _run(self, name: str, *words: str) -> None:
        if name in self._runs:
            return
        program = shutil.which(name, path=SBIN)
        assert program is not None
        # TERM, where this process dies: Kamailio then ends its children, which live on after KILL.
        with (self.settings.home / f"{name}.out").open("ab") as out:
            self._runs[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *self._inside(), program, *words],
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def _kill(self, name: str) -> None:
        """With all its processes, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._runs[name].pid, signal.SIGKILL)
        self._runs.pop(name).wait()

    def stop(self) -> None:
        """In order, and the machine with it."""
        for program in self._runs.values():
            program.terminate()
        for program in self._runs.values():
            program.wait(20)
        self.machine.kill()
        self.machine.wait()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@dataclass
class Province:
    """The edges, and the cells by their names."""

    edges: tuple[Edge, ...]
    cells: dict[str, LiveLine]

    @property
    def edge(self) -> Edge:
        """That has the floating address."""
        (living,) = self.living()
        return living

    def living(self) -> list[Edge]:
        """Who has it: one, and none for a moment while it moves."""
        return [each for each in self.edges if each.has_the_address()]

    def standing(self) -> dict[str, Standing]:
        """How the edge sees the cells."""
        return {each.name: each for each in console.cells(self.edge.told)}

    def carried(self) -> dict[str, int]:
        """How many channels of callers each cell has."""
        return {
            name: sum(each["name"].startswith("PJSIP/edge-") for each in line.ari("channels"))
            for name, line in self.cells.items()
        }

    def whose(self, name: str) -> list[str]:
        """By what the cell was told that its calls are."""
        return [
            each["dialplan"]["app_data"].split(",")[5] for each in self.cells[name].ari("channels")
        ]

    async def at_rest(self) -> None:
        """Until every cell takes calls and has none."""
        await until(
            lambda: (
                all(
                    each.state is State.TAKING and not each.calls
                    for each in self.standing().values()
                )
                and not any(self.carried().values())
            )
        )

    @asynccontextmanager
    async def phone(self, host: str = CARRIER, **more: Any) -> AsyncIterator[Phone]:
        """Which calls the edge."""
        async with Phone.connected((FLOATING, 5060), host=host, **more) as phone:
            yield phone

    @asynccontextmanager
    async def call(self, host: str = CARRIER, **headers: str) -> AsyncIterator[Caller]:
        """Someone who calls the line through the edge, and is answered."""
        async with self.phone(host) as phone:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            status = await phone.dial("12329", headers=named)
            assert status == 200, f"the call was answered {status}\n{self.edge.log()}"
            yield Caller(self.cells["hz-1"], phone)

    async def command(self, *words: str) -> str:
        """What the operator of the edge is told."""
        own = {
            "IVR_HOME": str(self.edge.settings.home),
            "IVR_TRUNKS": json.dumps(TRUNKS),
            "IVR_EDGE": json.dumps(told(Path(self.edge.told.run))),
        }
        return await said(self.cells["hz-1"].env | own, "edge", *words)


async def said(env: dict[str, str], *words: str) -> str:
    """What `ivr` answers; the telephones go on meanwhile."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "ivr.cli", *words],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    return done.stdout + done.stderr


@contextmanager
def a_province(folders: pytest.TempPathFactory, whole_set: PromptSet) -> Iterator[Province]:
    """All of it, with one edge that has the floating address; skipped where a part is lacking."""
    if KAMAILIO is None or KEEPALIVED is None:
        pytest.skip("there is no Kamailio or no keepalived: make servers")
    if programs() is None:
        pytest.skip("there is no PostgreSQL: make servers")
    with postgres() as socket, own_network(), ExitStack() as edges:
        made_database(socket, "state")
        state = f"postgresql+psycopg://ivr@/state?host={socket}"
        _switch()
        pair = tuple(edges.enter_context(_an_edge(folders, own)) for own in EDGES)
        with two_cells(folders, whole_set, state) as cells:
            deadline = time.monotonic() + HANGING_SECONDS
            while not any(each.has_the_address() for each in pair):
                assert time.monotonic() < deadline, "\n".join(each.log() for each in pair)
                time.sleep(0.1)
            yield Province(pair, cells)


def _switch() -> None:
    """Where cells and callers are, and the edges' cables come in."""
    made = subprocess.run(
        ["ip", "link", "add", "switch", "type", "bridge"],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"no interface can be made here: {made.stderr.strip()}")
    # The first is whose a call is that does not say from where: a stranger's.
    for address in (STRANGER, CARRIER, AGENTS_PHONE, *CELLS.values()):
        _ip("addr", "add", f"{address}/24", "dev", "switch")
    _ip("link", "set", "switch", "up")


@contextmanager
def _an_edge(folders: pytest.TempPathFactory, own: str) -> Iterator[Edge]:
    home, run = folders.mktemp("edge"), folders.mktemp("run")
    settings = Settings.model_validate({"home": home, "trunks": TRUNKS, "edge": told(run)})
    configure(settings)
    alone = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"]
    edge = Edge(own, settings, subprocess.Popen(alone))
    try:
        edge.stands_alone()
        edge.connect()
        edge.start()
        yield edge
    finally:
        edge.stop()


@contextmanager
def two_cells(
    folders: pytest.TempPathFactory, whole_set: PromptSet, state: str
) -> Iterator[dict[str, LiveLine]]:
    """Nodes of one line: the second has the first one's keys."""
    with (
        a_cell(folders, whole_set, "hz-1", state) as one,
        a_cell(folders, whole_set, "hz-2", state) as other,
    ):
        joined(one.settings, make_keys=True)
        shutil.copytree(one.settings.home / "keys", other.settings.home / "keys")
        joined(other.settings)
        for cell in (one, other):
            cell.launch_service()
        for cell in (one, other):
            cell.wait_until_healthy()
        yield {"hz-1": one, "hz-2": other}


def joined(settings: Settings, *, make_keys: bool = False) -> None:
    """The node is one of the line's."""
    shared = Shared(settings)
    try:
        join(settings, shared, make_keys=make_keys)
    finally:
        shared.close()


@contextmanager
def a_cell(
    folders: pytest.TempPathFactory, whole_set: PromptSet, name: str, state: str
) -> Iterator[LiveLine]:
    """One Asterisk at its address, and no service yet."""
    first = 20_000 + 1000 * list(CELLS).index(name)
    changes = {
        "node": name,
        "sip_host": CELLS[name],
        "sip_port": 5060,
        "rtp_first_port": first,
        "rtp_last_port": first + 999,
        "trunks": TRUNKS,
        "agents": {**AGENTS, "phones": [AGENT], "queue_announce_seconds": 3, "contentment": False},
        "edge": {"addresses": EDGES, "floating": FLOATING, "secret": SECRET},
        "state": {"url": state, "address": CELLS[name]},
    }
    with a_line(folders.mktemp(name), whole_set, **changes) as line:
        yield line
