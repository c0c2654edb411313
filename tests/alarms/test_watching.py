"""`ivr watch` over a home folder as it lies there: what it measures, rings, keeps and serves."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from console.rights import Role
from ivr.alarms import keeping, measuring, messages, watching
from ivr.alarms.casework import CaseNews
from ivr.alarms.measuring import measured
from ivr.alarms.ringing import OVER_SECONDS, Figure, News, Ringing, Whole
from ivr.alarms.watching import Watch
from ivr.cli.commands import app
from ivr.config import Settings
from ivr.records.facts import Probed
from ivr.records.journal import append
from tests.console.test_signing import trail
from tests.console.visiting import Console
from tests.ports import free_port

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)


def probed(verdict: str, **more: object) -> Probed:
    told = {"verdict": verdict, "step": "main.greeting", "greeting_ms": 250, "key_ms": None,
            "answer_ms": None, "lost": 0, "outside": False, "line_closed": False,
            "detail": ""}  # fmt: skip
    return Probed(**{**told, **more})  # type: ignore[arg-type]


@pytest.fixture
def alone(settings: Settings) -> Settings:
    """A line of which nothing runs."""
    ports = {"http_port": free_port(), "ari_port": free_port()}
    return settings.model_copy(update=ports)


def figures(settings: Settings, now: datetime) -> dict[str, float]:
    found = asyncio.run(measured(settings, now))
    return {
        ":".join((each.metric, *each.labels.values())): each.value
        for each in found
        if isinstance(each, Figure)
    }


def test_a_line_of_which_nothing_runs(alone: Settings) -> None:
    found = figures(alone, NOW)
    assert found["ivr_service_answers"] == 0
    assert found["ivr_disk_free_bytes:home"] > 0
    assert found["ivr_recordings_unfiled"] == 0
    assert not any(name.startswith(("ivr_part_ok", "ivr_probe", "ivr_loader")) for name in found)


def test_trial_calls_records_and_recordings_that_wait(alone: Settings) -> None:
    spool = alone.home / "spool"
    for minute, verdict in enumerate(("well", "silence", "silence")):
        append(
            spool,
            probed(verdict),
            node="n",
            clock=lambda at=minute: NOW - timedelta(minutes=9 - at),
        )  # type: ignore[misc]
    (alone.home / "slips").mkdir()
    for name, age in (("old", 700), ("new", 10)):
        slip = alone.home / "slips" / f"{name}.slip"
        slip.touch()
        os.utime(slip, (NOW.timestamp() - age, NOW.timestamp() - age))
    page = next(spool.glob("*.jsonl"))
    os.utime(page, (NOW.timestamp() - 400, NOW.timestamp() - 400))
    found = figures(alone, NOW)
    assert found["ivr_probe_failures"] == 2
    assert found["ivr_probe_age_seconds"] == 7 * 60
    assert found["ivr_probe_greeting_seconds"] == 0.25
    assert found["ivr_recordings_unfiled"] == 1
    assert found["ivr_loader_lag_seconds"] == 400


def test_what_rings_is_told_once_also_after_a_restart(
    alone: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[str]] = []

    def tell(_: Settings, news: tuple[News, ...]) -> bool:
        told.append([f"{each.kind} {each.ringing.key}" for each in news])
        return True

    monkeypatch.setattr(messages, "tell", tell)

    async def looks(watch: Watch, *seconds: float) -> None:
        for second in seconds:
            await watch.look(NOW + timedelta(seconds=second))

    asyncio.run(looks(Watch(alone), 0, 15, 31))
    again = Watch(alone, ringing=keeping.ringing(alone.home))
    asyncio.run(looks(again, 46, 61))
    assert told == [["begins service_away"]]


def test_what_rang_in_another_version_is_no_alarm_of_this_one(alone: Settings) -> None:
    keeping.keep_ringing(
        alone.home, [Ringing("of_old", "", 1.0, 0.0), Ringing("disk_low", "", 1.0, 0.0)]
    )
    assert [each.alarm for each in keeping.ringing(alone.home)] == ["disk_low"]


def test_nothing_rings_of_what_the_line_has_not(alone: Settings) -> None:
    """No trunk, no certificate, no depot, no text with an end, no record that waits."""
    told = asyncio.run(measured(alone, NOW))
    whole = {each.metric for each in told if isinstance(each, Whole)}
    assert whole >= {
        "ivr_certificate_days",
        "ivr_loader_lag_seconds",
        "ivr_prompts_behind_seconds",
        "ivr_recordings_unsent_seconds",
        "ivr_trunk_answers",
        "ivr_trunk_registered",
    }
    assert "ivr_queue_longest_seconds" not in whole, "the service could not be asked"


def begun(settings: Settings) -> list[str]:
    return [f"{kind} {key}" for _, kind, key in keeping.history(settings.home, 0, 2**40)]


def test_what_nobody_could_be_told_of_is_known_in_the_morning(
    alone: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No network for a message, the whole night: begun and over, and nobody had heard of it."""
    monkeypatch.setattr(messages, "tell", lambda *_: False)
    append(alone.home / "spool", probed("silence"), node="n", clock=lambda: NOW)
    append(alone.home / "spool", probed("silence"), node="n", clock=lambda: NOW)
    watch = Watch(alone)
    asyncio.run(watch.look(NOW))
    append(alone.home / "spool", probed("well"), node="n", clock=lambda: NOW)
    for later in (15, 15 + OVER_SECONDS):
        asyncio.run(watch.look(NOW + timedelta(seconds=later)))
    assert [each for each in begun(alone) if "probe" in each] == [
        "begins probe_failing", "ends probe_failing",
    ]  # fmt: skip


