"""How a service ends: drained, at once, or handed over."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from ivr.agents.desks import Desks
from ivr.agents.switchboard import Switchboard
from ivr.config import AgentsSettings, Settings, SettingsError
from ivr.lifecycle.health import Part, served
from ivr.lifecycle.vitals import Vitals
from ivr.line.examining import Examiner
from ivr.recordings.taping import NothingTaped
from ivr.service import _refused, _until_told_to_stop
from ivr.speech.contract import CONTRACT
from ivr.speech.prompts import Shelf
from ivr.speech.publications import MANIFEST
from tests.ports import free_port
from tests.speech.test_prompts import publish, rename_a_slot, reword
from tests.test_conversations import DemoAccounts
from tests.textset import text_set


def test_the_operator_sees_whose_phone_is_passed_over() -> None:
    """In `/healthz`, from where `ivr doctor` has it."""
    now = [1000.0]
    switchboard = Switchboard(Desks(AgentsSettings(passed_over_seconds=300.0), lambda: now[0]))
    examine = Examiner(SimpleNamespace(means=SimpleNamespace(switchboard=switchboard)), None, None)  # type: ignore[arg-type]
    away, other = switchboard.settings.phones
    for _ in range(2):
        assert examine.agents() == Part(True)
        switchboard.desks.rang_out(away)
    now[0] += 60
    assert examine.agents() == Part(
        True, "离开，没有接 · away, not answering: 一号坐席 (6001) for 240 s more", warns=True
    )
    assert switchboard.desks.present(frozenset({"6001", "6002"})) == (other,)
    now[0] += 240
    assert examine.agents() == Part(True)


@pytest.fixture
def elsewhere(settings: Settings) -> Settings:
    """A line whose page is where nobody else's is."""
    return settings.model_copy(update={"http_port": free_port()})


def told_of(page_of: Settings, audio: Path, act: Callable[[], None]) -> tuple[Any, str]:
    """`/healthz` and the metrics of a service whose published prompts change under it."""

    async def story() -> tuple[Any, str]:
        shelf = Shelf(audio, CONTRACT)
        act()
        switchboard = Switchboard(Desks(page_of.agents, lambda: 0.0))
        for _ in range(2):
            switchboard.desks.rang_out(switchboard.settings.phones[0])
        vitals = Vitals(
            refused=partial(_refused, shelf),
            passed_over=lambda: len(switchboard.desks.away()),
            facts_waiting=lambda: 2,
        )
        vitals.link = True
        means = SimpleNamespace(
            switchboard=switchboard,
            settings=page_of,
            accounts=DemoAccounts(),
            tapes=NothingTaped(),
        )
        reception = SimpleNamespace(shelf=shelf, means=means, ari=SimpleNamespace(base="ari"))
        examine = Examiner(reception, SimpleNamespace(fault=None), vitals)  # type: ignore[arg-type]
        async with served(page_of, vitals, examine), aiohttp.ClientSession() as session:
            pages = f"http://{page_of.host}:{page_of.http_port}"
            async with session.get(f"{pages}/healthz") as health:
                parts = await health.json()
            async with session.get(f"{pages}/metrics") as metrics:
                return parts, await metrics.text()

    return asyncio.run(story())


def test_a_refused_set_is_told_in_health_and_counted(elsewhere: Settings, tmp_path: Path) -> None:
    """The line goes on with what it had: well, but somebody has to look."""
    text_set.__wrapped__(tmp_path)
    whole = (tmp_path / MANIFEST).read_bytes()
    parts, metrics = told_of(elsewhere, tmp_path, lambda: publish(tmp_path, rename_a_slot))
    assert parts["prompts"]["ok"]
    assert parts["prompts"]["warns"]
    assert "{account:persons}" in parts["prompts"]["detail"]
    assert "ivr_prompts_refused 1.0" in metrics
    (tmp_path / MANIFEST).write_bytes(whole)
    parts, metrics = told_of(elsewhere, tmp_path, lambda: publish(tmp_path, reword("一。")))
    assert not parts["prompts"].get("warns")
    assert "ivr_prompts_refused 0.0" in metrics


def test_agents_who_are_passed_over_are_counted(elsewhere: Settings, tmp_path: Path) -> None:
    text_set.__wrapped__(tmp_path)
    parts, metrics = told_of(elsewhere, tmp_path, lambda: None)
    assert parts["agents"]["warns"]
    assert "ivr_agents_passed_over 1.0" in metrics
    assert "ivr_facts_waiting 2.0" in metrics


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
