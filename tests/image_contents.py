"""`python -m tests.image_contents ROOT`: what an image's root folder should not hold.

Build tools, by the names of programs and of Debian's packages; secrets, by what files are called
and by what stands in those of a size that keys and passwords have. Exit code 1 where there is any.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

TOOLS = re.compile(
    r"(gcc|g\+\+|cc|c\+\+|clang|ld|as|make|cmake|git|node|npm|npx|yarn|cargo|rustc|go|patch|dpkg-source)"
    r"(-\d+)?"
)
PACKAGES = re.compile(
    r"(gcc|g\+\+|clang|make|cmake|git|nodejs|npm|binutils|build-essential|dpkg-dev|patch|python3-dev)"
    r"(-\d+)?"
)
SECRET_NAMES = re.compile(
    r".*\.(key|secret|p12|pfx|kdbx|sqlite|duckdb|jsonl)|\.env.*|\.netrc|\.pypirc|\.npmrc|\.pgpass"
    r"|\.git|\.git-credentials|\.bash_history|\.python_history|id_(rsa|dsa|ecdsa|ed25519)|credentials"
)
SECRET_FOLDERS = re.compile(r"\.(ssh|aws|docker|gnupg|kube|git)")
SECRET_CONTENT = re.compile(
    rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"
    rb"|(?i:https?://[^\s/:@\"'<>{}$]+:[^\s/@\"'<>{}$]+@(?!example|localhost|host))"
    rb"|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bAKIA[0-9A-Z]{16}\b"
)
LARGEST_BYTES = 200_000
PROGRAMS = ("usr/bin", "usr/local/bin", "usr/sbin", "bin", "opt/ivr/.venv/bin")
TEXTS = (".py", ".md", ".rst", ".pyc", ".txt", ".pyi", ".pm")
"""Of programs, which show examples of everything; what a build writes into an image is none."""


def unwanted(root: Path) -> Iterator[str]:
    """Each thing that should not be there, with what it is."""
    yield from (f"{name}: a build tool" for name in _programs(root) if TOOLS.fullmatch(name.name))
    yield from (f"{name}: a build tool's package" for name in _packages(root))
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            if why := _secret(path):
                yield f"/{path.relative_to(root)}: {why}"


def _programs(root: Path) -> Iterator[Path]:
    for folder in PROGRAMS:
        if (root / folder).is_dir():
            yield from (Path("/", folder, each.name) for each in (root / folder).iterdir())


def _packages(root: Path) -> Iterator[str]:
    known = root / "var/lib/dpkg/status"
    if known.exists():
        for name in re.findall(r"(?m)^Package: (\S+)$", known.read_text()):
            if PACKAGES.fullmatch(name):
                yield name


def _secret(path: Path) -> str:
    mode = path.lstat().st_mode
    if stat.S_ISDIR(mode):
        return "a folder of secrets" if SECRET_FOLDERS.fullmatch(path.name) else ""
    if SECRET_NAMES.fullmatch(path.name):
        return "named as a secret"
    if not stat.S_ISREG(mode) or path.suffix in TEXTS or path.stat().st_size > LARGEST_BYTES:
        return ""
    return "a secret stands in it" if SECRET_CONTENT.search(path.read_bytes()) else ""


def main(arguments: Sequence[str]) -> int:
    """Print what is unwanted, and how large the root is."""
    root = Path(arguments[0])
    found = sorted(unwanted(root))
    print(*found, sep="\n" if found else "")
    megabytes = sum(each.lstat().st_blocks * 512 for each in root.rglob("*")) / 1e6
    print(f"{len(found)} unwanted, {megabytes:.0f} MB")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
