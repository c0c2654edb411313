"""The real dialogues in a terminal, as somebody types them."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.accounts.demo import make_demo
from ivr.lifecycle import switch
from tests import commands
from tests.textset import text_set


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    audio = tmp_path_factory.mktemp("audio")
    text_set(audio)
    home = tmp_path_factory.mktemp("home")
    make_demo(home / "accounts.sqlite")
    return commands.environment(home, audio)


def talk(environment: dict[str, str], keys: str) -> subprocess.CompletedProcess[str]:
    return commands.ivr(environment, "talk", given=keys)


def prompts_of(output: str) -> list[str]:
    return [line[1 : line.index("]")] for line in output.splitlines() if line.startswith("[")]


def test_a_balance_is_read_and_heard_again(environment: dict[str, str]) -> None:
    told = talk(environment, "1\n1\n990102200012120127\n1\n*\n*\n7\n")
    assert told.returncode == 0, told.stderr
    heard = [prompts.split()[0] for prompts in prompts_of(told.stdout)]
    assert heard == [
        "main.greeting",
        "main.menu",
        "account.menu",
        "identity.ask",
        "account.readout",
        "account.readout",
        "account.menu",
        "main.menu",
        "line.goodbye",
    ]
    assert "一万二千三百四十五元六角七分" in told.stdout
    assert told.stdout.splitlines()[-1] == "(completed)"


@pytest.mark.parametrize("key", "1234560")
def test_every_key_of_the_main_menu_can_be_tried(environment: dict[str, str], key: str) -> None:
    told = talk(environment, f"{key}\n")
    assert told.returncode == 0, told.stderr
    assert len(prompts_of(told.stdout)) >= 3
    assert told.stdout.splitlines()[-1] == "(hung_up)"


def test_in_a_terminal_it_ends_by_itself(environment: dict[str, str]) -> None:
    """After the goodbye nobody has to press Enter, although the terminal stays open."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ivr.cli", "talk"],
        stdin=theirs,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.write(ours, b"7\n")
    out, err = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, err
    assert out.splitlines()[-1] == "(completed)"


def test_without_prompts_it_says_what_to_do(environment: dict[str, str], tmp_path: Path) -> None:
    told = talk({**environment, "IVR_AUDIO": str(tmp_path)}, "")
    assert told.returncode == 3
    assert "ivr build-prompts" in told.stderr
    assert "Traceback" not in told.stderr


def test_texts_are_walked_and_a_closed_line_says_so(environment: dict[str, str]) -> None:
    told = talk(environment, "4\n3\n4\n*\n*\n*\n7\n")
    heard = [prompts.split()[0] for prompts in prompts_of(told.stdout)]
    assert heard == [
        "main.greeting",
        "main.menu",
        "information.4",
        "information.4.3",
        "information.4.3.4",
        "nav.replay_back_agent",
        "information.4.3",
        "information.4",
        "main.menu",
        "line.goodbye",
    ]
    switch.close(Path(environment["IVR_HOME"]), "", datetime.now(UTC))
    told = talk(environment, "1\n")
    switch.reopen(Path(environment["IVR_HOME"]))
    assert prompts_of(told.stdout) == ["line.closed"]
    assert told.stdout.splitlines()[-1] == "(closed)"