def test_what_a_full_disk_took_no_note_of_is_noted_once_there_is_room(
    alone: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    watch = Watch(alone)
    with monkeypatch.context() as disk:
        disk.setattr(keeping, "append", full)
        for second in (0, 31, 46):
            asyncio.run(watch.look(NOW + timedelta(seconds=second)))
    assert begun(alone) == []
    asyncio.run(watch.look(NOW + timedelta(seconds=61)))
    assert begun(alone) == ["begins service_away"]
    assert next(keeping.history(alone.home, 0, 2**40))[0] == NOW.timestamp() + 31


def watches(settings: Settings, enough: Callable[[], bool]) -> None:
    """`ivr watch` until it has come so far."""

    async def story() -> None:
        task = asyncio.create_task(watching.watch(settings))
        async with asyncio.timeout(30):
            while not enough() and not task.done():  # noqa: ASYNC110  seen from outside
                await asyncio.sleep(0.01)
        assert not task.done(), task.exception()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(story())


@pytest.fixture
def quick(alone: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Looks without a pause."""
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(watching, "EVERY_SECONDS", 0.0)
    alarms = alone.alarms.model_copy(update={"port": free_port()})
    return alone.model_copy(update={"alarms": alarms})


def test_a_fault_of_ours_costs_its_figure_and_no_other_alarm(
    quick: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(*_: object) -> list[Figure]:
        raise AttributeError("as nobody had thought")

    monkeypatch.setattr(measuring, "_OF_FILES", (odd, *measuring._OF_FILES))
    monkeypatch.setattr(measuring, "_agents_lacking", odd)
    assert figures(quick, NOW)["ivr_service_answers"] == 0


def test_a_look_that_fails_and_cases_that_cannot_be_looked_at_end_no_watch(
    quick: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []

    async def look(self: Watch, _: datetime) -> None:
        looks.append("line")
        if len(looks) < 3:
            raise RuntimeError("as nobody had thought")

    def look_at_cases(self: CaseNews, _: datetime) -> None:
        looks.append("cases")
        raise KeyError("as nobody had thought")

    monkeypatch.setattr(Watch, "look", look)
    monkeypatch.setattr(CaseNews, "look", look_at_cases)
    watches(quick, lambda: min(looks.count("line"), looks.count("cases")) > 3)


@pytest.mark.parametrize("kept", ["[]x", '[{"alarm": "x", "new": 1}]', '{"a": {"b": 1}}', "7", ""])
def test_a_file_that_nobody_can_read_silences_no_alarm(
    quick: Settings, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torn, or of another version."""
    told: list[str] = []

    def tell(_: Settings, news: tuple[News, ...]) -> bool:
        told.extend(each.ringing.key for each in news)
        return True

    monkeypatch.setattr(messages, "tell", tell)
    for name in ("alarms.json", "alarm-marks.json"):
        (quick.home / name).write_text(kept)
    append(quick.home / "spool", probed("silence"), node="n", clock=lambda: NOW)
    append(quick.home / "spool", probed("silence"), node="n", clock=lambda: NOW)
    watches(quick, lambda: "probe_failing" in told)


def ring(settings: Settings) -> Ringing:
    ringing = Ringing("service_away", "", 0.0, time.time() - 60, begun=True, told=time.time())
    keeping.keep_ringing(settings.home, [ringing])
    return ringing


def test_who_has_seen_it_says_so_at_the_terminal(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_HOME", str(settings.home))
    ring(settings)
    listed = CliRunner().invoke(app, ["alarms", "list"])
    assert listed.exit_code == 1
    assert "接电话的服务不在" in listed.stdout
    run = CliRunner().invoke(app, ["alarms", "acknowledge", "service_away", "--by", "王敏"])
    assert run.exit_code == 0
    assert "王敏" in CliRunner().invoke(app, ["alarms", "list"]).stdout
    silenced = ["alarms", "silence", "service_away", "--by", "李强", "--hours", "2"]
    assert CliRunner().invoke(app, silenced).exit_code == 0
    assert keeping.marks(settings.home)["service_away"].who == "李强"
    unknown = CliRunner().invoke(app, ["alarms", "acknowledge", "nothing", "--by", "x"])
    assert unknown.exit_code == 1


def test_the_shift_leader_sees_it_and_answers_under_their_own_name(console: Console) -> None:
    ring(console.settings)
    visitor = console.signed_in("王敏", Role.LEADER)
    visitor.get("/duty")
    assert "接电话的服务不在" in visitor.get("/alarms").text
    assert visitor.post("/alarms/acknowledge", {"key": "service_away"}).location == "/duty"
    assert "王敏 已确认" in visitor.get("/alarms").text
    silenced = visitor.post("/alarms/silence", {"key": "service_away", "hours": "4"})
    assert silenced.location == "/duty"
    assert "王敏 静音到" in visitor.get("/alarms").text
    assert trail(console.settings.home)[1:] == [
        ("alarm acknowledged", "service_away", "王敏"),
        ("alarm silenced", "service_away", "王敏"),
    ]
    assert visitor.post("/alarms/silence", {"key": "service_away", "hours": "x"}).status == 422
    assert visitor.post("/alarms/acknowledge", {"key": "made up"}).status == 422


def test_nobody_else_answers_alarms(console: Console) -> None:
    visitor = console.signed_in("统计员", Role.ANALYST)
    assert visitor.post("/alarms/acknowledge", {"key": "service_away"}).status == 403
