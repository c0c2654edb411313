"""The line beside the two ways without it: Asterisk's own dialplan, and FastAGI in thirty lines.

`python -m bench.versus [--course menus|balance] [--calls 90] [--rounds 2] [--seconds 10]`

One Asterisk, the same sounds, the same telephones, the three in turn and round after round: from
the release of a key to the first frame of the next prompt in the RTP, and the processor time of
Asterisk and of the program for each key. `--most`: how many calls at once each of them serves
without a fault. Needs `make asterisk prompts`.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.line import Running, line, processor_seconds, resident
from bench.telephones import ENDING_SECONDS
from ivr.asterisk.configure import SITE, folder
from ivr.config import PROJECT, Settings
from ivr.people.sensitive import Sensitive
from ivr.speech import prompts
from ivr.speech.contract import CONTRACT
from ivr.speech.prompts import PromptSet, Utterance, sentence
from tests.live.conftest import free_port

NUMBERS = {"dialplan": "70001", "fastagi": "70002", "service": "12329"}
"""What is dialled for each way."""
MUSIC = "hold"
"""Class of the music on hold."""
MODULES = ("res_speech.so", "res_agi.so", "app_read.so")


def utterances(spoken: PromptSet) -> Mapping[str, Utterance]:
    """What the callers hear, by the names that bench.telephones knows."""
    readout = sentence(
        "account.readout",
        id=Sensitive("990102200012120127"),
        paid_to=date(2026, 10, 1).strftime("%Y-%m"),
        monthly_deposit=Sensitive(Decimal("1680.32")),
        balance=Sensitive(Decimal("12345.67")),
    )
    return {
        "main": spoken.utterance(sentence("main.menu")),
        "account": spoken.utterance(sentence("account.menu")),
        "ask": spoken.utterance(sentence("identity.ask")),
        "readout": spoken.utterance(readout, sentence("nav.replay_or_back")),
    }


def dialplan(sounds: Mapping[str, str], port: int) -> str:
    """The two menus and the balance as Asterisk's own applications, and the way to FastAGI."""
    return f"""
[hotline](+)
exten => {NUMBERS["dialplan"]},1,Answer()
 same => n,Goto(versus-main,s,1)
exten => {NUMBERS["fastagi"]},1,Answer()
 same => n,AGI(agi://127.0.0.1:{port}/)
[versus-main]
exten => s,1,Background({sounds["main"]})
 same => n,WaitExten(15)
exten => 1,1,Goto(versus-account,s,1)
exten => 0,1,MusicOnHold({MUSIC})
[versus-account]
exten => s,1,Background({sounds["account"]})
 same => n,WaitExten(15)
exten => 1,1,Goto(versus-ask,s,1)
exten => *,1,Goto(versus-main,s,1)
[versus-ask]
exten => s,1,Read(ID,{sounds["ask"]},18,,1,8)
 same => n,Background({sounds["readout"]})
 same => n,WaitExten(15)
exten => *,1,Goto(versus-account,s,1)
"""


FASTAGI = """
import asyncio, json, sys
SOUNDS = {name: clips.split("&") for name, clips in json.load(open(sys.argv[1])).items()}
class Call:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
    async def do(self, command):
        self.writer.write(command.encode() + b"\\n")
        answer = await self.reader.readline()
        if not answer.startswith(b"200 result="):
            raise EOFError
        code = int(answer[11:].split()[0])
        if code < 0:
            raise EOFError
        return chr(code) if code else ""
    async def menu(self, name):
        for clip in SOUNDS[name]:
            if key := await self.do(f'STREAM FILE {clip} "0123456789*#"'):
                return key
        return await self.do("WAIT FOR DIGIT 15000")
async def talk(reader, writer):
    call, place = Call(reader, writer), "main"
    try:
        while (await reader.readline()).strip():
            pass
        while True:
            key = await call.menu(place)
            if place == "ask":
                for _ in range(17):
                    await call.do("WAIT FOR DIGIT 8000")
                place = "readout"
            elif key == "0":
                await call.do("EXEC MusicOnHold MUSIC")
            else:
                up = {"account": "main", "readout": "account"}
                place = up[place] if key == "*" else {"main": "account", "account": "ask"}[place]
    except (EOFError, ConnectionError, KeyError):
        writer.close()
async def main():
    server = await asyncio.start_server(talk, "127.0.0.1", int(sys.argv[2]), backlog=500)
    await server.serve_forever()
asyncio.run(main())
"""
"""Some thirty lines: no records, no limits, no accounts, no type-ahead, no wrong keys."""


