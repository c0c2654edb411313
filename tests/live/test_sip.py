"""SIP as carriers, gateways and phones speak it: one line behind several trunks, no guests."""

from __future__ import annotations

import asyncio
import random
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from ivr.asterisk.configure import folder
from ivr.lifecycle import asking, logs
from ivr.line.signalling import ALL_READ_SECONDS
from ivr.probe.ear import Ear, share
from ivr.probe.sound import RATE
from ivr.speech.prompts import PromptSet
from ivr.upkeep import doctor
from tests.live.conftest import HANGING_SECONDS, Caller, LiveLine, a_line
from tests.live.phone import Phone, tones
from tests.live.registrar import Registrar
from tests.live.test_agents import agent_phone, ask_for_an_agent, first, heart, tone, until

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

CARRIER, BY_INFO, BY_TONES, ANYTHING, ACCOUNT, REFUSING, ELSEWHERE, IMPATIENT, DESCRIBED = (
    f"127.0.0.{last}" for last in range(2, 11)
)
STRANGER = "127.0.0.66"
NUMBER, OTHER_NUMBER = "13912345678", "13787654321"
USER, PASSWORD = "8657157112329", "s;cret#1"


def trunks(account: Registrar, refusing: Registrar) -> list[dict[str, Any]]:
    """As many ways to be a carrier as there are settings for."""
    return [
        {"name": "carrier", "hosts": [CARRIER], "numbers": ["01012329"]},
        {"name": "info", "hosts": [BY_INFO], "dtmf": "info"},
        {"name": "tones", "hosts": [BY_TONES], "dtmf": "inband"},
        {"name": "anything", "hosts": [ANYTHING], "any_number": True},
        {"name": "impatient", "hosts": [IMPATIENT]},
        {"name": "described", "hosts": [DESCRIBED]},
        {"name": "account", "registration": registration(ACCOUNT, account)},
        {"name": "refusing", "registration": registration(REFUSING, refusing)},
    ]


def registration(host: str, registrar: Registrar) -> dict[str, str]:
    return {"server": f"{host}:{registrar.port}", "user": USER, "password": PASSWORD}


@dataclass
class Carriers:
    """The line, and the registrars of the carriers that it has accounts with."""

    line: LiveLine
    account: Registrar


@pytest.fixture(scope="module")
def carriers(tmp_path_factory: pytest.TempPathFactory, whole_set: PromptSet) -> Iterator[Carriers]:
    home = tmp_path_factory.mktemp("sip")
    site = home / "asterisk" / "site"
    site.mkdir(parents=True)
    (site / "pjsip.conf").write_text("[trunk-impatient](+)\nrtp_timeout = 2\n")
    with (
        Registrar.open(ACCOUNT, {USER: PASSWORD}) as account,
        Registrar.open(REFUSING, {USER: "another"}) as refusing,
        a_line(home, whole_set, guests=False, trunks=trunks(account, refusing)) as line,
    ):
        line.start_service()
        yield Carriers(line, account)


@pytest.fixture(scope="module")
def sip_line(carriers: Carriers) -> LiveLine:
    return carriers.line


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
    files = [folder(line.settings) / "asterisk.out", logs.folder(line.settings) / "asterisk.log"]
    return "".join(path.read_text(errors="replace") for path in files if path.exists())


# --- who is let in --------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["trunk-carrier", "6001", "anonymous", "carrier", "agent"])
def test_a_name_is_no_password(sip_line: LiveLine, user: str) -> None:
    async def story() -> int:
        async with Phone.open(sip_line.settings.sip_port, user=user, host=STRANGER) as phone:
            return await phone.dial("12329")

    assert asyncio.run(story()) == 401


# --- what a packet leaves in the logs ---------------------------------------------------------

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


# --- what is offered ----------------------------------------------------------------------------

FAX = "m=image 40000 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n"


def test_a_trunk_that_offers_fax_besides_is_greeted_and_its_keys_count(sip_line: LiveLine) -> None:
    async def story() -> None:
        async with Phone.open(sip_line.settings.sip_port, user=NUMBER, host=CARRIER) as phone:
            assert await phone.dial("12329", offer=phone.offer() + FAX) == 200
            await reaches_the_menu(Caller(sip_line, phone))

    asyncio.run(story())


