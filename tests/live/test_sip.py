"""SIP as carriers, gateways and phones speak it: one line behind several trunks, no guests."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ivr.asterisk.configure import folder, log_folder
from ivr.speech.prompts import PromptSet
from tests.live.conftest import Caller, LiveLine, a_line
from tests.live.phone import Phone
from tests.live.test_agents import agent_phone, ask_for_an_agent, first, until

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

CARRIER, STRANGER = "127.0.0.2", "127.0.0.66"
TRUNKS = [{"name": "carrier", "hosts": [CARRIER], "numbers": ["01012329"]}]
NUMBER = "13912345678"


@pytest.fixture(scope="module")
def sip_line(tmp_path_factory: pytest.TempPathFactory, whole_set: PromptSet) -> Iterator[LiveLine]:
    with a_line(tmp_path_factory.mktemp("sip"), whole_set, guests=False, trunks=TRUNKS) as line:
        line.start_service()
        yield line


@asynccontextmanager
async def calling(
    line: LiveLine, number: str = "12329", *, host: str = CARRIER, user: str = NUMBER, **dial: Any
) -> AsyncIterator[Caller]:
    """A customer of the carrier's, whose call is answered."""
    async with Phone.open(line.settings.sip_port, user=user, host=host) as phone:
        status = await phone.dial(number, **dial)
        assert status == 200, f"the call was answered {status}\n{line.log()}"
        yield Caller(line, phone)


async def reaches_the_menu(caller: Caller, key: str = "1") -> None:
    """The greeting is heard, and a key is taken."""
    await caller.hears_begin("main.greeting")
    caller.phone.press(key)
    await caller.hears_begin("account.menu")


def written(line: LiveLine) -> str:
    """Whatever this line's Asterisk has written for its operator."""
    logs = [folder(line.settings) / "asterisk.out", log_folder(line.settings) / "asterisk.log"]
    return "".join(path.read_text(errors="replace") for path in logs if path.exists())


# --- who is let in ----------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["trunk-carrier", "6001", "anonymous", "carrier", "agent"])
def test_a_name_is_no_password(sip_line: LiveLine, user: str) -> None:
    async def story() -> int:
        async with Phone.open(sip_line.settings.sip_port, user=user, host=STRANGER) as phone:
            return await phone.dial("12329")

    assert asyncio.run(story()) == 401


# --- what a packet leaves in the logs -----------------------------------------------------------

LACKING = ["Via", "From", "To", "Call-ID", "CSeq"]


def malformed(lacking: str) -> bytes:
    """An INFO that brings a key and a caller's number, without one header."""
    headers = {
        "Via": f"SIP/2.0/UDP {CARRIER}:5060;branch=z9hG4bK{random.getrandbits(48):x}",
        "From": f"<sip:{NUMBER}@{CARRIER}>;tag=1",
        "To": "<sip:12329@127.0.0.1>;tag=2",
        "Call-ID": f"{random.getrandbits(64):x}",
        "CSeq": "1 INFO",
        "Content-Type": "application/dtmf-relay",
        "Content-Length": "24",
    }
    lines = [f"{name}: {value}" for name, value in headers.items() if name != lacking]
    start = "INFO sip:12329@127.0.0.1 SIP/2.0"
    return ("\r\n".join([start, *lines]) + "\r\n\r\nSignal=7\r\nDuration=160\r\n").encode()


def test_a_malformed_packet_leaves_nothing_in_the_logs(sip_line: LiveLine) -> None:
    before = len(written(sip_line))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((CARRIER, 0))
        for lacking in LACKING * 50:
            sender.sendto(malformed(lacking), ("127.0.0.1", sip_line.settings.sip_port))

    async def is_alive() -> None:
        async with calling(sip_line) as caller:
            await caller.hears_begin("main.greeting")

    asyncio.run(is_alive())
    said = written(sip_line)
    assert NUMBER not in said
    assert "Signal=" not in said
    assert len(said) - before < 1000, said[-3000:]


# --- what is offered ------------------------------------------------------------------------------

FAX = "m=image 40000 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n"


def test_a_trunk_that_offers_fax_besides_is_greeted_and_its_keys_count(sip_line: LiveLine) -> None:
    async def story() -> None:
        async with Phone.open(sip_line.settings.sip_port, user=NUMBER, host=CARRIER) as phone:
            assert await phone.dial("12329", offer=phone.offer() + FAX) == 200
            await reaches_the_menu(Caller(sip_line, phone))

    asyncio.run(story())


