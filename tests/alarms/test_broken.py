"""What needs no call to ring: the thing is broken, its alarm rings in the words of the runbook,
what the runbook says is done, and the alarm is over. The others: tests/live/test_alarms.py.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import start_http_server
from pydantic import SecretStr
from typer.testing import CliRunner

from ivr.agents.desks import Desks
from ivr.agents.queue import Waiting
from ivr.agents.switchboard import Switchboard
from ivr.alarms import keeping, measuring, messages
from ivr.alarms.ringing import OVER_SECONDS, News
from ivr.alarms.table import BY_NAME
from ivr.alarms.watching import Watch
from ivr.cases.moves import Office
from ivr.cases.numbers import numbered
from ivr.cases.opening import NewCase
from ivr.cases.register import Register
from ivr.cli.commands import app
from ivr.config import PROJECT, ConsoleSettings, Settings, Trunk
from ivr.config.settings import DepotSettings, StateSettings
from ivr.depot.depot import begin, depot
from ivr.hours import BEIJING
from ivr.lifecycle.vitals import Vitals
from ivr.probe.sip import Message
from ivr.records.journal import append
from ivr.speech.publications import MANIFEST
from ivr.state.shared import Shared
from ivr.upkeep.courier import Courier, line_of
from tests.alarms.test_watching import alone, probed
from tests.cases.test_moves import FILED, lead
from tests.live.faults import small_disk
from tests.live.registrar import answer

__all__ = ["alone"]

RUNBOOKS = (PROJECT / "docs" / "runbooks.md").read_text(encoding="utf-8")


class Duty:
    """Who is told, and reads the runbook: one line under watch."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
        self.watch, self.now = Watch(settings), now
        self.told: list[str] = []

        def tell(_: Settings, news: tuple[News, ...]) -> bool:
            self.told += [messages.text([each]) for each in news]
            return True

        monkeypatch.setattr(messages, "tell", tell)

    def looks(self, seconds: float) -> None:
        """Now and so much later, as time goes by for the line; the test waits for nothing."""
        for later in (0.0, seconds):
            self.now += timedelta(seconds=later)
            self.watch.cases.look(self.now)
            asyncio.run(self.watch.look(self.now))

    def rings(self, name: str) -> None:
        """The alarm has been told, in the words of its section of the runbook."""
        alarm = BY_NAME[name]
        self.looks(alarm.seconds)
        section = RUNBOOKS.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        told = [text for text in self.told if text.startswith("开始") and alarm.title in text]
        assert len(told) == 1, self.told
        assert alarm.means in told[0]
        assert f"docs/runbooks.md#{name}" in told[0]
        assert alarm.title in section
        assert alarm.means in section

    def is_over(self, name: str) -> None:
        """What was wrong is not wrong any more, and somebody was told so."""
        self.looks(OVER_SECONDS)
        assert any(text.startswith("恢复") and BY_NAME[name].title in text for text in self.told), (
            self.told, self.watch.figures,
        )  # fmt: skip
        assert not any(each.alarm == name for each in keeping.ringing(self.watch.settings.home))


