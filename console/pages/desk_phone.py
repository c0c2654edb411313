"""An agent's phone in the page 坐席: registered as that agent and nobody else, one page at a time.

The page proves that it is the agent by its session; to Asterisk the relay proves it, with a
password that no page has: it puts the right `response` into each Authorization that passes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import web

from console.guarding import entitled_still
from console.pages.desk_call import own_agent
from console.rights import Action
from console.routes import SETTINGS, Page, Route
from console.telephone import carried, is_response, opened
from ivr.asterisk.configure import agents_in_browsers, browser_password
from ivr.config import Agent
from ivr.probe.sip import digest

NOBODY, ELSEWHERE, TALKS_ELSEWHERE, SIGNED_OUT = 4003, 4004, 4005, 4006
"""Why the relay hangs up, as `desk_phone.js` knows it."""
BEAT_SECONDS = 20.0
"""Between looks at whether the session stands still."""
_REQUEST = re.compile(
    r"(REGISTER|ACK|BYE|UPDATE|OPTIONS|INFO|PRACK) sips?:\S+ SIP/2\.0\r\n", re.ASCII
)
"""A page registers and is called; it calls nobody."""
_PROOF = re.compile(r"^Authorization: *Digest +([^\r]*)", re.MULTILINE | re.IGNORECASE)
_FIELD = re.compile(r'(\w+)="?([^",]*)"?')
_RESPONSE = re.compile(r'(response=")[^"]*(")')
_TO = re.compile(r"^To:[^\r]*<sips?:([^@>]*)@", re.MULTILINE | re.IGNORECASE)
_CSEQ = re.compile(r"^CSeq: *\d+ +(\w+)", re.MULTILINE | re.IGNORECASE)

_LINES: web.AppKey[dict[str, Line]] = web.AppKey("agents' phones")


@dataclass(slots=True)
class Line:
    """The one page that is an agent's phone, as its messages show it."""

    agent: Agent
    page: str
    """By which a page that comes again is known."""
    browser: web.WebSocketResponse
    password: str = field(repr=False)
    talks: bool = False
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody sits there: the person has just done something."""

    def out(self, message: str) -> str | None:
        """What this agent's telephone may say, with the proof that it is the agent's."""
        if is_response(message):
            self._answers(message)
            return message
        request = _REQUEST.match(message)
        if request is None or (request[1] == "REGISTER" and not self._is_own(message)):
            return None
        if request[1] == "BYE":
            self.talks = False
        return self._proved(request[1], message)

    def back(self, message: str) -> None:
        """Who called has hung up."""
        if message.startswith("BYE "):
            self.talks = False

    def _answers(self, message: str) -> None:
        asked = _CSEQ.search(message)
        if message.startswith("SIP/2.0 200") and asked is not None and asked[1] == "INVITE":
            self.talks = True
            self.answered.set()

    def _is_own(self, message: str) -> bool:
        to = _TO.search(message)
        return to is not None and to[1] == self.agent.browser

    def _proved(self, method: str, message: str) -> str | None:
        """None where it says that it is somebody else."""
        head, blank, body = message.partition("\r\n\r\n")
        proof = _PROOF.search(head)
        if proof is None:
            return message
        told = dict(_FIELD.findall(proof[1]))
        if told.get("username") != self.agent.browser:
            return None
        try:
            right = digest(method, told, self.password)
        except KeyError:
            return None
        signed = _RESPONSE.sub(rf"\g<1>{right}\g<2>", proof[0])
        return f"{head[: proof.start()]}{signed}{head[proof.end() :]}{blank}{body}"


async def connected(app: web.Application) -> AsyncIterator[None]:
    """What the relay holds as long as the application runs."""
    app[_LINES] = {}
    app.on_shutdown.append(_hang_up)
    yield


async def _hang_up(app: web.Application) -> None:
    """Conversations go on without us: their speech does not come this way."""
    for line in tuple(app[_LINES].values()):
        await line.browser.close(code=1001)


async def relay(request: web.Request) -> web.WebSocketResponse:
    """Carry the SIP of one agent's page until it closes, or must not go on.

    Who may answer calls, and from which origin, has been checked before.
    """
    settings, lines = request.app[SETTINGS], request.app[_LINES]
    agent, browser = await own_agent(request), await opened(request)
    if agent is None or not agents_in_browsers(settings):
        await browser.close(code=NOBODY)
        return browser
    page = request.query.get("page", "")
    before = lines.get(agent.extension)
    if before is not None and before.page != page and before.talks:
        await browser.close(code=TALKS_ELSEWHERE)
        return browser
    password = await asyncio.to_thread(browser_password, agent, settings)
    line = Line(agent, page, browser, password, talks=before is not None and before.talks)
    with _held(lines, line):
        if before is not None:
            await before.browser.close(code=ELSEWHERE)
        watching = asyncio.create_task(_watched(request, line))
        try:
            await carried(request, browser, line)
        finally:
            watching.cancel()
    return browser


@contextmanager
def _held(lines: dict[str, Line], line: Line) -> Iterator[None]:
    """Until it ends, or a newer page has taken its place."""
    extension = line.agent.extension
    lines[extension] = line
    try:
        yield
    finally:
        if lines.get(extension) is line:
            del lines[extension]


async def _watched(request: web.Request, line: Line) -> None:
    """A session that ends takes the phone along, though not out of a conversation.

    Whoever answers is there: that counts as something done.
    """
    while True:
        try:
            async with asyncio.timeout(BEAT_SECONDS):
                await line.answered.wait()
        except TimeoutError:
            pass
        has_answered = line.answered.is_set()
        line.answered.clear()
        stands = await entitled_still(request, Action.ANSWER_CALLS, touch=has_answered)
        if not line.talks and not (stands and await own_agent(request) == line.agent):
            await line.browser.close(code=SIGNED_OUT)
            return


PAGE = Page(
    "话机",
    "/desk/phone/ws",
    (Route("GET", "/desk/phone/ws", relay, Action.ANSWER_CALLS, background=True),),
    in_menu=False,
)
