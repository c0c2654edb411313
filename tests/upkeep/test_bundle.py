"""The bundle for a machine without a network: what it refuses, and whose work it says it holds."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr.upkeep import bundle
from ivr.upkeep.bundle import Licence

STUBS = {"id": "echo 0", "python3": "exit 1", "apt-get": "echo reached apt >&2; exit 1"}
"""Root to the installer; what comes after the checks fails before it writes anything."""


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """A small bundle as `tar` leaves it, for this machine's release."""
    root = tmp_path / "ivr-12329-1.0"
    (root / "wheels").mkdir(parents=True)
    (root / "wheels" / "一 a.whl").write_bytes(b"wheel")
    (root / "RELEASE").write_text(f"{bundle.this_release()}\n")
    shutil.copy(bundle._INSTALLER, root)
    (root / bundle.SUMS).write_text(bundle.sums(root))
    return root


def installed(root: Path, tmp_path: Path, **instead: str) -> subprocess.CompletedProcess[str]:
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    for name, script in {**STUBS, **instead}.items():
        (stubs / name).write_text(f"#!/bin/sh\n{script}\n")
        (stubs / name).chmod(0o755)
    environment = {"PATH": f"{stubs}:{os.environ['PATH']}"}
    return subprocess.run(
        ["sh", str(root / "install.sh")],
        env=environment, cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_whole_bundle_of_this_release_goes_on(unpacked: Path, tmp_path: Path) -> None:
    done = installed(unpacked, tmp_path)
    assert done.returncode != 0
    assert "reached apt" in done.stderr
    assert "[1/5]" in done.stdout
    assert "[3/5]" not in done.stdout


def _damaged(root: Path) -> None:
    (root / "wheels" / "一 a.whl").write_bytes(b"Wheel")


def _lost(root: Path) -> None:
    (root / "wheels" / "一 a.whl").unlink()


def _of_another_release(root: Path) -> None:
    (root / "RELEASE").write_text("ubuntu 30.04 amd64\n")


def _of_another_machine(root: Path) -> None:
    told = bundle.this_release().rpartition(" ")[0]
    (root / "RELEASE").write_text(f"{told} arm64\n")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_damaged, "一 a.whl"),
        (_lost, "一 a.whl"),
        (_of_another_release, "ubuntu 30.04 amd64"),
        (_of_another_machine, "arm64"),
    ],
)
def test_what_does_not_fit_or_is_damaged_is_refused_before_anything_is_done(
    unpacked: Path, tmp_path: Path, spoil: Callable[[Path], None], told: str
) -> None:
    spoil(unpacked)
    done = installed(unpacked, tmp_path)
    assert done.returncode == 1
    assert told in done.stderr
    assert "[2/5]" not in done.stdout


def test_only_root_installs(unpacked: Path, tmp_path: Path) -> None:
    done = installed(unpacked, tmp_path, id="echo 1000")
    assert done.returncode == 1
    assert "root" in done.stderr


@pytest.mark.parametrize(
    ("metadata", "terms"),
    [
        (
            "License-Expression: MIT OR Apache-2.0\nClassifier: License :: Other",
            "MIT OR Apache-2.0",
        ),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT License"),
        ("License: BSD 3-Clause", "BSD 3-Clause"),
        ("Summary: says nothing", "see its files"),
    ],
)
def test_a_wheel_is_listed_with_what_it_may_be_used_under(
    tmp_path: Path, metadata: str, terms: str
) -> None:
    wheel = tmp_path / "a-1.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("a/_vendor/b-2.dist-info/METADATA", "Name: b\nVersion: 2\n")
        packed.writestr("a-1.dist-info/METADATA", f"Name: a\nVersion: 1\n{metadata}\n\nText")
    assert bundle.of_wheel(wheel) == Licence("wheel", "a", "1", terms)


def test_a_package_is_listed_with_its_licences_and_brings_their_text(tmp_path: Path) -> None:
    copyright_ = tmp_path / "usr/share/doc/libx/copyright"
    copyright_.parent.mkdir(parents=True)
    copyright_.write_text(
        "Files: *\nLicense: GPL-2+\n\nFiles: b\nLicense: Expat\n\nLicense: GPL-2+\n"
    )
    found = bundle._of_copyright(tmp_path, "libx", "1-2", "package", tmp_path / "texts")
    assert found == Licence("package", "libx", "1-2", "GPL-2+; Expat")
    assert (tmp_path / "texts" / "package-libx.txt").read_text() == copyright_.read_text()
    bare = bundle._of_copyright(tmp_path, "liby", "1", "package", tmp_path / "texts")
    assert bare.terms == "see licences/"


def test_the_list_is_one_line_a_work_in_order() -> None:
    lines = bundle.table([Licence("wheel", "b", "1", "MIT"), Licence("package", "a", "2", "GPL-2")])
    assert lines.splitlines() == [
        "kind\tname\tversion\tlicence", "package\ta\t2\tGPL-2", "wheel\tb\t1\tMIT",
    ]  # fmt: skip
