"""The browser phone behind its page: what is carried to Asterisk and back, for whom, how many."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from console.rights import Role
from console.telephone import FULL, NO_LINE, SPARE
from ivr.accounts.store import prepared
from ivr.asterisk.configure import relay_secret
from ivr.config import AccountsSettings, ConsoleSettings, PhoneSettings, Settings
from ivr.line.screens import Screens
from ivr.line.watching import said
from tests.console.visiting import Console, Visitor
from tests.ports import free_port

TOKEN = "0123456789abcdef" * 2
INVITE = (
    "INVITE sip:12329@hotline.invalid SIP/2.0\r\nVia: SIP/2.0/WS x.invalid\r\n"
    "X-Relay: guessed\r\nContent-Length: 3\r\n\r\nv=0"
)


class FakeWebSockets:
    """Asterisk's /ws: keeps what it is sent, and answers each message with one of its own."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.asked: list[str | None] = []
        self.open: list[web.WebSocketResponse] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        self.asked.append(request.headers.get("Sec-WebSocket-Protocol"))
        connection = web.WebSocketResponse(protocols=("sip",))
        await connection.prepare(request)
        self.open.append(connection)
        async for message in connection:
            self.got.append(message.data)
            await connection.send_str("SIP/2.0 100 Trying\r\n\r\n")
        return connection


class Line:
    """A console, and behind it what stands for Asterisk and for the service."""

    def __init__(self, settings: Settings, *, up: bool = True, **phone: Any) -> None:
        ports = {"ari_port": free_port(), "http_port": free_port()}
        console = ConsoleSettings(phone=PhoneSettings.model_validate(phone))
        self.settings = settings.model_copy(update={**ports, "console": console})
        self.console = Console(self.settings)
        self.asterisk, self.screens = FakeWebSockets(), Screens()
        self.runners: list[web.AppRunner] = []
        if up:
            self.serve(ports["ari_port"], web.get("/ws", self.asterisk.serve))
            self.serve(ports["http_port"], said(self.screens))

    def serve(self, port: int, route: web.RouteDef) -> None:
        async def begin() -> None:
            app = web.Application()
            app.add_routes([route])
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            self.runners.append(runner)

        self.do(begin())

    def do(self, work: Awaitable[Any]) -> Any:
        async def bounded() -> Any:
            async with asyncio.timeout(20):
                return await work

        return self.console.loop.run_until_complete(bounded())

    def close(self) -> None:
        for runner in self.runners:
            self.do(runner.cleanup())
        self.console.close()


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110  the server's own tasks set it
        await asyncio.sleep(0.01)


@pytest.fixture
def lines(demo_settings: Settings) -> Iterator[Callable[..., Line]]:
    opened: list[Line] = []

    def line(**wishes: Any) -> Line:
        opened.append(Line(demo_settings, **wishes))
        return opened[-1]

    yield line
    for each in opened:
        each.close()


def headers(visitor: Visitor, **others: str) -> Mapping[str, str]:
    return {"Origin": visitor.origin, "Sec-Fetch-Site": "same-origin", **others}


def test_a_request_is_vouched_for_and_everything_else_of_it_is_as_it_was(
    lines: Callable[..., Line],
) -> None:
    line = lines()
    visitor = line.console.visitor()

    async def story() -> str:
        async with visitor.client.ws_connect(
            "/phone/ws", protocols=("sip",), headers=headers(visitor)
        ) as page:
            assert page.protocol == "sip"
            await page.send_str(INVITE)
            answer = await page.receive_str()
            await page.send_str("SIP/2.0 200 OK\r\nVia: x\r\n\r\n")
            await page.receive_str()
            return answer

    assert line.do(story()) == "SIP/2.0 100 Trying\r\n\r\n"
    first, _, rest = INVITE.partition("\r\n")
    secret = relay_secret(line.settings)
    assert line.asterisk.got == [
        f"{first}\r\nX-Relay: {secret}\r\n{rest}",
        "SIP/2.0 200 OK\r\nVia: x\r\n\r\n",
    ]
    assert line.asterisk.asked == ["sip"]


def test_only_what_a_call_is_made_of_goes_through(lines: Callable[..., Line]) -> None:
    line = lines()
    visitor = line.console.visitor()
    others = ("REGISTER", "SUBSCRIBE", "MESSAGE", "PUBLISH", "REFER", "NOTIFY", "invite", "X")

    async def story() -> None:
        async with visitor.client.ws_connect("/phone/ws", headers=headers(visitor)) as page:
            for method in others:
                await page.send_str(INVITE.replace("INVITE", method))
            await page.send_str("\r\n\r\n")
            await page.send_str("GET /ari/channels HTTP/1.1\r\n\r\n")
            await page.send_bytes(INVITE.encode())
            await page.send_str(INVITE.replace("INVITE", "BYE"))
            await page.receive_str()

    line.do(story())
    assert [message.split()[0] for message in line.asterisk.got] == ["BYE"]


