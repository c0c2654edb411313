"""News of cases goes to whoever has them: once, again where nobody took it, nobody's data."""

from __future__ import annotations

import email
import re
from dataclasses import replace
from datetime import timedelta
from email import policy

import pytest

from ivr.alarms.casework import CaseNews
from ivr.cases.notices import PATIENCE, Notices
from ivr.cases.register import Register
from ivr.cases.reminding import Reminder
from ivr.config import CaseHandler, CasesSettings, MailSettings, Settings
from tests.alarms.test_messages import hook, mailbox, robot
from tests.cases.conftest import database, server, url  # noqa: F401  fixtures
from tests.cases.test_moves import FILED, NOON, lead
from tests.cases.test_store import cases  # noqa: F401  a fixture

PERSON = "a-token"
SOON = NOON + timedelta(minutes=5)


def line(settings: Settings, port: int, *, mail_to: tuple[str, ...] = ("lead@c.cn",)) -> Settings:
    """One that nobody has accepted, one of 李强, one of somebody without an address."""
    made = CasesSettings(
        mail_to=mail_to,
        handlers=(CaseHandler(name="李强", mail="li@c.cn"), CaseHandler(name="周红")),
    )
    mail = MailSettings(server="127.0.0.1", port=port, security="none")
    told = settings.model_copy(update={"cases": made, "mail": mail})
    register = Register.of(told)
    for number in ("01000018", "01000026", "01000034"):
        register.cases.open(replace(FILED, number=number, person=PERSON))
    register.cases._clock = lambda: NOON
    for number, name in (("01000026", "李强"), ("01000034", "周红")):
        register.act(number, lead("accept"))
        register.act(number, lead("assign", handler=name))
    return told


def read(mails: list[str]) -> list[tuple[str, str, str]]:
    parsed = [email.message_from_bytes(each.encode(), policy=policy.default) for each in mails]
    return [(each["To"], each["Subject"], each.get_content()) for each in parsed]


def test_each_goes_once_to_whoever_has_it(settings: Settings) -> None:
    with mailbox() as (port, mails):
        news = CaseNews(line(settings, port))
        news.look(SOON)
        news.look(SOON + timedelta(hours=1))
        CaseNews(news.settings).look(SOON + timedelta(hours=2))
    told = {to: (subject, text) for to, subject, text in read(mails)}
    assert len(mails) == 2
    assert told["li@c.cn"][0] == "[12329 node-1] 工单：新派 1 件"
    assert "新派：投诉 01000026，答复期限 2026-12-02" in told["li@c.cn"][1]
    assert "01000034" not in told["li@c.cn"][1]
    assert "承办人 周红" in told["lead@c.cn"][1], "who cannot be told is told by the leader"
    words = "".join(subject + text for _, subject, text in read(mails))
    assert not {PERSON, FILED.session, FILED.path} & set(re.split(r"[\s，：]+", words))


def test_what_nobody_took_is_tried_again(settings: Settings) -> None:
    news = CaseNews(line(settings, 9, mail_to=()))
    news.look(SOON)
    with mailbox() as (port, mails):
        mail = news.settings.mail.model_copy(update={"port": port})
        again = CaseNews(news.settings.model_copy(update={"mail": mail}))
        again.look(SOON + timedelta(minutes=1))
        again.look(SOON + timedelta(minutes=2))
    assert [to for to, _, _ in read(mails)] == ["li@c.cn"]


def test_a_group_is_told_of_what_is_late(settings: Settings) -> None:
    with robot({"errcode": 0}) as (url, got):  # noqa: F811
        told = line(settings, 9)
        made = told.cases.model_copy(
            update={"mail_to": (), "handlers": (), "webhooks": (hook("wecom", url),)}
        )
        news = CaseNews(told.model_copy(update={"cases": made}))
        news.look(NOON + timedelta(days=2))
        news.look(NOON + timedelta(days=30))
        news.look(NOON + timedelta(days=31))
    texts = [body["text"]["content"] for _, body in got]
    assert any(
        "请值班长安排：\n已超期：投诉 01000018，受理期限 2026-11-26" in each for each in texts
    )
    late = [each for each in texts if "已超期：投诉 01000026，答复期限 2026-12-02" in each]
    assert len(late) == 1


def test_where_nobody_is_named_nothing_is_noted_and_no_database_is_made(
    settings: Settings,
) -> None:
    CaseNews(settings).look(SOON)
    named = settings.model_copy(update={"cases": CasesSettings(mail_to=("lead@c.cn",))})
    CaseNews(named).look(SOON)
    assert not (settings.home / "cases.sqlite").exists()


REMINDER = Reminder(FILED.number, "complaint", "李强", "新派", "答复", None, "given 3")


def test_two_programs_tell_it_once(cases: object) -> None:  # noqa: F811
    cases.open(FILED)  # type: ignore[attr-defined]
    first, second = Notices(cases), Notices(cases)  # type: ignore[arg-type]
    assert first.claim([REMINDER], NOON) == (REMINDER,)
    assert second.claim([REMINDER], SOON) == ()
    first.settle([REMINDER])
    assert second.claim([REMINDER], NOON + 2 * PATIENCE) == ()


def test_who_claimed_it_and_ended_has_not_told_it(cases: object) -> None:  # noqa: F811
    cases.open(FILED)  # type: ignore[attr-defined]
    notices = Notices(cases)  # type: ignore[arg-type]
    notices.claim([REMINDER], NOON)
    assert notices.claim([REMINDER], NOON + 2 * PATIENCE) == (REMINDER,)
    notices.release([REMINDER])
    assert notices.claim([REMINDER], NOON + 2 * PATIENCE) == (REMINDER,)


def test_a_database_that_is_away_stops_no_watch(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    told = line(settings, 9)
    (settings.home / "cases.sqlite").write_bytes(b"no database at all" * 100)
    CaseNews(told).look(SOON)
    assert "nobody is told of cases now" in caplog.text
