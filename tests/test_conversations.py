"""Every conversation file against the real dialogues, in virtual time."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from ivr.accounts import RightPassword, Unavailable, WrongPassword, rows
from ivr.accounts.demo import _FUND, _LOAN, PASSWORD
from ivr.accounts.outcomes import Empty, NotFound, Several
from ivr.agents.desks import Desks
from ivr.agents.switchboard import Switchboard
from ivr.calls.call import Call
from ivr.calls.inbox import Inbox
from ivr.calls.means import Means
from ivr.config import AccountsSettings, LimitsSettings, Settings
from ivr.dialogues import converse
from ivr.lifecycle.switch import closed
from ivr.limits.gate import Gate
from ivr.limits.limits import Limits
from ivr.people.identity import IdNumber
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.tokens import Tokens
from ivr.records.facts import DialogueEntered, Fact, LookedUp, Refused, Step
from ivr.speech.announcements import OnAir
from ivr.speech.prompts import PromptSet
from prompt_build.catalog.source import Source, columns_of_readouts
from tests.scripted import (
    Caller,
    Clock,
    Direction,
    ScriptedDesk,
    ScriptedEnquiries,
    ScriptedExchange,
    ScriptedLine,
    directions,
)
from tests.speech.test_readout import own_catalog
from tests.textset import text_set
from tests.virtual import run

CONVERSATIONS = sorted((Path(__file__).parent / "conversations").glob("*.txt"))
LOOKUP_SECONDS = 0.05


class DemoAccounts:
    """The demo people in memory, with a switch: virtual time does not move a real database."""

    def __init__(self) -> None:
        self.up = True
        self.held: dict[str, object] = {}
        """What the rows hold instead of the demo's, by column."""

    async def fund(self, number: IdNumber) -> object:
        found = await self._found(_FUND, number)
        if isinstance(found, tuple):
            columns = ("paid_to", "monthly_deposit", "balance")
            row = dict(zip(columns, found[1:], strict=True)) | self.held
            return rows.outcome([row], rows.fund, closed=AccountsSettings().closed)
        return found

    async def loan(self, number: IdNumber) -> object:
        found = await self._found(_LOAN, number)
        if isinstance(found, tuple):
            columns = ("term_years", "periods_repaid", "balance")
            return rows.outcome([dict(zip(columns, found[1:], strict=True)) | self.held], rows.loan)
        return found

    async def password(self, _: IdNumber, entered: Sensitive[str]) -> object:
        if not self.up:
            return Unavailable("no answer in time")
        return RightPassword() if entered.reveal() == PASSWORD else WrongPassword()

    async def fault(self) -> str | None:
        return None

    async def _found(self, table: tuple, number: IdNumber) -> object:
        if not self.up:
            await asyncio.sleep(3)
            return Unavailable("no answer in time")
        await asyncio.sleep(LOOKUP_SECONDS)
        names = {number.id18.reveal(), number.id15.reveal()}
        held = [row for row in table if row[0] in names]
        if len(held) != 1:
            return Several() if held else NotFound()
        return held[0] if held[0][-1] is not None else Empty()


class OnePin:
    """Every agent has the same, but for the second, who has none."""

    async def has(self, extension: str) -> bool:
        return extension != "6002"

    async def right(self, extension: str, entered: Sensitive[str]) -> bool:
        return entered.reveal() == "271828"


def on_stage(prompt_set: PromptSet, settings: Settings, facts: list[Fact]) -> Call:
    """A call on which everything around the dialogues is played, not real."""
    inbox = Inbox()
    line, clock, on_air = ScriptedLine(inbox), Clock(), OnAir(settings.home)
    return Call(
        session="s",
        line=line,
        inbox=inbox,
        prompts=prompt_set,
        exchange=ScriptedExchange(inbox, speaks=lambda: line.sounding is not None),
        agent=settings.agents.phones[0] if settings.agents.phones else None,
        about="01000018",
        means=Means(
            settings=settings,
            accounts=DemoAccounts(),
            tokens=Tokens(Keys(b"k" * 32)),
            limits=Gate(Limits(settings.limits)),
            switchboard=Switchboard(Desks(settings.agents, asyncio.get_running_loop().time)),
            desk=ScriptedDesk(line, facts.append, clock),
            note=facts.append,
            is_open=lambda: closed(settings.home) is None,
            announced=lambda: on_air.now(clock()),
            clock=clock,
            enquiries=ScriptedEnquiries(),
            pins=OnePin(),
        ),
        ends_at=asyncio.get_running_loop().time() + settings.patience.call_seconds,
    )


