"""坐席: an agent's own state, to sign in and out, to be ready or not; and how the others are."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import aclosing
from typing import Any, Final

from aiohttp import web

from console.guarding import entitled_still
from console.living import Living, State
from console.pages.desk_call import own_agent
from console.rendering import fragment, page
from console.rights import Action
from console.routes import SETTINGS, Page, Route
from console.service import ServiceAway, ask
from console.trail import note
from ivr.agents.presence import CUT_OFF, UNWRITTEN, WISHES, Event
from ivr.agents.presence import State as Presence
from ivr.asterisk.configure import agents_in_browsers
from ivr.calls.pins import Pins, TooEasy
from ivr.config import Agent, Settings, standing
from ivr.people.sensitive import Sensitive

STATES: Final = {
    "free": ("空闲", ""),
    "ringing": ("振铃", "warn"),
    "talking": ("通话", ""),
    "wrap_up": ("整理", "warn"),
    "not_ready": ("示忙", "warn"),
    "away": ("离开", "bad"),
    "signed_out": ("离线", "off"),
    "absent": ("话机未注册", "off"),
}
"""How a state is called, and which shape it has."""


def described(part: dict[str, Any]) -> dict[str, Any]:
    """An agent's part of the service's stream, in words."""
    word, shape = STATES[part["state"]]
    reason = part.get("reason", "")
    then = part.get("then")
    if part["state"] in {"not_ready", "away"} and reason:
        word = f"{word}（{reason}）"
    elif then:
        word = f"{word}，然后{STATES[then][0]}"
    return {**part, "word": (word, shape)}


# --- this second ------------------------------------------------------------------------------


LIVING = web.AppKey("agents living", Living)


def living(settings: Settings) -> Living:
    """The stream of this line: all agents, for each of whom a page shows something else."""

    def told(state: State | None) -> str:
        return json.dumps(None if state is None else state.get("agents", {}))

    return Living(settings, told)


async def _live(request: web.Request) -> web.StreamResponse:
    agent = await own_agent(request)
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    try:
        async with aclosing(request.app[LIVING].watch()) as news:
            await answer.prepare(request)
            async for told in news:
                if told:
                    html = _shown(json.loads(told), agent)
                    await answer.write(f"data: {html.replace(chr(10), '')}\n\n".encode())
                elif await entitled_still(request, Action.ANSWER_CALLS):
                    await answer.write(b": beat\n\n")
                else:
                    break
    except ConnectionError:  # the page is closed
        pass
    return answer


def _shown(agents: dict[str, dict[str, Any]] | None, own: Agent | None) -> str:
    if agents is None:
        return fragment("desk_live.html.j2", state=None)
    mine = None if own is None else agents.get(own.extension)
    others = [
        {**described(part), "extension": extension}
        for extension, part in sorted(agents.items())
        if own is None or extension != own.extension
    ]
    return fragment(
        "desk_live.html.j2",
        state=agents,
        now=round(time.time()),
        mine=None if mine is None else described(mine),
        others=others,
        unwritten=UNWRITTEN,
        cut_off=CUT_OFF,
    )


# --- the page, and what an agent wants ----------------------------------------------------------


async def _desk(request: web.Request) -> web.Response:
    return await _page(request)


async def _page(request: web.Request, *, told: str = "", fault: str = "") -> web.Response:
    agents = (await asyncio.to_thread(standing, request.app[SETTINGS])).agents
    own = await own_agent(request)
    has_pin = own is not None and await asyncio.to_thread(
        Pins(request.app[SETTINGS].home).has, own.extension
    )
    return page(
        request,
        "desk.html.j2",
        status=422 if fault and "HX-Request" not in request.headers else 200,
        agent=own,
        in_browser=agents_in_browsers(request.app[SETTINGS]),
        ports=_ports(request.app[SETTINGS]),
        attends=agents.sign_in,
        reasons=agents.not_ready_reasons,
        code=agents.desk_code,
        has_pin=has_pin,
        told=told,
        fault=fault,
    )


def _ports(settings: Settings) -> str:
    return f"{settings.rtp_first_port}–{settings.rtp_last_port}"


async def _wish(request: web.Request) -> web.Response:
    form = {name: str(value) for name, value in (await request.post()).items()}
    own = await own_agent(request)
    if own is None:
        return await _page(request, fault="您不是坐席：请管理员在“设置”里写上您的名字。")
    wanted = {"wish": form.get("wish"), "reason": form.get("reason")}
    try:
        answer = await ask(request.app[SETTINGS], "POST", "desks", f"/{own.extension}", wanted)
    except ServiceAway as away:
        return await _page(request, fault=str(away))
    if not answer.is_done:
        return await _page(request, fault=f"没有办成：{answer.why}")
    wish = Event(form["wish"])
    later = answer.told["state"] == Presence.TALKING
    told = f"{WISHES[wish]}：通话结束以后生效。" if later else f"已{WISHES[wish]}。"
    return await _page(request, told=told)


async def _pin(request: web.Request) -> web.Response:
    """The agent's own six digits, for the phone."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    own = await own_agent(request)
    if own is None:
        return await _page(request, fault="您不是坐席：请管理员在“设置”里写上您的名字。")
    if form.get("pin") != form.get("again"):
        return await _page(request, fault="两次输入的坐席密码不一样。")
    chosen = Sensitive(form.get("pin", ""))
    pins = Pins(request.app[SETTINGS].home)
    try:
        pins.check(chosen)
    except TooEasy as easy:
        return await _page(request, fault=str(easy))
    await note(request, "password", f"坐席 {own.extension}")
    await asyncio.to_thread(pins.choose, own.extension, chosen)
    return await _page(request, told="坐席密码已改。")


PAGE = Page(
    "坐席",
    "/desk",
    (
        Route("GET", "/desk", _desk, Action.ANSWER_CALLS),
        Route("GET", "/desk/live", _live, Action.ANSWER_CALLS, background=True),
        Route("POST", "/desk", _wish, Action.ANSWER_CALLS),
        Route("POST", "/desk/pin", _pin, Action.ANSWER_CALLS),
    ),
)
