"""Commands over the link that brings the events (REST over the websocket, Asterisk 22.5 and later).

Asterisk takes them one after another as they were sent, so a sound that is to be cut and the next
one need no answer between them. Only what never waits within Asterisk may be sent here: a command
that waits for its turn in a channel's queue would hold up everybody's.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from ivr import fast
from ivr.ari.errors import Unreachable
from ivr.ari.socket import Socket

log = logging.getLogger(__name__)

ANSWER = "RESTResponse"
"""The type of what comes back, among the events."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Asterisk said to a command, whatever carried it."""

    status: int
    body: str

    @property
    def content(self) -> Any:
        """Its JSON; None where there is none. ValueError where it is something else."""
        return fast.loads(self.body) if self.body else None

    @property
    def message(self) -> str:
        """Why Asterisk refused, as far as it tells."""
        try:
            return str(self.content.get("message", ""))
        except (ValueError, AttributeError):
            return ""


@dataclass(slots=True)
class _Awaited:
    """A command whose answer somebody waits for."""

    answer: asyncio.Future[Answer]
    until: float
    """The loop's clock, seconds."""


class Wire:
    """One connection's commands; of use from `opened` on, when Asterisk has answered the first."""

    def __init__(self, socket: Socket, patience: float) -> None:
        self._socket = socket
        self._patience = patience
        self._names = count(1)
        self._awaited: OrderedDict[str, _Awaited] = OrderedDict()
        self._looking: asyncio.TimerHandle | None = None

    def open(self, opened: Callable[[], None]) -> None:
        """Ask something; an Asterisk that does not know such commands never answers."""

        def done(answer: asyncio.Future[Answer]) -> None:
            if _is_answered(answer):
                opened()

        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(done)
        with suppress(Unreachable):  # whoever reads the link hears of it
            self._send("GET", "asterisk/info?only=status", None, self._await(answer))

    async def ask(self, method: str, path: str, json: Mapping[str, Any] | None) -> Answer:
        """A command and its answer; Unreachable when the link breaks or no answer comes."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._send(method, path, json, self._await(answer))
        return await answer

    def tell(self, method: str, path: str) -> None:
        """A command whose answer nobody waits for; what is sent next comes after it."""
        self._send(method, path, None, "")

    def take(self, message: Mapping[str, Any]) -> None:
        """An answer has come; one of a shape that nobody knows is passed over."""
        status = message.get("status_code")
        if not isinstance(status, int):
            log.warning("an answer without a status was passed over")
            return
        awaited = self._awaited.pop(str(message.get("request_id", "")), None)
        answer = Answer(status, str(message.get("message_body") or ""))
        if awaited is not None and not awaited.answer.done():
            awaited.answer.set_result(answer)
        elif awaited is None and answer.status >= 400 and answer.status not in _GONE:
            log.warning("a sound was not cut: %d %s", answer.status, answer.message)

    def close(self) -> None:
        """The link is no more, and no answer will come."""
        if self._looking is not None:
            self._looking.cancel()
        while self._awaited:
            self._give_up(self._awaited.popitem(last=False)[1], "the link broke")

    def _send(self, method: str, path: str, json: Mapping[str, Any] | None, name: str) -> None:
        request = {"type": "RESTRequest", "request_id": name, "method": method, "uri": path}
        if json is not None:
            request["content_type"] = "application/json"
            request["message_body"] = fast.dumps(json).decode()
        try:
            self._socket.send(fast.dumps(request))
        except Unreachable:
            self._awaited.pop(name, None)
            raise

    def _await(self, answer: asyncio.Future[Answer]) -> str:
        loop, name = asyncio.get_running_loop(), str(next(self._names))
        self._awaited[name] = _Awaited(answer, loop.time() + self._patience)
        if self._looking is None:
            self._looking = loop.call_later(self._patience, self._look)
        return name

    def _look(self) -> None:
        """Who has waited too long is told so; one timer for all that wait."""
        loop = asyncio.get_running_loop()
        self._looking = None
        while self._awaited:
            first = next(iter(self._awaited.values()))
            if first.until > loop.time():
                self._looking = loop.call_at(first.until, self._look)
                return
            self._give_up(self._awaited.popitem(last=False)[1], "TimeoutError")

    def _give_up(self, awaited: _Awaited, why: str) -> None:
        if not awaited.answer.done():
            awaited.answer.set_exception(Unreachable(f"no answer over the link: {why}"))


_GONE = (404, 409, 412, 422, 500)
"""The sound, or its caller, was gone already (asterisk.md, "Status codes")."""


def _is_answered(answer: asyncio.Future[Answer]) -> bool:
    """Whether Asterisk knows commands on this connection."""
    return not answer.cancelled() and answer.exception() is None and answer.result().status < 300
