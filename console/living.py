"""The line as it is this second: heard once from the service, told to everybody who looks."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp

from ivr.config import Settings
from ivr.lifecycle import asking
from ivr.lifecycle.tending import tended

log = logging.getLogger(__name__)

AGAIN_SECONDS = 2.0
"""After a service that does not answer."""
SILENT_SECONDS = 40.0
"""A service that says nothing for so long, not even a beat, is gone."""
BEAT_SECONDS = 15.0

State = dict[str, dict[str, dict[str, Any]]]
"""`calls`, `agents` and `queue` as the service tells them."""


@dataclass(slots=True)
class Living:
    """One stream from the service, for any number of browsers; none while nobody looks."""

    settings: Settings
    shown: Callable[[State | None], str]
    """The state as a page shows it; None: the service does not answer. Made once for all."""
    _html: str = ""
    _version: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _watchers: int = 0
    _listening: asyncio.Task[None] | None = None

    async def watch(self) -> AsyncGenerator[str]:
        """What is shown now, and again after each change; an empty text now and then between."""
        self._watchers += 1
        if self._listening is None:
            self._version = 0
            self._listening = asyncio.create_task(self._listen())
        try:
            seen = 0
            while True:
                news = self._news
                if self._version != seen:
                    seen = self._version
                    yield self._html
                    continue
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), BEAT_SECONDS)
                    continue
                yield ""
        finally:
            self._watchers -= 1
            if not self._watchers:
                self.close()

    def close(self) -> None:
        """Hear no more."""
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None

    def _show(self, state: State | None) -> None:
        self._html = self.shown(state)
        self._version += 1
        self._news.set()
        self._news = asyncio.Event()

    async def _listen(self) -> None:
        patience = aiohttp.ClientTimeout(total=None, sock_connect=2.0, sock_read=SILENT_SECONDS)
        async with aiohttp.ClientSession(timeout=patience, trust_env=False) as client:
            listening = partial(self._listen_once, client)
            await tended("hearing of the line as it is", listening, AGAIN_SECONDS)

    async def _listen_once(self, client: aiohttp.ClientSession) -> None:
        """Until the stream ends, whyever: what was shown is old then, and is shown no more."""
        try:
            async with client.get(asking.page(self.settings, "live")) as answer:
                answer.raise_for_status()
                await self._follow(answer.content)
        except (aiohttp.ClientError, TimeoutError, ValueError) as gone:
            log.debug("the service's stream: %s", gone)
        finally:
            self._show(None)

    async def _follow(self, lines: aiohttp.StreamReader) -> None:
        """Until the stream ends; raises ValueError for what is no event of ours."""
        state: State = {}
        async for event, data in _events(lines):
            told = json.loads(data)
            if event == "snapshot":
                state = told
            else:
                _apply(state, told)
            self._show(state)


async def _events(lines: aiohttp.StreamReader) -> AsyncGenerator[tuple[str, str]]:
    event = ""
    async for line in lines:
        name, _, value = line.decode().strip().partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            yield event, value


def _apply(state: State, news: dict[str, dict[str, dict[str, Any] | None]]) -> None:
    for kind, parts in news.items():
        held = state.setdefault(kind, {})
        for name, part in parts.items():
            if part is None:
                held.pop(name, None)
            else:
                held[name] = part
