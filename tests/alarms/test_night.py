"""What happened last night, from facts, alarms and logs; and the file for whoever helps."""

from __future__ import annotations

import io
import os
import tarfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from console.pages import night as night_page
from console.rights import Role
from ivr.alarms import keeping
from ivr.alarms import night as night_told
from ivr.alarms.night import happened, last_night
from ivr.alarms.ringing import News, Ringing
from ivr.alarms.support import gather
from ivr.alarms.table import BY_NAME
from ivr.cli.commands import app
from ivr.config import AgentsSettings, AlarmsSettings, MailSettings, Settings, Webhook
from ivr.hours import BEIJING
from ivr.records.facts import (
    Carried,
    LinkLost,
    LinkRestored,
    LookedUp,
    Refusal,
    Refused,
    SessionEnded,
    SessionStarted,
)
from ivr.upkeep.doctor import Finding
from tests.alarms.test_watching import probed
from tests.analytics.spool import Timed, lines
from tests.console.visiting import Console

MORNING = datetime(2026, 11, 27, 8, 30, tzinfo=BEIJING)
PRIVATE = ("990102200012120127", "13912345678", "12345.67", "057188889999")


def at(clock: str, fact: object, day: int = 26) -> Timed:
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 11, day, hour, minute, tzinfo=BEIJING), fact  # type: ignore[return-value]


def looked_up(outcome: str, ms: int) -> LookedUp:
    return LookedUp(session="s", source="fund", person="t", outcome=outcome, ms=ms)  # type: ignore[arg-type]


@pytest.fixture
def night(settings: Settings) -> Settings:
    spool = settings.home / "spool"
    spool.mkdir(parents=True)
    facts = [
        at("17:00", LinkLost(reason="the day's")),
        at("22:00", LinkLost(reason="x")),
        at("22:01", LinkRestored(adopted=3, ms=60000)),
        at("22:02", SessionStarted(session="s", channel="c", dialled="1", caller="t", catalog="v")),
        at("22:03", looked_up("found", 20)),
        at("22:04", looked_up("unavailable", 3000)),
        at("22:05", looked_up("unavailable", 3000)),
        at("22:06", looked_up("found", 1500)),
        at("22:07", SessionEnded(session="s", disposition="failed", dialogue="main")),
        at("22:08", SessionEnded(session="s", disposition="hung_up", dialogue="main")),
        at("22:09", Refused(session=None, reason="line_full")),
        at("22:10", Carried(channel="c", ms=1, away=True)),
        at("22:11", Carried(channel="d", ms=1, away=False)),
        at("22:12", probed("silence")),
        at("22:13", probed("well")),
    ]
    page = spool / "facts-00000002-20261126T133000-0123abcd.jsonl"
    page.write_bytes(lines(facts) + b'{"torn')
    (settings.home / "log").mkdir()
    (settings.home / "log" / "service.log").write_text(
        "2026-11-26 21:30:00+0800 INFO ivr.service: serving\n"
        "2026-11-26 22:20:00+0800 ERROR ivr.x [abc]: 990102200012120127 of 13912345678, 12345.67\n"
        '{"at": "2026-11-26T22:21:00+08:00", "level": "WARNING", "logger": "ivr.y",'
        ' "message": "slow"}\n'
        "2026-11-26 22:22:00+0800 WARNING ivr.alarms.watching: alarm disk_low begins (1)\n"
        '{"at": "2026-11-26T22:23:00+08:00", "level": "WARNING", "logger": "ivr.probe.timing",'
        ' "message": "probe: 没有人接"}\n'
        "2026-11-26 12:00:00+0800 ERROR ivr.x: at noon\n",
        encoding="utf-8",
    )
    (settings.home / "log" / "run.log").write_text(
        "2026-11-26 22:30:00+0800 WARNING ivr.upkeep.run: loader ended (by SIGKILL) and is started"
        " again\n"
        "2026-11-26 22:31:00+0800 WARNING ivr.upkeep.run: service does not answer any more and is"
        " ended\n"
        '{"at": "2026-11-26T22:32:00+08:00", "level": "WARNING", "message":'
        ' "console ended (exit code 1: x 13912345678) and is started again"}\n'
        "2026-11-26 22:33:00+0800 WARNING ivr.upkeep.run: somebody ended (badly)\n",
        encoding="utf-8",
    )
    (settings.home / "log" / "units.log").write_text(
        "2026-11-26 22:40:00+0800 WARNING systemd: ivr-guardian ended (watchdog, killed KILL)\n",
        encoding="utf-8",
    )
    ringing = Ringing("disk_low", "home", 1.0, 0.0, begun=True)
    moment = datetime(2026, 11, 26, 23, 0, tzinfo=BEIJING).timestamp()
    keeping.add_history(settings.home, News("begins", ringing), moment)
    return settings