# --- requests within a call ------------------------------------------------------------------

WITHIN_A_CALL: dict[str, tuple[str, str | None, int]] = {
    "OPTIONS": ("", None, 200),
    "INFO": ("", None, 200),
    "INFO media control": ("<media_control/>", "application/media_control+xml", 200),
    "UPDATE": ("", None, 200),
    "MESSAGE": ("hello", "text/plain", 202),
    "REFER": ("", None, 603),
}
UNANSWERED_WITHIN_A_CALL: dict[str, tuple[str, str | None]] = {
    "INFO odd": ("x", "application/x-odd"),
    "NOTIFY": ("", None),
    "SUBSCRIBE": ("", None),
    "PUBLISH": ("", None),
    "FOO": ("", None),
}
"""None of Asterisk's modules answers these within a call (res_pjsip_session asks each of them, and
goes on when none has). A sender gives them up after 32 s, and they are to do no harm."""


async def ask_within_a_call(caller: Caller, name: str, body: str, kind: str | None) -> int | None:
    headers = {"Event": "keep-alive", "Expires": "60"}
    if name == "REFER":
        headers["Refer-To"] = "<sip:13800138000@127.0.0.1>"
    asked = caller.phone.ask(
        name.split(maxsplit=1)[0], body, kind=kind, headers=headers, within=2.0
    )
    answer = await asked
    return None if answer is None else answer.status


def test_every_request_within_a_call_is_answered(sip_line: LiveLine) -> None:
    answers: dict[str, int | None] = {}

    async def story() -> None:
        async with calling(sip_line) as caller:
            await caller.hears_begin("main.greeting")
            for name, (body, kind, _) in WITHIN_A_CALL.items():
                answers[name] = await ask_within_a_call(caller, name, body, kind)
            caller.phone.press("1")
            await caller.hears_begin("account.menu")

    asyncio.run(story())
    assert "transfer attempt blocked" in written(sip_line), "a REFER is refused with words"
    assert answers == {name: status for name, (_, _, status) in WITHIN_A_CALL.items()}


def test_what_asterisk_does_not_answer_within_a_call_does_no_harm(sip_line: LiveLine) -> None:
    """Sent three times each, as who gets no answer does; keys count and the menu goes on."""
    answers: dict[str, int | None] = {}

    async def story() -> None:
        async with calling(sip_line) as caller:
            await caller.hears_begin("main.greeting")
            for name, (body, kind) in UNANSWERED_WITHIN_A_CALL.items():
                caller.phone.press("*")  # the menu again: nobody is silent for too long
                async with asyncio.TaskGroup() as tasks:
                    for _ in range(2):
                        tasks.create_task(ask_within_a_call(caller, name, body, kind))
                answers[name] = await ask_within_a_call(caller, name, body, kind)
            assert not caller.phone.ended.is_set()
            caller.phone.press("1")
            await caller.hears_begin("account.menu")
        await sip_line.settled()

    asyncio.run(story())
    assert answers == dict.fromkeys(UNANSWERED_WITHIN_A_CALL)


@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "PUBLISH", "NOTIFY", "INFO", "REFER"])
def test_requests_that_belong_to_no_call_are_refused(sip_line: LiveLine, method: str) -> None:
    async def story() -> int:
        async with Phone.open(sip_line.settings.sip_port, user=NUMBER, host=CARRIER) as phone:
            headers = {"Event": "keep-alive", "Expires": "60", "Refer-To": "<sip:1@127.0.0.1>"}
            return await phone.send(method, "12329", headers=headers)

    assert 400 <= asyncio.run(story()) < 700


def test_options_outside_of_a_call_are_answered_whatever_they_ask_for(sip_line: LiveLine) -> None:
    async def story() -> list[int | None]:
        statuses = []
        for user in ("12329", "01012329", "4001", "s", "ping", ""):
            async with Phone.open(sip_line.settings.sip_port, user=NUMBER, host=CARRIER) as phone:
                statuses.append(await phone.send("OPTIONS", user))
        return statuses

    assert asyncio.run(story()) == [200] * 6


