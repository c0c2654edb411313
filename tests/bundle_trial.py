"""`make trial`: the bundle of `make bundle` on an empty system, in a network that leads nowhere.

A root folder of this release is made (mmdebstrap, minbase: no Python in it), the bundle is unpacked
and installed there by its install.sh in a network namespace with nothing but a loopback, its units'
programs are started as their user, and a call is answered. Only root can; nothing of it stays.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from ivr.config import LINE_NUMBER, PROJECT
from ivr.probe.ear import Ear, Listener
from ivr.upkeep import installation
from tests.live.phone import Phone

UP_SECONDS = 120


def main() -> None:
    """Make the root folder, then go on in a namespace of our own."""
    (bundle,) = (PROJECT / "dist").glob("*.tar")
    with tempfile.TemporaryDirectory(prefix="bundle-trial-") as folder:
        root = Path(folder) / "root"
        began = time.monotonic()
        suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", suite, str(root)], check=True)
        print(f"an empty {suite}: {time.monotonic() - began:.0f} s", flush=True)
        alone = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
        inside = [sys.executable, "-m", "tests.bundle_trial", str(root), str(bundle)]
        sys.exit(subprocess.run([*alone, *inside], check=False).returncode)


def inside(root: Path, bundle: Path) -> None:
    """Install, start, call."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for kind, place in (("proc", "proc"), ("tmpfs", "run"), ("tmpfs", "tmp")):
        subprocess.run(["mount", "-t", kind, kind, str(root / place)], check=True)
    subprocess.run(["mount", "--rbind", "/dev", str(root / "dev")], check=True)
    routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
    assert routes == "", routes
    began = time.monotonic()
    subprocess.run(["tar", "-xf", str(bundle), "-C", str(root / "root")], check=True)
    in_root(root, "sh", f"/root/{bundle.stem}/install.sh")
    print(f"install.sh: {time.monotonic() - began:.0f} s", flush=True)
    in_root(root, "ivr", "accounts", "demo")
    programs = [start(root, unit) for unit in installation.STARTED if unit.endswith(".service")]
    try:
        print(f"heard: {asyncio.run(call(root))}", flush=True)
    finally:
        for program in reversed(programs):
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            program.wait()


def in_root(root: Path, *words: str) -> None:
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    subprocess.run(
        ["chroot", str(root), *words], check=True, env=environment, stdin=subprocess.DEVNULL
    )


def start(root: Path, unit: str) -> subprocess.Popen[bytes]:
    """What systemd would do with a unit: as its user, in its environment."""
    lines = (root / str(installation.UNITS / unit)[1:]).read_text().splitlines()
    run = next(line for line in lines if line.startswith("ExecStart=")).partition("=")[2]
    told = (root / str(installation.ENVIRONMENT)[1:]).read_text().splitlines()
    user = installation.USER
    words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "env", "-i",
             "PATH=/usr/bin:/bin", *(line for line in told if not line.startswith("#")),
             *shlex.split(run)]  # fmt: skip
    return subprocess.Popen(["chroot", str(root), *words], start_new_session=True)


async def call(root: Path) -> str:
    """The words of the first clip that was heard whole."""
    deadline = time.monotonic() + UP_SECONDS
    while not await asyncio.to_thread(healthy):
        assert time.monotonic() < deadline, "it did not come up"
        await asyncio.sleep(0.5)
    audio = root / str(installation.AUDIO)[1:]
    entries = json.loads((audio / "manifest.json").read_bytes())["prompts"]
    clips = {name: (audio / entry["files"]["alaw"]).read_bytes() for name, entry in entries.items()}
    async with asyncio.timeout(60), Phone.open(5060) as phone:
        assert await phone.dial(LINE_NUMBER) == 200
        listener = Listener(Ear(clips))
        while True:
            for clip in listener.listen(bytes(phone.heard.audio)):
                if clip.whole:
                    return str(entries[clip.name]["text"])
            await asyncio.sleep(0.2)


def healthy() -> bool:
    try:
        with urllib.request.urlopen("http://127.0.0.1:8329/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    inside(Path(sys.argv[1]), Path(sys.argv[2])) if len(sys.argv) > 1 else main()