def test_the_night_is_told_in_its_order_and_nothing_of_the_day(night: Settings) -> None:
    since, until = last_night(MORNING)
    assert (since.hour, until) == (18, MORNING)
    told = [(each.kind, each.what, each.times) for each in happened(night, since, until)]
    assert told == [
        ("启动", "接电话的服务启动", 1),
        ("断线", "与 Asterisk 的连接断了", 1),
        ("断线", "与 Asterisk 连上，接回 3 通来电", 1),
        ("查询", "账户查不了（公积金），来电人听到系统繁忙", 2),
        ("查询", "账户查得慢（公积金，一秒以上）", 1),
        ("断话", "通话因本系统故障中断，来电人听到致歉", 1),
        ("拒绝", "来电太多，来电人听到线路忙", 1),
        ("断话", "服务不在，Asterisk 自己致歉、转坐席", 1),
        ("拨测", "接通了，只有静音（main.greeting）", 1),
        ("日志", "service: ERROR ivr.x: … of … …", 1),
        ("日志", "service: WARNING ivr.y: slow", 1),
        ("重启", "装载程序意外结束（by SIGKILL）", 1),
        ("重启", "接电话的服务不再回答，被结束", 1),
        ("重启", "控制台意外结束（exit code 1: x …）", 1),
        ("日志", "run: WARNING ivr.upkeep.run: somebody ended (badly)", 1),
        ("重启", "守护程序意外结束（watchdog, killed KILL）", 1),
        ("告警", "磁盘快满（home）：开始", 1),
    ]


def test_every_refusal_has_its_words() -> None:
    assert set(night_told._REFUSED) == set(get_args(Refusal))


def test_what_a_full_disk_has_torn_is_not_told_as_something_new(settings: Settings) -> None:
    log = settings.home / "log" / "loader.log"
    log.parent.mkdir()
    log.write_text(
        "2026-11-26 22:20:00+0800 ERROR x: facts are not published\n"
        "2026-11-26 22:20:10+0800 ERROR x: fac2026-11-26 22:21:00+0800 INFO x: published\n"
        "2026-11-26 22:21:10+0800 ERROR x: fa2026-11-26 22:22:00+0800 ERROR x: another\n",
        encoding="utf-8",
    )
    told = [each.what for each in happened(settings, *last_night(MORNING))]
    assert told == ["loader: ERROR x: facts are not published", "loader: ERROR x: another"]