# --- numbers dialled ---------------------------------------------------------------------------


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


# --- hold --------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
def test_a_caller_whom_the_agent_holds_hears_music(sip_line: LiveLine, direction: str) -> None:
    async def story() -> None:
        async with (
            agent_phone(sip_line, first(sip_line), "answer") as agent,
            calling(sip_line) as caller,
        ):
            await ask_for_an_agent(caller)
            await until(lambda: talk(sip_line))
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


@pytest.mark.parametrize(
    ("direction", "begins"), [("sendonly", "in the talk"), ("inactive", "before it")]
)
def test_an_agent_whom_the_caller_holds_hears_music(
    sip_line: LiveLine, direction: str, begins: str
) -> None:
    async def story() -> None:
        async with (
            agent_phone(sip_line, first(sip_line), "answer") as agent,
            calling(sip_line) as caller,
        ):
            agent.ring_seconds = 3.0 if begins == "before it" else 0.0
            await ask_for_an_agent(caller)
            if begins == "in the talk":
                await until(lambda: talk(sip_line))
            held = await caller.phone.offer_anew(caller.phone.offer(direction=direction))
            assert held.status == 200
            assert talk(sip_line) == (begins == "in the talk")
            before = len(agent.heard.audio)
            await until(lambda: music_since(before, sip_line.ear, agent) > 1.0)
            await caller.phone.offer_anew(caller.phone.offer())
            caller.phone.speak(tone(sip_line))
            await until(lambda: heart(tone(sip_line)) in agent.heard.audio)
        await sip_line.settled()

    asyncio.run(story())
    assert "Music on Hold" not in written(sip_line)


def talk(line: LiveLine) -> bool:
    """Two are in a bridge."""
    return any(len(bridge["channels"]) == 2 for bridge in line.ari("bridges"))


def music_since(before: int, ear: Ear, phone: Phone) -> float:
    """Seconds of it, wherever it begins and whatever is lost of it on a full machine."""
    music = ear.sound("music.hold")
    return share(music, bytes(phone.heard.audio[before:])).found * len(music) / RATE


# --- an agent who would pass the caller on -------------------------------------------------------


def test_an_agent_who_transfers_is_refused_with_words_and_the_talk_goes_on(
    sip_line: LiveLine,
) -> None:
    """To another agent, to a number outside, and to a call of the agent's own (attended)."""
    other = sip_line.settings.agents.phones[1].extension
    replaced = f"{other}@127.0.0.1?Replaces=1%40x%3Bto-tag%3D1%3Bfrom-tag%3D2"
    targets = [f"sip:{other}@127.0.0.1", f"sip:{OTHER_NUMBER}@127.0.0.1", f"sip:{replaced}", "x"]

    async def story() -> list[int | None]:
        statuses = []
        async with (
            agent_phone(sip_line, first(sip_line), "answer") as agent,
            calling(sip_line) as caller,
        ):
            await ask_for_an_agent(caller)
            await until(agent.answered.is_set)
            for target in targets:
                answer = await agent.ask("REFER", headers={"Refer-To": f"<{target}>"})
                statuses.append(None if answer is None else answer.status)
            agent.speak(sip_line.ear.sound("survey.thanks"))
            await caller.hears("survey.thanks")
            caller.phone.speak(sip_line.ear.sound("survey.thanks"))
            await until(lambda: heart(sip_line.ear.sound("survey.thanks")) in agent.heard.audio)
            await agent.hang_up()
            await caller.hears("agent.ended")
        await sip_line.settled()
        return statuses

    before = written(sip_line).count("transfer attempt blocked")
    assert asyncio.run(story()) == [603] * len(targets)
    said = written(sip_line)
    assert said.count("transfer attempt blocked") >= before + len(targets)
    assert OTHER_NUMBER not in said


# --- trunks as sold ----------------------------------------------------------------------------


