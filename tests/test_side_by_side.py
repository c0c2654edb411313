"""Several pytests at once: one that fails is seen, and tried again only where that is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.side_by_side import main

PASSES = "def test_it(): pass\n"
FAILS = "def test_it(): assert False\n"
FAILS_ONCE = """
from pathlib import Path

def test_it():
    been = Path(__file__).with_suffix(".been")
    assert been.exists() or been.touch()

def test_other():
    ran = Path(__file__).with_suffix(".ran")
    ran.write_text(ran.read_text() + "x" if ran.exists() else "x")
"""


def run(folder: Path, *texts: str, again: bool) -> int:
    files = [folder / f"test_{number}.py" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    return main(["--mark", "not live", *["--again"] * again, *map(str, files)])


@pytest.mark.parametrize("again", [False, True])
def test_one_that_fails_is_enough(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], again: bool
) -> None:
    assert run(tmp_path, PASSES, FAILS, again=again) == 1
    assert "1 failed" in capfd.readouterr().out


def test_all_that_pass(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, PASSES, PASSES, again=True) == 0
    assert "once more" not in capfd.readouterr().out


def test_what_failed_beside_others_may_pass_alone_and_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, FAILS_ONCE, PASSES, again=True) == 0
    assert (tmp_path / "test_0.ran").read_text() == "x"
    assert f"passed alone, in: {tmp_path / 'test_0.py'}" in capfd.readouterr().out


def test_without_a_second_try_it_fails(tmp_path: Path) -> None:
    assert run(tmp_path, FAILS_ONCE, again=False) == 1


def test_a_file_that_cannot_be_read_is_not_tried_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, FAILS, "import nothing_of_this_name\n", again=True) == 2
    assert "once more" not in capfd.readouterr().out
