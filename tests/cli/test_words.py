"""`ivr words take` in a checkout: git tells what an edited catalog was made from."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ivr.cli.commands import app
from ivr.cli.failure import CommandFailure
from ivr.config import PROJECT

SHIPPED = (PROJECT / "scripts.zh.toml").read_text(encoding="utf-8")
FAREWELL = next(line for line in SHIPPED.splitlines() if line.startswith("goodbye = "))
GREETING = next(line for line in SHIPPED.splitlines() if line.startswith("greeting = "))
NEWER_GREETING = 'greeting = "您好，欢迎致电{hotline}。"'
OURS = 'goodbye = "感谢您致电，祝您生活愉快。"'


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=甲", "-c", "user.email=a@example.invalid", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog of two versions in git, in a folder below the top; the line's home is elsewhere."""
    folder = tmp_path / "checkout" / "line"
    folder.mkdir(parents=True)
    git(tmp_path / "checkout", "init", "-q")
    catalog = folder / "scripts.zh.toml"
    for text in (SHIPPED, SHIPPED.replace(GREETING, NEWER_GREETING)):
        catalog.write_text(text, encoding="utf-8")
        git(folder, "add", catalog.name)
        git(folder, "commit", "-q", "-m", "a version")
    monkeypatch.setenv("IVR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IVR_CATALOG", str(catalog))
    (tmp_path / "home").mkdir()
    return catalog


def take(*words: str) -> str:
    told = CliRunner().invoke(app, ["words", "take", *words])
    if isinstance(told.exception, CommandFailure):
        raise told.exception
    assert told.exit_code == 0, (told.output, told.exception)
    return told.output


def taken(tmp_path: Path) -> dict[str, object]:
    return tomllib.loads((tmp_path / "home" / "words.zh.toml").read_text(encoding="utf-8"))


def test_only_the_citys_own_change_is_taken_from_a_file_of_an_older_version(
    checkout: Path, tmp_path: Path
) -> None:
    """Compared with the newest version, the old greeting would be taken for the city's wish."""
    edited = tmp_path / "edited.toml"
    edited.write_text(SHIPPED.replace(FAREWELL, OURS), encoding="utf-8")
    assert "1 处改动" in take(str(edited))
    assert "greeting" not in str(taken(tmp_path))
    assert "祝您生活愉快" in str(taken(tmp_path))
    assert checkout.read_text(encoding="utf-8") == SHIPPED.replace(GREETING, NEWER_GREETING)


def test_a_checkouts_own_file_is_restored_and_the_edited_one_is_kept(
    checkout: Path, tmp_path: Path
) -> None:
    """`git pull` then finds nothing that it would have to overwrite."""
    newest = checkout.read_text(encoding="utf-8")
    checkout.write_text(newest.replace(FAREWELL, OURS), encoding="utf-8")
    assert "1 处改动" in take()
    assert checkout.read_text(encoding="utf-8") == newest
    kept = tmp_path / "home" / "scripts.zh.toml.taken"
    assert OURS in kept.read_text(encoding="utf-8")
    status = ["git", "-C", str(checkout.parent), "status", "--porcelain"]
    assert subprocess.run(status, check=True, capture_output=True).stdout == b""


def test_without_git_it_asks_for_the_base(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "base.toml"
    base.write_text(SHIPPED, encoding="utf-8")
    checkout.write_text(SHIPPED.replace(FAREWELL, OURS), encoding="utf-8")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandFailure, match="--base"):
        take()
    assert "1 处改动" in take("--base", str(base))
    assert "祝您生活愉快" in str(taken(tmp_path))
