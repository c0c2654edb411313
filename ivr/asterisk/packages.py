"""Debian's packages that are missing on this machine: installed as root, or asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence


class PackagesMissing(Exception):
    """Packages are needed that we cannot install; says which and how."""


def need(packages: Sequence[str], say: Callable[[str], None]) -> None:
    """Install packages with apt-get, as root or through sudo; PackagesMissing where we cannot."""
    wish = " ".join(packages)
    prefix = _as_root()
    if prefix is None or shutil.which("apt-get") is None:
        raise PackagesMissing(f"please install {wish} (apt-get install {wish}, as root)")
    say(f"installing {wish} …")
    quiet = ["-qq", "-y", "--no-install-recommends"]
    _apt([*prefix, "apt-get", "update", "-qq"], wish)
    _apt([*prefix, "apt-get", "install", *quiet, *packages], wish)


def _as_root() -> list[str] | None:
    if os.geteuid() == 0:
        return []
    return ["sudo"] if shutil.which("sudo") else None


def _apt(command: Sequence[str], wish: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(  # noqa: S603
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode:
        last = " ".join(done.stdout.strip().splitlines()[-1:])
        raise PackagesMissing(f"{wish} could not be installed ({last}); is the network up?")