@dataclass
class Site:
    """A line whose Asterisk knows the other two ways too, and the program behind one of them."""

    running: Running
    sounds: Mapping[str, str]
    """Name → the file of its first clip, as the telephones want it."""
    fastagi: subprocess.Popen[bytes]
    fastagi_port: int

    def start_fastagi(self) -> None:
        """Once more, after its end; back when it takes calls."""
        self.fastagi = _start_fastagi(self.running.settings.home, self.fastagi_port)

    @property
    def pids(self) -> Mapping[str, int]:
        """Of the program behind each way; the dialplan has none."""
        service = self.running.live.service
        assert service is not None
        return {"fastagi": self.fastagi.pid, "service": service.pid}


@contextmanager
def site(**changes: Any) -> Iterator[Site]:
    """Everything that is compared, side by side."""
    spoken = prompts.load(PROJECT / "generated_audio", CONTRACT)
    said = utterances(spoken)
    with tempfile.TemporaryDirectory() as name:
        home, port = Path(name), free_port()
        clips = {name: _short_names(home, name, each) for name, each in said.items()}
        (home / "sounds.json").write_text(json.dumps(clips))
        _add(Settings(home=home), dialplan(clips, port))
        with line(home, realtime=True, **changes) as running:
            first = {name: f"{each.clips[0].path}.alaw" for name, each in said.items()}
            place = Site(running, first, _start_fastagi(home, port), port)
            try:
                yield place
            finally:
                place.fastagi.terminate()
                place.fastagi.wait()


def _add(settings: Settings, extensions: str) -> None:
    """The site's own additions to two files of Asterisk's, as an operator would make them."""
    own = folder(settings) / SITE
    own.mkdir(parents=True)
    (own / "extensions.conf").write_text(extensions)
    (own / "modules.conf").write_text("".join(f"load = {module}\n" for module in MODULES))


def _short_names(home: Path, name: str, utterance: Utterance) -> str:
    """Links to the clips, for a line of the dialplan must not be long."""
    links = []
    for place, clip in enumerate(utterance.clips):
        link = home / f"{name}{place}"
        link.with_suffix(".alaw").symlink_to(f"{clip.path}.alaw")
        links.append(str(link))
    return "&".join(links)


