"""Alarms of a whole line: what each is about is broken, it rings in the words of its runbook, what
the runbook says is done, and it is over. Those that need no call: tests/alarms/test_broken.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr.asterisk import locate, process
from ivr.lifecycle import asking
from ivr.probe.timing import call_once
from ivr.speech.prompts import PromptSet
from prompt_build import sets
from tests.alarms.test_broken import Duty, on_duty
from tests.live.conftest import LiveLine, a_line
from tests.live.test_agents import until
from tests.live.test_prompts import audio

__all__ = ["audio"]

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

STAMPED = ("set", "built")
"""What a set is given when it is kept."""
FIRST_TRY_SECONDS = 1.0


@pytest.fixture(scope="module")
def line(
    tmp_path_factory: pytest.TempPathFactory, whole_set: PromptSet, audio: Path
) -> Iterator[LiveLine]:
    home = tmp_path_factory.mktemp("alarms")
    with a_line(home, whole_set, accounts={"rest_seconds": 1.0}) as opened:
        opened.env["IVR_AUDIO"] = str(audio)
        opened.start_service()
        yield opened


@pytest.fixture
def duty(line: LiveLine, monkeypatch: pytest.MonkeyPatch) -> Duty:
    line.wait_until_healthy()
    return on_duty(line.settings, monkeypatch)


def figure(line: LiveLine, name: str) -> float:
    told = asking.metrics(line.settings, within=3).splitlines()
    return float(next(each.split()[1] for each in told if each.startswith(f"{name} ")))


def comes(holds: Callable[[], bool]) -> None:
    asyncio.run(until(holds))


def test_service_away_and_probe_failing(line: LiveLine, duty: Duty) -> None:
    line.kill_service()
    for _ in range(2):
        asyncio.run(call_once(line.settings))
    duty.rings("service_away")
    duty.rings("probe_failing")
    line.start_service()
    asyncio.run(call_once(line.settings))
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
    assert asyncio.run(call_once(line.settings)).well
    duty.is_over("accounts_away")
    duty.is_over("breaker_open")


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
