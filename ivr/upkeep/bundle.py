"""`make bundle`: one file that puts a line on a machine without a network (install.sh beside this).

What it holds is of one release of Debian or Ubuntu and one architecture, this machine's: wheels by
the hashes of requirements.run.lock, the packages of that release that Python needs, Asterisk's root
folder, the voice, what the pages load, checksums of all of it, and a list of licences.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email import message_from_string
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ivr.asterisk import locate
from ivr.config import PROJECT
from ivr.upkeep.version import PACKAGE

Say = Callable[[str], None]

LOCK = "requirements.run.lock"
SUMS = "SHA256SUMS"
LICENCES = "LICENCES.tsv"
_SYSTEM = ("python3", "python3-venv")
_PAGES_LOCK = "console/browser/package-lock.json"
_INSTALLER = Path(__file__).with_name("install.sh")


class CannotBundle(Exception):
    """What stands in the way, and what to do about it."""


@dataclass(frozen=True, slots=True, order=True)
class Licence:
    """One work that others made: where it came from, and what it may be used under."""

    kind: str
    name: str
    version: str
    terms: str


def make(out: Path, cache: Path, say: Say) -> Path:
    """Write the bundle into a folder; returns its path. `cache`: where the pages and the voice lie.

    Raises CannotBundle.
    """
    release = this_release()
    name = f"ivr-12329-{version(PACKAGE)}-{release.replace(' ', '-')}"
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        root = Path(scratch) / name
        root.mkdir()
        shutil.copy(_INSTALLER, root)
        shutil.copy(PROJECT / LOCK, root)
        (root / "RELEASE").write_text(f"{release}\n")
        licences = [*_wheels(root, say), *_packages(root, say), *_cached(root, cache, say)]
        (root / LICENCES).write_text(table(licences), encoding="utf-8")
        (root / SUMS).write_text(sums(root), encoding="utf-8")
        say("packing …")
        whole = out / f"{name}.tar"
        with tarfile.open(whole.with_suffix(".new"), "w") as tar:
            tar.add(root, name, filter=_nobodys)
        whole.with_suffix(".new").replace(whole)
    return whole


def this_release() -> str:
    """What install.sh compares: distribution, release, architecture, such as `debian 12 amd64`."""
    told = platform.freedesktop_os_release()
    return f"{told['ID']} {told.get('VERSION_ID', '?')} {_output('dpkg', '--print-architecture')}"


def sums(root: Path) -> str:
    """A line for each file but this one, as `sha256sum -c` reads it."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != SUMS)
    return "".join(f"{_sha256(path)}  {path.relative_to(root)}\n" for path in files)


def table(licences: Sequence[Licence]) -> str:
    """The list of licences as TSV."""
    lines = [f"{each.kind}\t{each.name}\t{each.version}\t{each.terms}" for each in sorted(licences)]
    return "\n".join(["kind\tname\tversion\tlicence", *lines]) + "\n"


# --- what is put in ---------------------------------------------------------------------------


def _wheels(root: Path, say: Say) -> Iterator[Licence]:
    say("wheels …")
    pip = (sys.executable, "-m", "pip")
    _run(*pip, "download", "-qq", "--require-hashes", "--only-binary=:all:", "-d",
         str(root / "wheels"), "-r", str(PROJECT / LOCK))  # fmt: skip
    _run("make", "-s", "-C", str(PROJECT), "wheel")
    (ours,) = (PROJECT / "dist").glob(f"ivr_12329-{version(PACKAGE)}-*.whl")
    shutil.copy(ours, root / "wheels")
    for wheel in sorted({*(root / "wheels").iterdir()} - {root / "wheels" / ours.name}):
        yield of_wheel(wheel)


