"""The table of settings: versions over the starting values, refused whole when one is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ivr.config import Settings, SettingsError, Table, load, origins, standing, starting
from ivr.config.table import differences
from ivr.lifecycle.setting import ChangedMeanwhile, Standing, by, change, rolled_back

NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)
FILE = """
[agents]
ring_seconds = 25.0
[[agents.phones]]
name = "王敏"
extension = "6001"
password = "from-the-file"
[limits]
calls = 50
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IVR_HOME", str(tmp_path))
    monkeypatch.delenv("IVR_SETTINGS", raising=False)
    (tmp_path / "settings.toml").write_text(FILE, encoding="utf-8")
    return tmp_path


def put(content: dict[str, Any], why: str = "", base: int | None = None) -> None:
    change(load(), lambda _: content, made=by("王敏", why, NOW), base=base)


def test_the_table_lies_over_the_file_and_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_LIMITS__CALLS_PER_CALLER", "7")
    put({"limits": {"calls": 60, "calls_per_caller": 9}})
    found = load()
    assert (found.limits.calls, found.limits.calls_per_caller) == (60, 9)
    assert found.agents.ring_seconds == 25.0, "what is not set comes from the file"
    assert starting().limits.calls == 50
    where = dict(origins())
    assert where["limits.calls"] == "设置表第 1 版"
    assert where["agents.ring_seconds"].endswith("settings.toml:3")
    assert where["limits.lock_seconds"] == "默认"
    put({})
    assert dict(origins())["limits.calls_per_caller"] == "环境变量 IVR_LIMITS__CALLS_PER_CALLER"
    assert load().limits.calls_per_caller == 7


def test_each_version_says_who_when_why_and_what_was_before(home: Path) -> None:
    put({"limits": {"calls": 60}}, "假期")
    put({"limits": {"calls": 70}, "agents": {"ring_seconds": 20}}, "更多")
    new, old = Table(home).versions()
    assert (new.number, new.who, new.why, new.at) == (2, "王敏", "更多", NOW)
    assert differences(old.content, new.content) == {
        "limits.calls": (60, 70),
        "agents.ring_seconds": (None, 20),
    }


def test_to_go_back_is_a_new_version_and_what_the_file_says_holds_again(home: Path) -> None:
    put({"limits": {"calls": 60}})
    put({"limits": {"calls": 70}})
    began = load()
    change(began, rolled_back(began, 1), made=by("王敏", "", NOW))
    assert standing(began).limits.calls == 60
    change(began, rolled_back(began, 0), made=by("王敏", "", NOW))
    assert standing(began).limits.calls == 50
    assert [each.number for each in Table(home).versions()] == [4, 3, 2, 1]
    with pytest.raises(SettingsError, match="没有第 9 版"):
        rolled_back(began, 9)


def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_kept(home: Path) -> None:
    wrong = {
        "agents": {
            "ring_secconds": 20,
            "phones": [{"name": "甲", "extension": "6001"}, {"name": "乙", "extension": "6001"}],
            "hours": {"monday": ["9-17"], "holidays": ["2026-10-07/2026-10-01"]},
        },
        "limits": {"calls": "many", "lock_seconds": -1},
    }
    with pytest.raises(SettingsError) as refused:
        put(wrong)
    told = str(refused.value)
    for name in ("agents.ring_secconds", "ring_seconds？", "phones.1.extension", "hours.monday",
                 "hours.holidays", "limits.calls", "limits.lock_seconds"):  # fmt: skip
        assert name in told, (name, told)
    assert Table(home).latest() == 0


@pytest.mark.parametrize("part", ["trunks", "sip_port", "home", "accounts"])
def test_what_belongs_to_the_machine_is_not_set_here(home: Path, part: str) -> None:
    with pytest.raises(SettingsError, match=r"settings\.toml"):
        put({part: {}})
    assert Table(home).latest() == 0


@pytest.mark.parametrize("name", ["folder", "series", "keep_free_mb", "most_seconds"])
def test_of_recordings_only_what_is_the_centres_is_set_here(home: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=rf"recordings\.{name}：写在 settings\.toml"):
        put({"recordings": {name: 1}})
    put({"recordings": {"talks": True}})
    assert load().recordings.talks
    assert load().recordings.folder is None


def test_a_phone_keeps_the_password_of_the_file_and_the_table_holds_none(home: Path) -> None:
    put({"agents": {"phones": [{"name": "王敏", "extension": "6001"},
                               {"name": "李强", "extension": "6002"}]}})  # fmt: skip
    first, second = load().agents.phones
    assert first.password is not None
    assert first.password.get_secret_value() == "from-the-file"
    assert second.password is None
    assert "from-the-file" not in Table(home).path(1).read_text()
    with pytest.raises(SettingsError, match="password"):
        put({"agents": {"phones": [{"name": "甲", "extension": "6001", "password": "x"}]}})


def test_nothing_changed_is_no_version_and_two_at_once_are_not_mixed(home: Path) -> None:
    put({"limits": {"calls": 60}}, base=0)
    put({"limits": {"calls": 60}})
    assert Table(home).latest() == 1
    with pytest.raises(ChangedMeanwhile):
        put({"limits": {"calls": 70}}, base=0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"number": 1}',
        b"\xff",
        b'{"number":1,"at":"x","who":"","why":"","content":{}}',
    ],
)
def test_a_damaged_version_is_named_at_the_start_and_changes_nothing_for_calls(
    home: Path, content: bytes
) -> None:
    put({"limits": {"calls": 60}})
    heard: list[Settings] = []
    calls = Standing(load(), heard.append)
    Table(home).path(2).write_bytes(content)
    assert calls.now().limits.calls == 60
    assert "000002.json" in calls.refused
    with pytest.raises(SettingsError, match=r"000002\.json"):
        load()
    Table(home).path(2).unlink()
    assert calls.now().limits.calls == 60
    assert calls.refused == ""


def test_the_next_call_has_what_was_set(home: Path) -> None:
    heard: list[int] = []
    calls = Standing(load(), lambda settings: heard.append(settings.limits.calls))
    assert calls.now().limits.calls == 50
    put({"limits": {"calls": 60}})
    assert calls.now().limits.calls == 60
    assert calls.now().limits.calls == 60
    assert heard == [60], "told once"


def test_a_version_that_does_not_fit_the_machine_any_more_is_told_at_the_start(home: Path) -> None:
    put({"agents": {"phones": [{"name": "甲", "extension": "browser2"}]}})
    path = Table(home).path(1)
    path.write_text(path.read_text().replace("browser2", "browser"))
    with pytest.raises(SettingsError, match=r"第 1 版"):
        load()
    assert starting().limits.calls == 50
