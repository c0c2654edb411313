"""定时报表: each time is made once, laid down or mailed; what fails is seen, and sent by hand."""

from __future__ import annotations

import asyncio
import re
import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from email import message_from_string, policy
from email.message import EmailMessage
from typing import cast

import pytest

from console import delivering, examining
from console.delivering import deliver_due
from console.questions import Questions
from console.rights import Role
from console.schedules import LONGEST_RUN, TRIES, Refused, Rhythm, Schedule, Schedules, checked
from ivr.config import MailSettings, ReportsSettings, Settings
from ivr.hours import BEIJING
from tests.console.test_signing import trail
from tests.console.visiting import Console, Visitor

MADE = datetime(2026, 11, 24, 12, 0, tzinfo=BEIJING)
MORNING = datetime(2026, 11, 25, 7, 30, tzinfo=BEIJING)
DAILY = Schedule(
    "每天的日报", "daily", "html", Rhythm.DAILY, "07:30", folder="领导", by_command=True
)


# --- when -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rhythm", "day", "due", "first", "last"),
    [
        (Rhythm.DAILY, 1, "2026-11-25", "2026-11-24", "2026-11-24"),
        (Rhythm.DAILY, 1, "2027-01-01", "2026-12-31", "2026-12-31"),
        (Rhythm.WEEKLY, 1, "2026-11-30", "2026-11-23", "2026-11-29"),
        (Rhythm.WEEKLY, 7, "2026-11-29", "2026-11-16", "2026-11-22"),
        (Rhythm.MONTHLY, 1, "2026-12-01", "2026-11-01", "2026-11-30"),
        (Rhythm.MONTHLY, 31, "2027-02-28", "2027-01-01", "2027-01-31"),
        (Rhythm.MONTHLY, 30, "2028-02-29", "2028-01-01", "2028-01-31"),
    ],
)
def test_a_report_is_of_the_last_whole_day_week_or_month(
    rhythm: Rhythm, day: int, due: str, first: str, last: str
) -> None:
    schedule = Schedule("x", "daily", "html", rhythm, "00:05", day)
    at = datetime.combine(date.fromisoformat(due), datetime.min.time(), BEIJING)
    at += timedelta(minutes=5)
    assert [*schedule.dues(at - timedelta(hours=20), at)] == [at]
    assert [*schedule.dues(at, at + timedelta(hours=20))] == []
    days = schedule.days(at)
    assert (str(days.first), str(days.last)) == (first, last)


def test_its_times_of_a_year() -> None:
    first, last = (datetime(year, 1, 1, tzinfo=BEIJING) for year in (2027, 2028))
    many = [
        len([*Schedule("x", "daily", "html", rhythm, "09:00", 31 if day else 5).dues(first, last)])
        for rhythm, day in ((Rhythm.DAILY, 0), (Rhythm.WEEKLY, 0), (Rhythm.MONTHLY, 1))
    ]
    assert many == [365, 53, 12], "whose first day is a Friday"


# --- once -------------------------------------------------------------------------------------


def due(settings: Settings, now: datetime) -> list[str]:
    return [state for _, state, _ in asyncio.run(deliver_due(settings, now))]


def states(settings: Settings) -> dict[str, str]:
    return {f"{each.due:%m-%d}": each.state for each in Schedules(settings.home).runs()}


def test_a_page_is_laid_into_its_folder_once(published: Settings) -> None:
    Schedules(published.home).keep(DAILY, MADE)
    assert due(published, MORNING - timedelta(seconds=1)) == []
    assert due(published, MORNING + timedelta(seconds=9)) == ["done"]
    (file,) = (published.home / "reports" / "领导").iterdir()
    assert file.name == "日报-2026-11-24.html"
    assert "自助率" in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o007 == 0
    file.unlink()
    assert due(published, MORNING + timedelta(hours=5)) == []
    assert not file.exists()
    assert [each[0] for each in trail(published.home)] == ["report sent"]


def test_of_several_times_that_were_missed_the_last_is_made_up_for_once(
    published: Settings,
) -> None:
    Schedules(published.home).keep(DAILY, MADE)
    assert due(published, MORNING + timedelta(days=2, hours=3)) == ["done"]
    assert due(published, MORNING + timedelta(days=2, hours=4)) == []
    assert states(published) == {"11-25": "missed", "11-26": "missed", "11-27": "done"}
    (file,) = (published.home / "reports" / "领导").iterdir()
    assert file.name == "日报-2026-11-26.html"


