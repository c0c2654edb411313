"""`python -m console.browser`: fetch and bundle the browser's libraries, unless they are there."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from console.browser import folder, sources
from ivr.lifecycle.owner import give_to_owner_of, make_folder

_NPM = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
_BUNDLE = ("--bundle", "--format=esm", "--minify", "--target=es2022", "--log-level=warning")


class NotFetched(Exception):
    """The libraries could not be had; says why, and what to do."""


def fetch() -> Path:
    """The folder of the bundles, made now where it lacks: half of one is never found."""
    ready = folder()
    if not ready.exists():
        with _only_one(ready.parent):
            if not ready.exists():
                scratch = ready.with_name("new")
                shutil.rmtree(scratch, ignore_errors=True)
                make_folder(scratch)
                _make(scratch)
                scratch.rename(ready)
    return ready


def _make(scratch: Path) -> None:
    """Fetch by the lock's hashes, bundle, and keep nothing but the bundles."""
    make_folder(scratch / "libraries")
    for source in sources():
        shutil.copy(source, scratch / ("libraries" if source.suffix == ".js" else "."))
    _node(["npm", *_NPM], scratch)
    entries = sorted(f"libraries/{each.name}" for each in sources() if each.suffix == ".js")
    esbuild = "node_modules/esbuild/bin/esbuild"
    _node(["node", esbuild, *entries, *_BUNDLE, "--outdir=lib"], scratch)
    make_folder(scratch / "checks")
    shutil.copy(scratch / "node_modules/axe-core/axe.min.js", scratch / "checks")
    for name in ("node_modules", "libraries"):
        shutil.rmtree(scratch / name, ignore_errors=True)
    for made in (*scratch.glob("*"), *scratch.glob("*/*")):
        give_to_owner_of(scratch.parent, made)


def _node(command: Sequence[str], where: Path) -> None:
    """Node or npm, of the wheel in our environment."""
    program = Path(sys.executable).parent / command[0]
    if not program.exists():
        raise NotFetched("没有 node：`make pages` · Node is missing: `make pages` installs it")
    path = f"{program.parent}:{os.environ.get('PATH', '')}"
    done = subprocess.run(  # noqa: S603
        [str(program), *command[1:]],
        cwd=where, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise NotFetched(
            f"网页用的库没有取到（{' '.join(told)[:300]}）：接通网络后 `make pages`"
            " · the pages' libraries could not be fetched: is the network up?"
        )


@contextmanager
def _only_one(cache: Path) -> Iterator[None]:
    """Two checkouts at once: the second waits and finds it done."""
    make_folder(cache)
    with (cache / "pages.lock").open("w") as lock:
        give_to_owner_of(cache, cache / "pages.lock")
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Exit code 1 and one clear line when they cannot be had."""
    try:
        print(f"pages: {fetch()}")
    except NotFetched as missing:
        print(f"ivr: {missing}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
