"""设置: what is changed holds from the next call on, is refused whole, and can be taken back."""

from __future__ import annotations

import re

import pytest

from console.pages import settings as page
from console.pages.settings import SECTIONS, as_written
from console.rights import Role
from ivr.config import SettingsError, Table, standing
from ivr.config.table import flat
from tests.console.test_signing import trail
from tests.console.visiting import Console, Visitor


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Asterisk is started or told anything here; a live test does."""
    monkeypatch.setattr(page.locate, "find", lambda: None)


@pytest.fixture
def administrator(console: Console) -> Visitor:
    visitor = console.signed_in("管理", Role.ADMINISTRATOR)
    visitor.get("/settings")
    return visitor


def section(visitor: Visitor, title: str, **changed: str) -> dict[str, str]:
    """A section's form as the browser would send it."""
    held = flat(as_written(standing(visitor.console.settings)))
    form = {field.name: page._text(held[field.name]) for field in SECTIONS[title]}
    base = re.search(r'name="base" value="(\d+)"', visitor.get("/settings").text)
    assert base is not None
    return form | {name.replace("__", "."): value for name, value in changed.items()} | {
        "base": base[1], "why": "试",
    }  # fmt: skip


def test_every_section_holds_from_the_next_call_on_and_stands_in_the_trail(
    administrator: Visitor,
) -> None:
    settings = administrator.console.settings
    year = "2027-01-01/2027-01-03\r\n2027-02-05/2027-02-12\r\n2027-10-01/2027-10-07\r\n"
    rules = {
        "agents__ring_seconds": "20.5",
        "agents__strategy": "all_at_once",
        "agents__answer_within_seconds": "10 15",
        "agents__zero_from_every_menu": "false",
    }
    hours = {
        "agents__hours__saturday": "09:00-12:00 13:00-16:30",
        "agents__hours__holidays": year,
        "agents__hours__working_days": "2027-02-14",
    }
    for title, changed in (
        ("限制", {"limits__calls": "120"}),
        ("坐席怎样接", rules),
        ("人工时间", hours),
    ):
        answer = administrator.post("/settings", section(administrator, title, **changed))
        assert answer.status == 200, answer.text
        assert "下一个来电起有效" in answer.text
    now = standing(settings)
    assert now.limits.calls == 120
    assert (now.agents.ring_seconds, now.agents.strategy) == (20.5, "all_at_once")
    assert now.agents.answer_within_seconds == (10, 15)
    assert now.agents.zero_from_every_menu is False
    assert now.agents.hours.knows_holidays_of(2027)
    assert len(now.agents.hours.saturday) == 2
    newest = Table(settings.home).versions()[0]
    assert set(flat(newest.content)) == {
        "limits.calls", "agents.ring_seconds", "agents.strategy", "agents.answer_within_seconds",
        "agents.zero_from_every_menu", "agents.hours.saturday", "agents.hours.holidays",
        "agents.hours.working_days",
    }, "what is as it was is not set"  # fmt: skip
    assert (newest.who, newest.why) == ("管理", "试")
    assert ("settings", "limits.calls", "管理") in trail(settings.home)
    shown = administrator.get("/settings").text
    assert "周六：（settings.toml 的值） → 09:00-12:00、13:00-16:30" in shown
    assert "2027 年的节假日已写" in shown


def test_everything_wrong_is_told_at_once_and_what_was_written_stays(
    administrator: Visitor,
) -> None:
    form = section(administrator, "限制", limits__calls="很多<b>", limits__lock_seconds="-1",
                   limits__window_seconds="")  # fmt: skip
    answer = administrator.post("/settings", form)
    assert answer.status == 422
    for name in ("limits.calls", "limits.lock_seconds", "limits.window_seconds"):
        assert f"设置 {name}：" in answer.text
    assert "很多&lt;b&gt;" in answer.text
    assert Table(administrator.console.settings.home).latest() == 0
    assert [each[0] for each in trail(administrator.console.settings.home)] == ["sign-in"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("agents__hours__monday", "9:00-17:00"),
        ("agents__hours__monday", "17:00-09:00"),
        ("agents__hours__holidays", "2027-02-30"),
        ("agents__hours__holidays", "国庆"),
        ("agents__hours__working_days", "2027-02-14/2027-02-15"),
    ],
)
def test_hours_that_are_none_are_refused(administrator: Visitor, name: str, value: str) -> None:
    form = section(administrator, "人工时间", **{name: value})
    assert administrator.post("/settings", form).status == 422
    assert Table(administrator.console.settings.home).latest() == 0


