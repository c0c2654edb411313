"""How Asterisk is found or installed: half an installation is never taken for a whole one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from ivr.asterisk import locate, packages
from ivr.asterisk.locate import AsteriskUnavailable, Found


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache on a machine without an Asterisk of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(locate, "system_version", lambda: 0)
    monkeypatch.setattr(locate, "_need_tools", lambda say: None)
    return tmp_path


def bootstrap(monkeypatch: pytest.MonkeyPatch, *, returncode: int) -> list[Sequence[str]]:
    """Let `mmdebstrap` leave an Asterisk behind and end with this code."""
    ran: list[Sequence[str]] = []

    def run(command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        program = Path(command[-1]) / "usr/sbin/asterisk"
        program.parent.mkdir(parents=True)
        program.touch()
        return subprocess.CompletedProcess(command, returncode, "", "E: no mirror\n")

    monkeypatch.setattr(locate.subprocess, "run", run)
    return ran


def test_it_is_installed_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = bootstrap(monkeypatch, returncode=0)
    first, second = locate.install(lambda _: None), locate.install(lambda _: None)
    assert first == second == Found(locate.private_root())
    assert len(ran) == 1
    assert locate.private_root().is_relative_to(cache)


def test_a_failed_installation_is_not_found(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap(monkeypatch, returncode=1)
    with pytest.raises(AsteriskUnavailable, match=r"no mirror.*network"):
        locate.install(lambda _: None)
    assert locate.find() is None
    assert not list(cache.rglob("asterisk-root*"))


def test_what_a_killed_installation_left_is_made_anew(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = cache / "ivr-12329" / "asterisk-root.new" / "usr"
    half.mkdir(parents=True)
    bootstrap(monkeypatch, returncode=0)
    assert locate.install(lambda _: None) == Found(locate.private_root())
    assert not half.exists()


@pytest.mark.parametrize(("user", "chrootless"), [(0, False), (1000, True)])
def test_who_is_not_root_needs_no_rights_of_roots(
    cache: Path, monkeypatch: pytest.MonkeyPatch, user: int, *, chrootless: bool
) -> None:
    """Seen as root: a chrootless run is refused, lest it touch the machine."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    ran = bootstrap(monkeypatch, returncode=0)
    locate.install(lambda _: None)
    assert ("--mode=chrootless" in ran[0]) is chrootless
    assert "--variant=extract" in ran[0]


def test_an_asterisk_of_the_machine_comes_first(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locate, "system_version", lambda: 20)
    assert locate.find() == Found(None)


@pytest.mark.parametrize(("told", "major"), [("Asterisk 20.6.0~dfsg", 20), ("", 0)])
def test_the_version_is_read(monkeypatch: pytest.MonkeyPatch, told: str, major: int) -> None:
    def run(command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, told, "")

    monkeypatch.setattr(locate.subprocess, "run", run)
    assert locate.system_version() == major


def test_who_cannot_install_is_told_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(packages.shutil, "which", lambda program: None)
    with pytest.raises(packages.PackagesMissing, match="apt-get install mmdebstrap"):
        packages.need(["mmdebstrap"], lambda _: None)
