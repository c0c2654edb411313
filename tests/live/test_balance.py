"""Keys 1 and 2 over real SIP and RTP: what is heard is what the script asks for, byte for byte."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.live.conftest import HANGING_SECONDS, Caller, LiveLine

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
"""A caller who hears a readout twice is on the line for two minutes."""


def fund_readout(
    line: LiveLine, number: str, paid_to: str, deposit: str, balance: str
) -> list[str]:
    return [
        "account.readout.1",
        *line.reading("id", number, ends=False),
        "account.readout.2",
        *line.reading("year_month", paid_to, ends=False),
        "account.readout.3",
        *line.reading("amount", deposit, ends=False),
        "account.readout.4",
        *line.reading("amount", balance),
    ]


def loan_readout(line: LiveLine, number: str, term: str, periods: str, balance: str) -> list[str]:
    return [
        *line.names("loan.readout.1"),
        *line.reading("id", number, ends=False),
        *line.names("loan.readout.2"),
        *line.reading("term_months", str(12 * int(term)), ends=False),
        *line.names("loan.readout.3"),
        *line.reading("periods", periods, ends=False),
        *line.names("loan.readout.4"),
        *line.reading("amount", balance),
    ]


async def to_the_question(caller: Caller, key: str) -> None:
    """From the greeting to 请输入您的个人身份证号, by keys pressed at once."""
    await caller.hears_begin("main.greeting")
    caller.phone.press(f"{key}1")
    await caller.hears_begin("identity.ask")


@pytest.mark.parametrize(
    "pressed",
    [{"tone": 0.06, "gap": 0.06}, {"tone": 0.04, "gap": 0.04}, {"held_back": True}],
    ids=["short keys", "the shortest keys there are (Q.24)", "held back by the network"],
)
def test_every_key_counts_once(line: LiveLine, pressed: dict[str, Any]) -> None:
    """Asterisk stretches what it finds too short, and can announce the key after it twice."""

    async def story() -> None:
        async with line.call() as caller:
            await to_the_question(caller, "1")
            caller.phone.press("990102200012120127", **pressed)
            await caller.hears_begin("account.readout.1")

    asyncio.run(story())


@pytest.mark.parametrize(("length", "stall"), [(0.04, 0.1), (0.04, 0.35), (0.08, 0.25), (0.1, 0.6)])
def test_a_network_that_stalls_doubles_no_key(line: LiveLine, length: float, stall: float) -> None:
    """Keys that come in bursts are put off by Asterisk and told twice; each counts once.

    The number ends as it should only if none of the eighteen was doubled or lost.
    """
    keys = "123456789012345678"

    async def story() -> None:
        async with line.call() as caller:
            await to_the_question(caller, "1")
            caller.phone.press(keys, tone=length, gap=length)
            for _ in range(round(len(keys) * 2 * length / (stall + 0.05)) + 1):
                await caller.phone.stall(stall)
                await asyncio.sleep(0.05)
            heard = [clip.name for clip in await caller.hears("identity.wrong_number.2")]
            end = heard.index("identity.wrong_number.2")  # the question may have begun again
            assert heard[end - 2 : end] == ["number.五六", "number.七八"]

    asyncio.run(story())


def test_balance_from_greeting_to_goodbye(line: LiveLine) -> None:
    before = len(line.facts())

    async def story() -> None:
        async with line.call() as caller:
            await caller.hears("main.menu")
            caller.phone.press("1")
            await caller.hears("account.menu")
            caller.phone.press("1")
            await caller.hears_begin("identity.ask")
            caller.phone.press("990102200012120127")  # typed ahead, into the prompt
            await caller.hears("nav.replay_back_agent")
            caller.phone.press("1")
            await caller.hears("nav.replay_back_agent", times=2)
            caller.phone.press("*")
            await caller.hears_begin("account.menu", times=2)
            caller.phone.press("*")
            await caller.hears_begin("main.menu", times=2)
            caller.phone.press("7")
            heard = await caller.hears("line.goodbye")
            await caller.phone.wait_for_end(within=HANGING_SECONDS)
        readout = fund_readout(line, "990102200012120127", "2026-10", "1680.32", "12345.67")
        assert [clip.name for clip in heard] == [
            "main.greeting",
            "main.menu",
            "account.menu",
            "identity.ask",
            *readout,
            "nav.replay_back_agent",
            *readout,
            "nav.replay_back_agent",
            "account.menu",
            "main.menu",
            "line.goodbye",
        ]
        interrupted = [clip.name for clip in heard if not clip.whole]
        assert interrupted == ["identity.ask", "account.menu", "main.menu"]
        await line.settled()
        new = line.facts()[before:]
        (started,) = [fact for fact in new if fact["fact"] == "SessionStarted"]
        assert started["dialled"] == "12329"

    asyncio.run(story())


def fund(*values: str) -> Callable[[LiveLine], list[str]]:
    return lambda line: [*fund_readout(line, *values), "nav.replay_back_agent"]


def loan(*values: str) -> Callable[[LiveLine], list[str]]:
    return lambda line: [*loan_readout(line, *values), "nav.replay_back_agent"]


def says(prompt: str) -> Callable[[LiveLine], list[str]]:
    return lambda line: line.names(prompt)


ENTRIES = [
    # The fifteen digits end with #, X is the star, zero is read out, a # after eighteen is
    # swallowed; the person of the loan is stored under fifteen digits and keys eighteen.
    ("1", "990101900101001#", fund("990101900101001", "2026-10", "1200.00", "56000.00")),
    ("1", "11010519491231002*", fund("11010519491231002X", "2026-10", "2400.00", "100500.05")),
    ("1", "990203197811071111", fund("990203197811071111", "2026-09", "800.00", "0.00")),
    ("2", "990101199001010019#", loan("990101199001010019", "20", "102", "312000.50")),
    ("1", "440524188001010014", says("account.not_found")),
    ("1", "990101198507151017", says("account.several")),
    ("1", "999999196606062771", says("account.empty")),
    ("1", "1234567#", says("identity.wrong_length")),
    ("1", "990101199001010010", says("identity.wrong_number.1")),
    ("2", "11010519491231002*", says("loan.not_found")),
    ("2", "990101198507151017", says("loan.several")),
    ("2", "999999196606062771", says("loan.empty")),
]


def test_each_readout_and_each_error_sentence_is_heard_whole(line: LiveLine) -> None:
    """All of them at once: a call takes as long as its sentences."""

    async def one(key: str, keys: str, expected: list[str]) -> None:
        async with line.call() as caller:
            await to_the_question(caller, key)
            caller.phone.press(keys)
            heard = await caller.hears(expected[-1])
        names = [clip.name for clip in heard if clip.whole]
        answer = names[: names.index(expected[-1]) + 1]  # a busy machine may listen later
        assert answer[-len(expected) :] == expected, f"for {key}, {keys}: {heard}"
        assert "line.no_match" not in names

    async def story() -> None:
        async with asyncio.TaskGroup() as callers:
            for key, keys, expected in ENTRIES:
                callers.create_task(one(key, keys, expected(line)))
        await line.settled()

    asyncio.run(story())