def on_duty(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Duty:
    return Duty(settings, monkeypatch, datetime.now(UTC))


def ivr(settings: Settings, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    """A command that the runbook names, at this line."""
    monkeypatch.setenv("IVR_HOME", str(settings.home))
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output
    return done.output


def test_disk_low(alone: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`删除旧备份、var/before-restore-*`: what a restore has put aside is taken away."""
    disk = tmp_path / "disk"
    with small_disk(disk, 1_100_000):
        settings = alone.model_copy(update={"home": disk})
        aside = disk / "before-restore-1"
        aside.mkdir()
        with (aside / "facts").open("wb") as old:
            os.posix_fallocate(old.fileno(), 0, 300_000_000)
        duty = on_duty(settings, monkeypatch)
        duty.looks(BY_NAME["disk_low"].seconds)
        assert sum("磁盘快满" in text for text in duty.told) == 2, "its home and its recordings"
        (aside / "facts").unlink()
        aside.rmdir()
        duty.is_over("disk_low")


def test_loader_behind(alone: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loader is started again, and loads what waited."""
    append(alone.home / "spool", probed("well"), node="n")
    page = next((alone.home / "spool").glob("*.jsonl"))
    old = datetime.now(UTC).timestamp() - 400
    os.utime(page, (old, old))
    duty = on_duty(alone, monkeypatch)
    duty.rings("loader_behind")
    ivr(alone, monkeypatch, "loader", "--once")
    duty.is_over("loader_behind")


def test_queue_slow(alone: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """One caller has waited for eleven minutes when an agent comes back and answers."""
    now = [0.0]
    switchboard = Switchboard(Desks(alone.agents, lambda: now[0]))
    vitals = Vitals(longest_wait=switchboard.longest_wait)
    server, thread = start_http_server(alone.http_port, "127.0.0.1", registry=vitals.registry)
    duty = on_duty(alone, monkeypatch)
    try:
        place = Waiting("s", since=0.0)
        switchboard.queue.enter(place)
        switchboard.queue.enter(Waiting("t", since=600.0))
        now[0] = 660.0
        duty.rings("queue_slow")
        place.is_served = True
        duty.is_over("queue_slow")
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def test_state_away(alone: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The database that the nodes share is lost, and found again by itself."""
    url = SecretStr(f"sqlite:///{tmp_path}/state.sqlite")
    shared = Shared(alone.model_copy(update={"state": StateSettings(url=url)}), rest_seconds=0.0)
    vitals = Vitals(state_away=lambda: float(not shared.up))
    server, thread = start_http_server(alone.http_port, "127.0.0.1", registry=vitals.registry)
    duty = on_duty(alone, monkeypatch)
    try:
        duty.rings("state_away")
        shared.found()
        duty.is_over("state_away")
    finally:
        shared.close()
        server.shutdown()
        server.server_close()
        thread.join(10)


def test_cases_waiting(alone: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database of cases is away while an agent writes one, and comes back."""
    away = [True]
    register = Register.of(alone, lambda: away[0])
    vitals = Vitals(cases_waiting=lambda: len(register.waiting))
    server, thread = start_http_server(alone.http_port, "127.0.0.1", registry=vitals.registry)
    duty = on_duty(alone, monkeypatch)
    try:
        new = NewCase("contact", "单位漏缴", "赵静", Office.AGENT, "赵静 1")
        register.open_by_hand(new, lambda: numbered(1, 1), duty.now)
        duty.rings("cases_waiting")
        away[0] = False
        register.open_waiting(lambda: numbered(1, 2))
        duty.is_over("cases_waiting")
    finally:
        register.cases.close()
        server.shutdown()
        server.server_close()
        thread.join(10)


def test_probe_failing_and_stale(alone: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = alone.home / "spool"
    duty = on_duty(alone, monkeypatch)
    for ago in (1200, 1100):
        append(spool, probed("silence"), node="n", clock=lambda ago=ago: _ago(duty.now, ago))
    duty.rings("probe_failing")
    duty.rings("probe_stale")
    append(spool, probed("well"), node="n", clock=lambda: duty.now)
    duty.is_over("probe_failing")
    duty.is_over("probe_stale")


def test_voice_slow(alone: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    duty = on_duty(alone, monkeypatch)
    append(alone.home / "spool", probed("well", key_ms=2600), node="n", clock=lambda: duty.now)
    duty.rings("voice_slow")
    append(alone.home / "spool", probed("well", key_ms=120), node="n", clock=lambda: duty.now)
    duty.is_over("voice_slow")


def test_cases_over_time(alone: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has accepted it in its days; the 值班长 does, and its next clock runs."""
    register = Register.of(alone)
    duty = on_duty(alone, monkeypatch)
    filed = duty.now - timedelta(days=30)
    register.cases.open(replace(FILED, number="01000018", at=filed))
    register.cases.open(replace(FILED, number="01000026", at=duty.now))
    duty.rings("cases_over_time")
    assert [each.value for each in duty.watch.ringing if each.alarm == "cases_over_time"] == [1.0]
    register.cases._clock = lambda: duty.now
    register.act("01000018", lead("accept"))
    duty.is_over("cases_over_time")


def test_certificate_expiring(alone: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new one takes the old one's name."""
    file = alone.home / "console.pem"
    _certify(file, days=5)
    console = ConsoleSettings(certificate=file, key=file)
    duty = on_duty(alone.model_copy(update={"console": console}), monkeypatch)
    duty.rings("certificate_expiring")
    _certify(file, days=365)
    duty.is_over("certificate_expiring")


def test_texts_overdue(alone: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a branch of a branch too; a set that is built with later dates ends it."""
    settings = alone.model_copy(update={"audio": alone.home / "audio"})
    _publish(settings.audio, days=-1)
    duty = on_duty(settings, monkeypatch)
    duty.rings("texts_overdue")
    _publish(settings.audio, days=90)
    duty.is_over("texts_overdue")


def test_backup_old(alone: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """There never was one: it counts from when the line got its keys. `ivr backup` ends it."""
    keys = alone.home / "keys"
    keys.mkdir()
    old = datetime.now(UTC).timestamp() - 3 * 86_400
    os.utime(keys, (old, old))
    duty = on_duty(alone, monkeypatch)
    duty.rings("backup_old")
    phrase = tmp_path / "phrase"
    phrase.write_text("correct horse")
    target = tmp_path.parent / f"{tmp_path.name}.tar"
    ivr(alone, monkeypatch, "backup", str(target), "--passphrase-file", str(phrase))
    duty.is_over("backup_old")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked for as long as a carrier far away may need."""
    monkeypatch.setattr(measuring, "OPTIONS_SECONDS", 1.0)


@pytest.mark.usefixtures("impatient")
def test_trunk_silent(alone: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A carrier without a registration, of two machines: it is enough that one of them answers."""
    trunk = Trunk(name="unicom", hosts=("127.0.0.81", "127.0.0.82", "192.0.2.0/24"))
    line = alone.model_copy(update={"trunks": (trunk,)})
    with equipment("127.0.0.81"):
        on_duty(line, monkeypatch).looks(0.0)
    duty = on_duty(line, monkeypatch)
    duty.rings("trunk_silent")
    assert "（unicom）" in duty.told[-1]
    with equipment("127.0.0.82"):
        duty.is_over("trunk_silent")


@pytest.mark.usefixtures("impatient")
def test_a_carrier_that_answers_nobody_is_no_news(
    alone: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is another address of one that did answer, until it answers there."""
    trunk = Trunk(name="unicom", hosts=("127.0.0.83",))
    line = alone.model_copy(update={"trunks": (trunk,)})
    duty = on_duty(line, monkeypatch)
    duty.looks(1000.0)
    with equipment("127.0.0.83"):
        duty.looks(0.0)
    moved = trunk.model_copy(update={"hosts": ("127.0.0.84",)})
    elsewhere = on_duty(line.model_copy(update={"trunks": (moved,)}), monkeypatch)
    elsewhere.looks(1000.0)
    assert [told for told in (*duty.told, *elsewhere.told) if "中继" in told] == []


@contextmanager
def equipment(host: str) -> Iterator[None]:
    """A carrier's that says 200 to whatever it is asked at the usual port."""
    over = threading.Event()

    def serve(door: socket.socket) -> None:
        while not over.is_set():
            try:
                data, sender = door.recvfrom(65535)
            except TimeoutError:
                continue
            door.sendto(answer(Message.parse(data), 200), sender)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind((host, 5060))
        door.settimeout(0.2)
        serving = threading.Thread(target=serve, args=(door,))
        serving.start()
        try:
            yield
        finally:
            over.set()
            serving.join()


def _ago(now: datetime, seconds: float) -> datetime:
    return now - timedelta(seconds=seconds)


def _certify(file: Path, *, days: int) -> None:
    key, name, now = ec.generate_private_key(ec.SECP256R1()), x509.Name([]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))


def _publish(audio: Path, *, days: int) -> None:
    due = (datetime.now(UTC) + timedelta(days=days)).date().isoformat()
    tree: dict[str, Any] = {"1": {"children": {"2": {"expires": due}}}, "2": {"expires": None}}
    audio.mkdir(exist_ok=True)
    (audio / MANIFEST).write_text(json.dumps({"information": tree}), encoding="utf-8")


def test_recordings_unsent(
    alone: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The folder is not mounted for an hour; mounted again, all is sent without a command."""
    mounted = tmp_path_factory.mktemp("mounted")
    line = alone.model_copy(update={"depot": DepotSettings(folder=mounted)})
    begin(depot(line), line_of(line))
    duty = on_duty(line, monkeypatch)
    aside = mounted.rename(mounted.with_name("unmounted"))
    sound = line.recordings_folder / f"{duty.now.astimezone(BEIJING):%Y-%m-%d}" / "complaint"
    sound.mkdir(parents=True)
    (sound / "1.wav").write_bytes(b"RIFF")
    courier = Courier(line, lambda: duty.now)
    courier.round()
    duty.now += timedelta(hours=1)
    courier.round()
    duty.rings("recordings_unsent")
    aside.rename(mounted)
    courier.round()
    duty.is_over("recordings_unsent")


def test_prompts_behind(
    alone: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The database by which the line agrees is away; the courier goes on by itself after it."""
    folder = tmp_path_factory.mktemp("shared")
    state = StateSettings(url=SecretStr(f"sqlite:///{folder}/state.sqlite"), address="127.0.0.1")
    depot_of = DepotSettings(folder=folder / "mounted")
    shared = {"state": state, "depot": depot_of, "audio": folder / "nothing published"}
    line = alone.model_copy(update=shared)
    begin(depot(line), line_of(line))
    (folder / "state.sqlite").mkdir()
    duty = on_duty(line, monkeypatch)
    courier = Courier(line, lambda: duty.now)
    courier.round()
    duty.now += timedelta(minutes=6)
    courier.round()
    duty.rings("prompts_behind")
    (folder / "state.sqlite").rmdir()
    courier.round()
    duty.is_over("prompts_behind")