def test_what_was_due_before_it_was_made_or_while_it_was_paused_is_nobodys(
    published: Settings,
) -> None:
    kept = Schedules(published.home)
    number = kept.keep(DAILY, MORNING + timedelta(hours=1)).number
    assert due(published, MORNING + timedelta(hours=2)) == []
    kept.pause(number, paused=True, now=MORNING + timedelta(hours=3))
    assert due(published, MORNING + timedelta(days=1)) == []
    kept.pause(number, paused=False, now=MORNING + timedelta(days=1, hours=1))
    assert due(published, MORNING + timedelta(days=1, hours=2)) == []
    assert due(published, MORNING + timedelta(days=2)) == ["done"]


def test_two_who_look_at_once_are_given_it_once(settings: Settings) -> None:
    Schedules(settings.home).keep(DAILY, MADE)
    with ThreadPoolExecutor(4) as several:
        taken = [*several.map(lambda _: Schedules(settings.home).take(MORNING, 1), range(8))]
    assert sum(map(len, taken)) == 1


def test_a_console_that_dies_in_the_midst_of_it_sends_nothing_twice(published: Settings) -> None:
    """Nobody knows whether it went out: people are told, and it is theirs to say."""
    kept = Schedules(published.home)
    kept.keep(DAILY, MADE)
    assert len(kept.take(MORNING)) == 1
    assert due(published, MORNING + LONGEST_RUN / 2) == []
    assert states(published) == {"11-25": "begun"}
    assert due(published, MORNING + 2 * LONGEST_RUN) == []
    assert states(published) == {"11-25": "perhaps"}
    (finding,) = [*examining._undelivered(published)]
    assert finding.warns
    assert "可能已经送出" in finding.detail


# --- by mail ----------------------------------------------------------------------------------


class _Server(socketserver.ThreadingTCPServer):
    """Takes mail as the test wants it."""

    allow_reuse_address = True

    def __init__(self, temper: str) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.temper = temper
        self.mails: list[EmailMessage] = []


