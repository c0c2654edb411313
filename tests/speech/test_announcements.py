"""What is on the air: for how long, how much of it, and what of it can be played."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.hours import BEIJING
from ivr.speech.announcements import (
    Announcement,
    Announcements,
    CannotAnnounce,
    OnAir,
    Sound,
    moment,
    new,
)

NOW = datetime(2026, 11, 27, 10, tzinfo=BEIJING)
HOUR = timedelta(hours=1)


@pytest.fixture
def kept(tmp_path: Path) -> Announcements:
    return Announcements(tmp_path)


def draft(
    kept: Announcements, text: str = "系统升级。", until: datetime = NOW + HOUR
) -> Announcement:
    kept.folder.mkdir(exist_ok=True)
    file = f"{len(list(kept.folder.glob('*.alaw')))}.alaw"
    (kept.folder / file).write_bytes(b"\xd5" * 800)
    made = new(text, Sound({"alaw": file}, 0.1), until, "王敏", NOW)
    kept.add(made)
    return made


def texts(home: Path, at: datetime) -> list[str]:
    """As a service that starts now would have it heard."""
    return [each.text for each in OnAir(home).now(at)]


def test_a_draft_is_heard_by_nobody_until_it_is_on_the_air(
    kept: Announcements, tmp_path: Path
) -> None:
    service = OnAir(tmp_path)
    made = draft(kept)
    assert service.now(NOW) == ()
    kept.air(made.name, "王敏", NOW)
    (said,) = service.now(NOW)
    assert (said.text, said.prompts) == ("系统升级。", ("line.announcement",))
    assert said.clips[0].path == str((kept.folder / "0").absolute())
    assert texts(tmp_path, NOW) == ["系统升级。"], "also after a restart"


def test_it_takes_itself_off_at_its_time_and_by_hand_before(
    kept: Announcements, tmp_path: Path
) -> None:
    made = draft(kept)
    kept.air(made.name, "王敏", NOW)
    service = OnAir(tmp_path)
    assert len(service.now(NOW + HOUR - timedelta(seconds=1))) == 1
    assert service.now(NOW + HOUR) == ()
    kept.end(made.name, "李强", NOW)
    assert service.now(NOW) == ()
    assert kept.named(made.name).ended_by == "李强"
    kept.end(made.name, "张三", NOW)
    assert kept.named(made.name).ended_by == "李强", "who was first stands there"


def test_several_are_heard_in_the_order_in_which_they_went_on_the_air(
    kept: Announcements, tmp_path: Path
) -> None:
    first, second, third, fourth = (draft(kept, f"{n}。") for n in "甲乙丙丁")
    for minute, each in enumerate((third, first, second)):
        kept.air(each.name, "王敏", NOW - timedelta(minutes=9 - minute))
    assert texts(tmp_path, NOW) == ["丙。", "甲。", "乙。"]
    with pytest.raises(CannotAnnounce, match="先撤下一条"):
        kept.air(fourth.name, "王敏", NOW)
    kept.end(third.name, "王敏", NOW)
    kept.air(fourth.name, "王敏", NOW)
    assert texts(tmp_path, NOW) == ["甲。", "乙。", "丁。"]


def test_nothing_goes_on_the_air_twice_or_too_late_or_without_its_sound(
    kept: Announcements,
) -> None:
    made = draft(kept)
    kept.air(made.name, "王敏", NOW)
    with pytest.raises(CannotAnnounce, match="正在播出"):
        kept.air(made.name, "王敏", NOW)
    kept.end(made.name, "王敏", NOW)
    with pytest.raises(CannotAnnounce, match="撤下"):
        kept.air(made.name, "王敏", NOW)
    late = draft(kept, "晚了。")
    with pytest.raises(CannotAnnounce, match="已经过了"):
        kept.air(late.name, "王敏", NOW + 2 * HOUR)
    lost = draft(kept, "丢了。")
    (kept.folder / lost.files["alaw"]).unlink()
    with pytest.raises(CannotAnnounce, match="不在了"):
        kept.air(lost.name, "王敏", NOW)
    with pytest.raises(CannotAnnounce, match="没有编号"):
        kept.air("none", "王敏", NOW)


@pytest.mark.parametrize("spoil", ["lost", "empty"])
def test_what_cannot_be_played_is_left_out_and_the_rest_is_heard(
    kept: Announcements, tmp_path: Path, spoil: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = draft(kept, "甲。"), draft(kept, "乙。")
    kept.air(first.name, "王敏", NOW)
    kept.air(second.name, "王敏", NOW)
    file = kept.folder / first.files["alaw"]
    file.unlink()
    if spoil == "empty":
        file.touch()
    service = OnAir(tmp_path)
    assert [each.text for each in service.now(NOW)] == ["乙。"]
    assert [each.text for each in service.now(NOW)] == ["乙。"]
    assert caplog.text.count("left out") == 1, "told once, and not at every call"


@pytest.mark.parametrize(
    "content",
    [b"", b"[", b"{}", b"null", b'[{"name": "x"}]', b'"text"', b"[1]", b"\xff"],
)
def test_a_damaged_file_keeps_nobody_from_the_greeting(
    kept: Announcements, tmp_path: Path, content: bytes
) -> None:
    service = OnAir(tmp_path)
    made = draft(kept)
    kept.air(made.name, "王敏", NOW)
    assert len(service.now(NOW)) == 1
    (kept.folder / "announcements.json").write_bytes(content)
    assert service.now(NOW) == ()
    if content != b"{}":  # which is a list of nothing, as it were
        with pytest.raises(CannotAnnounce, match="损坏"):
            kept.all()


def test_the_same_words_twice_are_one_draft(kept: Announcements) -> None:
    draft(kept)
    again = draft(kept, until=NOW + 2 * HOUR)
    assert kept.all() == [again]
    kept.air(again.name, "王敏", NOW)
    draft(kept)
    assert len(kept.all()) == 2, "what is on the air stays"


def test_old_ones_are_forgotten_and_none_that_may_be_heard(kept: Announcements) -> None:
    made = draft(kept, "在播。", NOW + 20 * HOUR)
    kept.air(made.name, "王敏", NOW)
    for number in range(25):
        each = draft(kept, f"{number}")
        kept.end(each.name, "王敏", NOW)
    assert len(kept.all()) == 21
    assert kept.on_air(NOW) == [kept.named(made.name)]


@pytest.mark.parametrize(
    ("written", "until"),
    [
        ("18:00", datetime(2026, 11, 27, 18, tzinfo=BEIJING)),
        (" 18:00 ", datetime(2026, 11, 27, 18, tzinfo=BEIJING)),
        ("2026-11-28 08:30", datetime(2026, 11, 28, 8, 30, tzinfo=BEIJING)),
        ("2026-11-28T08:30", datetime(2026, 11, 28, 8, 30, tzinfo=BEIJING)),
        ("2026-11-28T00:30+00:00", datetime(2026, 11, 28, 8, 30, tzinfo=BEIJING)),
        ("2026-11-27T03:30Z", datetime(2026, 11, 27, 11, 30, tzinfo=BEIJING)),
        ("90m", NOW + timedelta(minutes=90)),
        ("2h", NOW + 2 * HOUR),
    ],
)
def test_times_are_of_beijing_whatever_the_server_thinks(
    written: str, until: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    assert moment(written, NOW.astimezone(UTC)) == until


@pytest.mark.parametrize(
    "written",
    ["", "晚上", "25:00", "18:60", "2026-11-28", "2026-13-01 10:00", "0m", "0h", "-2h",
     "09:59", "10:00", "2026-11-26 18:00", "2027-11-28 08:30", "9999h", "2026-11-28 24:01"],
)  # fmt: skip
def test_what_is_no_time_or_over_or_far_away_is_refused(written: str) -> None:
    with pytest.raises(CannotAnnounce):
        moment(written, NOW)


def test_two_who_write_at_once_lose_nothing(kept: Announcements, tmp_path: Path) -> None:
    other = Announcements(tmp_path)
    one, two = draft(kept, "甲。"), draft(other, "乙。")
    kept.air(one.name, "王敏", NOW)
    other.air(two.name, "李强", NOW)
    kept.listened(two.name)
    assert kept.on_air(NOW) == [
        replace(one, aired=NOW, aired_by="王敏"),
        replace(two, aired=NOW, aired_by="李强", heard=True),
    ]
