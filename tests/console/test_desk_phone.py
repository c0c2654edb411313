"""An agent's phone in the page 坐席: whose it is, what it may say, and who has it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from console.pages import desk_phone
from console.pages.desk_phone import ELSEWHERE, NOBODY, SIGNED_OUT, TALKS_ELSEWHERE
from console.rights import Role
from ivr.asterisk.configure import browser_password
from ivr.config import EdgeSettings, Settings
from ivr.probe.sip import Message, digest, proof
from tests.console import test_phone
from tests.console.test_phone import Line, headers, until
from tests.console.visiting import Visitor

AGENT = "一号坐席"
NONCE = "1764288000/0f0e"

lines = test_phone.lines
"""The same fixture: a line behind each page that telephones."""


def register(name: str = "6001.web", user: str | None = None, *more: str) -> str:
    fields = {
        "username": user or name, "realm": "asterisk", "nonce": NONCE, "uri": "sip:hotline.invalid",
        "cnonce": "c1", "response": "0" * 32,
    }  # fmt: skip
    quoted = ", ".join(f'{key}="{value}"' for key, value in fields.items())
    given = [
        "REGISTER sip:hotline.invalid SIP/2.0",
        "Via: SIP/2.0/WS x.invalid",
        f"To: <sip:{name}@hotline.invalid>",
        f"From: <sip:{name}@hotline.invalid>;tag=1",
        "CSeq: 2 REGISTER",
        f"Authorization: Digest algorithm=MD5, {quoted}, qop=auth, nc=00000001",
        *more,
        "Content-Length: 0",
    ]
    return "\r\n".join(given) + "\r\n\r\n"


def request(method: str) -> str:
    return f"{method} sip:12329@hotline.invalid SIP/2.0\r\nCSeq: 1 {method}\r\n\r\n"


def answered(status: int = 200) -> str:
    return f"SIP/2.0 {status} OK\r\nCSeq: 5 INVITE\r\n\r\n"


def connect(visitor: Visitor, page: str = "one") -> Any:
    return visitor.client.ws_connect(
        f"/desk/phone/ws?page={page}", protocols=("sip",), headers=headers(visitor)
    )


def test_the_relay_proves_who_it_is_and_no_page_has_the_password(
    lines: Callable[..., Line],
) -> None:
    line = lines()
    agent = line.console.signed_in(AGENT, Role.AGENT)
    asked = register()

    async def story() -> None:
        async with connect(agent) as page:
            await page.send_str(asked)
            await page.receive_str()

    line.do(story())
    (got,) = line.asterisk.got
    first = line.settings.agents.phones[0]
    told = {
        "username": "6001.web", "realm": "asterisk", "nonce": NONCE, "uri": "sip:hotline.invalid",
        "cnonce": "c1", "qop": "auth", "nc": "00000001",
    }  # fmt: skip
    right = digest("REGISTER", told, browser_password(first, line.settings))
    assert got == asked.replace("0" * 32, right), "and all else as it was"
    assert browser_password(first, line.settings) not in agent.get("/desk").text


def test_a_digest_is_what_a_telephone_answers_a_challenge_with() -> None:
    head = 'WWW-Authenticate: Digest realm="asterisk", nonce="n", qop="auth"'
    challenge = Message.parse(f"SIP/2.0 401 Unauthorized\r\n{head}\r\n\r\n".encode())
    made = proof("REGISTER", "sip:x", challenge, "6001", "secret")["Authorization"]
    told = dict(part.split("=", 1) for part in made.removeprefix("Digest ").split(", "))
    bare = {name: value.strip('"') for name, value in told.items()}
    assert digest("REGISTER", bare, "secret") == bare["response"]


@pytest.mark.parametrize(
    "said",
    [
        register("6002.web"),
        register("6001"),
        register("6001.web", "6002.web"),
        register("6001.web", "6001"),
        register().replace('nonce="1764288000/0f0e", ', ""),
        register().replace("To: <sip:6001.web@", "To: <sip:6001.web%00@"),
        *map(request, ("INVITE", "SUBSCRIBE", "MESSAGE", "PUBLISH", "REFER", "NOTIFY", "bye")),
        "\r\n\r\n",
        "GET /ari/channels HTTP/1.1\r\n\r\n",
    ],
)
def test_a_page_registers_as_its_own_agent_and_calls_nobody(
    lines: Callable[..., Line], said: str
) -> None:
    line = lines()
    agent = line.console.signed_in(AGENT, Role.AGENT)

    async def story() -> None:
        async with connect(agent) as page:
            await page.send_str(said)
            await page.send_bytes(register().encode())
            await page.send_str(request("BYE"))
            await page.receive_str()

    line.do(story())
    assert line.asterisk.got == [request("BYE")]


def test_who_is_no_agent_has_no_phone_and_strangers_do_not_get_so_far(
    lines: Callable[..., Line],
) -> None:
    line = lines()
    nobody = line.console.signed_in("赵强", Role.AGENT)
    leader = line.console.signed_in("值班", Role.LEADER)

    async def status(visitor: Visitor, **sent: str) -> int:
        try:
            await visitor.client.ws_connect("/desk/phone/ws", headers={**headers(visitor), **sent})
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status
        return 101

    async def turned_away() -> int | None:
        page = await connect(nobody)
        await page.receive()
        return page.close_code

    assert line.do(turned_away()) == NOBODY
    assert line.do(status(line.console.visitor())) == 401
    assert line.do(status(leader)) == 403
    agent = line.console.signed_in(AGENT, Role.AGENT)
    assert line.do(status(agent, Origin="https://evil.example")) == 403
    assert line.asterisk.asked == []


@pytest.mark.parametrize(
    "changes",
    [
        {"console": {"phone": {"agents": False}}},
        {"edge": EdgeSettings(addresses=("192.0.2.9",))},
    ],
)
def test_where_agents_have_no_phone_in_the_browser_the_page_shows_none(
    demo_settings: Settings, changes: dict[str, Any]
) -> None:
    settings = Settings(**{**demo_settings.model_dump(), **changes})
    line = Line(settings, agents=settings.console.phone.agents)
    try:
        agent = line.console.signed_in(AGENT, Role.AGENT)
        assert 'id="phone"' not in agent.get("/desk").text

        async def story() -> int | None:
            page = await connect(agent)
            await page.receive()
            return page.close_code

        assert line.do(story()) == NOBODY
    finally:
        line.close()


def test_the_newest_page_has_the_phone_but_for_one_that_talks(lines: Callable[..., Line]) -> None:
    line = lines()
    agent = line.console.signed_in(AGENT, Role.AGENT)

    async def closed(page: aiohttp.ClientWebSocketResponse) -> int | None:
        while (await page.receive()).type is not aiohttp.WSMsgType.CLOSE:
            pass
        return page.close_code

    async def says(page: aiohttp.ClientWebSocketResponse, *said: str) -> None:
        for each in said:
            await page.send_str(each)
            await page.receive_str()

    async def story() -> list[int | None]:
        one = await connect(agent, "one")
        await says(one, register())
        two = await connect(agent, "two")
        codes = [await closed(one)]
        await says(two, answered(180), answered())
        late = await connect(agent, "three")
        codes.append(await closed(late))
        again = await connect(agent, "two")
        codes.append(await closed(two))
        late = await connect(agent, "three")
        codes.append(await closed(late))
        await says(again, request("BYE"))
        late = await connect(agent, "three")
        codes.append(await closed(again))
        await says(late, answered())
        for connection in [*line.asterisk.open]:
            if not connection.closed:
                await connection.send_str(request("BYE"))
        assert (await late.receive_str()).startswith("BYE ")
        last = await connect(agent, "four")
        codes.append(await closed(late))
        await last.close()
        return codes

    taken, refused = ELSEWHERE, TALKS_ELSEWHERE
    assert line.do(story()) == [taken, refused, taken, refused, taken, taken]


def test_a_session_that_ends_takes_the_phone_along_after_the_conversation(
    lines: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_phone, "BEAT_SECONDS", 0.05)
    line = lines()
    agent = line.console.signed_in(AGENT, Role.AGENT)

    async def story() -> int | None:
        page = await connect(agent)
        await page.send_str(answered())
        await page.receive_str()
        await asyncio.to_thread(line.console.users.lock, AGENT)
        await asyncio.sleep(0.5)
        assert not page.closed
        await page.send_str(request("BYE"))
        while (await page.receive()).type is not aiohttp.WSMsgType.CLOSE:
            pass
        return page.close_code

    assert line.do(story()) == SIGNED_OUT


def test_whoever_answers_is_there(
    lines: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent who only answers calls is not signed out by idleness."""
    line = lines()
    agent = line.console.signed_in(AGENT, Role.AGENT)
    touched: list[bool] = []

    async def stands(_: Any, __: Any, *, touch: bool = False) -> bool:
        touched.append(touch)
        return True

    monkeypatch.setattr(desk_phone, "entitled_still", stands)

    async def story() -> None:
        async with connect(agent) as page:
            await page.send_str(answered())
            await until(lambda: bool(touched))

    line.do(story())
    assert touched == [True]
