"""`/live`: a snapshot, then what changes; for this machine only, and for few."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ivr.line import overview, streaming
from ivr.line.overview import Overview, changed, live


@dataclass
class Told:
    """Something to overlook that says what the test wants."""

    now: Overview
    watchers: int = 0
    looks: int = field(default=0)

    async def look(self) -> Overview:
        self.looks += 1
        return self.now


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(streaming, "BEAT_SECONDS", 0.05)


async def _event(answer: aiohttp.ClientResponse) -> tuple[str, Any]:
    text = (await answer.content.readuntil(b"\n\n")).decode()
    if text.startswith(":"):
        return "beat", None
    name, data = text.strip().split("\n")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_first_all_of_it_then_what_has_changed() -> None:
    async def work() -> None:
        told = Told({"calls": {"a": {"place": "main.menu"}}, "queue": {}})
        app = web.Application()
        app.add_routes([live(told)])  # type: ignore[arg-type]
        async with TestServer(app) as server, aiohttp.ClientSession() as client:
            async with client.get(server.make_url("/live")) as answer:
                assert await _event(answer) == ("snapshot", told.now)
                assert told.watchers == 1
                told.now = {"calls": {"b": {"place": "loan.menu"}}, "queue": {}}
                event = await _event(answer)
                assert event == ("change", {"calls": {"b": {"place": "loan.menu"}, "a": None}})
                assert await _event(answer) == ("beat", None), "nothing has changed"
            while told.watchers:  # noqa: ASYNC110  until the server has noticed
                await asyncio.sleep(0.01)
            looks = told.looks
            await asyncio.sleep(0.05)
            assert told.looks == looks, "nobody watches, so nobody looks"
            told.watchers = overview.MOST_WATCHERS
            async with client.get(server.make_url("/live")) as refused:
                assert refused.status == 503

    asyncio.run(work())


@pytest.mark.parametrize(
    ("before", "after", "news"),
    [
        ({"calls": {}}, {"calls": {}}, {}),
        ({"calls": {"a": {"p": 1}}}, {"calls": {"a": {"p": 1}}}, {}),
        ({"calls": {"a": {"p": 1}}}, {"calls": {"a": {"p": 2}}}, {"calls": {"a": {"p": 2}}}),
        ({}, {"queue": {"1": {"s": 1}}}, {"queue": {"1": {"s": 1}}}),
        ({"queue": {"1": {"s": 1}}}, {"queue": {}}, {"queue": {"1": None}}),
    ],
)
def test_what_is_news(before: Overview, after: Overview, news: Overview) -> None:
    assert changed(before, after) == news
