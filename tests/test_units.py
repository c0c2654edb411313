"""The system services: each starts a command that exists, as the same user, and may do little."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.upkeep import installation
from ivr.upkeep.installation import File, environment_file, files
from tests import commands

UNITS = [file for file in files(Path("/opt/ivr/.venv")) if file.path.parent == installation.UNITS]
SERVICES = [file for file in UNITS if file.path.suffix == ".service"]
STAYING = [file for file in SERVICES if "Type=oneshot" not in file.content]


def name(file: File) -> str:
    return file.path.stem


def unit(file: File) -> configparser.ConfigParser:
    """As systemd reads it: names keep their case."""
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(file.content)
    return parsed


@pytest.mark.parametrize("path", SERVICES, ids=name)
def test_each_service_starts_a_command_that_exists(path: File) -> None:
    program, *words = unit(path)["Service"]["ExecStart"].split()
    if Path(program).name == "ivr":
        told = commands.ivr(os.environ, *words, "--help")
    else:
        asked = [sys.executable, *words, "--help"]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 0, told.stderr
    assert "usage" in told.stdout.lower()


@pytest.mark.parametrize("path", SERVICES, ids=name)
def test_each_service_may_write_its_home_only_and_leaves_no_core(path: File) -> None:
    service = unit(path)["Service"]
    assert service["User"] == "ivr"
    assert service["ProtectSystem"] == "strict"
    assert service["ReadWritePaths"] == "/var/lib/ivr"
    assert service["NoNewPrivileges"] == "yes"
    assert service["LimitCORE"] == "0"


MOST_EXPOSURE = 2.0
"""What systemd-analyze reckons of 0 to 10: 2 is OK, 9.6 a service that may do everything."""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
@pytest.mark.parametrize("path", SERVICES, ids=name)
def test_each_service_may_do_little(path: File, tmp_path: Path) -> None:
    written = tmp_path / path.path.name
    written.write_text(path.content)
    asked = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(written)]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    reckoned = re.search(r"exposure level for \S+: ([\d.]+)", told.stdout)
    assert reckoned, told.stderr
    assert float(reckoned[1]) <= MOST_EXPOSURE, told.stdout


def test_each_timer_has_a_service() -> None:
    timers = {name(file) for file in UNITS if file.path.suffix == ".timer"}
    assert timers
    assert timers <= {name(file) for file in SERVICES}


@pytest.mark.parametrize("path", STAYING, ids=name)
def test_each_service_is_started_again_for_ever_in_one_environment(path: File) -> None:
    parsed = unit(path)
    assert parsed["Unit"]["StartLimitIntervalSec"] == "0"
    assert parsed["Service"]["Restart"] == "always"
    assert parsed["Service"]["EnvironmentFile"] == str(installation.ENVIRONMENT)


@pytest.mark.parametrize("path", STAYING, ids=name)
def test_systemd_watches_each_of_our_own_that_stays(path: File) -> None:
    """Asterisk is watched by whoever calls it: the service, and the trial calls."""
    assert ("WatchdogSec" in unit(path)["Service"]) == (name(path) != "ivr-asterisk")


@pytest.mark.parametrize("path", STAYING, ids=name)
def test_who_yields_to_the_others_may_start_slowly(path: File) -> None:
    """Ended after the usual 90 seconds it would begin anew, and never come up on a full machine."""
    service = unit(path)["Service"]
    assert int(service.get("Nice", "0")) <= 0 or int(service["TimeoutStartSec"]) >= 600


@pytest.mark.parametrize("path", SERVICES, ids=name)
def test_each_service_notes_how_it_ended(path: File) -> None:
    _, script, which = unit(path)["Service"]["ExecStopPost"].split()
    assert Path(script).exists()
    assert which == "%N"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_understands_every_unit(tmp_path: Path) -> None:
    for file in files(tmp_path):
        (tmp_path / file.path.name).write_text(file.content)
    (tmp_path / "bin").mkdir()
    for program in ("ivr", "python"):
        (tmp_path / "bin" / program).touch(0o755)
    units = [str(tmp_path / file.path.name) for file in UNITS]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "ivr-" in line]
    assert ours == []


def test_what_an_operator_adds_to_the_environment_stays() -> None:
    first = environment_file("")
    assert environment_file(first) == first
    added = first + "IVR_SIP_PORT=5070\n"
    assert environment_file(added) == added
    assert "IVR_HOME=/srv/ivr" in environment_file("IVR_HOME=/srv/ivr\n")
    assert environment_file("IVR_HOME=/srv/ivr\n").count("IVR_HOME") == 1
