"""The switch of the line: for each new call, durable, with and without a running service."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.lifecycle import switch
from ivr.lifecycle.switch import Closed, closed
from tests import commands

NOON = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)


def test_a_line_is_open_until_it_is_closed_and_again_when_it_is_opened(tmp_path: Path) -> None:
    home = tmp_path / "var"
    assert closed(home) is None
    switch.reopen(home)
    switch.close(home, "机房检修", NOON)
    assert closed(home) == Closed(NOON, "机房检修")
    switch.close(home, "", NOON)
    assert closed(home) == Closed(NOON, "")
    switch.reopen(home)
    assert closed(home) is None
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("content", ["", "closed", "[]", '{"since": "noon", "reason": ""}', "{}"])
def test_the_file_closes_the_line_whatever_stands_in_it(tmp_path: Path, content: str) -> None:
    (tmp_path / "line.closed").write_text(content)
    assert closed(tmp_path) == Closed(None, "")


def test_the_state_is_on_disk_before_the_command_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def sync(descriptor: int, fsync=os.fsync) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    switch.close(tmp_path, "", NOON)
    switch.reopen(tmp_path)
    assert synced == [f".line.closed.{os.getpid()}", tmp_path.name, tmp_path.name]


def ivr(home: Path, *arguments: str) -> str:
    done = commands.ivr(commands.environment(home), "line", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_commands_work_while_no_service_runs(tmp_path: Path) -> None:
    assert ivr(tmp_path, "status") == "the line is open"
    ivr(tmp_path, "close", "--reason", "机房检修")
    found = closed(tmp_path)
    assert found is not None
    assert found.reason == "机房检修"
    assert ivr(tmp_path, "status").startswith("the line is closed since 20")
    assert ivr(tmp_path, "status").endswith("(机房检修)")
    assert ivr(tmp_path, "open") == "the line is open"
    assert closed(tmp_path) is None