def test_the_line_registers_and_is_called_where_it_said_it_is(carriers: Carriers) -> None:
    """Also from a host that the settings do not have: the carrier knows the contact alone."""
    line = carriers.line

    async def story() -> None:
        await until(lambda: USER in carriers.account.contacts)
        contact = carriers.account.contacts[USER]
        user, parameters = re.fullmatch(r"sip:([^@]+)@[^;]+(;.*)?", contact).groups()
        assert user == USER
        async with calling(line, user, host=ELSEWHERE, parameters=parameters) as caller:
            await reaches_the_menu(caller)
        async with calling(line, user, host=ACCOUNT) as caller:
            await reaches_the_menu(caller)
        async with Phone.open(line.settings.sip_port, host=ELSEWHERE) as phone:
            assert await phone.dial(user) == 401, "without the contact's parameters"
        await line.settled()

    asyncio.run(story())
    found = doctor.trunks(line.settings)
    assert "中继 refusing 没有注册上" in found.detail
    assert "中继 account 没有注册上" not in found.detail
    assert not found.ok
    assert PASSWORD not in found.detail


def test_a_carrier_whose_numbers_are_all_ours_reaches_the_line(sip_line: LiveLine) -> None:
    async def story() -> None:
        for dialled in ("4001", "+8657112329", ""):
            async with calling(sip_line, dialled, host=ANYTHING) as caller:
                await caller.hears_begin("main.greeting")
            await sip_line.settled()

    asyncio.run(story())
    assert [fact["dialled"] for fact in begun(sip_line)[-3:]] == ["4001", "+8657112329", ""]


def begun(line: LiveLine) -> list[dict[str, Any]]:
    return [fact for fact in line.facts() if fact["fact"] == "SessionStarted"]


def test_an_operator_sees_which_number_was_dialled_in_vain(sip_line: LiveLine) -> None:
    async def story() -> None:
        for _ in range(3):
            async with Phone.open(sip_line.settings.sip_port, user=NUMBER, host=CARRIER) as phone:
                assert await phone.dial("02087654") == 404

    before = len([fact for fact in sip_line.facts() if fact["fact"] == "Refused"])
    asyncio.run(story())
    found = doctor.service(sip_line.settings)
    assert found.warns
    assert "中继 carrier：拨的是 02087654，热线没有这个号码（404，来电号码 …78）" in found.detail
    assert NUMBER not in found.detail
    refused = [fact for fact in sip_line.facts() if fact["fact"] == "Refused"][before:]
    assert [(fact["reason"], fact["session"]) for fact in refused] == [("unknown_number", None)]
    assert NUMBER not in str(refused)


# --- who calls ---------------------------------------------------------------------------------

ASSERTED = {"P-Asserted-Identity": f"<sip:+86{NUMBER}@carrier.example>"}
BOTH = {
    "P-Asserted-Identity": f'"Wang, \\"<tel:{OTHER_NUMBER}>\\" ${{SYSTEM(x)}}" '
    f"<sip:+86{NUMBER}@carrier.example;user=phone>, <tel:+86{NUMBER}>"
}
"""As RFC 3325 has it (9.1), with a name that would spoil what is read without care."""
ONE_CALLER: list[dict[str, Any]] = [
    {"user": f"+86{NUMBER}"},
    {"user": f"86{NUMBER}"},
    {"user": f"0{NUMBER}"},
    {"user": NUMBER},
    {"user": f"0086{NUMBER}"},
    {"user": "anonymous", "headers": ASSERTED},
    {"user": OTHER_NUMBER, "headers": ASSERTED},
    {"user": "anonymous", "headers": {**ASSERTED, "Privacy": "id"}},
    {"user": "anonymous", "headers": {"Remote-Party-ID": f"<sip:{NUMBER}@x>;party=calling"}},
    {"user": NUMBER, "headers": {"P-Asserted-Identity": "<tel:+86-139-1234-5678>"}},
    {"user": OTHER_NUMBER, "headers": BOTH},
    {
        "user": OTHER_NUMBER,
        "headers": {
            "P-Asserted-Identity": "<sip:x>\r\n"
            f"P-Asserted-Identity: <tel:{NUMBER};phone-context=+86>"
        },
    },
    {
        "user": OTHER_NUMBER,
        "headers": {
            "Remote-Party-ID": f"<sip:12329@x>;party=called, <sip:{NUMBER}@x>;party=calling"
        },
    },
    {"user": NUMBER, "headers": {"P-Asserted-Identity": f'"{"x" * 5000}'}},
]
NOBODY = ["anonymous", "unavailable", "Restricted", "unknown", "0000000000", "12329", "01012329"]