class _Session(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as one mail needs."""

    server: _Server

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            word, temper = line[:4].upper(), self.server.temper
            answer = b"250 ok"
            if word == b"RCPT" and (temper == "refuses" or b"gone@" in line):
                answer = b"550 no such user"
            elif word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                text = b"".join(iter(self.rfile.readline, b".\r\n")).decode()
                parsed = message_from_string(text, policy=policy.default)
                self.server.mails.append(cast("EmailMessage", parsed))
                if temper == "dies":
                    return
            self.wfile.write(answer + b"\r\n")
            if word == b"QUIT":
                return


@contextmanager
def post_office(settings: Settings, temper: str = "kind") -> Iterator[tuple[Settings, _Server]]:
    with _Server(temper) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        mail = MailSettings(
            server="127.0.0.1",
            port=server.server_address[1],
            security="none",
            sender="ivr@centre.example",
        )
        yield settings.model_copy(update={"mail": mail}), server
        server.shutdown()


def by_mail(*to: str) -> Schedule:
    return Schedule(
        *("接通率", "report:service_level", "xlsx", Rhythm.WEEKLY, "08:00", 1),
        *(to, "", "root", True),
    )


MONDAY = datetime(2026, 11, 30, 8, 0, tzinfo=BEIJING)


def test_a_week_goes_out_by_mail_as_one_file(published: Settings) -> None:
    with post_office(published) as (settings, server):
        Schedules(settings.home).keep(by_mail("lead@centre.example", "b@centre.example"), MADE)
        assert due(settings, MONDAY) == ["done"]
        assert due(settings, MONDAY + timedelta(minutes=1)) == []
    (mail,) = server.mails
    assert mail["To"] == "lead@centre.example, b@centre.example"
    assert "接通率 2026-11-23 至 2026-11-29" in mail["Subject"]
    assert mail["Date"]
    assert mail["Message-ID"].endswith("@centre.example>")
    (file,) = mail.iter_attachments()
    assert file.get_filename() == "接通率-2026-11-23-2026-11-29.xlsx"
    assert file.get_content().startswith(b"PK")


def test_whom_the_server_refuses_is_told_and_nobody_gets_it_twice(published: Settings) -> None:
    with post_office(published) as (settings, server):
        Schedules(settings.home).keep(by_mail("lead@centre.example", "gone@centre.example"), MADE)
        assert due(settings, MONDAY) == ["done"]
        assert due(settings, MONDAY + timedelta(hours=5)) == []
    assert len(server.mails) == 1
    assert "gone@centre.example" in Schedules(settings.home).runs()[0].told


def test_what_was_certainly_not_sent_is_tried_again_and_then_left_to_people(
    published: Settings,
) -> None:
    with post_office(published, "refuses") as (settings, server):
        Schedules(settings.home).keep(by_mail("lead@centre.example"), MADE)
        now = MONDAY
        assert due(settings, now) == ["again"]
        for pause in TRIES:
            now = Schedules(settings.home).runs()[0].at
            assert due(settings, now + pause - timedelta(minutes=1)) == []
            due(settings, now + pause + timedelta(minutes=1))
        run = Schedules(settings.home).runs()[0]
        assert (run.state, run.tries) == ("failed", 1 + len(TRIES))
        assert "no such user" in run.told
        assert examining._undelivered(settings)[0].warns
        server.temper = "kind"
        assert due(settings, now + timedelta(days=1)) == []
        assert server.mails == []


def test_a_server_that_dies_while_it_takes_it_is_not_asked_again(published: Settings) -> None:
    with post_office(published, "dies") as (settings, server):
        Schedules(settings.home).keep(by_mail("lead@centre.example"), MADE)
        assert due(settings, MONDAY) == ["perhaps"]
        assert due(settings, MONDAY + timedelta(days=1)) == []
        assert len(server.mails) == 1


# --- whose, and where to ----------------------------------------------------------------------


def test_a_question_of_ones_own_is_asked_for_the_days_of_its_time(published: Settings) -> None:
    text = "SELECT day, count(*) AS calls FROM call_local WHERE day = $on::DATE GROUP BY day"
    number = Questions(published.home).keep("每天", "王", text, {"on": "昨天"}, shared=False)
    wanted = Schedule(
        *("我的", f"question:{number}", "csv", Rhythm.DAILY, "07:30"),
        folder="我的",
        by_command=True,
    )
    Schedules(published.home).keep(checked(published, wanted), MADE)
    assert due(published, MORNING + timedelta(hours=30)) == ["done"], "of a day late: its own day"
    (file,) = (published.home / "reports" / "我的").iterdir()
    assert file.name == "我的-2026-11-25.csv"
    assert "2026-11-24" not in file.read_text()


@pytest.mark.parametrize("loss", ["role", "locked", "question"])
def test_whoever_may_see_it_no_more_is_sent_it_no_more(
    published: Settings, console: Console, loss: str
) -> None:
    console.user("王", Role.ANALYST)
    console.user("管", Role.ADMINISTRATOR)
    questions = Questions(published.home)
    number = questions.keep("每天", "王", "SELECT 1 AS one", {}, shared=False)
    wanted = Schedule(
        *("我的", f"question:{number}", "csv", Rhythm.DAILY, "07:30"), folder="我的", owner="王"
    )
    Schedules(published.home).keep(checked(published, wanted), MADE)
    if loss == "role":
        console.users.set_roles("王", frozenset({Role.EDITOR}))
    elif loss == "locked":
        console.users.lock("王")
    else:
        questions.drop(number, "王")
    assert due(published, MORNING) == ["failed"]
    assert not (published.home / "reports").exists()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": ""}, "名字"),
        ({"name": "13800138000"}, "证件号或手机号"),
        ({"clock": "25:00"}, "07:30"),
        ({"clock": "7:30"}, "07:30"),
        ({"rhythm": Rhythm.WEEKLY, "day": 8}, "1 到 7"),
        ({"rhythm": Rhythm.MONTHLY, "day": 0}, "1 到 31"),
        ({"what": "report:nothing"}, "没有报表"),
        ({"what": "report:lookups", "ending": "png"}, "没有图"),
        ({"what": "report:lookups", "ending": "html"}, "格式"),
        ({"what": "report:../../etc/passwd", "ending": "csv"}, "没有报表"),
        ({"what": "question:7", "ending": "csv"}, "保存的查询"),
        ({"what": "question:1 OR 1", "ending": "csv"}, "保存的查询"),
        ({"what": "settings"}, "要送什么"),
        ({"folder": "", "mail": ()}, "送到哪里"),
        ({"folder": "../settings"}, "文件夹"),
        ({"folder": "/etc"}, "文件夹"),
        ({"folder": "a/b"}, "文件夹"),
        ({"folder": "."}, "文件夹"),
        ({"mail": ("lead@elsewhere.example",)}, "不是单位的邮箱"),
        ({"mail": ("lead@centre.example.evil.example",)}, "不是单位的邮箱"),
        ({"mail": ("lead",)}, "不是邮箱"),
        ({"mail": ("a@centre.example\nBcc: b@evil.example",)}, "不是邮箱"),
        ({"mail": ("13800138000@centre.example",)}, "手机号"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_before_it_is_kept(
    settings: Settings, wrong: dict[str, object], told: str
) -> None:
    mail = MailSettings(server="127.0.0.1", sender="ivr@centre.example")
    able = settings.model_copy(update={"mail": mail})
    assert checked(able, replace(DAILY, mail=("lead@centre.example",)))
    with pytest.raises(Refused, match=told):
        checked(able, replace(DAILY, **wrong))  # type: ignore[arg-type]


def test_mail_needs_a_server_and_other_domains_a_setting(settings: Settings) -> None:
    wanted = replace(DAILY, mail=("lead@city.example",))
    with pytest.raises(Refused, match=r"mail\.server"):
        checked(settings, wanted)
    able = settings.model_copy(
        update={
            "mail": MailSettings(server="127.0.0.1"),
            "reports": ReportsSettings(domains=("City.example",)),
        }
    )
    assert checked(able, wanted) == wanted


def test_a_disk_that_is_full_is_tried_again(
    published: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    Schedules(published.home).keep(DAILY, MADE)
    with monkeypatch.context() as patch:
        patch.setattr(delivering, "write", full)
        assert due(published, MORNING) == ["again"]
    assert due(published, MORNING + TRIES[0]) == ["done"]


# --- the page ---------------------------------------------------------------------------------

FORM = {
    "name": "日报",
    "what": "daily",
    "ending": "html",
    "rhythm": "每天",
    "weekday": "1",
    "day": "1",
    "clock": "00:00",
    "folder": "领导",
    "mail": "",
}


def test_it_is_made_seen_sent_again_paused_and_dropped(analyst: Visitor) -> None:
    settings = analyst.console.settings
    analyst.get("/schedules")
    assert analyst.post("/schedules", {**FORM, "clock": "noon"}).status == 422
    assert analyst.post("/schedules", FORM).location == "/schedules"
    (kept,) = Schedules(settings.home).all()
    assert (kept.owner, kept.by_command) == ("统计员", False)
    tomorrow = datetime.now(BEIJING) + timedelta(days=1)
    assert due(settings, tomorrow) == ["done"]
    shown = analyst.get("/schedules").text
    assert "每天 00:00" in shown
    assert "已送出" in shown
    (at,) = re.findall(r'name="due" value="([^"]+)"', shown)
    (file,) = (settings.home / "reports" / "领导").iterdir()
    file.unlink()
    answer = analyst.post(f"/schedules/{kept.number}/again", {"due": at})
    assert "已送出" in answer.text
    assert file.exists()
    for wrong in ("", "x", "1e99", "nan", "0"):
        assert analyst.post(f"/schedules/{kept.number}/again", {"due": wrong}).status == 422
    assert 'value="领导"' in analyst.get(f"/schedules/{kept.number}").text
    analyst.post(f"/schedules/{kept.number}/pause")
    assert "停送" in analyst.get("/schedules").text
    assert due(settings, tomorrow + timedelta(days=3)) == []
    analyst.post(f"/schedules/{kept.number}/drop")
    assert Schedules(settings.home).all() == []
    assert [each[0] for each in trail(settings.home)] == [
        "sign-in", "schedule kept", "report sent", "report sent", "schedule paused",
        "schedule dropped",
    ]  # fmt: skip


def test_the_same_name_is_the_same_report(analyst: Visitor) -> None:
    analyst.get("/schedules")
    analyst.post("/schedules", FORM)
    analyst.post("/schedules", {**FORM, "clock": "09:15"})
    (kept,) = Schedules(analyst.console.settings.home).all()
    assert kept.clock == "09:15"
