"""拨测 against a real line: what it finds well, what it tells apart, and what it leaves alone."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.lifecycle import asking, switch
from ivr.probe.outcomes import last
from ivr.probe.timing import call_once
from ivr.records.journal import utc_now
from ivr.speech.prompts import PromptSet
from tests import commands
from tests.live.conftest import LiveLine, a_line
from tests.live.test_agents import until
from tests.live.test_carried import carried

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
STRICT = {"calls": 1, "lookups_per_minute": 1, "lookups_per_person": 1, "ids_of_unknown_callers": 1}


@pytest.fixture(scope="module")
def strict_line(
    tmp_path_factory: pytest.TempPathFactory, whole_set: PromptSet
) -> Iterator[LiveLine]:
    """One caller at a time, and one look-up."""
    home = tmp_path_factory.mktemp("strict")
    with a_line(home, whole_set, limits=STRICT, accounts={"test_id": "990102200012120127"}) as line:
        line.start_service()
        yield line


def test_a_line_that_is_well_is_found_so_again_and_again_and_nobodys_records_show_it(
    strict_line: LiveLine,
) -> None:
    """Twice at a limit of one look-up, in a closed line, while the one caller allowed is in."""
    line = strict_line

    async def story() -> list[str]:
        switch.close(line.settings.home, "维护", utc_now())
        first = await call_once(line.settings)
        switch.reopen(line.settings.home)
        async with line.call() as caller:
            await caller.hears_begin("main.menu")
            second = await call_once(line.settings)
            caller.phone.press("1")
            await caller.hears_begin("account.menu")
            caller.phone.press("1")
            await caller.hears_begin("identity.ask")
            caller.phone.press("990102200012120127")
            await caller.hears_begin("account.readout.1")  # the look-up was left for the caller
        assert first.probed.line_closed
        assert not second.probed.line_closed
        return [str(first), str(second)]

    told = asyncio.run(story())
    outcomes = last(line.settings.home / "spool", 5)
    assert [each.probed.verdict for each in outcomes] == ["well", "well"], told
    assert all(each.probed.greeting_ms is not None for each in outcomes)
    assert all(each.probed.key_ms is not None for each in outcomes)
    assert all(each.probed.answer_ms is not None for each in outcomes)
    asyncio.run(line.settled())
    asyncio.run(until(lambda: len(carried(line)) == 1))  # Asterisk's own record: the caller alone
    metrics = _metrics(line)
    assert 'ivr_calls_came_total{trunk=""} 1.0' in metrics
    assert 'ivr_calls_ended_total{disposition="hung_up"} 1.0' in metrics


def test_who_only_says_to_be_the_probe_is_a_caller_like_others(strict_line: LiveLine) -> None:
    async def story() -> None:
        async with strict_line.call("12329") as first, strict_line.call("12329", user="probe"):
            await first.hears_begin("main.menu")

    before = len(strict_line.facts())
    asyncio.run(story())
    asyncio.run(strict_line.settled())
    sessions = [
        fact["session"] for fact in strict_line.facts()[before:] if fact["fact"] == "SessionStarted"
    ]
    assert len(sessions) == 2
    assert not any(session.startswith("probe_") for session in sessions)


def test_the_command_says_how_it_went_and_its_exit_code_too(bare_line: LiveLine) -> None:
    """Without a service Asterisk apologises by itself; without accounts the service does."""

    def told() -> tuple[int, dict[str, object]]:
        done = commands.ivr(bare_line.env, "probe", "--json")
        return done.returncode, json.loads(done.stdout)

    code, away = told()
    assert (code, away["verdict"]) == (1, "apology"), away
    bare_line.start_service()
    code, well = told()
    assert (code, well["verdict"], well["step"]) == (0, "well", "account.readout"), well
    lose_the_accounts(bare_line.settings.home)
    code, broken = told()
    assert (code, broken["verdict"], broken["step"]) == (1, "apology", "account.readout"), broken


def lose_the_accounts(home: Path) -> None:
    (home / "accounts.sqlite").write_bytes(b"this is no database" * 1000)


def _metrics(line: LiveLine) -> str:
    with urllib.request.urlopen(asking.page(line.settings, "metrics"), timeout=5) as answer:
        return str(answer.read().decode())
