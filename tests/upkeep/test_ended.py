"""What a unit leaves behind when it ends otherwise than it was told to: a line for the morning."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ivr.alarms.night import happened
from ivr.config import Settings
from ivr.upkeep import installation

SCRIPT = Path(installation.__file__).with_name("ended.sh")


def ended(home: Path, unit: str, result: str, how: str = "exited", status: str = "0") -> None:
    """As systemd runs it, in the environment of systemd.exec(5)."""
    environment = {"PATH": "/usr/bin:/bin", "IVR_HOME": str(home), "SERVICE_RESULT": result,
                   "EXIT_CODE": how, "EXIT_STATUS": status}  # fmt: skip
    subprocess.run(["/bin/sh", str(SCRIPT), unit], env=environment, check=True)


def told(settings: Settings) -> list[tuple[str, int]]:
    now = datetime.now(UTC)
    found = happened(settings, now - timedelta(hours=1), now + timedelta(hours=1))
    return [(each.what, each.times) for each in found if each.kind == "重启"]


def test_the_page_of_the_night_knows_who_died_and_how(settings: Settings) -> None:
    ended(settings.home, "ivr-service", "signal", "killed", "KILL")
    ended(settings.home, "ivr-service", "signal", "killed", "KILL")
    ended(settings.home, "ivr-loader", "watchdog", "killed", "KILL")
    ended(settings.home, "ivr-console", "exit-code", "exited", "2")
    assert told(settings) == [
        ("接电话的服务意外结束（signal, killed KILL）", 2),
        ("装载程序意外结束（watchdog, killed KILL）", 1),
        ("控制台意外结束（exit-code, exited 2）", 1),
    ]


def test_who_ends_as_told_leaves_nothing(settings: Settings) -> None:
    ended(settings.home, "ivr-service", "success")
    assert told(settings) == []


def test_who_dies_without_end_fills_no_disk(settings: Settings) -> None:
    log = settings.home / "log" / "units.log"
    log.parent.mkdir(parents=True)
    log.write_text("x" * 1_000_001)
    ended(settings.home, "ivr-loader", "signal", "killed", "KILL")
    assert log.stat().st_size < 200
    assert log.with_name("units.log.1").stat().st_size > 1_000_000