async def hold(
    script: list, prompt_set: PromptSet, settings: Settings, *, start: str = "welcome"
) -> tuple[ScriptedLine, list[Fact]]:
    """Hold one conversation; returns what was said and what the records know."""
    facts: list[Fact] = []
    call = on_stage(prompt_set, settings, facts)
    line, exchange = call.line, call.exchange
    conversation = asyncio.create_task(converse(call, start))
    switch = lambda up: setattr(call.means.accounts, "up", up)  # noqa: E731
    caller = Caller(
        line,
        exchange,
        call.means.desk,
        call.means.clock,
        conversation,
        switch,
        call.means.accounts.held.__setitem__,
        call.settle,
        settings.home,
        call.means.enquiries,
    )
    try:
        await caller.follow(script)
    finally:
        conversation.cancel()
        await asyncio.gather(conversation, return_exceptions=True)
        await call.settle()
    exchange.assert_idle()
    assert line.said.empty(), f"the line goes on: {line.said}"
    return line, facts


@pytest.mark.parametrize("path", CONVERSATIONS, ids=lambda path: path.stem)
def test_conversation(path: Path, prompt_set: PromptSet, settings: Settings) -> None:
    _, facts = run(lambda: hold(directions(path), prompt_set, settings))
    assert facts, "nothing was recorded"
    assert [fact.n for fact in facts if isinstance(fact, Step)] == list(
        range(1, 1 + sum(isinstance(fact, Step) for fact in facts))
    )
    assert isinstance(facts[0], DialogueEntered)
    shown = repr(facts)
    for row in (*_FUND, *_LOAN):
        assert row[0] not in shown, "an ID number stands in the records"
    assert not re.search(r"\d{15}", shown)


def test_lookups_are_recorded_by_token(prompt_set: PromptSet, settings: Settings) -> None:
    path = Path(__file__).parent / "conversations" / "balance.txt"
    _, facts = run(lambda: hold(directions(path), prompt_set, settings))
    lookup = next(fact for fact in facts if isinstance(fact, LookedUp))
    assert (lookup.source, lookup.outcome) == ("fund", "found")
    assert re.fullmatch(r"[0-9a-f]{32}", lookup.person)


def test_readout_says_the_balance(prompt_set: PromptSet, settings: Settings) -> None:
    path = Path(__file__).parent / "conversations" / "balance.txt"
    line, _ = run(lambda: hold(directions(path), prompt_set, settings))
    readout = next(text for text in line.texts if "您的余额为" in text)
    assert "十万零五百元零五分" in readout
    assert "二零二六年十月" in readout
    assert "零零二X" in readout


OWN_READOUT = (
    "您本期应还{next_payment:amount}[，{due:date}到期][，还剩{left_over:periods}]"
    "，余额{balance:amount}。"
)


def test_the_centres_own_columns_are_read_out_and_null_ones_left_out(
    settings: Settings, tmp_path: Path
) -> None:
    """A readout of the centre's own, from columns that the shipped one does not know."""
    query = (
        "SELECT paid_to, monthly_deposit, balance, next_payment, due, left_over"
        " FROM t WHERE id = :id18"
    )
    catalog = own_catalog(tmp_path, OWN_READOUT)
    columns = columns_of_readouts(AccountsSettings(fund_query=query))
    audio = tmp_path / "audio"
    audio.mkdir()
    own = text_set.__wrapped__(audio, Source(catalog, columns=columns))
    held = "HOLDS next_payment 1680.32\nHOLDS due NULL\nHOLDS left_over 20\n"
    again = "KEY *\nIVR account.menu\n"
    lines = (
        f"{ASKED}IVR account.readout nav.replay_back_agent\n"
        "HEARD 您本期应还一千六百八十元三角二分还剩二十期余额\nUNHEARD 到期\n"
        f"HOLDS due 2026-12-20\nHOLDS left_over NULL\n{again}"
        f"{ASKED}IVR account.readout nav.replay_back_agent\n"
        "HEARD 二零二六年十二月二十日到期余额\nUNHEARD 还剩\n"
        # What a call cannot say leads to an agent, whichever column it is.
        f"HOLDS next_payment soon\n{again}{ASKED}"
        "IVR identity.cannot_be_told limits.agent_menu\nHANGUP\n"
    )
    script = settings.home / "conversation.txt"
    script.write_text(f"{held}IVR main.greeting\nIVR main.menu\nKEY 1\nIVR account.menu\n{lines}")
    _, facts = run(lambda: hold(directions(script), own, settings))
    outcomes = [fact.outcome for fact in facts if isinstance(fact, LookedUp)]
    assert outcomes == ["found", "found", "unsayable"]


def test_where_zero_is_no_agents_key_a_start_that_no_number_has_is_none(
    prompt_set: PromptSet, settings: Settings
) -> None:
    agents = settings.agents.model_copy(update={"zero_from_every_menu": False})
    old = settings.model_copy(update={"agents": agents})
    lines = "KEY 1\nIVR identity.ask\nKEY 000\nWAIT 6\nIVR identity.wrong_length\n"
    script = at_the_account_menu(old, f"{lines}IVR identity.ask\nHANGUP\n")
    run(lambda: hold(script, prompt_set, old))


