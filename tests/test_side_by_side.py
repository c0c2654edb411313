"""Several pytests at once: one that fails is seen, and tried again only where it calls."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.side_by_side import _memory, main


@pytest.fixture(autouse=True)
def usual_priority(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """These are among the others themselves: a step further back they would stand still.

    One test has the true priority, and is about it.
    """
    if request.function is not test_both_kinds_at_once_and_those_that_call_come_first:
        monkeypatch.setattr("tests.side_by_side.LAST", 0)


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


def run(folder: Path, *texts: str, kind: str) -> int:
    files = [folder / f"test_{number}.py" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    return main([kind, *map(str, files)])


@pytest.mark.parametrize("kind", ["--calls", "--others"])
def test_one_that_fails_is_enough(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    assert run(tmp_path, PASSES, FAILS, kind=kind) == 1
    assert "1 failed" in capfd.readouterr().out


def test_all_that_pass_and_how_long_they_took(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, PASSES, PASSES, kind="--calls") == 0
    out = capfd.readouterr().out
    assert "once more" not in out
    rows = re.findall(r"\d s +(\d+\.\d) s  \S*test_[01]\.py", out)
    assert len(rows) == 2
    assert min(map(float, rows)) > 0.0, "the seconds of processor"


def test_what_failed_beside_others_may_pass_alone_and_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, FAILS_ONCE, PASSES, kind="--calls") == 0
    assert (tmp_path / "test_0.ran").read_text() == "xx", "calls need those before them"
    assert f"passed alone, in: {tmp_path / 'test_0.py'}" in capfd.readouterr().out


def test_what_failed_stands_at_the_very_end(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, FAILS_ONCE, FAILS, PASSES, kind="--calls") == 1
    end = capfd.readouterr().out.split("=== what failed ===")[1]
    assert len(end.splitlines()) == 2
    assert "test_1.py::test_it" in end


DIES = "import os, signal\n\ndef test_it(): os.kill(os.getpid(), signal.SIGKILL)\n"
STANDS_STILL = """
import time

def test_it():
    while True:
        time.sleep(0.1)
"""


@pytest.mark.parametrize("kind", ["--calls", "--others"])
def test_a_pytest_that_is_killed_has_not_passed(tmp_path: Path, kind: str) -> None:
    assert run(tmp_path, PASSES, DIES, kind=kind) == 128 + signal.SIGKILL


def test_one_that_stands_still_says_where_and_has_not_passed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.side_by_side.LONGEST", 3)
    assert run(tmp_path, STANDS_STILL, kind="--others") == 128 + signal.SIGABRT
    assert "test_0.py" in capfd.readouterr().out


def test_what_does_not_call_has_one_try(tmp_path: Path) -> None:
    assert run(tmp_path, FAILS_ONCE, kind="--others") == 1


def test_a_file_that_cannot_be_read_is_not_tried_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, FAILS, "import nothing_of_this_name\n", kind="--calls") == 2
    out = capfd.readouterr().out
    assert "once more" not in out
    assert "test_1.py" in out.split("=== what failed ===")[1]


NICE = """
import os
from pathlib import Path
import pytest

@pytest.mark.live
def test_it():
    Path(__file__).with_suffix(".nice").write_text(str(os.nice(0)))

def test_other():
    pass
"""


@pytest.mark.timeout(600)  # at the lowest priority, on a machine that has much else to do
def test_both_kinds_at_once_and_those_that_call_come_first(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    calls, other = tmp_path / "test_calls.py", tmp_path / "test_other.py"
    calls.write_text(NICE)
    other.write_text(NICE)
    assert main(["--calls", str(calls), "--others", str(other), "--mark", "live"]) == 0
    assert calls.with_suffix(".nice").read_text() == str(os.nice(0))
    assert other.with_suffix(".nice").read_text() == "19"
    out = capfd.readouterr().out
    assert "2 passed" in out, "no mark chooses among those that call"
    assert "1 passed, 1 deselected" in out


def run_beside(folder: Path, calls: str, other: str) -> int:
    files = folder / "test_calls.py", folder / "test_other.py"
    for file, text in zip(files, (calls, other), strict=True):
        file.write_text(text)
    return main(["--calls", str(files[0]), "--others", str(files[1])])


def test_one_of_the_others_that_fails_is_not_hidden_by_a_call_that_passes_at_last(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_beside(tmp_path, FAILS_ONCE, FAILS) == 1
    assert "once more" in capfd.readouterr().out


def test_what_stood_still_behind_calls_has_its_second_try_too(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_beside(tmp_path, PASSES, FAILS_ONCE) == 0
    assert f"passed alone, in: {tmp_path / 'test_other.py'}" in capfd.readouterr().out


@pytest.mark.parametrize(("program", "code"), [("true", 0), ("false", 1)])
def test_a_program_stands_in_line_with_the_others(tmp_path: Path, program: str, code: int) -> None:
    test = tmp_path / "test_other.py"
    test.write_text(PASSES)
    assert main(["--programs", program, "--others", str(test)]) == code
    assert main(["--programs", program, "--calls", str(test)]) == code, "nor is it hidden by calls"


WRITES = """
from pathlib import Path

def test_it(tmp_path):
    tmp_path.joinpath("much").write_text("x")
    Path(__file__).with_suffix(".where").write_text(str(tmp_path))
"""


def test_what_tests_write_is_in_memory_where_there_is_room_and_is_gone_afterwards(
    tmp_path: Path,
) -> None:
    assert run(tmp_path, WRITES, kind="--others") == 0
    where = Path((tmp_path / "test_0.where").read_text())
    assert where.is_relative_to(_memory() or "/")
    assert not where.exists()


def test_a_place_in_memory_without_room_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.side_by_side.ROOM", 2**60)
    assert _memory() is None