def test_one_caller_is_one_and_nobody_is_nobody(sip_line: LiveLine) -> None:
    async def caller_of(**call: Any) -> str | None:
        async with calling(sip_line, **call) as caller:
            await caller.hears_begin("main.greeting")
        await sip_line.settled()
        token: str | None = begun(sip_line)[-1]["caller"]
        return token

    async def story() -> tuple[list[str | None], list[str | None], str | None]:
        ones = [await caller_of(**call) for call in ONE_CALLER]
        nobodies = [await caller_of(user=user) for user in NOBODY]
        return ones, nobodies, await caller_of(user=OTHER_NUMBER)

    ones, nobodies, other = asyncio.run(story())
    assert None not in ones
    assert len(set(ones)) == 1, ones
    assert NUMBER not in written(sip_line)
    assert nobodies == [None] * len(NOBODY)
    assert other not in {None, *ones}


@pytest.mark.parametrize(
    ("headers", "shown"),
    [(BOTH, NUMBER), ({**BOTH, "Privacy": "header; id"}, "12329"), ({}, "12329")],
    ids=["asserted", "withheld", "unknown"],
)
def test_an_agent_sees_a_number_that_is_not_withheld(
    sip_line: LiveLine, headers: dict[str, str], shown: str
) -> None:
    async def story() -> None:
        async with (
            agent_phone(sip_line, first(sip_line), "answer") as agent,
            calling(sip_line, user="anonymous", headers=headers) as caller,
        ):
            await ask_for_an_agent(caller)
            await until(agent.answered.is_set)
            await until(lambda: talk(sip_line))
            said = agent.incoming[0].headers
            assert f"<sip:{shown}@" in said["from"]
            asked = await caller.phone.ask("INVITE", caller.phone.offer(), headers=ASSERTED)
            assert asked is not None, "asked anew, the caller's wish is not said again"
            caller.phone.speak(tone(sip_line))
            await until(lambda: heart(tone(sip_line)) in agent.heard.audio)
            if shown != NUMBER:
                assert NUMBER.encode() not in agent.told
        await sip_line.settled()

    asyncio.run(story())


# --- keys ----------------------------------------------------------------------------------------

Way = Callable[[Phone, str], Awaitable[None]]


async def by_rtp_and_info(phone: Phone, key: str) -> None:
    """As a telephone does that is set to both ways."""
    phone.press(key, tone=0.1, gap=0.1)
    await asyncio.sleep(0.1)
    await phone.ask("INFO", f"Signal={key}\r\nDuration=160\r\n", kind="application/dtmf-relay")


async def by_event(phone: Phone, key: str) -> None:
    phone.press(key)


async def by_info(phone: Phone, key: str) -> None:
    await phone.ask("INFO", key, kind="application/dtmf")


def by_rtp_and_info_after(seconds: float, *, tone: float, told: int = 160) -> Way:
    """INFO comes so long after the key was pressed, and tells a length of its own."""

    async def way(phone: Phone, key: str) -> None:
        phone.press(key, tone=tone, gap=0.1)
        await asyncio.sleep(seconds)
        body = f"Signal={key}\r\nDuration={told}\r\n"
        await phone.ask("INFO", body, kind="application/dtmf-relay")

    return way


async def by_info_and_rtp(phone: Phone, key: str) -> None:
    """INFO comes before anything is heard of the key."""
    relay = "application/dtmf-relay"
    asked = asyncio.create_task(phone.ask("INFO", f"Signal={key}\r\nDuration=250\r\n", kind=relay))
    await asyncio.sleep(0.02)
    phone.press(key, tone=0.12, gap=0.1)
    await asked


async def by_tone_and_info(phone: Phone, key: str) -> None:
    phone.speak(tones(key, tone=0.15))
    await phone.ask("INFO", f"Signal={key}\r\nDuration=160\r\n", kind="application/dtmf-relay")


async def by_tone(phone: Phone, key: str) -> None:
    phone.speak(tones(key))


async def under_new_stamps(phone: Phone, key: str) -> None:
    phone.end_key_anew(key)


