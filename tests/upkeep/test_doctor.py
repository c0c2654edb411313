"""The doctor: each check finds the fault it is there for, and says what to do."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from console.examining import _catalog as catalog_findings
from ivr.asterisk import locate, process
from ivr.cli.commands import app
from ivr.config import Settings, Table, Trunk
from ivr.hours import BEIJING, AgentHours
from ivr.lifecycle import switch
from ivr.lifecycle.setting import by, change
from ivr.people.keys import Keys
from ivr.speech import contract, publications
from ivr.speech.announcements import Announcements, Sound, new
from ivr.speech.prompts import PromptSet
from ivr.upkeep import doctor
from ivr.upkeep.clips import damaged
from tests.contracts import contract_of
from tests.textset import text_set


@pytest.fixture
def elsewhere(settings: Settings) -> Settings:
    """A line whose ports nobody else uses."""
    with socket.socket() as one, socket.socket() as two, socket.socket() as three:
        probes = (one, two, three)
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        sip, ari, http = (probe.getsockname()[1] for probe in probes)
    changes = {"sip_host": "127.0.0.1", "sip_port": sip, "ari_port": ari, "http_port": http}
    return settings.model_copy(update=changes)


def test_no_asterisk(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "find", lambda: None)
    found = doctor.asterisk(settings)
    assert not found.ok
    assert "make asterisk" in found.detail


def test_a_line_that_does_not_run(elsewhere: Settings) -> None:
    assert "ivr run" in doctor.ari(elsewhere).detail
    (elsewhere.home / "asterisk").mkdir(parents=True)
    elsewhere.ari_secret_file.write_text("secret")
    for finding in (doctor.ari(elsewhere), doctor.service(elsewhere)):
        assert not finding.ok
        assert "start `ivr run`" in finding.detail
        assert "secret" not in finding.detail.replace("ari.secret", "")


@contextmanager
def answering(settings: Settings, answer: bytes) -> Iterator[None]:
    """A service whose every page is `answer`, then the end of the connection."""
    with socket.create_server((settings.host, settings.http_port)) as door:

        def serve() -> None:
            while True:
                try:
                    visitor, _ = door.accept()
                except OSError:
                    return
                with visitor:
                    visitor.recv(4096)
                    visitor.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            door.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def page(status: int, body: str, length: int | None = None) -> bytes:
    content = body.encode()
    head = f"HTTP/1.1 {status} x\r\nContent-Length: {length or len(content)}\r\n\r\n"
    return head.encode() + content


def healthz(status: str, **parts: dict[str, object]) -> str:
    well = {"ok": True, "detail": "", "warns": False}
    return json.dumps({"status": status, "calls": 2} | {k: well | v for k, v in parts.items()})


@pytest.mark.parametrize(
    "answer",
    [
        page(status, body, length)
        for status in (200, 503)
        for body, length in [
            ('{"status": "unavail', 500),  # dies in the midst of it
            ('{"status": "unavail', None),
            ("<h1>Bad Gateway</h1>", None),
            ("[]", None),
            ("5", None),
            ("{}", None),
            ('{"status": "ok", "calls": 1, "ari": {}}', None),
            ("", None),
        ]
    ]
    + [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 503 x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"],
)
def test_a_page_that_is_none_of_the_services_is_a_finding(
    elsewhere: Settings, answer: bytes
) -> None:
    with answering(elsewhere, answer):
        finding = doctor.service(elsewhere)
        trunked = elsewhere.model_copy(update={"trunks": (trunk("a", registers=False),)})
        assert doctor.trunks(trunked).detail == "设了 1 条 · in the settings"
    assert not finding.ok
    assert "does not answer" in finding.detail


def test_what_the_service_says_of_itself_is_told(elsewhere: Settings) -> None:
    lost = {"ok": False, "detail": "no link to Asterisk"}
    with answering(elsewhere, page(503, healthz("unavailable", ari=lost, accounts={}))):
        assert doctor.service(elsewhere) == doctor.Finding(
            "service", False, "接不了电话 · cannot take calls: ari: no link to Asterisk"
        )
    away = {"warns": True, "detail": "passed over, not answering: 一号坐席 (6001)"}
    refused = {"warns": True, "detail": "set 3 (v); 发布的语音用不了 · refused: 2 clips missing"}
    with answering(elsewhere, page(200, healthz("ok", agents=away, prompts=refused, ari={}))):
        finding = doctor.service(elsewhere)
    assert (finding.ok, finding.warns) == (True, True)
    told = "在接电话 · takes calls, 2 now; agents: passed over, not answering: 一号"
    assert finding.detail.startswith(told)
    assert "prompts: set 3 (v); 发布的语音用不了" in finding.detail


def test_traffic_of_trunks_is_told_also_while_the_service_is_unwell(elsewhere: Settings) -> None:
    trunked = elsewhere.model_copy(update={"trunks": (trunk("a", registers=False),)})
    body = healthz("unavailable", ari={"ok": False}, traffic={"detail": "a: 3 calls"})
    with answering(elsewhere, page(503, body)):
        assert doctor.trunks(trunked).detail == "a: 3 calls"


def test_no_prompts(settings: Settings, tmp_path: Path) -> None:
    finding = doctor.prompts(settings.model_copy(update={"audio": tmp_path / "none"}))
    assert not finding.ok
    assert "ivr build-prompts" in finding.detail


def test_accounts(demo_settings: Settings) -> None:
    assert doctor.accounts(demo_settings).ok


def test_no_accounts(settings: Settings) -> None:
    finding = doctor.accounts(settings)
    assert not finding.ok
    assert "ivr accounts demo" in finding.detail


def test_a_port_that_is_taken_is_named_with_its_setting(elsewhere: Settings) -> None:
    assert doctor.ports(elsewhere).ok
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", elsewhere.http_port))
        squatter.listen()
        finding = doctor.ports(elsewhere)
    assert not finding.ok
    assert "IVR_HTTP_PORT" in finding.detail


def test_a_secret_that_others_can_read(settings: Settings) -> None:
    secret = settings.home / "asterisk" / "ari.secret"
    secret.parent.mkdir(parents=True)
    secret.touch(mode=0o600)
    assert doctor.permissions(settings).ok
    secret.chmod(0o644)
    finding = doctor.permissions(settings)
    assert not finding.ok
    assert f"chmod go= {secret}" in finding.detail


def test_a_full_disk(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.disk(settings).detail
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000))
    finding = doctor.disk(settings)
    assert not finding.ok
    assert "make room" in finding.detail


def test_recordings_need_a_number_a_folder_and_room(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = doctor.recordings(settings)
    assert finding.ok
    assert "；0 条还在录" in finding.detail
    nameless = doctor.recordings(settings.model_copy(update={"node": "east"}))
    assert not nameless.ok
    assert "IVR_RECORDINGS__SERIES" in nameless.detail
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000))
    full = doctor.recordings(settings)
    assert not full.ok
    assert "make room" in full.detail
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "cannot be written" in doctor.recordings(settings).detail


def test_a_closed_line(settings: Settings) -> None:
    assert doctor.opened(settings).ok
    switch.close(settings.home, "搬迁", datetime(2026, 11, 25, 1, 30, tzinfo=UTC))
    finding = doctor.opened(settings)
    assert (finding.ok, finding.warns) == (True, True)
    assert "closed since 2026-11-25 09:30 (搬迁): `ivr line open`" in finding.detail


@pytest.mark.parametrize(
    ("today", "written", "lacking"),
    [
        (date(2026, 11, 27), ("2026-10-01/2026-10-07",), ""),
        (date(2026, 11, 27), (), "2026"),
        (date(2026, 12, 1), ("2026-10-01/2026-10-07",), "2027"),
        (date(2026, 12, 1), (), "2026、2027"),
        (date(2026, 12, 1), ("2026-10-01", "2027-01-01"), ""),
        (date(2027, 1, 1), ("2026-10-01/2026-10-07",), "2027"),
    ],
)
def test_a_calendar_without_the_holidays_of_a_year(
    today: date, written: tuple[str, ...], lacking: str
) -> None:
    finding = doctor.calendar(AgentHours.model_validate({"holidays": written}), today)
    assert (finding.ok, finding.warns) == (True, bool(lacking))
    assert ("暂定" in finding.detail) is bool(lacking)
    assert f"没有 {lacking} 年" in finding.detail or not lacking


def test_the_calendar_that_is_looked_at_is_the_agents(settings: Settings) -> None:
    year = datetime.now(BEIJING).year
    assert "没有" in doctor.agents(settings).detail
    hours = AgentHours(holidays=(f"{year}-10-01", f"{year + 1}-10-01"))
    agents = settings.agents.model_copy(update={"hours": hours})
    assert not doctor.agents(settings.model_copy(update={"agents": agents})).warns


def test_texts_that_are_due_for_review(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = datetime.now(BEIJING).date()
    path = tmp_path / "scripts.zh.toml"
    path.write_text(
        f"""
        [prompts.line]
        goodbye = {{ text = "再见。", expires = {today + timedelta(days=10)} }}
        closed = {{ text = "暂停服务。", expires = {today - timedelta(days=10)} }}
        busy = {{ text = "系统繁忙。", expires = {today + timedelta(days=100)} }}
        """
    )
    changes = {"catalog": path, "audio": tmp_path / "none"}
    monkeypatch.setattr(contract, "CONTRACT", contract_of(path.read_text()))
    heard, *due = catalog_findings(settings.model_copy(update=changes))
    assert (heard.ok, heard.warns) == (False, False)
    assert [(finding.ok, finding.warns) for finding in due] == [(True, True)] * 2
    assert due[0].detail.startswith("line.closed: expired on")
    assert due[1].detail.startswith("line.goodbye: expires on")


def test_records_that_nobody_publishes(settings: Settings) -> None:
    assert doctor.loader(settings).ok
    spool = settings.home / "spool" / "one.jsonl"
    spool.parent.mkdir(parents=True)
    spool.write_text("{}\n")
    os.utime(spool, (1_000_000, 1_000_000))
    assert "ivr loader" in doctor.loader(settings).detail
    published = settings.home / "facts" / "pub" / "ivr.duckdb"
    published.parent.mkdir(parents=True)
    published.touch()
    assert doctor.loader(settings).ok


def test_keys_that_are_lost_while_records_are_there(settings: Settings) -> None:
    assert doctor.keys(settings).ok
    spool = settings.home / "spool" / "one.jsonl"
    spool.parent.mkdir(parents=True)
    spool.write_text("{}\n")
    lost = doctor.keys(settings)
    assert not lost.ok
    assert "backup" in lost.detail
    Keys.load(settings.home / "keys")
    assert doctor.keys(settings).ok
    (settings.home / "keys" / "vault.key").write_bytes(b"short")
    assert "damaged" in doctor.keys(settings).detail
    (settings.home / "keys" / "vault.key").unlink()
    assert "vault.key" in doctor.keys(settings).detail
    assert not (settings.home / "keys" / "vault.key").exists(), "the doctor made a new key"


def test_a_clock_before_the_newest_record(settings: Settings) -> None:
    assert doctor.clock(settings).ok
    spool = settings.home / "spool" / "one.jsonl"
    spool.parent.mkdir(parents=True)
    spool.write_text("{}\n")
    later = time.time() + 86400
    os.utime(spool, (later, later))
    assert not doctor.clock(settings).ok


def test_a_clock_that_nobody_keeps_right_is_a_warning(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_synchronised", lambda: False)
    finding = doctor.clock(settings)
    assert finding.ok
    assert finding.warns
    assert "chrony" in finding.detail


def test_a_home_of_somebody_else(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    finding = doctor.permissions(settings)
    assert not finding.ok
    assert settings.home.owner() in finding.detail


def test_what_is_planned_and_cannot_be_spoken_is_told_before_its_moment(
    settings: Settings, tmp_path: Path
) -> None:
    text_set.__wrapped__(tmp_path)
    whole = (tmp_path / publications.MANIFEST).read_text(encoding="utf-8")
    (tmp_path / publications.SETS).mkdir()
    publications.kept(tmp_path, 2).write_text(whole.replace("clips/", "gone/"), encoding="utf-8")
    later = publications.Timed(2, datetime(2999, 10, 1, tzinfo=BEIJING))
    log = [publications.Publication(1, datetime(2026, 11, 1, tzinfo=UTC), timed=(later,))]
    (tmp_path / publications.LOG).write_bytes(publications.written(log))
    finding = doctor.prompts(settings.model_copy(update={"audio": tmp_path}))
    assert not finding.ok
    assert "排好的说不了（2999-10-01 00:00 起播第 2 版）" in finding.detail


def test_a_damaged_or_empty_clip(settings: Settings, prompt_set: PromptSet, tmp_path: Path) -> None:
    clip = replace(next(iter(prompt_set.clips.values())), path=str(tmp_path / "clip"), seconds=1.0)
    spoken = replace(prompt_set, clips={clip.name: clip})
    file = tmp_path / "clip.alaw"
    for content in (b"", b"\0" * 8000, b"x" * 4000, b"x" * 16000):
        file.write_bytes(content)
        assert damaged(spoken) == (file,)
    file.write_bytes(b"x" * 8010)
    assert damaged(spoken) == ()


def test_an_address_of_another_machine_is_not_called_a_taken_port(elsewhere: Settings) -> None:
    finding = doctor.ports(elsewhere.model_copy(update={"sip_host": "192.0.2.77"}))
    assert not finding.ok
    assert finding.detail.startswith("地址 192.0.2.77 不是本机的：改 IVR_SIP_HOST")
    assert "taken" not in finding.detail


def test_an_address_of_ipv6_can_be_had(elsewhere: Settings) -> None:
    assert doctor.ports(elsewhere.model_copy(update={"sip_host": "::1"})).ok


def test_what_may_not_be_looked_at_is_a_finding(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shut(_: Settings) -> doctor.Finding:
        raise PermissionError(13, "Permission denied", "/var/lib/ivr/keys")

    monkeypatch.setattr(doctor, "CHECKS", (shut,))
    (finding,) = doctor.examine(settings)
    assert finding.detail == "/var/lib/ivr/keys: Permission denied"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave things to others")
def test_settings_that_the_service_cannot_read(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = settings.home / "settings.toml"
    monkeypatch.setenv("IVR_SETTINGS", str(file))
    settings.home.mkdir(parents=True, exist_ok=True)
    file.touch(0o600)
    os.chown(settings.home, 54321, 54321)
    finding = doctor.permissions(settings)
    assert f"chown 54321 {file}" in finding.detail
    file.chmod(0o644)
    assert doctor.permissions(settings).ok


def test_findings_for_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_HOME", str(tmp_path))
    monkeypatch.setenv("IVR_SIP_PROT", "1")
    told = CliRunner().invoke(app, ["doctor", "--json"])
    assert told.exit_code == 1
    (finding,) = json.loads(told.stdout)
    assert (finding["name"], finding["ok"]) == ("settings", False)
    assert "IVR_SIP_PORT" in finding["detail"]


SHOWN = """
 <Registration/ServerURI..............................>  <Auth....................>  <Status.......>
