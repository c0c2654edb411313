"""紧急公告 on its page and by command: checked, heard, on the air, off it; in the trail."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.rights import Role
from ivr.hours import BEIJING
from ivr.speech.announcements import Announcements, OnAir, Sound
from prompt_build import announcing
from prompt_build.build import BuildFailed
from tests.console.test_commands import home, ivr  # noqa: F401  a fixture
from tests.console.test_commands import trail as noted
from tests.console.test_signing import trail
from tests.console.visiting import Console, Visitor

TEXT = "因系统升级，今天下午暂停查询。"


@pytest.fixture(autouse=True)
def voice(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has said everything at once."""

    def spoken(_: object, text: str, below: Path) -> Sound:
        if "哑" in text:
            raise BuildFailed("哑")
        below.mkdir(parents=True, exist_ok=True)
        (below / "said.alaw").write_bytes(b"\xd5\x2a" * 800)
        return Sound({"alaw": "said.alaw"}, 0.2)

    monkeypatch.setattr(announcing, "spoken", spoken)


@pytest.fixture
def leader(console: Console) -> Visitor:
    visitor = console.signed_in("王敏", Role.LEADER)
    visitor.get("/duty")
    return visitor


def tomorrow() -> str:
    return f"{datetime.now(BEIJING) + timedelta(days=1):%Y-%m-%dT%H:%M}"


def drafted(visitor: Visitor, text: str = TEXT) -> str:
    answer = visitor.post("/duty/announcements", {"text": text, "until": tomorrow()})
    assert answer.location == "/duty#announcements", answer.text
    return Announcements(visitor.console.settings.home).all()[0].name


def on_air(home: Path) -> list[str]:  # noqa: F811
    return [each.text for each in OnAir(home).now()]


def test_from_the_words_to_the_air_and_off_it(leader: Visitor) -> None:
    home = leader.console.settings.home  # noqa: F811
    name = drafted(leader)
    assert on_air(home) == []
    refused = leader.post(f"/duty/announcements/{name}/air")
    assert refused.status == 422
    assert "先听一遍" in refused.text
    head, sound = leader.take(f"/duty/announcements/{name}/sound")
    assert head["Content-Type"] == "audio/wav"
    assert sound[:4] == b"RIFF"
    assert leader.post(f"/duty/announcements/{name}/air").status == 303
    assert on_air(home) == [TEXT]
    shown = leader.get("/duty").text
    assert "紧急公告正在播出" in shown
    assert leader.post(f"/duty/announcements/{name}/end").status == 303
    assert on_air(home) == []
    assert "王敏 于" in leader.get("/duty").text
    assert trail(home)[1:] == [
        ("announced", name, "王敏"),
        ("announcement ended", name, "王敏"),
    ]


def test_everything_that_cannot_be_said_is_told_at_once_and_nothing_is_lost(
    leader: Visitor,
) -> None:
    text = "今天8点(临时)停机,<b>请{x}"
    answer = leader.post("/duty/announcements", {"text": text, "until": tomorrow()})
    assert answer.status == 422
    assert all(told in answer.text for told in ("8：数字写成汉字", "，", "{：公告里没有变量"))
    assert "今天8点(临时)停机,&lt;b&gt;请{x}" in answer.text, "as it was written"
    assert Announcements(leader.console.settings.home).all() == []


@pytest.mark.parametrize("text", ["", " ", "。。", "停" * 116, "停电。" * 101, "哑。"])
def test_what_is_no_announcement_is_refused(leader: Visitor, text: str) -> None:
    answer = leader.post("/duty/announcements", {"text": text, "until": tomorrow()})
    assert answer.status == 422
    assert Announcements(leader.console.settings.home).all() == []


@pytest.mark.parametrize("until", ["", "2020-01-01T10:00", "2999-01-01T10:00", "晚上"])
def test_a_time_that_is_over_or_none_is_refused(leader: Visitor, until: str) -> None:
    assert leader.post("/duty/announcements", {"text": TEXT, "until": until}).status == 422
    assert Announcements(leader.console.settings.home).all() == []


def test_lines_of_a_form_are_one_text(leader: Visitor) -> None:
    drafted(leader, " 因系统升级，\r\n今天下午暂停查询。\r\n")
    assert Announcements(leader.console.settings.home).all()[0].text == TEXT


def test_a_lost_sound_and_a_damaged_file_are_told(leader: Visitor) -> None:
    home = leader.console.settings.home  # noqa: F811
    name = drafted(leader)
    (home / "announcements" / "said.alaw").unlink()
    assert leader.get(f"/duty/announcements/{name}/sound").status == 404
    (home / "announcements" / "announcements.json").write_text("[")
    assert "损坏" in leader.get("/duty").text
    assert leader.post(f"/duty/announcements/{name}/air").status == 422


def test_a_broken_trail_puts_nothing_on_the_air(leader: Visitor) -> None:
    home = leader.console.settings.home  # noqa: F811
    name = drafted(leader)
    leader.take(f"/duty/announcements/{name}/sound")
    (home / "audit.jsonl").write_text('{"hash": "made up"}\n')
    assert leader.post(f"/duty/announcements/{name}/air").status == 503
    assert on_air(home) == []


def test_the_command_does_the_same(home: Path) -> None:  # noqa: F811
    ivr("announce", "say", TEXT, "--until", "2h", "--yes")
    assert on_air(home) == [TEXT]
    told = ivr("announce", "list")
    assert "正在播出" in told
    assert re.match("[0-9a-f]{8} ", told)
    assert "1 taken off" in ivr("announce", "stop")
    assert on_air(home) == []
    assert [each["action"] for each in noted(home)] == ["announced", "announcement ended"]
    (kept,) = Announcements(home).all()
    assert kept.state(datetime.now(UTC)) == "over"