async def by_tone_and_events(phone: Phone, key: str) -> None:
    """As a gateway does that leaves the tones in the sound."""
    phone.speak(tones(key))
    phone.end_key_anew(key, ends=1)


@pytest.mark.parametrize(
    ("host", "way", "events"),
    [
        (CARRIER, by_rtp_and_info, True),
        (CARRIER, under_new_stamps, True),
        (CARRIER, by_info, True),
        (CARRIER, by_tone, False),
        (CARRIER, by_rtp_and_info_after(0.0, tone=0.12), True),
        (CARRIER, by_rtp_and_info_after(0.0, tone=0.4), True),
        (CARRIER, by_rtp_and_info_after(0.15, tone=0.3), True),
        (CARRIER, by_rtp_and_info_after(0.3, tone=0.2, told=250), True),
        (CARRIER, by_info_and_rtp, True),
        (CARRIER, by_tone_and_info, False),
        (BY_INFO, by_info, True),
        (BY_INFO, by_rtp_and_info, True),
        (BY_TONES, by_tone, True),
        (BY_TONES, by_tone_and_events, True),
        (BY_TONES, by_tone_and_info, True),
    ],
)
def test_a_key_counts_once_by_whatever_way_it_comes(
    sip_line: LiveLine, host: str, way: Way, events: bool
) -> None:
    """Two keys lead to the question for an ID number; one that counted twice would not."""

    async def story() -> None:
        async with Phone.open(sip_line.settings.sip_port, user=NUMBER, host=host) as phone:
            assert await phone.dial("12329", offer=phone.offer(events=events)) == 200
            caller = Caller(sip_line, phone)
            await caller.hears_begin("main.greeting")
            await way(phone, "1")
            await caller.hears_begin("account.menu")
            await asyncio.sleep(0.4)
            await way(phone, "1")
            await caller.hears_begin("identity.ask")
            await asyncio.sleep(0.3)
            assert not [clip for clip in caller.heard() if clip.name.startswith("identity.missing")]
        await sip_line.settled()

    asyncio.run(story())


@pytest.mark.parametrize("gap", [0.12, 0.16, 0.3])
def test_a_key_whose_end_is_lost_counts_once_and_so_does_the_next(
    sip_line: LiveLine, gap: float
) -> None:
    """The same key twice, and the number behind it: whatever is lost, each counts."""

    async def story() -> None:
        async with calling(sip_line) as caller:
            await caller.hears_begin("main.greeting")
            for key in "11":
                caller.phone.press_for_ever(key, gap=gap)
            await caller.hears_begin("identity.ask")
            for key in "990102200012120127":
                caller.phone.press_for_ever(key, gap=gap)
            await caller.hears_begin("account.readout.1")
        await sip_line.settled()

    asyncio.run(story())


def junk() -> dict[str, bytes]:
    """What else telephones, routers and scanners send to the port of a call."""
    noise, ssrc = random.randbytes(160), random.randbytes(4)
    return {
        "keep-alive": b"\0",
        "keep-alive of SIP": b"\r\n\r\n",
        "STUN": bytes.fromhex("000100002112a442") + random.randbytes(12),
        "no version": b"\x00" + noise,
        "version 1": b"\x40\x08" + noise,
        "version 3": b"\xc0\x65" + noise,
        "cut in its head": b"\x80\x08" + noise[:6],
        "head alone": b"\x80\x08" + noise[:10],
        "comfort noise": b"\x80\x0d\x00\x01" + noise[:4] + ssrc + b"\x40",
        "unknown payload": b"\x80\x4d\x00\x01" + noise[:4] + ssrc + noise,
        "RTCP": b"\x80\xc8\x00\x06" + noise[:24],
        "somebody else's sound": b"\x80\x08" + noise[:6] + random.randbytes(4) + noise,
        "T.38": b"\x00\x01\x06\x00\x00\x00" + noise[:10],
    }


