"""Which version of everything runs here, and what a new version finds to be done."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ivr.asterisk import locate
from ivr.config import PROJECT, Settings
from ivr.speech.prompts import FORMAT
from ivr.speech.publications import MANIFEST
from ivr.upkeep import installation
from ivr.upkeep.doctor import Finding

PACKAGE = "ivr-12329"
_BAKED = Path(__file__).parents[1] / "COMMIT"
"""What a wheel was made of: `make wheel` writes it, a checkout has none."""
_WAL = b"\x02\x02"
"""Bytes 18 and 19 of an SQLite file in WAL mode (file format, 1.3)."""


def described(settings: Settings) -> str:
    """`ivr --version`: what somebody who is asked for help wants to know first."""
    asterisk = locate.find()
    return "\n".join(
        (
            f"ivr {version(PACKAGE)} ({commit()})",
            f"语音 · voice {voice(settings.audio)}",
            f"Asterisk {(asterisk and locate.version(asterisk)) or '没有 · none'}",
        )
    )


def commit() -> str:
    """Of a checkout, with + where files were changed; of a wheel, what it was made of."""
    if _BAKED.exists():
        return _BAKED.read_text(encoding="utf-8").strip()
    asked = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return "?"
    return done.stdout.strip() or "?"


def voice(audio: Path) -> str:
    """Who speaks the published set."""
    manifest = _manifest(audio)
    return str(manifest.get("voice", {}).get("name", "没有 · none"))


def _manifest(audio: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((audio / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return {}
    return manifest


def to_do(settings: Settings) -> list[Finding]:
    """What this version finds of older ones, each with the command that brings it up to date."""
    return [finding for look in _LOOKS for finding in look(settings)]


def _units(_: Settings) -> Iterator[Finding]:
    if files := list(installation.stale()):
        told = f"{', '.join(files)} 是旧的：`ivr service upgrade` · of another version"
        yield Finding("service", False, told)


def _prompts(settings: Settings) -> Iterator[Finding]:
    manifest = _manifest(settings.audio)
    if manifest and manifest.get("format") != FORMAT:
        told = "语音的清单是旧格式：`ivr build-prompts` · the set is of an older format"
        yield Finding("prompts", False, told)


def _accounts(settings: Settings) -> Iterator[Finding]:
    file = settings.home / "accounts.sqlite"
    if settings.accounts.url is None and file.exists():
        with file.open("rb") as opened:
            if opened.read(20)[18:] == _WAL:
                yield Finding(
                    "accounts",
                    True,
                    "满盘时读不了，下一次 `ivr accounts import` 自动改好"
                    " · in WAL mode: the next import converts it",
                    warns=True,
                )


def _catalog(settings: Settings) -> Iterator[Finding]:
    """An edited catalog stops the next `git pull`."""
    if settings.catalog.parent != PROJECT:
        return
    asked = ["git", "-C", str(PROJECT), "status", "--porcelain", "--", settings.catalog.name]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return
    if done.stdout.strip():
        told = (
            f"{settings.catalog.name} 改过，升级会冲突：`ivr words take` 把改动移到 words.zh.toml"
            " · edited in place: take the changes over"
        )
        yield Finding("catalog", False, told)


def _asterisk(_: Settings) -> Iterator[Finding]:
    found = locate.find()
    if found is None:
        yield Finding("Asterisk", False, f"要 {locate.OLDEST} 或更新的：`make asterisk`")


_LOOKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _units,
    _prompts,
    _accounts,
    _catalog,
    _asterisk,
)
