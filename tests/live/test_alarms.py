"""Alarms of a whole line: what each is about is broken, it rings in the words of its runbook, what
the runbook says is done, and it is over. Those that need no call: tests/alarms/test_broken.py.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ivr.alarms.measuring import UNFILED_SECONDS
from ivr.asterisk import locate, process
from ivr.lifecycle import asking
from ivr.probe.timing import call_once
from ivr.speech.prompts import PromptSet
from prompt_build import sets
from tests.alarms.test_broken import Duty, on_duty
from tests.live.conftest import LiveLine, a_line
from tests.live.faults import read_only, small_disk
from tests.live.registrar import Registrar
from tests.live.test_agents import agent_phone, first, until
from tests.live.test_feedback import recorded, speech
from tests.live.test_prompts import audio

__all__ = ["audio", "speech"]

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

REGISTRAR, USER, PASSWORD = "127.0.0.83", "8601012329", "sec-12329"
TRIES_SOON = "[trunk-unicom](+type=registration)\nforbidden_retry_interval = 3\n"
"""As it ships, five minutes."""
STAMPED = ("set", "built")
"""What a set is given when it is kept."""
DISK_KILOBYTES = 60_000
ENOUGH_FACTS = 20
"""No little room holds so many."""
FIRST_TRY_SECONDS = 1.0


@pytest.fixture(scope="module")
def carrier() -> Iterator[Registrar]:
    """It has another password than the line."""
    with Registrar.open(REGISTRAR, {USER: "another"}) as opened:
        yield opened


@pytest.fixture(scope="module")
def fill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Callable[[], None]]]:
    home = tmp_path_factory.mktemp("alarms") / "home"
    with small_disk(home, DISK_KILOBYTES) as fills:
        yield home, fills


@pytest.fixture(scope="module")
def line(
    fill: tuple[Path, Callable[[], None]], whole_set: PromptSet, audio: Path, carrier: Registrar
) -> Iterator[LiveLine]:
    trunk = {
        "name": "unicom",
        "registration": {
            "server": f"{REGISTRAR}:{carrier.port}", "user": USER, "password": PASSWORD,
        },
    }  # fmt: skip
    site = fill[0] / "asterisk" / "site"
    site.mkdir(parents=True)
    (site / "pjsip.conf").write_text(TRIES_SOON)
    with a_line(fill[0], whole_set, trunks=[trunk], accounts={"rest_seconds": 1.0}) as opened:
        opened.env["IVR_AUDIO"] = str(audio)
        opened.env["IVR_RECORDINGS__KEEP_FREE_MB"] = "1"
        opened.start_service()
        yield opened


@pytest.fixture
def duty(line: LiveLine, monkeypatch: pytest.MonkeyPatch) -> Duty:
    line.wait_until_healthy()
    return on_duty(line.settings, monkeypatch)


def figure(line: LiveLine, name: str) -> float:
    told = asking.metrics(line.settings, within=3).splitlines()
    return float(next(each.split()[1] for each in told if each.startswith(f"{name} ")))


def a_trial_call_is_well(line: LiveLine) -> None:
    """One of those that are made again and again: a busy machine may spoil some."""
    while not asyncio.run(call_once(line.settings)).well:
        pass


def comes(holds: Callable[[], bool]) -> None:
    asyncio.run(until(holds))


def test_service_away_and_probe_failing(line: LiveLine, duty: Duty) -> None:
    line.kill_service()
    for _ in range(2):
        asyncio.run(call_once(line.settings))
    duty.rings("service_away")
    duty.rings("probe_failing")
    line.start_service()
    a_trial_call_is_well(line)
    duty.is_over("service_away")
    duty.is_over("probe_failing")


def test_asterisk_away(line: LiveLine, duty: Duty) -> None:
    assert line.asterisk is not None
    process.stop(line.asterisk)
    comes(lambda: not line.health()["ari"]["ok"])
    duty.rings("asterisk_away")
    line.asterisk = process.start(line.settings, locate.install())
    process.wait_until_ready(line.settings, line.asterisk)
    line.wait_until_healthy()
    duty.is_over("asterisk_away")


def test_accounts_away_and_breaker_open(line: LiveLine, duty: Duty) -> None:
    """The database is back; the next trial call asks it, and all is well again."""
    accounts = line.settings.home / "accounts.sqlite"
    accounts.rename(accounts.with_suffix(".away"))
    comes(lambda: not line.health()["accounts"]["ok"])
    duty.rings("accounts_away")
    for _ in range(line.settings.accounts.failures):
        asyncio.run(call_once(line.settings))
    duty.rings("breaker_open")
    accounts.with_suffix(".away").rename(accounts)
    asyncio.run(asyncio.sleep(FIRST_TRY_SECONDS))
    a_trial_call_is_well(line)
    duty.is_over("accounts_away")
    duty.is_over("breaker_open")


def test_records_waiting(line: LiveLine, duty: Duty, fill: tuple[Path, Callable[[], None]]) -> None:
    """No room for the records of a call; room is made, and they are written without a restart."""

    async def call() -> None:
        async with line.call() as caller:
            await caller.hears_begin("main.greeting")
            while figure(line, "ivr_facts_waiting") < ENOUGH_FACTS:
                fill[1]()  # whatever else ends meanwhile may leave a little room
                caller.phone.press("4*")
                await asyncio.sleep(0.5)
            await asyncio.to_thread(duty.rings, "records_waiting")

    try:
        asyncio.run(asyncio.wait_for(call(), 120))
    finally:
        (line.settings.home / "filler").unlink(missing_ok=True)
    comes(lambda: figure(line, "ivr_facts_waiting") == 0)
    duty.is_over("records_waiting")
    asyncio.run(line.settled())


def test_recordings_unfiled(line: LiveLine, duty: Duty, speech: bytes) -> None:
    """While somebody speaks, the disk of the recordings comes to let nobody write; when it lets
    them again, the next call files all."""
    folder = line.settings.recordings_folder
    slips = line.settings.home / "slips"

    async def complain(broken: ExitStack) -> None:
        async with recorded(line) as caller:
            caller.phone.speak(speech)
            await asyncio.sleep(2)
            broken.enter_context(read_only(folder))
            caller.phone.press("#")
            await caller.hears("feedback.kept_later")
        await line.settled()

    async def call() -> None:
        async with line.call() as caller:
            await caller.hears_begin("main.greeting")
        await line.settled()

    with small_disk(folder, 3000):
        with ExitStack() as broken:
            asyncio.run(complain(broken))
            (slip,) = slips.glob("*.slip")
            os.utime(slip, (time.time() - UNFILED_SECONDS - 60,) * 2)
            duty.rings("recordings_unfiled")
        asyncio.run(call())
        comes(lambda: not [*slips.glob("*.slip")])
        assert [*folder.rglob("*.wav")]
        duty.is_over("recordings_unfiled")


def test_prompts_refused(line: LiveLine, duty: Duty, audio: Path) -> None:
    """What is published cannot be used; `ivr prompts rollback` takes it back."""
    content = {key: each for key, each in sets.load(audio, 1).items() if key not in STAMPED}
    content["scripts"] = {n: each for n, each in content["scripts"].items() if n != "main.menu"}
    assert sets.publish(audio, sets.keep(audio, content))
    comes(lambda: "main.menu" in str(line.health()["prompts"]))
    assert figure(line, "ivr_prompts_refused") == 1
    duty.rings("prompts_refused")
    assert sets.rollback(audio) == 1
    comes(lambda: bool(line.health()["prompts"]["ok"]) and not figure(line, "ivr_prompts_refused"))
    duty.is_over("prompts_refused")


def test_agents_absent(line: LiveLine, duty: Duty) -> None:
    """No telephone of any agent is registered; one is plugged in."""
    duty.rings("agents_absent")

    async def come() -> None:
        async with agent_phone(line, first(line), "answer"):
            await asyncio.to_thread(duty.is_over, "agents_absent")

    asyncio.run(come())


def test_trunk_unregistered(line: LiveLine, duty: Duty, carrier: Registrar) -> None:
    """The carrier refuses the password; it is put right there, and the line tries again."""
    duty.rings("trunk_unregistered")
    carrier.passwords[USER] = PASSWORD
    comes(lambda: USER in carrier.contacts)
    duty.is_over("trunk_unregistered")