def test_an_agent_is_added_with_a_password_shown_once_and_taken_away(
    administrator: Visitor,
) -> None:
    settings = administrator.console.settings
    answer = administrator.post("/settings/agents/add", {"name": "张三", "extension": "6003"})
    given = re.search(r"话机口令：<code>([^<]+)</code>", answer.text)
    assert given is not None
    kept = settings.home / "asterisk" / "agents" / "6003.secret"
    assert kept.read_text() == given[1]
    assert given[1] not in administrator.get("/settings").text
    assert [each.extension for each in standing(settings).agents.phones] == ["6001", "6002", "6003"]
    for name, extension in (("李", "6003"), ("", "6009"), ("李", "../x"), ("李", "anonymous")):
        wrong = {"name": name, "extension": extension}
        assert administrator.post("/settings/agents/add", wrong).status == 422
    administrator.post("/settings/agents/remove", {"extension": "6001"})
    assert [each.extension for each in standing(settings).agents.phones] == ["6002", "6003"]


def test_back_to_a_version_and_to_the_file(administrator: Visitor) -> None:
    settings = administrator.console.settings
    for calls in ("10", "20"):
        administrator.post("/settings", section(administrator, "限制", limits__calls=calls))
    assert administrator.post("/settings/rollback", {"number": "1"}).status == 200
    assert standing(settings).limits.calls == 10
    administrator.post("/settings/rollback", {"number": "0"})
    assert standing(settings).limits.calls == settings.limits.calls
    for wrong in ("9", "-1", "x", ""):
        assert administrator.post("/settings/rollback", {"number": wrong}).status == 422
    assert ("settings rolled back", "1", "管理") in trail(settings.home)


def test_whoever_looked_at_an_older_version_looks_again(administrator: Visitor) -> None:
    form = section(administrator, "限制", limits__calls="10")
    administrator.post("/settings", section(administrator, "限制", limits__calls="30"))
    answer = administrator.post("/settings", form)
    assert answer.status == 422
    assert "别人刚刚改过" in answer.text
    assert standing(administrator.console.settings).limits.calls == 30


def test_a_broken_trail_changes_nothing(administrator: Visitor) -> None:
    home = administrator.console.settings.home
    form = section(administrator, "限制", limits__calls="10")
    (home / "audit.jsonl").write_text('{"hash": "made up"}\n')
    assert administrator.post("/settings", form).status == 503
    assert Table(home).latest() == 0


def test_an_asterisk_that_does_not_take_them_is_told(
    administrator: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bool:
        raise SettingsError("Asterisk: pjsip reload: no")

    monkeypatch.setattr(page.locate, "find", object)
    monkeypatch.setattr(page.process, "renew", refuse)
    answer = administrator.post("/settings/agents/add", {"name": "张三", "extension": "6003"})
    assert "ivr settings apply" in answer.text
    assert "第 1 版" in answer.text


def test_whether_talks_are_recorded_is_set_here_and_where_they_lie_is_not(
    administrator: Visitor,
) -> None:
    """From the next call on; the rest of the table stays as the machine has it."""
    settings = administrator.console.settings
    given = section(administrator, "通话录音", recordings__talks="true")
    assert set(given) == {"recordings.talks", "recordings.pause_seconds", "base", "why"}
    assert administrator.post("/settings", given).status == 200
    now = standing(settings).recordings
    assert now == settings.recordings.model_copy(update={"talks": True})
    shown = administrator.get("/settings").text
    assert "和坐席的通话录音：（settings.toml 的值） → true" in shown
    short = section(administrator, "通话录音", recordings__pause_seconds="1")
    assert administrator.post("/settings", short).status == 422
    sly = {**section(administrator, "通话录音"), "recordings.folder": "/etc"}
    administrator.post("/settings", sly)
    assert standing(settings).recordings == now


def test_templates_of_answers_are_written_as_they_are_read(administrator: Visitor) -> None:
    written = "补缴\r\n经核实，单位已补缴。\r\n请您查收。\r\n\r\n\r\n转办\r\n已转有关部门。"
    given = section(administrator, "答复模板", answers__templates=written)
    assert administrator.post("/settings", given).status == 200
    templates = standing(administrator.console.settings).answers.templates
    assert [(each.name, each.text) for each in templates] == [
        ("补缴", "经核实，单位已补缴。\n请您查收。"),
        ("转办", "已转有关部门。"),
    ]
    assert "已转有关部门。" in administrator.get("/settings").text
    nameless = section(administrator, "答复模板", answers__templates="只有名字")
    assert administrator.post("/settings", nameless).status == 422
    none = section(administrator, "答复模板", answers__templates="")
    assert administrator.post("/settings", none).status == 200
    assert standing(administrator.console.settings).answers.templates == ()