==========================================================================================
 trunk-a/sip:sip.example:5080                            trunk-a     Registered  (exp. 3591s)
 trunk-b/sip:192.0.2.7                                   trunk-b     Rejected    (exp. 12s ago)

Objects found: 2
"""


def told_by_asterisk(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    answer = SimpleNamespace(stdout=text)
    monkeypatch.setattr(process, "subprocess", SimpleNamespace(run=lambda *_, **__: answer))
    monkeypatch.setattr(process, "answers", lambda _: True)
    monkeypatch.setattr(locate, "find", lambda: locate.Found(None))


def trunk(name: str, *, registers: bool = True) -> Trunk:
    account = {"server": f"{name}.example", "user": "u", "password": "p"} if registers else None
    return Trunk.model_validate({"name": name, "hosts": ["192.0.2.1"], "registration": account})


def test_a_trunk_that_is_not_registered(
    elsewhere: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_by_asterisk(monkeypatch, SHOWN)
    trunks = (trunk("a"), trunk("b"), trunk("c"), trunk("d", registers=False))
    finding = doctor.trunks(elsewhere.model_copy(update={"trunks": trunks}))
    assert not finding.ok
    assert "中继 b 没有注册上（Rejected）" in finding.detail
    assert "中继 c 没有注册上（unknown）" in finding.detail
    assert "中继 a" not in finding.detail
    assert "中继 d" not in finding.detail


def test_trunks_that_are_well(elsewhere: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    told_by_asterisk(monkeypatch, SHOWN)
    finding = doctor.trunks(elsewhere.model_copy(update={"trunks": (trunk("a"),)}))
    assert finding.ok
    assert not finding.warns


def test_a_line_that_nobody_can_call(elsewhere: Settings) -> None:
    assert not doctor.trunks(elsewhere).warns
    assert doctor.trunks(elsewhere.model_copy(update={"guests": False})).warns


CHINESE = re.compile(r"[一-鿿]")


def test_whatever_is_wrong_is_told_in_chinese_first(settings: Settings) -> None:
    """Of a line that is not there at all: most checks have something to say."""
    for finding in doctor.examine(settings):
        if finding.detail and not finding.ok:
            assert CHINESE.search(finding.detail.split(" · ")[0]), finding


def test_what_is_on_the_air_is_told_and_a_lost_sound_too(settings: Settings) -> None:
    kept, now = Announcements(settings.home), datetime.now(UTC)
    assert not doctor.announced(settings).warns
    kept.folder.mkdir()
    (kept.folder / "a.alaw").write_bytes(b"\xd5" * 80)
    made = new("停电。", Sound({"alaw": "a.alaw"}, 0.1), now + timedelta(hours=1), "王敏", now)
    kept.add(made)
    kept.air(made.name, "王敏", now)
    found = doctor.announced(settings)
    assert (found.ok, found.warns) == (True, True)
    assert "“停电。”播到" in found.detail
    (kept.folder / "a.alaw").unlink()
    assert "声音不在了" in doctor.announced(settings).detail


def test_what_administrators_have_set_is_told_and_lost_versions_too(settings: Settings) -> None:
    assert doctor.table(settings).ok
    assert "settings.toml" in doctor.table(settings).detail
    for calls in (10, 20, 30):
        made = by("管", "", datetime(2026, 11, 27, 4, calls, tzinfo=UTC))
        change(settings, lambda _, calls=calls: {"limits": {"calls": calls}}, made=made)
    found = doctor.table(settings)
    assert (found.ok, found.warns) == (True, False)
    assert "第 3 版，管 2026-11-27 12:30" in found.detail
    kept = Table(settings.home)
    kept.path(1).unlink()
    kept.path(2).write_text("torn")
    found = doctor.table(settings)
    assert (found.ok, found.warns) == (True, True)
    assert "第 1、2 版" in found.detail
    kept.path(3).write_text("torn")
    found = doctor.table(settings)
    assert not found.ok
    assert str(kept.path(3)) in found.detail


def test_what_the_console_keeps_is_nobody_elses_to_read(settings: Settings) -> None:
    for name in ("cases.sqlite", "schedules.sqlite", "audit.jsonl"):
        path = settings.home / name
        path.touch(mode=0o644)
        found = doctor.permissions(settings)
        assert not found.ok
        assert name in found.detail
        path.chmod(0o600)
    assert doctor.permissions(settings).ok
