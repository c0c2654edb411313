"""A copy of all that a line cannot make again, taken while it takes calls; and the way back.

Two files: the data, and the keys and passwords, encrypted under a passphrase. Whoever finds one of
them can neither name a person nor call in as an agent.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import shutil
import sqlite3
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ivr.config import Settings, load, settings_file
from ivr.recordings.numbering import Numbers, count_in
from ivr.records.durable import write
from ivr.speech.publications import MANIFEST, SETS, kept, last
from ivr.upkeep.installation import ENVIRONMENT

SECRET = ("keys/*", "asterisk/ari.secret", "asterisk/agents/*.secret")
"""What goes into the second file, below the home folder."""
_MADE_AGAIN = (
    "asterisk", "log", "cache", "generated_audio", "keys", "state", "fetched",
    "facts/pub/ivr.duckdb",
)  # fmt: skip
"""Written anew at a start, in the second file, a part of the backup of its own, or this machine's
only: which node it is. Two machines restored from one backup are two."""
_LAST = "last-backup"
"""When one was made, under the home folder."""
_SUMS = "SHA256SUMS"
BASE = "words.base.json"
"""Beside the city's words: what of the shipped catalog they were laid over."""
_MAGIC = b"IVRKEYS1"
_SALT, _NONCE = 16, 12


class BackupRefused(Exception):
    """Nothing was changed; says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What was put into a backup."""

    files: int
    bytes: int
    secrets: int


# --- making one -------------------------------------------------------------------------------


def back_up(settings: Settings, data: Path, keys: Path, passphrase: str, now: datetime) -> Backup:
    """Both files, whole or not at all; what is written meanwhile is in this backup or the next."""
    for target in (data, keys):
        if target.exists():
            raise BackupRefused(f"{target} 已存在，换一个名字 · is there already: name a new file")
    held = _sealed(_secrets(settings.home), passphrase)
    with _Whole(keys) as file:
        file.write(held)
    sums: dict[str, str] = {}
    with _Whole(data) as file, tarfile.open(fileobj=file, mode="w|") as archive:
        about = {"made": now.isoformat(timespec="seconds"), "node": settings.node}
        _add_bytes(archive, "backup.json", json.dumps(about).encode(), sums)
        for name, path in _parts(settings):
            _add(archive, name, path, sums)
        listed = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
        _add_bytes(archive, _SUMS, listed.encode(), {})
    write(settings.home / _LAST, now.isoformat().encode())
    return Backup(len(sums), data.stat().st_size, len(_secrets(settings.home)))


def made_last(home: Path) -> datetime | None:
    """When the last backup of this line was made; None where nobody knows of one."""
    try:
        return datetime.fromisoformat((home / _LAST).read_text())
    except (FileNotFoundError, ValueError):
        return None


class _Whole:
    """A new file for this user only, that takes its name when it is complete and on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._scratch = path.with_name(f".{path.name}.{os.getpid()}")

    def __enter__(self) -> io.BufferedWriter:
        descriptor = os.open(self._scratch, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        return self._file

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())
                self._scratch.replace(self._path)
        finally:
            self._file.close()
            self._scratch.unlink(missing_ok=True)


def _parts(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Names in the archive and their files, in an order in which no fact can slip through.

    A spool goes only after its facts are in Parquet, so spools are read first; of Parquet the list
    is read before the files, which stay for a day after they left it.
    """
    home = settings.home
    yield from _below(home / "spool", "home/spool")
    yield from _below(home, "home", leaving_out=(*_MADE_AGAIN, "spool"))
    if settings.recordings_folder.absolute() != (home / "recordings").absolute():
        yield from _below(settings.recordings_folder, "recordings")
    yield from _published(settings.audio)
    yield from _written(settings)


def _written(settings: Settings) -> Iterator[tuple[str, Path]]:
    """What people have written outside the home folder: the catalog and the city's words, each with
    what stands beside it, settings and environment of the service."""
    yield from _with_recordings(settings.catalog, "catalog")
    words = settings.words_file
    if words.parent.absolute() != settings.home.absolute():
        yield from _with_recordings(words, "words")
        yield f"words/{BASE}", words.with_name(BASE)
    if settings_file().exists():  # where it lies at home, it is in the archive already
        yield "home/settings.toml", settings_file()
    if os.access(ENVIRONMENT, os.R_OK):
        yield "home/environment.from-backup", ENVIRONMENT


def _with_recordings(words: Path, name: str) -> Iterator[tuple[str, Path]]:
    """A file of sentences, and the studio's recordings that it names, by their place beside it."""
    yield f"{name}/{words.name}", words
    with suppress(OSError, ValueError):  # not there, or an editor is at it
        for recording in _recorded(tomllib.loads(words.read_text(encoding="utf-8-sig"))):
            if not recording.is_absolute() and ".." not in recording.parts:
                yield f"{name}/{recording}", words.parent / recording