def test_what_is_wrong_now_is_told_with_what_to_do(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the night alone nobody knows whether what began in it is over."""
    monkeypatch.setenv("IVR_HOME", str(settings.home))
    assert "告警程序从来没有看过" in CliRunner().invoke(app, ["night"]).stdout
    rings = [
        Ringing("disk_low", "home", 1.0, time.time() - 300, begun=True),
        Ringing("service_away", "", 0.0, time.time() - 5),
    ]
    keeping.keep_ringing(settings.home, rings)
    told = CliRunner().invoke(app, ["night"]).stdout
    assert "磁盘快满（home），从" in told
    assert BY_NAME["disk_low"].remedy in told
    assert "接电话的服务不在" not in told, "it does not ring yet"
    assert "告警程序" not in told
    old = time.time() - 600
    os.utime(settings.home / "alarms.json", (old, old))
    assert "告警程序没有在看，最后一次是" in CliRunner().invoke(app, ["night"]).stdout


def test_a_quiet_night(settings: Settings) -> None:
    assert happened(settings, MORNING - timedelta(hours=12), MORNING) == []


def test_the_command_tells_any_span(night: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_HOME", str(night.home))
    span = ["--from", "2026-11-26 22:03", "--to", "2026-11-26 22:06"]
    shown = CliRunner().invoke(app, ["night", *span]).stdout
    assert "账户查不了（公积金），来电人听到系统繁忙（2 次，到 22:05:00）" in shown
    assert "断线" not in shown


def test_the_shift_leader_reads_the_night_on_a_page(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The very same events; whoever only reads reports has no such page."""
    spool = console.settings.home / "spool"
    spool.mkdir(parents=True, exist_ok=True)
    page = spool / "facts-00000002-20261126T133000-0123abcd.jsonl"
    page.write_bytes(lines([at("22:04", looked_up("unavailable", 3000))]))
    span = last_night(MORNING)
    monkeypatch.setattr(night_page, "last_night", lambda _: span)
    shown = console.signed_in("王敏", Role.LEADER).get("/night").text
    assert "11-26 22:04:00" in shown
    assert "来电人听到系统繁忙" in shown
    assert "告警程序从来没有看过" in shown
    assert console.signed_in("统计员", Role.ANALYST).get("/night").status == 403


def secretive(night: Settings) -> Settings:
    hook = Webhook.model_validate({"kind": "wecom", "url": "https://chat.cn/x?key=hook-secret"})
    return Settings.model_validate(
        {
            **night.model_dump(),
            "accounts": {"url": "postgresql://ivr:dbpass@10.0.0.5/gjj", "test_id": PRIVATE[0]},
            "ari_password": "ari-secret",
            "alarms": AlarmsSettings(webhooks=(hook,), mail_to=("wang.min@centre.cn",)),
            "mail": MailSettings(server="mail.centre.cn", password="mail-secret"),  # type: ignore[arg-type]
            "agents": AgentsSettings.model_validate(
                {"phones": [{"name": "王敏", "extension": "6001", "password": "agent-secret"}]}
            ),
            "trunks": [{"name": "unicom", "hosts": ["10.1.1.1"], "numbers": [PRIVATE[3]]}],
        }
    )


def test_the_file_for_whoever_helps_holds_no_secret_and_nobodys_data(night: Settings) -> None:
    settings = secretive(night)
    kept = settings.home / "asterisk" / "agents" / "6002.secret"
    kept.parent.mkdir(parents=True)
    kept.write_text("made-secret\n")
    (settings.home / "log" / "loader.log").write_text(
        "2026-11-26 22:20:00+0800 ERROR x: made-secret of 王敏, ari-secret\n", encoding="utf-8"
    )
    said = "坐席 王敏 久不接，dbpass@10.0.0.5，057188889999"
    content = gather(settings, lambda _: [Finding("agents", True, said)], MORNING)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        names = archive.getnames()
        texts = {
            name: archive.extractfile(name).read().decode()  # type: ignore[union-attr]
            for name in names
        }
    whole = "\n".join(texts.values())
    for private in (*PRIVATE, "ari-secret", "hook-secret", "mail-secret", "agent-secret",
                    "made-secret", "王敏", "wang.min"):  # fmt: skip
        assert private not in whole, private
    log = texts["ivr-support/log/service.log"]
    assert "2026-11-26 22:20:00+0800 ERROR ivr.x [abc]: «secret» of … …" in log
    assert "unicom" in texts["ivr-support/settings.json"]
    assert '"LookedUp": 4' in texts["ivr-support/facts.json"]
    assert {f"ivr-support/{name}" for name in ("doctor.json", "version.txt", "two-days.txt")} <= {
        *names
    }


def test_the_command_makes_one_new_file_for_its_owner_only(
    night: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_HOME", str(night.home))
    file = tmp_path / "help.tar.gz"
    first = CliRunner().invoke(app, ["support", str(file)])
    assert first.exit_code == 0, first.output
    assert file.stat().st_mode & 0o077 == 0
    assert CliRunner().invoke(app, ["support", str(file)]).exit_code == 1