# --- requests within a call --------------------------------------------------------------------

WITHIN_A_CALL: dict[str, tuple[str, str | None, set[int | None]]] = {
    "OPTIONS": ("", None, {200}),
    "INFO": ("", None, {200}),
    "INFO media control": ("<media_control/>", "application/media_control+xml", {200, 415}),
    "UPDATE": ("", None, {200}),
    "MESSAGE": ("hello", "text/plain", {200, 202, 403, 405, 415}),
    "REFER": ("", None, {400, 403, 405, 603}),
    # Asterisk has nothing that answers these: they are to do no harm.
    "INFO odd": ("x", "application/x-odd", {200, 415, None}),
    "NOTIFY": ("", None, {200, 403, 405, 481, 489, None}),
    "SUBSCRIBE": ("", None, {403, 405, 481, 489, None}),
    "PUBLISH": ("", None, {403, 405, 489, None}),
    "FOO": ("", None, {405, 501, None}),
}


def test_every_request_within_a_call_is_answered(sip_line: LiveLine) -> None:
    answers: dict[str, int | None] = {}

    async def story() -> None:
        async with calling(sip_line) as caller:
            await caller.hears_begin("main.greeting")
            for name, (body, kind, _) in WITHIN_A_CALL.items():
                headers = {"Event": "keep-alive", "Expires": "60"}
                if name == "REFER":
                    headers["Refer-To"] = "<sip:13800138000@127.0.0.1>"
                answer = await caller.phone.ask(
                    name.split()[0], body, kind=kind, headers=headers, within=1.5
                )
                answers[name] = None if answer is None else answer.status
            assert not caller.phone.ended.is_set()
            caller.phone.press("1")
            await caller.hears_begin("account.menu")

    asyncio.run(story())
    assert "transfer attempt blocked" in written(sip_line), "a REFER is refused with words"
    wrong = {name: got for name, got in answers.items() if got not in WITHIN_A_CALL[name][2]}
    assert not wrong, answers


def test_options_outside_of_a_call_are_answered_whatever_they_ask_for(sip_line: LiveLine) -> None:
    async def story() -> list[int | None]:
        statuses = []
        for user in ("12329", "01012329", "4001", "s", "ping", ""):
            async with Phone.open(sip_line.settings.sip_port, user=NUMBER, host=CARRIER) as phone:
                statuses.append(await phone.dial(user, method="OPTIONS", offer=""))
        return statuses

    assert asyncio.run(story()) == [200] * 6


# --- numbers dialled -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dialled",
    ["12329", "01012329", "12329;phone-context=+86", "12329;npdi", "12329;rn=01012329;npdi=yes"],
)
def test_a_number_of_the_line_is_known_with_its_parameters(
    sip_line: LiveLine, dialled: str
) -> None:
    async def story() -> None:
        async with calling(sip_line, dialled) as caller:
            await caller.hears_begin("main.greeting")
        await sip_line.settled()

    asyncio.run(story())
    started = [fact for fact in sip_line.facts() if fact["fact"] == "SessionStarted"]
    assert started[-1]["dialled"] == dialled.split(";", maxsplit=1)[0]


@pytest.mark.parametrize(
    "dialled", ["4001", "+8613800138000", "s", "line", "", "away", "i", "h", "t", "_X.", "%23"]
)
def test_what_is_no_number_of_the_line_is_answered_404(sip_line: LiveLine, dialled: str) -> None:
    async def story() -> int:
        async with Phone.open(sip_line.settings.sip_port, user=NUMBER, host=CARRIER) as phone:
            return await phone.dial(dialled)

    assert asyncio.run(story()) == 404


# --- hold ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
def test_a_caller_whom_the_agent_holds_hears_music(sip_line: LiveLine, direction: str) -> None:
    async def story() -> None:
        async with (
            agent_phone(sip_line, first(sip_line), "answer") as agent,
            calling(sip_line) as caller,
        ):
            await ask_for_an_agent(caller)
            await until(agent.answered.is_set)
            await asyncio.sleep(1.0)
            before = sum(clip.name == "music.hold" for clip in caller.heard())
            answer = await agent.offer_anew(agent.offer(direction=direction))
            assert answer.status == 200
            await caller.hears_begin("music.hold", times=before + 1)
            await agent.offer_anew(agent.offer())
            agent.speak(sip_line.ear.sound("survey.thanks"))
            await caller.hears("survey.thanks")
        await sip_line.settled()

    asyncio.run(story())
    assert "Music on Hold" not in written(sip_line)