@pytest.mark.parametrize("kind", junk())
def test_junk_from_the_callers_own_socket_presses_no_key_and_swallows_none(
    sip_line: LiveLine, kind: str
) -> None:
    async def story() -> None:
        async with calling(sip_line) as caller:
            await caller.hears_begin("main.greeting")
            for key, heard in (("1", "account.menu"), ("1", "identity.ask")):
                for _ in range(20):
                    caller.phone.throw(junk()[kind])
                    await asyncio.sleep(0.01)
                caller.phone.press(key)
                await caller.hears_begin(heard)
            await asyncio.sleep(0.3)
            assert not [clip for clip in caller.heard() if clip.name.startswith("identity.missing")]
        await sip_line.settled()

    asyncio.run(story())


def heard_by(line: LiveLine, trunk: str) -> str:
    """What the operator is told of a trunk's keys."""
    told: str = line.health()["traffic"]["detail"]
    return next((each for each in told.split("; ") if each.startswith(f"中继 {trunk}：")), "")


def came_by(line: LiveLine, trunk: str, way: str) -> int:
    """How many keys, by the operator's page."""
    found = re.search(rf"{way} (\d+)", heard_by(line, trunk))
    return 0 if found is None else int(found[1])


@pytest.mark.parametrize(
    ("host", "trunk", "way", "events", "shown"),
    [
        (CARRIER, "carrier", by_rtp_and_info_after(0.0, tone=0.1), True, {"RFC 4733", "SIP INFO"}),
        (CARRIER, "carrier", by_info, True, {"SIP INFO"}),
        (CARRIER, "carrier", by_event, True, {"RFC 4733"}),
        (ANYTHING, "anything", by_tone, False, {"带内音"}),
        (BY_TONES, "tones", by_tone, True, {"带内音"}),
        (BY_INFO, "info", by_info, True, {"SIP INFO"}),
    ],
)
def test_an_operator_sees_by_which_way_keys_come(
    sip_line: LiveLine, host: str, trunk: str, way: Way, events: bool, shown: set[str]
) -> None:
    ways = ("RFC 4733", "SIP INFO", "带内音")

    async def story() -> set[str]:
        await asyncio.sleep(2 * ALL_READ_SECONDS)
        before = {each: came_by(sip_line, trunk, each) for each in ways}
        async with Phone.open(sip_line.settings.sip_port, user=NUMBER, host=host) as phone:
            assert await phone.dial("12329", offer=phone.offer(events=events)) == 200
            caller = Caller(sip_line, phone)
            await caller.hears_begin("main.greeting")
            await way(phone, "1")
            await caller.hears_begin("account.menu")
            await asyncio.sleep(2 * ALL_READ_SECONDS)  # the other of two ways may come later
        await sip_line.settled()
        total = sum(before.values())
        await until(
            lambda: sum(came_by(sip_line, trunk, each) for each in ways) >= total + len(shown)
        )
        return {each for each in ways if came_by(sip_line, trunk, each) > before[each]}

    assert asyncio.run(story()) == shown


def described(line: LiveLine) -> dict[str, int]:
    """Calls of this trunk that are over, by whether telephone-event was agreed upon in the end."""
    told = asking.metrics(line.settings, within=2.0)
    figure = r'^ivr_calls_described_total{events="(\w+)",trunk="described"} (\d+)'
    return {events: int(calls) for events, calls in re.findall(figure, told, re.MULTILINE)}


def test_an_operator_learns_that_a_trunks_keys_depend_on_tones(sip_line: LiveLine) -> None:
    """Also when a re-INVITE takes telephone-event back, or offers it at a rate of no use."""

    async def one(offer: Callable[[Phone], str], then: bool | None = None) -> None:
        async with Phone.open(sip_line.settings.sip_port, user=NUMBER, host=DESCRIBED) as phone:
            assert await phone.dial("12329", offer=offer(phone)) == 200
            await Caller(sip_line, phone).hears_begin("main.greeting")
            if then is not None:
                assert (await phone.offer_anew(phone.offer(events=then))).status == 200

    async def story() -> None:
        await asyncio.gather(one(lambda phone: phone.offer()), one(without_events, True))
        await until(lambda: described(sip_line) == {"yes": 2})
        await asyncio.gather(
            one(without_events),
            one(lambda phone: phone.offer().replace("event/8000", "event/48000")),
            one(lambda phone: phone.offer(), False),
        )
        await until(lambda: described(sip_line) == {"yes": 2, "no": 3})

    def without_events(phone: Phone) -> str:
        return phone.offer(events=False)

    asyncio.run(story())
    assert (
        "中继 described：5 通来电里有 3 通没有协商 telephone-event（RFC 4733），"
        "按键只能从声音里听出来，容易丢键：请运营商在 INVITE 里提供 telephone-event/8000"
    ) in doctor.service(sip_line.settings).detail
    assert "中继 tones：" not in str(sip_line.health()["trunks"]["detail"]), "set so"
    assert NUMBER not in str(sip_line.health())


