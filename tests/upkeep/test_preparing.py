"""What a first start makes: in which order, what is seen of it, and what a failure stops."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr.asterisk import locate
from ivr.config import PROJECT
from ivr.upkeep import preparing
from ivr.upkeep.preparing import Done, Say, Screen, Step, StepFailed, Terminal, side_by_side, table

TOGETHER_SECONDS = 20


def noted(name: str, order: list[str]) -> Callable[[Say], None]:
    return lambda say: order.append(name)


def failing(say: Say) -> None:
    raise StepFailed("no network")


def outcomes(steps: list[Step]) -> dict[str, Done]:
    return {done.name: done for done in side_by_side(steps, Screen())}


def test_what_waits_for_nobody_is_done_at_the_same_time() -> None:
    both = threading.Barrier(2)

    def meet(say: Say) -> None:
        both.wait(TOGETHER_SECONDS)

    steps = [Step("a", meet), Step("b", meet)]
    assert [done.failed for done in side_by_side(steps, Screen())] == ["", ""]


def test_a_step_waits_for_those_that_it_names() -> None:
    order: list[str] = []
    first = threading.Event()

    def slow(say: Say) -> None:
        first.wait(TOGETHER_SECONDS)
        order.append("packages")

    steps = [
        Step("packages", slow),
        Step("other", lambda say: first.set()),
        Step("python", noted("python", order), ("packages",)),
        Step("speech", noted("speech", order), ("python", "not to be done")),
    ]
    assert all(not done.failed for done in outcomes(steps).values())
    assert order == ["packages", "python", "speech"]


def test_what_waits_for_a_failed_step_is_not_begun_and_the_others_go_on() -> None:
    order: list[str] = []
    steps = [
        Step("packages", failing),
        Step("python", noted("python", order), ("packages",)),
        Step("speech", noted("speech", order), ("python",)),
        Step("other", noted("other", order)),
    ]
    done = outcomes(steps)
    assert order == ["other"]
    assert done["packages"].failed == "no network"
    assert "没有开始" in done["python"].failed
    assert "没有开始" in done["speech"].failed


def test_a_program_tells_how_far_it_is_and_why_it_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = "print('halfway', flush=True); raise SystemExit('disk full')"
    work = preparing._command(sys.executable, "-c", script)
    (done,) = side_by_side([Step("disk", work)], Screen())
    assert done.failed == "halfway\ndisk full"
    seen = capsys.readouterr().out.splitlines()
    assert seen[:2] == ["disk …", "disk: halfway"]
    assert seen[-1].startswith("disk: 没有成功 · failed, ")


def test_a_pipe_sees_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    side_by_side([Step("快", lambda say: say("一半"))], Screen())
    seen = capsys.readouterr().out
    assert "\x1b" not in seen
    assert "\r" not in seen


def test_a_terminal_sees_all_steps_at_work_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    drawn = threading.Event()

    class Watched(Terminal):
        def draw(self) -> None:
            super().draw()
            if len(self._words) == 2:
                drawn.set()

    def work(say: Say) -> None:
        say("一百二十三句，共一千五百句，还要一会儿")
        assert drawn.wait(TOGETHER_SECONDS)

    side_by_side([Step("语音 · prompts", work), Step("Asterisk", work)], Watched())
    pieces = capsys.readouterr().out.split("\r\x1b[K")
    drawn_lines = [piece for piece in pieces if "\n" not in piece]
    assert any(piece.startswith("语音 0 s 一百二十三句") for piece in drawn_lines)
    assert all(_columns(piece) < 40 for piece in drawn_lines)
    ended = sorted(piece.split(":")[0] for piece in pieces if piece.endswith(" s\n"))
    assert ended == ["Asterisk", "语音 · prompts"]


def _columns(text: str) -> int:
    return sum(2 if ord(character) > 0x2E80 else 1 for character in text)


def test_the_table_has_each_step_with_its_seconds() -> None:
    lines = list(table([Done("Asterisk", 18.26), Done("语音", 40.0)], 58.3))
    assert "58.3" in lines[0]
    assert lines[1].split() == ["18.3", "s", "Asterisk"]


@pytest.mark.parametrize(("needed", "code"), [(True, 1), (False, 0)])
def test_a_line_starts_without_what_no_caller_hears(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], needed: bool, code: int
) -> None:
    steps = [Step("pages", failing, needed=needed), Step("Asterisk", lambda say: None)]
    monkeypatch.setattr(preparing, "todo", lambda make, tests: steps)
    assert preparing.main(["make"]) == code
    told = capsys.readouterr()
    assert "pages: no network" in told.err
    assert ("准备好了" in told.out) is not needed


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without an Asterisk; `make` finds the environment complete."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(locate, "system_version", lambda: 0)
    return tmp_path


def test_nothing_is_to_be_done_where_all_is_there(bare: Path) -> None:
    program = bare / "ivr-12329" / "asterisk-root" / "usr/sbin/asterisk"
    program.parent.mkdir(parents=True)
    program.touch()
    assert preparing.todo("true", tests=False) == []
    assert preparing.todo("true", tests=True) == []


def test_only_what_is_missing_is_made(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "missing_packages", list)
    named = [step.name for step in preparing.todo("true", tests=False)]
    assert named == [preparing.ASTERISK, preparing.SPEECH, preparing.PAGES]
    monkeypatch.setattr(locate, "missing_packages", lambda: ["mmdebstrap"])
    steps = preparing.todo("false", tests=True)
    named = [step.name for step in steps]
    assert named[:3] == [preparing.PACKAGES, preparing.PYTHON, preparing.TOOLS]
    assert named[3:] == [
        preparing.ASTERISK, preparing.SERVERS, preparing.SPEECH, preparing.PAGES,
    ]  # fmt: skip
    assert steps[2].after == steps[-2].after == (preparing.PYTHON,)
    assert steps[-1].after == (preparing.PYTHON, preparing.TOOLS), "one pip at a time"


def test_it_needs_no_package_of_ours() -> None:
    """The machine's own Python runs it before there are any."""
    script = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); import ivr.upkeep.preparing"
    words = [sys.executable, "-I", "-S", "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