def _start_fastagi(home: Path, port: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", FASTAGI.replace("MUSIC", MUSIC)]
    program = subprocess.Popen([*words, str(home / "sounds.json"), str(port)])
    while program.poll() is None:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            break
        time.sleep(0.005)
    return program


# --- one way, for a while ----------------------------------------------------------------------


@dataclass
class Tally:
    """What one way came to, over all rounds."""

    keys: int = 0
    asterisk: float = 0.0
    program: float = 0.0
    """Seconds of processor."""
    callers: float = 0.0
    ms: dict[str, list[float]] = field(default_factory=dict)
    """Release to first frame."""
    failures: list[str] = field(default_factory=list)
    megabytes: tuple[float, float] = (0.0, 0.0)
    """Of memory, while the last calls were up: Asterisk's, the program's."""

    @property
    def per_key(self) -> tuple[float, float]:
        """Milliseconds of processor that a key costs: Asterisk's, the program's."""
        return self.asterisk / self.keys * 1000, self.program / self.keys * 1000


@dataclass(frozen=True)
class Load:
    """Who calls, and what they press."""

    calls: int
    seconds: float
    course: str

    def words(self) -> list[str]:
        """For bench.telephones."""
        return [str(self.calls), str(self.seconds), self.course]


def measure(place: Site, way: str, tally: Tally, load: Load) -> Mapping[str, Any]:
    """So many telephones press for so long; adds to the tally."""
    port = place.running.settings.sip_port
    command = [sys.executable, "-m", "bench.telephones", str(port), NUMBERS[way]]
    telephones = subprocess.Popen(
        [*command, *load.words()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert telephones.stdin is not None
    assert telephones.stdout is not None
    telephones.stdin.write(json.dumps(place.sounds))
    telephones.stdin.close()
    assert telephones.stdout.readline() == "begin\n"
    before = _spent(place, way)
    told: dict[str, Any] = json.loads(telephones.stdout.readline())
    after = _spent(place, way)
    tally.megabytes = megabytes(place, way)
    if telephones.wait(ENDING_SECONDS + 20):
        tally.failures.append("some calls could not be ended")
    tally.keys += told["keys"]
    tally.asterisk += after[0] - before[0]
    tally.program += after[1] - before[1]
    for name, spent in told["ms"].items():
        tally.ms.setdefault(name, []).extend(spent)
    if told["failures"]:
        tally.failures.append(str(told["failures"]))
    return told


def megabytes(place: Site, way: str) -> tuple[float, float]:
    """Of resident memory: Asterisk's, the program's."""
    return _of_both(place, way, resident)


def _spent(place: Site, way: str) -> tuple[float, float]:
    return _of_both(place, way, processor_seconds)


def _of_both(place: Site, way: str, look: Callable[[int], float]) -> tuple[float, float]:
    """What is seen of Asterisk, and of the program behind a way; the dialplan's is nothing."""
    asterisk = place.running.live.asterisk
    assert asterisk is not None
    pid = place.pids.get(way)
    return look(asterisk.pid), 0.0 if pid is None else look(pid)


def compare(rounds: int, load: Load) -> Mapping[str, Tally]:
    """The three ways in turn, round after round."""
    tallies = {way: Tally() for way in NUMBERS}
    with site() as place:
        for _ in range(rounds):
            for way, tally in tallies.items():
                measure(place, way, tally, load)
    return tallies


def show(tallies: Mapping[str, Tally], what: str) -> None:
    """A table, with ratios to the dialplan's."""
    native = sum(tallies["dialplan"].per_key)
    print(f"{what}; release → first frame in ms, processor in ms per key")
    for way, tally in tallies.items():
        asterisk, program = tally.per_key
        spent = sorted(each for times in tally.ms.values() for each in times)
        readout = sorted(tally.ms.get("readout", []))
        print(
            f"{way:9} p50 {_at(spent, 50):5.2f} p99 {_at(spent, 99):5.2f} most {spent[-1]:6.1f}"
            + (
                f" readout p50 {_at(readout, 50):5.2f} p99 {_at(readout, 99):5.2f}"
                if readout
                else ""
            )
            + f" | asterisk {asterisk:.2f} program {program:.2f} together {asterisk + program:.2f}"
            f" = {(asterisk + program) / native:.2f} × | {tally.keys} keys {tally.failures or ''}",
            flush=True,
        )


def _at(ordered: list[float], share: int) -> float:
    return ordered[(len(ordered) - 1) * share // 100]


# --- how much each of them bears ---------------------------------------------------------------


def most(way: str, tried: range, seconds: float) -> int:
    """The largest of these numbers of calls at once of which none fails and no prompt is late.

    Each on an Asterisk of its own: one that has ended hundreds of calls at once has yet to settle.
    """
    served = 0
    for calls in tried:
        tally = Tally()
        with site() as place:
            told = measure(place, way, tally, Load(calls, seconds, "menus"))
        asterisk, program = tally.per_key
        late = _at(sorted(each for times in tally.ms.values() for each in times), 99)
        print(
            f"{way} {calls} calls: {tally.failures or 'no failure'}, p99 {late:.1f} ms,"
            f" {asterisk + program:.2f} ms per key, callers {told['callers']:.1f} s",
            flush=True,
        )
        if tally.failures or told["up"] < calls:
            break
        served = calls
    return served


def add_numbers(parser: argparse.ArgumentParser) -> None:
    """Of how many calls at once `most` is to try."""
    parser.add_argument("--lowest", type=int, default=360)
    parser.add_argument("--step", type=int, default=120)
    parser.add_argument("--highest", type=int, default=840)


def numbers(chosen: argparse.Namespace) -> range:
    """What `add_numbers` has asked for."""
    return range(chosen.lowest, chosen.highest + 1, chosen.step)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--course", choices=("menus", "balance"), default="menus")
    parser.add_argument("--calls", type=int, default=90)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--most", choices=tuple(NUMBERS))
    add_numbers(parser)
    chosen = parser.parse_args()
    if chosen.most:
        print(most(chosen.most, numbers(chosen), chosen.seconds))
        return
    began = time.monotonic()
    tallies = compare(chosen.rounds, Load(chosen.calls, chosen.seconds, chosen.course))
    took = time.monotonic() - began
    show(tallies, f"{chosen.course}, {chosen.calls} calls at once, {took:.0f} s")


if __name__ == "__main__":
    main()