def _recorded(entry: object) -> Iterator[PurePosixPath]:
    """Every `recorded = "…"`, at whatever depth."""
    if isinstance(entry, dict):
        for key, value in entry.items():
            if key == "recorded" and isinstance(value, str):
                yield PurePosixPath(value)
            else:
                yield from _recorded(value)


def _below(folder: Path, name: str, leaving_out: Iterable[str] = ()) -> Iterator[tuple[str, Path]]:
    """All files of a folder; lists before what they list."""
    for path in sorted(folder.rglob("*"), key=lambda path: (path.suffix != ".json", path)):
        inner = path.relative_to(folder).as_posix()
        if path.is_file() and not _left_out(inner, leaving_out):
            yield f"{name}/{inner}", path


def _left_out(inner: str, leaving_out: Iterable[str]) -> bool:
    """Locks, half-written files, SQLite's own beside a database, and what can be made again."""
    last = PurePosixPath(inner).name
    return (
        any(inner == each or inner.startswith(f"{each}/") for each in leaving_out)
        or inner.startswith("before-restore-")
        or last.startswith(".")
        or last.endswith((".lock", "-wal", "-shm", "-journal", ".sock", ".duckdb", ".duckdb.wal"))
    )


def _published(audio: Path) -> Iterator[tuple[str, Path]]:
    """The sets that callers hear or will hear: lists, clips, and the notes beside them."""
    for path in sorted(audio.glob("*.json*")):
        yield f"audio/{path.name}", path
    yield from _of_set(audio, audio / MANIFEST)
    publication = last(audio)
    for number in sorted(publication.needed(datetime.now(UTC))) if publication else ():
        yield from _of_set(audio, kept(audio, number))


def _of_set(audio: Path, file: Path) -> Iterator[tuple[str, Path]]:
    with suppress(OSError, ValueError):
        manifest = json.loads(file.read_text(encoding="utf-8"))
        number = manifest.get("set")
        if isinstance(number, int):
            yield f"audio/{SETS}/{number:04}.json", kept(audio, number)
        for entry in manifest["prompts"].values():
            for clip in entry["files"].values():
                yield f"audio/{clip}", audio / clip


def _add(archive: tarfile.TarFile, name: str, path: Path, sums: dict[str, str]) -> None:
    """One file as it is now; one that has gone meanwhile was not to be kept."""
    if name in sums:
        return
    try:
        with ExitStack() as stack:
            if path.suffix == ".sqlite":
                path = stack.enter_context(_copy_of_database(path))
            source = _Summed(stack.enter_context(path.open("rb")))
            member = tarfile.TarInfo(name)
            member.size, member.mode = source.size, 0o600
            archive.addfile(member, source)  # type: ignore[arg-type]
    except FileNotFoundError:
        return
    sums[name] = source.digest()


class _Summed:
    """A file that is read as far as it went when it was opened, and summed up meanwhile."""

    def __init__(self, file: io.BufferedReader) -> None:
        self.size = os.fstat(file.fileno()).st_size
        self._file = file
        self._sum = hashlib.sha256()

    def read(self, size: int) -> bytes:
        content = self._file.read(size)
        self._sum.update(content)
        return content

    def digest(self) -> str:
        return self._sum.hexdigest()