def broken_event(kind: str) -> bytes:
    """A packet of telephone-event's payload that is none (RFC 4733, 2.3: four bytes): key 9."""
    head = b"\x80\xe5" + random.randbytes(10)
    event = bytes([9, 0x8A, 0x03, 0x20])
    return {
        "cut to nothing": head,
        "an event that no telephone has": head + bytes([200]) + event[1:],
        "cut to one byte": head + event[:1],
        "cut to two bytes": head + event[:2],
        "cut to three bytes": head + event[:3],
        "longer": head + event + random.randbytes(156),
    }[kind]


@pytest.mark.parametrize("kind", ["cut to nothing", "an event that no telephone has"])
def test_what_is_no_event_presses_no_key_and_swallows_none(sip_line: LiveLine, kind: str) -> None:
    async def story() -> None:
        async with calling(sip_line) as caller:
            await caller.hears_begin("main.greeting")
            for key, heard in (("1", "account.menu"), ("1", "identity.ask")):
                for throw in (caller.phone.throw, caller.phone.interpose) * 10:
                    throw(broken_event(kind))
                    await asyncio.sleep(0.01)
                caller.phone.press(key)
                await caller.hears_begin(heard)
            await asyncio.sleep(0.3)
            assert not [clip for clip in caller.heard() if clip.name.startswith("identity.missing")]
        await sip_line.settled()

    asyncio.run(story())


@pytest.mark.parametrize("kind", [f"cut to {n} bytes" for n in ("two", "three")] + ["longer"])
def test_a_broken_event_is_a_wrong_key_at_most(sip_line: LiveLine, kind: str) -> None:
    """Asterisk does not look how long it is, and tells nobody: the caller goes on all the same."""

    async def story() -> None:
        async with calling(sip_line) as caller:
            await caller.hears_begin("main.greeting")
            caller.phone.interpose(broken_event(kind))
            await asyncio.sleep(1.0)
            if any(clip.name == "line.no_match" for clip in caller.heard()):
                await caller.hears("line.no_match")
                await caller.hears_begin("main.menu")
            caller.phone.press("1")
            await caller.hears_begin("account.menu")
        await sip_line.settled()

    asyncio.run(story())


# --- the way of the sound ------------------------------------------------------------------------


def test_a_strangers_packets_stay_out(sip_line: LiveLine) -> None:
    async def story() -> None:
        async with calling(sip_line) as caller:
            await caller.hears_begin("main.greeting")
            await asyncio.sleep(1.0)
            async with Phone.open(sip_line.settings.sip_port, host=STRANGER) as stranger:
                stranger.intrude(caller.phone)
                stranger.press("2")
                await asyncio.sleep(1.0)
                assert not stranger.heard.audio, "a stranger hears nothing"
            caller.phone.press("1")
            await caller.hears_begin("account.menu")
            assert "loan.menu" not in [clip.name for clip in caller.heard()]
        await sip_line.settled()

    asyncio.run(story())


def test_a_call_that_falls_silent_for_too_long_was_not_hung_up(sip_line: LiveLine) -> None:
    """The site's own file makes "too long" short for this trunk."""

    async def story() -> None:
        async with calling(sip_line, host=IMPATIENT) as caller:
            await caller.hears_begin("main.greeting")
            caller.phone.sends_media = False
            await caller.phone.wait_for_end(within=HANGING_SECONDS)
        await sip_line.settled()

    asyncio.run(story())
    ended = [fact for fact in sip_line.facts() if fact["fact"] == "SessionEnded"]
    assert ended[-1]["disposition"] == "vanished"
