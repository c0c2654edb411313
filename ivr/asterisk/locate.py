"""Where Asterisk is: on this machine, or Debian's package in a private root folder of the user's.

Debian 12 and 13 have no Asterisk; the package of `forky` needs a newer libc than they have, so
it lives in a small root folder of its own and is run there by that folder's own libc
(decisions, asterisk).
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

from ivr.asterisk.packages import PackagesMissing, need
from ivr.lifecycle.owner import give_to_owner_of, make_folder

OLDEST = 20
_SBIN = "/usr/sbin:/usr/local/sbin"
ENDS_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_DEBOOTSTRAP = (
    "mmdebstrap",
    "--quiet",
    "--variant=extract",  # only laid out: nothing of it is set up, for nothing runs but Asterisk
    '--aptopt=APT::Install-Recommends "false"',
    '--aptopt=Acquire::Check-Valid-Until "false"',
    "--include=asterisk",
)
_SUITE = "forky"
_PROGRAM = "usr/sbin/asterisk"


class AsteriskUnavailable(Exception):
    """There is no Asterisk and none can be installed; says what to do."""


@dataclass(frozen=True, slots=True)
class Found:
    """An Asterisk that can be run: `root` is None where it is the machine's own."""

    root: Path | None

    def command(self, arguments: Sequence[str]) -> list[str]:
        """How to run it so that it ends when its parent does, however that ends."""
        program = [_own()] if self.root is None else _in_place(self.root)
        return [*ENDS_WITH_PARENT, *program, *arguments]

    @property
    def prefix(self) -> str:
        """What stands before the paths of its own package."""
        return "" if self.root is None else str(self.root)

    @property
    def modules(self) -> Path:
        """The folder of its modules."""
        libraries = Path(f"{self.prefix}/usr/lib")
        ours = "asterisk/modules"
        return next(libraries.glob(f"*/{ours}"), libraries / ours)


def _own() -> str:
    """The machine's own program; Debian's users have no `sbin` in their PATH."""
    return shutil.which("asterisk", path=f"{os.environ.get('PATH', '')}:{_SBIN}") or "asterisk"


def _in_place(root: Path) -> list[str]:
    """The package's program under its own libc's loader: no privilege, no other view of files."""
    loader = next((root / "usr/lib").glob("*/ld-linux-*.so.*"))
    libraries = f"{loader.parent}:{root / 'usr/lib'}"
    return [str(loader), "--library-path", libraries, str(root / _PROGRAM)]


def private_root() -> Path:
    """The root folder that all checkouts of this user share."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "ivr-12329" / "asterisk-root"


def find() -> Found | None:
    """The machine's own Asterisk when it is new enough, else the private one, else None."""
    if system_version() >= OLDEST:
        return Found(None)
    return Found(private_root()) if (private_root() / _PROGRAM).is_file() else None


def system_version() -> int:
    """The major version of the machine's own Asterisk; 0 when there is none."""
    return next(iter(release(Found(None))), 0)


def release(found: Found) -> tuple[int, ...]:
    """Its version to compare with others, such as (22, 10, 1); empty when it does not start."""
    return tuple(int(part) for part in version(found).split(".") if part)


def version(found: Found) -> str:
    """What it says that it is, such as 22.10.1; empty when it does not start."""
    try:
        told = subprocess.run(  # noqa: S603
            found.command(["-V"]), capture_output=True, text=True, check=False
        )
    except (OSError, StopIteration):  # no program, or no loader for it
        return ""
    number = re.search(r"Asterisk (?:certified[/-])?([\d.]+)", told.stdout)
    return number[1] if number else ""


def install(say: Callable[[str], None] = print) -> Found:
    """Find Asterisk, or make the private root folder (some twenty seconds, 270 MB)."""
    found = find()
    if found is None:
        install_private(say)
        found = find()
    if found is None:
        raise AsteriskUnavailable(f"{private_root()} holds no Asterisk although it was installed")
    return found


def install_private(say: Callable[[str], None]) -> None:
    """Make the private root folder, unless it is there by the time that it is our turn."""
    with _only_one():
        if not (private_root() / _PROGRAM).is_file():
            _make_root(private_root(), say)


def _make_root(root: Path, say: Callable[[str], None]) -> None:
    """In a scratch folder that is renamed at the end: half an installation is never found."""
    _need_tools(say)
    say("installing Asterisk 22 into a folder of its own …")
    scratch = root.with_name(f"{root.name}.new")
    _remove(scratch)
    done = subprocess.run(  # noqa: S603
        [*_bootstrap(), _SUITE, str(scratch)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        _remove(scratch)
        last = " ".join(done.stderr.strip().splitlines()[-1:])
        raise AsteriskUnavailable(f"Asterisk cannot be installed ({last}); is the network up?")
    scratch.rename(root)


def _bootstrap() -> tuple[str, ...]:
    """Without root's rights it needs no others, since nothing runs in the folder."""
    return (*_DEBOOTSTRAP, "--mode=chrootless") if os.geteuid() else _DEBOOTSTRAP


def _need_tools(say: Callable[[str], None]) -> None:
    try:
        if missing := missing_packages():
            need(missing, say)
    except PackagesMissing as missed:
        raise AsteriskUnavailable(
            f"{missed}, or install Asterisk {OLDEST} or newer yourself"
        ) from missed


def missing_packages() -> list[str]:
    """What of Debian's or Ubuntu's the private root folder is made with, and is not here."""
    missing = [] if shutil.which("mmdebstrap") else ["mmdebstrap"]
    return missing if _KEYRING.exists() else [*missing, "debian-archive-keyring"]


def _remove(folder: Path) -> None:
    """What a killed installation left; nobody else is at it, we hold the lock."""
    if folder.exists():
        shutil.rmtree(folder)


@contextmanager
def _only_one() -> Iterator[None]:
    """Two checkouts that install at once: the second waits and finds it done."""
    folder = private_root().parent
    make_folder(folder)
    with (folder / "asterisk.lock").open("w") as lock:
        give_to_owner_of(folder, folder / "asterisk.lock")
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