@contextmanager
def _copy_of_database(path: Path) -> Iterator[Path]:
    """A database of SQLite's as it is between two transactions (its backup API)."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".backup-") as folder:
        copy = Path(folder) / "copy"
        source = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        with closing(source), closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        yield copy


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes, sums: dict[str, str]) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o600
    archive.addfile(member, io.BytesIO(content))
    sums[name] = hashlib.sha256(content).hexdigest()


# --- keys -------------------------------------------------------------------------------------


def _secrets(home: Path) -> dict[str, bytes]:
    return {
        path.relative_to(home).as_posix(): path.read_bytes()
        for pattern in SECRET
        for path in sorted(home.glob(pattern))
    }


def _sealed(held: dict[str, bytes], passphrase: str) -> bytes:
    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
    plain = json.dumps({name: content.hex() for name, content in held.items()}).encode()
    return _MAGIC + salt + nonce + AESGCM(_key(passphrase, salt)).encrypt(nonce, plain, _MAGIC)


def _unsealed(content: bytes, passphrase: str) -> dict[str, bytes]:
    if not content.startswith(_MAGIC):
        raise BackupRefused("这不是密钥备份文件 · this is no file of keys")
    salt, rest = content[len(_MAGIC) :][:_SALT], content[len(_MAGIC) + _SALT :]
    try:
        key = AESGCM(_key(passphrase, salt))
        plain = key.decrypt(rest[:_NONCE], rest[_NONCE:], _MAGIC)
    except (InvalidTag, ValueError):
        raise BackupRefused(
            "口令不对，或密钥文件损坏 · wrong passphrase, or a damaged file of keys"
        ) from None
    return {name: bytes.fromhex(text) for name, text in json.loads(plain).items()}


def _key(passphrase: str, salt: bytes) -> bytes:
    """Half a second of work for each guess (scrypt, RFC 7914)."""
    return Scrypt(salt=salt, length=32, n=2**16, r=8, p=1).derive(passphrase.encode())


# --- the way back -----------------------------------------------------------------------------


def restore(home: Path, data: Path, keys: Path, passphrase: str, now: datetime) -> list[str]:
    """Put a backup in place of what is there, which is moved aside; what is left to do, in words.

    Both files are read whole before anything is changed. The line must not run.
    """
    held = _unsealed(_read(keys), passphrase)
    home.mkdir(mode=0o750, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix=".restore-") as scratch:
        _extract(data, Path(scratch))
        aside = _moved_aside(home, now)
        _put(Path(scratch) / "home", home)
        for name, content in held.items():
            _write_secret(home / name, content)
        settings = load()
        Numbers.of(settings).put_back(0 if aside is None else count_in(aside / "slips"))
        _put(Path(scratch) / "recordings", settings.recordings_folder)
        _put(Path(scratch) / "audio", settings.audio)
        _put(Path(scratch) / "words", settings.words_file.parent)
        left = [] if aside is None else [f"原来的在 {aside} · what was there is in {aside}"]
        return left + _catalog(Path(scratch) / "catalog", settings)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as refused:
        raise BackupRefused(f"{path}: {refused.strerror}") from refused


def _extract(data: Path, scratch: Path) -> None:
    """Every file of the archive, compared with the sums at its end."""
    try:
        with tarfile.open(data, mode="r|") as archive:
            for member in archive:
                _extract_one(archive, member, scratch)
        listed = (scratch / _SUMS).read_text().splitlines()
    except (OSError, tarfile.TarError) as damaged:
        raise BackupRefused(
            f"{data} 不完整或损坏，什么都没改 · damaged, nothing was changed: {damaged}"
        ) from damaged
    for line in listed:
        digest, _, name = line.partition("  ")
        if hashlib.sha256((scratch / name).read_bytes()).hexdigest() != digest:
            raise BackupRefused(f"{data}: {name} 损坏，什么都没改 · damaged, nothing was changed")


def _extract_one(archive: tarfile.TarFile, member: tarfile.TarInfo, scratch: Path) -> None:
    """A file below the archive's root, which is all that a backup has; TarError for anything else.

    By hand: tarfile's own filters came with Python 3.11.4, and Debian 12 has an older one.
    """
    name = PurePosixPath(member.name)
    content = archive.extractfile(member) if member.isfile() else None
    if content is None or name.is_absolute() or ".." in name.parts:
        raise tarfile.TarError(f"{member.name} is no file of a backup")
    path = scratch / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "xb", opener=partial(os.open, mode=0o600)) as file:
        shutil.copyfileobj(content, file)


def _moved_aside(home: Path, now: datetime) -> Path | None:
    """What is in the home folder, but programs of others and locks that are held."""
    kept = {"cache", "generated_audio", "run.lock"}
    present = [
        path for path in home.iterdir() if path.name not in kept and not path.name.startswith(".")
    ]
    if not present:
        return None
    aside = home / f"before-restore-{now:%Y%m%d-%H%M%S}"
    aside.mkdir(mode=0o700)
    for path in present:
        if not path.name.startswith("before-restore-"):
            path.rename(aside / path.name)
    return aside


def _put(source: Path, target: Path) -> None:
    """Every file below `source` to its place below `target`."""
    for path in sorted(source.rglob("*")) if source.exists() else ():
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir(mode=0o750, parents=True, exist_ok=True)
        else:
            place.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
            place.chmod(0o600)


def _write_secret(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o600)


def _catalog(saved: Path, settings: Settings) -> list[str]:
    """The shipped catalog is the version's; one that was edited in place is kept beside."""
    same = all(
        _content(settings.catalog.parent / path.relative_to(saved)) == path.read_bytes()
        for path in saved.rglob("*")
        if path.is_file()
    )
    if same:
        return []
    kept = settings.home / "catalog-from-backup"
    _put(saved, kept)
    return [f"备份时的话术与现在的不同，存在 {kept} · the catalog of the backup differs: {kept}"]


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