def of_wheel(wheel: Path) -> Licence:
    """What its own metadata say."""
    with zipfile.ZipFile(wheel) as packed:
        (name,) = (n for n in packed.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", n))
        told = message_from_string(packed.read(name).decode())
    classes = [
        each.rpartition(" :: ")[2]
        for each in told.get_all("Classifier", [])
        if each.startswith("License ::")
    ]
    plain = (told["License-Expression"] or "").strip() or "; ".join(classes)
    terms = plain or (told["License"] or "").strip().partition("\n")[0] or "see its files"
    return Licence("wheel", told["Name"], told["Version"], terms)


def _packages(root: Path, say: Say) -> Iterator[Licence]:
    """Python of this release with all that it needs, as if nothing were installed yet."""
    say("packages of this release …")
    into = root / "packages"
    with tempfile.TemporaryDirectory() as scratch:
        state = Path(scratch)
        (state / "archives" / "partial").mkdir(parents=True)
        (state / "status").touch()
        _run("apt-get", "-qq", "-y", "--download-only", "-o", f"Dir::State::status={state}/status",
             "-o", f"Dir::Cache::archives={state}/archives", "-o", "APT::Install-Recommends=false",
             "-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1",
             "install", *_SYSTEM)  # fmt: skip
        into.mkdir()
        for package in (state / "archives").glob("*.deb"):
            shutil.copy(package, into / package.name.replace("%3a", "."))
    _our_python(into)
    index = [_entry(package) for package in sorted(into.glob("*.deb"))]
    (into / "Packages").write_text("\n".join(index), encoding="utf-8")
    for package in sorted(into.glob("*.deb")):
        yield _of_package(package, root / "licences")


def _our_python(packages: Path) -> None:
    """The wheels are for the Python that runs this: the release must have the same."""
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not list(packages.glob(f"python{ours}_*.deb")):
        raise CannotBundle(
            f"wheels are fetched for Python {ours}, which is not this release's own:"
            " make clean, then make bundle PYTHON=/usr/bin/python3"
        )


def _entry(package: Path) -> str:
    """Its paragraph in an index as apt reads it."""
    told = _output("dpkg-deb", "-f", str(package))
    size, digest = package.stat().st_size, _sha256(package)
    return f"{told}\nFilename: ./{package.name}\nSize: {size}\nSHA256: {digest}\n"


def _of_package(package: Path, texts: Path) -> Licence:
    name = _output("dpkg-deb", "-f", str(package), "Package")
    release = _output("dpkg-deb", "-f", str(package), "Version")
    with tempfile.TemporaryDirectory() as scratch:
        _run("dpkg-deb", "-x", str(package), scratch)
        return _of_copyright(Path(scratch), name, release, "package", texts)


def _of_copyright(root: Path, name: str, release: str, kind: str, texts: Path) -> Licence:
    """Debian's machine-readable names of licences, and the whole text beside the list."""
    path = root / "usr/share/doc" / name / "copyright"
    text = path.read_text("utf-8", "replace") if path.exists() else ""
    if text:
        texts.mkdir(exist_ok=True)
        (texts / f"{kind}-{name}.txt").write_text(text, encoding="utf-8")
    found = dict.fromkeys(re.findall(r"^License:[ \t]*(\S.*?)\s*$", text, re.MULTILINE))
    return Licence(kind, name, release, "; ".join(found) or "see licences/")


def _cached(root: Path, cache: Path, say: Say) -> Iterator[Licence]:
    """Folders that a first start would fetch, each under its name in the cache."""
    say("Asterisk, the voice, what the pages load …")
    (root / "cache").mkdir()
    asterisk = _asterisk(say)
    for folder in (asterisk, cache / "voice", cache / "pages"):
        if not folder.is_dir():
            raise CannotBundle(f"{folder} is missing: make bundle makes it, with a network")
        with tarfile.open(root / "cache" / f"{folder.name}.tar.gz", "w:gz", compresslevel=6) as tar:
            tar.add(folder, ".", filter=_nobodys)
    for documents in sorted((asterisk / "usr/share/doc").iterdir()):
        yield _of_copyright(
            asterisk, documents.name, _release_of(documents), "asterisk", root / "licences"
        )
    yield Licence("voice", "Kokoro-82M v1.0", "int8", "Apache-2.0")
    yield Licence(
        "speech", "generated_audio/speech", version(PACKAGE), "Apache-2.0 (made by that voice)"
    )
    yield from _pages()


def _asterisk(say: Say) -> Path:
    """The private root folder, also on a machine that has an Asterisk of its own."""
    locate.install_private(say)
    return locate.private_root()


def _release_of(documents: Path) -> str:
    """A package's version by its own changelog, in a root folder that keeps no list of packages."""
    for changelog in ("changelog.Debian.gz", "changelog.gz"):
        if (documents / changelog).is_file():
            told = _output("sh", "-c", f"gzip -dc '{documents / changelog}' | head -1")
            found = re.search(r"\(([^)]+)\)", told)
            return found[1] if found else "?"
    return "?"


def _pages() -> Iterator[Licence]:
    lock: dict[str, Any] = json.loads((PROJECT / _PAGES_LOCK).read_bytes())
    for path, told in lock["packages"].items():
        if path and "/@esbuild/" not in path:
            name = path.rpartition("node_modules/")[2]
            yield Licence("page", name, told["version"], told.get("license", "see its files"))


# --- small means ------------------------------------------------------------------------------


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Owned by root, whoever bundled it."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        last = " ".join((done.stderr or done.stdout).strip().splitlines()[-2:])
        raise CannotBundle(f"{Path(command[0]).name} failed: {last}")
    return done.stdout


def _output(*command: str) -> str:
    return _run(*command).strip()


def main() -> int:
    """Exit code 1 and one clear line where it cannot be made."""
    cache = locate.private_root().parent
    try:
        whole = make(PROJECT / "dist", cache, lambda line: print(line, flush=True))
    except (CannotBundle, locate.AsteriskUnavailable, OSError) as cannot:
        print(f"ivr: {cannot}", file=sys.stderr)
        return 1
    print(f"{whole}: {whole.stat().st_size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
