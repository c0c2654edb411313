"""A whole line in a folder of its own: a real Asterisk, a service, and what is seen of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ivr.accounts.demo import make_demo
from ivr.asterisk import locate, process
from ivr.asterisk.configure import folder
from ivr.config import Settings
from tests.live.conftest import free_port

LIMITLESS = ("LOOKUPS_PER_PERSON", "LOOKUPS_PER_MINUTE", "IDS_OF_UNKNOWN_CALLERS", "CALLS")
"""All callers come from one address without a number: nobody is to be taken for a harvester."""


@dataclass
class Running:
    """A line under load, and what is measured of it."""

    settings: Settings
    programs: dict[str, subprocess.Popen[bytes]]
    memory: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """Minutes since the beginning and resident megabytes, by program."""

    def start_service(self) -> None:
        """`ivr serve`, for the first time or in place of one that has ended; does not wait."""
        with (self.settings.home / "service.out").open("ab") as output:
            self.programs["service"] = subprocess.Popen(
                [sys.executable, "-m", "ivr.cli", "serve"],
                env=_environment(self.settings),
                stdout=output,
                stderr=output,
            )

    def wait_for_service(self) -> None:
        """Until its link to Asterisk stands; SystemExit with its words when it does not."""
        for _ in range(100):
            time.sleep(0.2)
            try:
                if self.metric("ivr_ari_link"):
                    return
            except OSError:
                continue
        raise SystemExit((self.settings.home / "service.out").read_text())

    def look(self, minutes: float) -> None:
        """Note the memory of every program."""
        for name, program in self.programs.items():
            self.memory.setdefault(name, []).append((minutes, _megabytes(program.pid)))

    def in_use_by_asterisk(self) -> float:
        """Its megabytes once what it has freed is given back to the machine (`malloc trim`)."""
        configuration = folder(self.settings) / "etc" / "asterisk.conf"
        trim = ["-C", str(configuration), "-rx", "malloc trim"]
        subprocess.run(locate.install().command(trim), check=True, stdout=subprocess.DEVNULL)
        return _megabytes(self.programs["asterisk"].pid)

    def processor_seconds(self) -> float:
        """Used until now by the programs, and by callers that have ended."""
        own = os.times()
        ours = sum(_processor_seconds(each.pid) for each in self.programs.values())
        return ours + own.children_user + own.children_system

    def metric(self, name: str) -> float:
        """One number of `/metrics`."""
        url = f"http://127.0.0.1:{self.settings.http_port}/metrics"
        with urllib.request.urlopen(url, timeout=5) as page:
            for line in page.read().decode().splitlines():
                if line.startswith(f"{name} "):
                    return float(line.split()[1])
        raise LookupError(name)

    def files(self) -> dict[str, int]:
        """How many each program has open."""
        return {
            name: len(list(Path(f"/proc/{program.pid}/fd").iterdir()))
            for name, program in self.programs.items()
        }

    def facts(self) -> Iterator[dict[str, Any]]:
        """Everything that was recorded, in order."""
        for spool in sorted((self.settings.home / "spool").glob("*.jsonl")):
            yield from map(json.loads, spool.read_text(encoding="utf-8").splitlines())


@contextmanager
def line(home: Path) -> Iterator[Running]:
    """A line on free ports of loopback, with the demo's accounts and almost no limits."""
    ports = {name: free_port() for name in ("sip_port", "ari_port", "http_port")}
    settings = Settings(home=home, sip_host="127.0.0.1", **ports)  # type: ignore[arg-type]
    make_demo(home / "accounts.sqlite")
    asterisk = process.start(settings, locate.install())
    running = Running(settings, {"asterisk": asterisk})
    try:
        process.wait_until_ready(settings, asterisk)
        running.start_service()
        try:
            running.wait_for_service()
            yield running
        finally:
            running.programs["service"].send_signal(signal.SIGINT)
            running.programs["service"].wait()
    finally:
        process.stop(asterisk)


def _environment(settings: Settings) -> dict[str, str]:
    ports = {name: getattr(settings, name) for name in ("sip_port", "ari_port", "http_port")}
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("IVR_")},
        **{f"IVR_{name.upper()}": str(port) for name, port in ports.items()},
        **{f"IVR_LIMITS__{name}": "1000000" for name in LIMITLESS},
        "IVR_HOME": str(settings.home),
        "IVR_SIP_HOST": settings.sip_host,
    }


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