@pytest.mark.parametrize(
    "sent",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": ""},
    ],
)
def test_another_sites_page_reaches_no_telephone(
    lines: Callable[..., Line], sent: dict[str, str]
) -> None:
    line = lines(open_to="everybody")
    visitor = line.console.visitor()

    async def story() -> int:
        try:
            await visitor.client.ws_connect("/phone/ws", headers={**headers(visitor), **sent})
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status
        return 101

    assert line.do(story()) == 403
    assert line.asterisk.asked == []


def test_where_a_sign_in_is_needed_nobody_calls_without(lines: Callable[..., Line]) -> None:
    line = lines(open_to="nobody")
    stranger, agent = line.console.visitor(), line.console.signed_in("王敏", Role.AGENT)

    async def status(visitor: Visitor) -> int:
        try:
            async with visitor.client.ws_connect("/phone/ws", headers=headers(visitor)):
                return 101
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status

    assert line.do(status(stranger)) == 401
    assert stranger.get("/phone/said", **{"X-Screen": TOKEN}).status == 401
    assert line.do(status(agent)) == 101
    assert len(line.asterisk.asked) == 1


def test_more_pages_than_there_are_lines_are_turned_away(lines: Callable[..., Line]) -> None:
    line = lines(calls=1)
    visitor = line.console.visitor()

    async def story() -> int | None:
        connect = visitor.client.ws_connect
        pages = [await connect("/phone/ws", headers=headers(visitor)) for _ in range(1 + SPARE)]
        await until(lambda: len(line.asterisk.open) == len(pages))
        late = await connect("/phone/ws", headers=headers(visitor))
        assert (await late.receive()).type is aiohttp.WSMsgType.CLOSE
        await pages[0].close()
        await until(lambda: any(each.closed for each in line.asterisk.open))
        again = await connect("/phone/ws", headers=headers(visitor))
        await again.send_str(INVITE)
        assert (await again.receive()).type is aiohttp.WSMsgType.TEXT, "one has gone"
        for page in (*pages[1:], again):
            await page.close()
        return late.close_code

    assert line.do(story()) == FULL


def test_without_asterisk_the_page_is_told(lines: Callable[..., Line]) -> None:
    line = lines(up=False)
    visitor = line.console.visitor()

    async def story() -> int | None:
        page = await visitor.client.ws_connect("/phone/ws", headers=headers(visitor))
        await page.receive()
        return page.close_code

    assert line.do(story()) == NO_LINE
    assert visitor.get("/phone/said", **{"X-Screen": TOKEN}).status == 502


def test_when_asterisk_hangs_up_so_does_the_relay(lines: Callable[..., Line]) -> None:
    line = lines()
    visitor = line.console.visitor()

    async def story() -> bool:
        page = await visitor.client.ws_connect("/phone/ws", headers=headers(visitor))
        await page.send_str(INVITE)
        await page.receive_str()
        await line.asterisk.open[0].close()
        await page.receive()
        return page.closed

    assert line.do(story())


def test_the_page_reads_what_the_service_shows_for_its_token(lines: Callable[..., Line]) -> None:
    line = lines()
    visitor = line.console.visitor()

    async def story() -> str:
        given = line.screens.shown(Silent(), TOKEN, "s1")  # type: ignore[arg-type]
        async with visitor.client.get("/phone/said", headers={"X-Screen": TOKEN}) as answer:
            assert answer.content_type == "text/event-stream"
            assert answer.headers["Cache-Control"] == "no-store"
            given.screen.show("says", id="p", said=[["您好", 500]])  # type: ignore[attr-defined]
            line.screens.close()
            return await answer.text()

    assert "您好" in line.do(story())


class Silent:
    """A line that nobody uses."""


def test_demo_numbers_stand_beside_the_pad_where_they_are_the_accounts(
    lines: Callable[..., Line],
) -> None:
    line = lines()
    shown = line.console.visitor().get("/phone").text
    for keys in ("990102200012120127", "11010519491231002*", "990101900101001#"):
        assert f'data-keys="{keys}"' in shown
    with prepared(line.settings.home / "accounts.sqlite") as database:
        database.execute("DELETE FROM fund_account")
        database.execute(
            "INSERT INTO fund_account VALUES ('110105194912310021', '2026-10', '1', '1')"
        )
        database.commit()
    assert "data-keys" not in line.console.visitor().get("/phone").text


def test_a_database_of_the_centre_has_no_demo_numbers(demo_settings: Settings) -> None:
    accounts = AccountsSettings(url=SecretStr("postgresql+psycopg://nobody@127.0.0.1/none"))
    console = Console(demo_settings.model_copy(update={"accounts": accounts}))
    assert "data-keys" not in console.visitor().get("/phone").text
    console.close()


def test_where_there_is_no_browser_phone_the_page_says_so(lines: Callable[..., Line]) -> None:
    shown = lines(calls=0).console.visitor().get("/phone").text
    assert "console.phone.calls" in shown
    assert 'id="call"' not in shown
