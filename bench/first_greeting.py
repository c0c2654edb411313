"""From `git clone` to a heard greeting, with nothing in any cache; then the second start.

`python -m bench.first_greeting`: clones what is committed here into a folder of its own, with a
home folder of its own, runs `make run` there, and telephones until the greeting was heard whole.
What the machine has installed (system packages) stays; registries are asked as everywhere.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ivr.config import LINE_NUMBER, PROJECT
from ivr.probe.ear import Ear, Listener
from tests.live.conftest import free_port
from tests.live.phone import Phone

MOST_SECONDS = 1200.0
_LOOK_SECONDS = 0.2


def main() -> None:
    """Print the output of both starts, and what they took."""
    with tempfile.TemporaryDirectory(prefix="first-greeting-") as folder:
        checkout = Path(folder) / "ivr-12329"
        environment = _environment(Path(folder))
        print(f"load {_load()}")
        began = time.monotonic()
        subprocess.run(["git", "clone", "-q", str(PROJECT), str(checkout)], check=True)
        cloned = time.monotonic() - began
        first = cloned + _start(checkout, environment)
        print(f"load {_load()}; git clone {cloned:.1f} s; first greeting heard after {first:.1f} s")
        second = _start(checkout, environment)
        print(f"load {_load()}; second start: greeting heard after {second:.1f} s")


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def _environment(folder: Path) -> Mapping[str, str]:
    """Of a user who has nothing yet, on ports that nobody has."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("IVR_", "XDG_", "MAKE", "PIP_CACHE", "VIRTUAL_ENV"))
    }
    ports = {f"IVR_{name}_PORT": str(free_port()) for name in ("SIP", "ARI", "HTTP")}
    return {**kept, **ports, "HOME": str(folder / "home"), "IVR_SIP_HOST": "127.0.0.1"}


def _start(checkout: Path, environment: Mapping[str, str]) -> float:
    """Seconds of one `make run` until its greeting was heard; it is ended again."""
    began = time.monotonic()
    with _running(checkout, environment):
        while not _healthy(int(environment["IVR_HTTP_PORT"])):
            if time.monotonic() - began > MOST_SECONDS:
                sys.exit("it did not come up")
            time.sleep(_LOOK_SECONDS)
        heard = asyncio.run(_greeting(checkout, int(environment["IVR_SIP_PORT"])))
        seconds = time.monotonic() - began
        print(f"heard: {heard}")
    return seconds


@contextmanager
def _running(checkout: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """As if typed at a terminal: Ctrl-C ends make and all that it started."""
    run = subprocess.Popen(["make", "run"], cwd=checkout, env=environment, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(run.pid, signal.SIGINT)
        run.wait(60)


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


async def _greeting(checkout: Path, port: int) -> str:
    """The words of the first clip that was heard whole."""
    audio = checkout / "generated_audio"
    entries = json.loads((audio / "manifest.json").read_bytes())["prompts"]
    clips = {name: (audio / entry["files"]["alaw"]).read_bytes() for name, entry in entries.items()}
    async with asyncio.timeout(60), Phone.open(port) as phone:
        await phone.dial(LINE_NUMBER)
        listener = Listener(Ear(clips))
        while True:
            for clip in listener.listen(bytes(phone.heard.audio)):
                if clip.whole:
                    return str(entries[clip.name]["text"])
            await asyncio.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    main()
