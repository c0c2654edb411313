"""The live tests' line under load, and what is seen of its programs."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ivr.asterisk import locate
from ivr.asterisk.configure import folder
from ivr.config import PROJECT, Settings
from ivr.speech import prompts
from ivr.speech.contract import CONTRACT
from tests.live.conftest import LiveLine, a_line

LIMITLESS = ("lookups_per_person", "lookups_per_minute", "ids_of_unknown_callers", "calls")
"""All callers come from one address without a number: nobody is to be taken for a harvester."""


@dataclass
class Running:
    """A line under load, and what is measured of it."""

    live: LiveLine
    memory: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """Minutes since the beginning and resident megabytes, by program."""

    @property
    def settings(self) -> Settings:
        """Its ports and folders."""
        return self.live.settings

    @property
    def programs(self) -> Mapping[str, subprocess.Popen[bytes]]:
        """Those that are measured."""
        both = {"asterisk": self.live.asterisk, "service": self.live.service}
        return {name: program for name, program in both.items() if program is not None}

    def look(self, minutes: float) -> None:
        """Note the memory of every program."""
        for name, program in self.programs.items():
            self.memory.setdefault(name, []).append((minutes, resident(program.pid)))

    def in_use_by_asterisk(self) -> float:
        """Its megabytes once what it has freed is given back to the machine (`malloc trim`)."""
        configuration = folder(self.settings) / "etc" / "asterisk.conf"
        trim = ["-C", str(configuration), "-rx", "malloc trim"]
        subprocess.run(locate.install().command(trim), check=True, stdout=subprocess.DEVNULL)
        return resident(self.programs["asterisk"].pid)

    def processor_seconds(self) -> float:
        """Used until now by the programs, and by callers that have ended."""
        own = os.times()
        ours = sum(processor_seconds(each.pid) for each in self.programs.values())
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


@contextmanager
def line(home: Path, **changes: Any) -> Iterator[Running]:
    """A line of the published prompts with the demo's accounts and almost no limits."""
    spoken = prompts.load(PROJECT / "generated_audio", CONTRACT)
    given = {"limits": dict.fromkeys(LIMITLESS, 1_000_000), **changes}
    with a_line(home, spoken, **given) as live:
        live.start = _interpreter
        live.start_service()
        yield Running(live)


def _interpreter(*words: str, **given: Any) -> subprocess.Popen[bytes]:
    """As an operator starts a program: a fork shares its memory with what it was forked from, and
    pays for each page that it writes.
    """
    return subprocess.Popen([sys.executable, *words], stdin=subprocess.DEVNULL, **given)


def processor_seconds(pid: int) -> float:
    """Used until now by one program, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """Megabytes of memory that one program holds now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
