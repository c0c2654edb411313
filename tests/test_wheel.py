"""The wheel, installed where there is no checkout, is a working `ivr` with all its data files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from ivr.config import PROJECT

PACKAGES = ("ivr", "prompt_build", "analytics", "console")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built of a copy of what is in git: nothing that lies about gets in."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in _in_git():
        if (PROJECT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, source / name)
    (source / "ivr" / "COMMIT").write_text("abc1234\n")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-w", str(folder), str(source)], check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def _in_git() -> list[str]:
    asked = ["git", "-C", str(PROJECT), "ls-files", *PACKAGES, "pyproject.toml", "README.md",
             "setup.py", "scripts.zh.toml", "lexicon.zh.toml", "generated_audio"]  # fmt: skip
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.splitlines()


def test_every_file_of_the_packages_is_in_it(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {name for name in _in_git() if name.split("/")[0] in PACKAGES}
    assert sorted(wanted - held) == []


def test_the_speech_that_ships_is_in_it(wheel: Path) -> None:
    place = "/data/share/ivr-12329/"
    held = {name.partition(place)[2] for name in zipfile.ZipFile(wheel).namelist() if place in name}
    wanted = {name for name in _in_git() if name.endswith(".opus")}
    assert len(wanted) > 1000
    assert wanted - held == set()


def test_it_works_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    """Packages that it needs come from ours, for there may be no network; our own code does not."""
    home = tmp_path / "venv"
    venv.create(home, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "ivr" not in path.name and not path.name.endswith(".pth"):
            (packages / path.name).symlink_to(path)
    pip = [sys.executable, "-m", "pip", f"--python={home / 'bin' / 'python'}", "install", "-q"]
    subprocess.run([*pip, "--no-deps", "--no-index", "--no-compile", str(wheel)], check=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IVR_")}
    environment = {**kept, "PYTHONPATH": "",
                   "XDG_DATA_HOME": str(tmp_path / "data"),
                   "XDG_CACHE_HOME": str(tmp_path / "cache")}  # fmt: skip

    def ivr(*words: str) -> str:
        done = subprocess.run(
            [home / "bin" / "ivr", *words],
            env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    assert "(abc1234)" in ivr("--version")
    ivr("build-prompts", "--check")
    ivr("accounts", "demo")
    assert (tmp_path / "data" / "ivr-12329" / "var" / "accounts.sqlite").exists()
    assert "四十五元六角七分" in ivr("read", "amount", "12345.67")
    assert "summary" in ivr("report")
    ivr("hear", "prompt", "main.menu", "--out", str(tmp_path / "menu.wav"))
    assert (tmp_path / "menu.wav").stat().st_size > 100_000
    assert not (tmp_path / "cache" / "ivr-12329" / "voice").exists()  # nobody had to speak
    ivr("loader", "--once")
    ivr("schema")