def test_each_refusal_is_a_fact(prompt_set: PromptSet, settings: Settings) -> None:
    path = Path(__file__).parent / "conversations" / "harvesting.txt"
    _, facts = run(lambda: hold(directions(path), prompt_set, settings))
    assert [fact for fact in facts if isinstance(fact, Refused)] == [
        Refused(session="s", reason="lookups_of_session"),
        Refused(session="s", reason="lookups_of_session"),
    ]
    assert sum(isinstance(fact, LookedUp) for fact in facts) == 5


@pytest.mark.parametrize("reason", ["line_full", "caller_busy"])
def test_a_call_too_many_is_told_so(prompt_set: PromptSet, settings: Settings, reason: str) -> None:
    told = [Direction("IVR", (f"limits.{reason}",), reason), Direction("END", ("refused",), reason)]
    _, facts = run(lambda: hold(told, prompt_set, settings, start=f"limits.{reason}"))
    assert Refused(session="s", reason=reason) in facts


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ({"lookups_per_minute": 1}, ("line.busy", "line.retry_menu")),
        ({"lookups_per_person": 1}, ("limits.locked", "limits.agent_menu")),
    ],
)
def test_the_lines_and_the_persons_limit_are_told_as_what_they_are(
    prompt_set: PromptSet, settings: Settings, limit: dict[str, int], told: tuple[str, ...]
) -> None:
    limited = settings.model_copy(update={"limits": LimitsSettings(**limit)})
    first = "IVR account.not_found\nIVR account.menu\n"
    ask = "KEY 1\nIVR identity.ask\nKEY 990102198507150133\n"
    said = f"IVR {' '.join(told)}\nKEY *\nIVR main.menu\nHANGUP\n"
    run(lambda: hold(at_the_account_menu(settings, ask + first + ask + said), prompt_set, limited))


def at_the_account_menu(settings: Settings, lines: str) -> list[Direction]:
    """A conversation that a test writes itself, from 查询公积金余额请按1 on."""
    script = settings.home / "conversation.txt"
    script.write_text("IVR main.greeting\nIVR main.menu\nKEY 1\nIVR account.menu\n" + lines)
    return directions(script)


ASKED = "KEY 1\nIVR identity.ask\nKEY 990102200012120127\n"
READ_OUT = "IVR account.readout nav.replay_back_agent\nHANGUP\n"
LOCKED = "IVR password.locked limits.agent_menu\nKEY *\nIVR main.menu\n"


@pytest.mark.parametrize(
    "lines",
    [
        f"IVR password.ask\nKEY {PASSWORD}\n{READ_OUT}",
        f"IVR password.ask\nKEY {PASSWORD}#\n{READ_OUT}",
        f"IVR password.ask\nKEY 12#\nIVR password.wrong\nIVR password.ask\nKEY {PASSWORD}\n"
        + READ_OUT,
        f"IVR password.ask\nKEY 12*\nIVR identity.cleared\nIVR password.ask\nKEY {PASSWORD}\n"
        + READ_OUT,
        f"IVR password.ask\nKEY {PASSWORD[:2]}\nWAIT 6\nIVR identity.missing\n"
        f"KEY {PASSWORD[2:]}\n{READ_OUT}",
        "IVR password.ask\nWAIT 15\nIVR line.no_input\nIVR password.ask\nKEY *\n"
        "IVR account.menu\nHANGUP\n",
        "DOWN\nIVR password.ask\nKEY 111111\nIVR line.busy line.retry_menu\nUP\nKEY 1\n"
        f"IVR password.ask\nKEY {PASSWORD}\n{READ_OUT}",
        "IVR password.ask\nKEY 000000\nIVR password.wrong\n" * 2
        + f"IVR password.ask\nKEY 000000\n{LOCKED}KEY 1\nIVR account.menu\n{ASKED}{LOCKED}HANGUP\n",
    ],
    ids=[
        "right",
        "with #",
        "too short",
        "cleared",
        "slow",
        "silence and back",
        "down",
        "three wrong",
    ],
)
def test_the_query_password(prompt_set: PromptSet, settings: Settings, lines: str) -> None:
    wanted = settings.model_copy(update={"accounts": AccountsSettings(password=True)})
    script = at_the_account_menu(settings, ASKED + lines)
    _, facts = run(lambda: hold(script, prompt_set, wanted))
    assert PASSWORD not in repr(facts)
    steps = [fact for fact in facts if isinstance(fact, Step) and fact.prompt == "password.ask"]
    assert {step.key for step in steps} <= {None}


def test_every_wrong_password_is_a_fact(prompt_set: PromptSet, settings: Settings) -> None:
    wanted = settings.model_copy(update={"accounts": AccountsSettings(password=True)})
    wrong = "IVR password.ask\nKEY 000000\n"
    lines = f"{ASKED}{(wrong + 'IVR password.wrong' + chr(10)) * 2}{wrong}{LOCKED}HANGUP\n"
    script = at_the_account_menu(settings, lines)
    _, facts = run(lambda: hold(script, prompt_set, wanted))
    reasons = [fact.reason for fact in facts if isinstance(fact, Refused)]
    assert reasons == ["password_wrong"] * 3 + ["password_locked"]
    assert not any(isinstance(fact, LookedUp) for fact in facts)
