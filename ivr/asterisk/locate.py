"""Where Asterisk is: on this machine, or Debian's package in a private root folder of the user's.

Debian 12 and 13 have no Asterisk; the package of `forky` needs a newer libc than they have, so
it lives in a small root folder of its own and is run inside it (design, asterisk).
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

OLDEST = 20
_DEBOOTSTRAP = (
    "mmdebstrap",
    "--quiet",
    "--variant=minbase",
    '--aptopt=APT::Install-Recommends "false"',
    '--aptopt=Acquire::Check-Valid-Until "false"',
    "--include=asterisk,ca-certificates",
    "forky",
)


class AsteriskUnavailable(Exception):
    """There is no Asterisk and none can be installed; says what to do."""


@dataclass(frozen=True, slots=True)
class Found:
    """An Asterisk that can be run: `root` is None where it is the machine's own."""

    root: Path | None

    def command(self, arguments: Sequence[str], writable: Sequence[Path]) -> list[str]:
        """How to run it, with these folders at their own paths inside the root folder."""
        if self.root is None:
            return ["asterisk", *arguments]
        binds = [word for folder in writable for word in ("--bind", str(folder), str(folder))]
        # A new PID namespace ends everything inside it with its first process.
        isolation = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108
        isolation += ["--die-with-parent", "--unshare-pid"]
        inside = ["bwrap", "--bind", str(self.root), "/", *isolation, *binds]
        return [*inside, "/usr/sbin/asterisk", *arguments]

    @property
    def modules(self) -> str:
        """The folder's middle name: Debian's architecture triplet."""
        base = self.root or Path("/")
        found = next((base / "usr/lib").glob("*/asterisk/modules"), None)
        return found.parent.parent.name if found else "."


def private_root() -> Path:
    """The root folder that all checkouts of this user share."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "ivr-12329" / "asterisk-root"


def find() -> Found | None:
    """The machine's own Asterisk when it is new enough, else the private one, else None."""
    if system_version() >= OLDEST:
        return Found(None)
    if (private_root() / "usr/sbin/asterisk").is_file() and shutil.which("bwrap"):
        return Found(private_root())
    return None


def system_version() -> int:
    """The major version of the machine's own Asterisk; 0 when there is none."""
    if shutil.which("asterisk") is None:
        return 0
    told = subprocess.run(["asterisk", "-V"], capture_output=True, text=True, check=False)  # noqa: S607
    version = re.search(r"Asterisk (\d+)\.", told.stdout)
    return int(version[1]) if version else 0


def install(say: Callable[[str], None] = print) -> Found:
    """Find Asterisk, or make the private root folder (about a minute, 350 MB)."""
    with _only_one():
        found = find()
        if found is not None:
            return found
        _make_root(private_root(), say)
    found = find()
    if found is None:
        raise AsteriskUnavailable("Asterisk was installed but cannot be run: is bubblewrap there?")
    return found


def _make_root(root: Path, say: Callable[[str], None]) -> None:
    for tool in ("mmdebstrap", "bwrap"):
        if shutil.which(tool) is None:
            raise AsteriskUnavailable(
                f"{tool} is missing: apt-get install mmdebstrap bubblewrap (as root), or install"
                f" Asterisk {OLDEST} or newer yourself"
            )
    say("installing Asterisk 22 into a folder of its own (about a minute) …")
    scratch = root.with_name(f"{root.name}.{os.getpid()}")
    done = subprocess.run(  # noqa: S603
        [*_DEBOOTSTRAP, str(scratch)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        shutil.rmtree(scratch, ignore_errors=True)
        last = " ".join(done.stderr.strip().splitlines()[-1:])
        raise AsteriskUnavailable(f"Asterisk cannot be installed ({last}); is the network up?")
    shutil.rmtree(root, ignore_errors=True)
    scratch.rename(root)


@contextmanager
def _only_one() -> Iterator[None]:
    """Two checkouts that install at once: the second waits and finds it done."""
    folder = private_root().parent
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "asterisk.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
