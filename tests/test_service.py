"""How a service ends: drained, at once, or handed over."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from ivr.agents.switchboard import Switchboard
from ivr.config import AgentsSettings, SettingsError
from ivr.lifecycle.health import Part
from ivr.service import Examiner, _until_told_to_stop


def test_the_operator_sees_whose_phone_is_passed_over() -> None:
    """In `/healthz`, from where `ivr doctor` has it."""
    now = [1000.0]
    switchboard = Switchboard(AgentsSettings(passed_over_seconds=300.0), lambda: now[0])
    examine = Examiner(SimpleNamespace(means=SimpleNamespace(switchboard=switchboard)), None, None)  # type: ignore[arg-type]
    away, other = switchboard.settings.phones
    for _ in range(3):
        assert examine.agents() == Part(True)
        switchboard.rang_out(away)
    now[0] += 60
    assert examine.agents() == Part(
        True, "passed over, not answering: 一号坐席 (6001) for 240 s more", warns=True
    )
    assert switchboard.present(frozenset({"6001", "6002"})) == (other,)
    now[0] += 240
    assert examine.agents() == Part(True)


@dataclass
class Serving:
    """A hotline whose only call ends when it is told to."""

    calls: dict[str, object] = field(default_factory=lambda: {"c1": object()})
    unfinished: dict[str, object] = field(default_factory=dict)
    draining: bool = False
    suspended: bool = False
    last_call: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.suspended = True

    async def drain(self) -> None:
        self.draining = True
        await self.last_call.wait()


async def _served(
    signs: list[signal.Signals], hotline: Serving, opening: asyncio.Future[Any] | None = None
) -> asyncio.Task[None]:
    opening = opening or asyncio.get_running_loop().create_future()
    task = asyncio.create_task(_until_told_to_stop(hotline, opening))  # type: ignore[arg-type]
    for sign in signs:
        await asyncio.sleep(0.05)
        os.kill(os.getpid(), sign)
    await asyncio.sleep(0.05)
    return task


def test_sigterm_waits_for_the_calls_in_progress() -> None:
    async def story() -> None:
        hotline = Serving()
        task = await _served([signal.SIGTERM], hotline)
        assert hotline.draining
        assert not task.done()
        hotline.last_call.set()
        await task
        assert hotline.suspended

    asyncio.run(story())


@pytest.mark.parametrize(
    "signs",
    [[signal.SIGHUP], [signal.SIGINT], [signal.SIGTERM, signal.SIGTERM]],
    ids=["hand over", "Ctrl-C", "told twice"],
)
def test_otherwise_it_ends_at_once_and_calls_stay_for_the_successor(
    signs: list[signal.Signals],
) -> None:
    async def story() -> None:
        hotline = Serving()
        task = await _served(signs, hotline)
        assert task.done()
        assert hotline.suspended

    asyncio.run(story())


def test_a_database_that_cannot_be_meant_ends_the_service_with_its_reason() -> None:
    async def story() -> None:
        opening = asyncio.get_running_loop().create_future()
        task = await _served([], Serving(), opening)
        opening.set_exception(SettingsError("no such driver"))
        with pytest.raises(SettingsError, match="no such driver"):
            await task

    asyncio.run(story())
