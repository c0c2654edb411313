"""The system services: each starts a command that exists, as the same user, and may do little."""

from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[1] / "deploy" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))


def unit(path: Path) -> configparser.ConfigParser:
    """As systemd reads it: names keep their case."""
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read(path, encoding="utf-8")
    return parsed


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_each_service_starts_a_command_that_exists(path: Path) -> None:
    program, *words = unit(path)["Service"]["ExecStart"].split()
    known = {"ivr": ["-m", "ivr.cli"], "python": []}
    asked = [sys.executable, *known[Path(program).name], *words, "--help"]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 0, told.stderr
    assert "usage" in told.stdout.lower()


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_each_service_may_write_its_home_only_and_leaves_no_core(path: Path) -> None:
    service = unit(path)["Service"]
    assert service["User"] == "ivr"
    assert service["ProtectSystem"] == "strict"
    assert service["ReadWritePaths"] == "/var/lib/ivr"
    assert service["NoNewPrivileges"] == "yes"
    assert service["LimitCORE"] == "0"


def test_each_timer_has_a_service() -> None:
    assert {path.stem for path in UNITS.glob("*.timer")} <= {path.stem for path in SERVICES}
