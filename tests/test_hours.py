"""When agents are there: weekly hours, holidays, days worked instead, always in Beijing time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.config import SettingsError, load
from ivr.hours import BEIJING, AgentHours


def beijing(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-23 08:59:59", False),  # a Monday
        ("2026-11-23 09:00", True),
        ("2026-11-23 16:59:59", True),
        ("2026-11-23 17:00", False),
        ("2026-11-27 12:00", True),
        ("2026-11-28 12:00", False),  # a Saturday
    ],
)
def test_office_hours_unless_the_settings_say_otherwise(moment: str, is_open: bool) -> None:
    assert AgentHours().open_at(beijing(moment)) is is_open


def test_the_moment_may_be_told_in_any_zone() -> None:
    assert AgentHours().open_at(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    assert not AgentHours().open_at(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))


NATIONAL_DAY = """
[agents.hours]
monday = ["08:30-12:00", "13:30-17:00"]
friday = []
saturday = ["00:00-24:00"]
holidays = ["2026-10-01/2026-10-07", 2026-05-01]
working_days = [2026-09-20, 2026-10-05]
"""


@pytest.fixture
def national_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AgentHours:
    (tmp_path / "settings.toml").write_text(NATIONAL_DAY)
    monkeypatch.setenv("IVR_SETTINGS", str(tmp_path / "settings.toml"))
    return load().agents.hours


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-09-28 11:59", True),  # Monday, before and in the midday break
        ("2026-09-28 12:30", False),
        ("2026-09-25 10:00", False),  # Friday, closed
        ("2026-09-26 23:59", True),  # Saturday, around the clock
        ("2026-09-30 23:59", False),
        ("2026-10-01 10:00", False),  # the first and the last day of a holiday
        ("2026-10-07 10:00", False),
        ("2026-10-08 10:00", True),
        ("2026-05-01 10:00", False),
        ("2026-09-20 10:00", True),  # a Sunday that is worked, with Monday's hours
        ("2026-09-20 12:30", False),
        ("2026-10-05 10:00", True),  # within a holiday, yet worked
    ],
)
def test_holidays_and_days_worked_instead(
    national_day: AgentHours, moment: str, is_open: bool
) -> None:
    assert national_day.open_at(beijing(moment)) is is_open


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('monday = ["9-17"]', "设置 agents.hours.monday.0：'9-17' 不是一天里的时段"),
        ('monday = ["17:00-09:00"]', "write 09:00-17:00"),
        ('monday = ["09:00-24:30"]', "最晚到 24:00"),
        ('holidays = ["National Day"]', "不是日期，写成 2026-10-01 或 2026-10-01/2026-10-07"),
        ('holidays = ["2026-10-07/2026-10-01"]', "ends before it begins"),
        ("holidays = [7]", "agents.hours.holidays.0"),
        ('feiertag = ["2026-10-01"]', "agents.hours.feiertag"),
    ],
)
def test_a_wrong_calendar_is_refused_with_a_remedy(
    line: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings.toml").write_text(f"[agents.hours]\n{line}\n")
    monkeypatch.setenv("IVR_SETTINGS", str(tmp_path / "settings.toml"))
    with pytest.raises(SettingsError, match=told.replace("[", "\\[")):
        load()
