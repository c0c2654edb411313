"""`GET /live`: the line as it is this second, as server-sent events for the console.

First all of it, then what has changed, at most once a second. Places, agents and moments; no
telephone number, no ID number, no balance. Only this machine is answered.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from ivr.agents.presence import State
from ivr.agents.switchboard import Switchboard
from ivr.ari.errors import AriError
from ivr.line.conduct import Conductor
from ivr.line.streaming import Events, stream

LOOK_SECONDS = 1.0
PHONES_SECONDS = 10.0
"""How old the knowledge of who is registered may be: Asterisk is asked for it."""
MOST_WATCHERS = 8
"""Consoles, each of which tells as many people as it likes."""

Part = dict[str, object]
"""One call, agent or place in the queue; moments (`since`) are in seconds since 1970."""
Overview = dict[str, dict[str, Part | None]]
"""`calls` by session, `agents` by extension, `queue` by place; None: gone since."""


@dataclass(slots=True)
class Overlooking:
    """Looks at a line for those who watch; costs nothing while nobody does."""

    conductor: Conductor
    online: Callable[[], Awaitable[frozenset[str]]]
    """The phones that are registered; asks Asterisk."""
    watchers: int = 0
    _online: frozenset[str] = frozenset()
    _asked: float = field(default=float("-inf"))

    async def look(self) -> Overview:
        """All of it now."""
        await self._ask_who_is_there()
        self.conductor.reception.given()  # who has been added or taken away is seen without a call
        switchboard = self.conductor.reception.means.switchboard
        offset = time.time() - asyncio.get_running_loop().time()
        return {
            "calls": dict(self._calls(offset)),
            "agents": dict(_agents(switchboard, self._online, offset)),
            "queue": {
                str(place): {"since": round(since + offset)}
                for place, since in enumerate(switchboard.waits(), start=1)
            },
        }

    def _calls(self, offset: float) -> Iterator[tuple[str, Part]]:
        for live in tuple(self.conductor.calls.values()):
            if not live.counts:
                continue
            call = live.call
            yield (
                call.session,
                {
                    "place": call.place or live.start,
                    "since": round(live.began + offset),
                    "here_since": round((call.arrived or live.began) + offset),
                    "trunk": live.trunk or "",
                },
            )

    async def _ask_who_is_there(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._asked >= PHONES_SECONDS:
            self._asked = now
            try:
                self._online = await self.online()
            except AriError:
                self._online = frozenset()


def _agents(
    switchboard: Switchboard, online: frozenset[str], offset: float
) -> Iterator[tuple[str, Part]]:
    for agent, state, since in switchboard.desks.states(online):
        part: Part = {
            "name": agent.name,
            "state": state,
            "since": None if since is None else round(since + offset),
        }
        presence = switchboard.desks.of(agent)
        if presence.reason:
            part["reason"] = presence.reason
        if presence.then is not State.FREE:
            part["then"] = presence.then
        yield agent.extension, part


def changed(before: Overview, after: Overview) -> Overview:
    """What somebody who knows `before` must be told; None for what is there no more."""
    news: Overview = {}
    for kind, now in after.items():
        was = before.get(kind, {})
        different: dict[str, Part | None] = {
            name: part for name, part in now.items() if was.get(name) != part
        }
        different.update(dict.fromkeys(was.keys() - now.keys()))
        if different:
            news[kind] = different
    return news


def live(overlooking: Overlooking) -> web.RouteDef:
    """The route: a snapshot, then what changes."""

    async def events(_: web.Request) -> Events:
        overlooking.watchers += 1
        try:
            known = await overlooking.look()
            yield _event("snapshot", known)
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                now = await overlooking.look()
                if news := changed(known, now):
                    yield _event("change", news)
                known = now
        finally:
            overlooking.watchers -= 1

    return stream("/live", lambda: overlooking.watchers >= MOST_WATCHERS, events)


def _event(name: str, content: Mapping[str, object]) -> str:
    return f"event: {name}\ndata: {json.dumps(content, ensure_ascii=False)}\n\n"
