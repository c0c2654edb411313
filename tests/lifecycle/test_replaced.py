"""A service that was replaced ends for good: by its exit code, which both keepers know."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from ivr.cli import serving
from ivr.cli.failure import CommandFailure
from ivr.config import Settings
from ivr.lifecycle.succession import REPLACED
from ivr.line.hotline import Replaced
from ivr.upkeep import run
from ivr.upkeep.installation import files


def test_systemd_does_not_start_it_again() -> None:
    [file] = (each for each in files(Path("env")) if each.path.name == "ivr-service.service")
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(file.content)
    assert unit["Service"]["Restart"] == "always"
    assert unit["Service"]["RestartPreventExitStatus"] == str(REPLACED)
    assert unit["Service"]["SuccessExitStatus"] == str(REPLACED)


def test_ivr_run_does_not_start_it_again(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    for step in ("_asterisk", "_prompts", "_accounts"):
        monkeypatch.setattr(run, step, lambda *_: None)
    programs = run._made_ready(Settings(), lambda _: None)
    final = {program.name: program.ends_for_good for program in programs}
    assert final["service"] == REPLACED
    assert {final[name] for name in final if name != "service"} == {None}


def test_its_exit_code_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def replaced(_: Settings) -> None:
        raise Replaced("another service has the calls")

    monkeypatch.setattr("ivr.service.serve", replaced)
    with pytest.raises(CommandFailure, match="another service") as failure:
        serving.serve()
    assert failure.value.exit_code == REPLACED
    assert failure.value.exit_code not in {0, 1, 2, 3}
