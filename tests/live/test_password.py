"""The query password over real keys: wrong, right, and locked for the day over a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.accounts.demo import PASSWORD
from ivr.speech.prompts import PromptSet
from tests.live.conftest import LiveLine, a_line
from tests.live.test_balance import to_the_question

pytestmark = pytest.mark.live

NUMBER = "990102200012120127"


def test_a_wrong_password_is_told_the_right_one_opens_and_three_wrong_ones_lock_the_day(
    tmp_path: Path, whole_set: PromptSet
) -> None:
    async def story(line: LiveLine) -> None:
        async with line.call() as caller:
            await to_the_question(caller, "1")
            caller.phone.press(NUMBER)
            await caller.hears_begin("password.ask")
            caller.phone.press("000000")
            await caller.hears_begin("password.ask", times=2)
            caller.phone.press(PASSWORD + "#")
            await caller.hears_begin(line.ear.alias["account.readout.1"])
        async with line.call() as caller:
            await to_the_question(caller, "1")
            caller.phone.press(NUMBER)
            for times in (1, 2, 3):
                await caller.hears_begin("password.ask", times=times)
                caller.phone.press("000000")
            await caller.hears_begin("password.locked")
        line.kill_service()
        line.start_service()
        async with line.call() as caller:
            await to_the_question(caller, "1")
            caller.phone.press(NUMBER)
            await caller.hears_begin("password.locked")
        await line.settled()

    with a_line(tmp_path, whole_set, accounts={"password": True}) as line:
        line.start_service()
        asyncio.run(story(line))
        reasons = [fact["reason"] for fact in line.facts() if fact["fact"] == "Refused"]
        assert reasons == ["password_wrong"] * 4 + ["password_locked"] * 2
        assert "000000" not in line.log()
