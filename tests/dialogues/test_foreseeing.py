"""The account that is asked for before its number is whole, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest

from ivr.accounts import Found, Fund, Unavailable
from ivr.calls.call import Call
from ivr.config import AccountsSettings, LimitsSettings, Settings
from ivr.dialogues import converse
from ivr.limits.limits import Denied
from ivr.people.identity import IdNumber, parse
from ivr.people.sensitive import Sensitive
from ivr.records.facts import Fact, LookedUp
from ivr.speech.prompts import PromptSet
from tests.scripted import ByHand
from tests.test_conversations import on_stage
from tests.virtual import run

OWN = "990102200012120127"
X = "99010220001212008X"
UNVERIFIED = f"{OWN[:17]}8"
SECONDS = 0.5


class Slow:
    """Accounts that take a while, and remember when they were asked for whom."""

    def __init__(self, *answers: object) -> None:
        self.asked: list[tuple[str, float]] = []
        self._answers = list(answers)

    async def fund(self, number: IdNumber) -> object:
        self.asked.append((number.id18.reveal(), now()))
        await asyncio.sleep(SECONDS)
        if self._answers:
            return self._answers.pop(0)
        return Found(Fund("2026-10", yuan(1), yuan(len(self.asked))))


class Visit(ByHand):
    """One caller at 请输入您的个人身份证号."""

    def __init__(self, call: Call, accounts: Slow, facts: list[Fact]) -> None:
        super().__init__(call.line)
        self.call, self.accounts, self.facts = call, accounts, facts

    def looked_up(self) -> list[tuple[str, int]]:
        return [(fact.outcome, fact.ms) for fact in self.facts if isinstance(fact, LookedUp)]


def yuan(amount: int) -> Sensitive[Decimal]:
    return Sensitive(Decimal(amount))


def now() -> float:
    return asyncio.get_running_loop().time()


def visited(
    prompts: PromptSet,
    settings: Settings,
    course: Callable[[Visit], Awaitable[None]],
    *answers: object,
) -> Visit:
    """Follow `course` from the question on, and end the call."""

    async def visit() -> Visit:
        accounts, facts = Slow(*answers), []
        call = on_stage(prompts, settings, facts)
        call.means = replace(call.means, accounts=accounts)
        conversation = asyncio.create_task(converse(call, "account.inquiry"))
        visit = Visit(call, accounts, facts)
        try:
            await visit.hears("identity.ask")
            await course(visit)
        finally:
            conversation.cancel()
            with suppress(asyncio.CancelledError):
                await conversation
        await asyncio.sleep(2 * SECONDS)
        return visit

    return run(visit)


READ_OUT = ("account.readout", "nav.replay_back_agent")


@pytest.mark.parametrize("number", [OWN, X], ids=["a digit", "X"])
def test_it_is_asked_for_while_the_last_digit_is_to_come(
    number: str, prompt_set: PromptSet, settings: Settings
) -> None:
    async def course(caller: Visit) -> None:
        most = await caller.key(number[:17])
        await asyncio.sleep(SECONDS)
        last = await caller.key(number[17].replace("X", "*"))
        assert await caller.hears(*READ_OUT) == last, "the caller waits"
        assert caller.accounts.asked == [(number, most)], "asked once, before the last digit"

    visit = visited(prompt_set, settings, course)
    assert visit.looked_up() == [("found", round(SECONDS * 1000))], "the source's own time"


def test_a_source_that_is_still_at_it_is_not_asked_again(
    prompt_set: PromptSet, settings: Settings
) -> None:
    async def course(caller: Visit) -> None:
        most = await caller.key(OWN[:17])
        await caller.key(OWN[17])
        assert await caller.hears(*READ_OUT) == pytest.approx(most + SECONDS)

    assert len(visited(prompt_set, settings, course).accounts.asked) == 1


def test_what_was_found_for_another_number_is_not_told(
    prompt_set: PromptSet, settings: Settings
) -> None:
    """Centres that hold numbers with wrong check digits."""

    async def course(caller: Visit) -> None:
        await caller.key(UNVERIFIED)
        await caller.hears(*READ_OUT)
        assert "余额为二元" in caller.call.line.texts[-1], "the second answer"
        assert [number for number, _ in caller.accounts.asked] == [OWN, UNVERIFIED]

    lenient = settings.model_copy(update={"verify_check_digit": False})
    assert len(visited(prompt_set, lenient, course).looked_up()) == 1


def test_who_mistypes_the_last_digit_is_told_so_and_nothing_is_counted(
    prompt_set: PromptSet, settings: Settings
) -> None:
    async def course(caller: Visit) -> None:
        await caller.key(UNVERIFIED)
        await caller.hears("identity.wrong_number")
        await caller.call.line.silent()
        await caller.hears("identity.ask")
        assert caller.looked_up() == []
        await caller.key(OWN)
        await caller.hears(*READ_OUT)

    limited = settings.model_copy(update={"limits": LimitsSettings(lookups_per_minute=1)})
    assert [outcome for outcome, _ in visited(prompt_set, limited, course).looked_up()] == ["found"]


@pytest.mark.parametrize(
    "keyed",
    [OWN[:16], "99010220001212", "990102990012120127"[:17], "5" * 17],
    ids=["too few", "fourteen", "no date", "no date either"],
)
def test_what_can_be_no_number_is_not_asked_for(
    keyed: str, prompt_set: PromptSet, settings: Settings
) -> None:
    async def course(caller: Visit) -> None:
        await caller.key(keyed)

    assert visited(prompt_set, settings, course).accounts.asked == []


def test_where_a_password_is_wanted_nobody_is_asked_for_before(
    prompt_set: PromptSet, settings: Settings
) -> None:
    async def course(caller: Visit) -> None:
        await caller.key(OWN)
        await caller.hears("password.ask")

    wanted = settings.model_copy(update={"accounts": AccountsSettings(password=True)})
    assert visited(prompt_set, wanted, course).accounts.asked == []


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ({"lookups_per_minute": 1}, ("line.busy", "line.retry_menu")),
        ({"lookups_per_person": 1}, ("limits.locked", "limits.agent_menu")),
        ({"ids_per_caller": 1}, ("limits.lookups", "limits.agent_menu")),
    ],
    ids=["line", "person", "caller"],
)
def test_who_would_be_refused_asks_nothing(
    limit: dict[str, int], told: Sequence[str], prompt_set: PromptSet, settings: Settings
) -> None:
    async def course(caller: Visit) -> None:
        limits, asker = caller.call.means.limits, caller.call.asker
        at = caller.call.means.clock().timestamp()
        mine = caller.call.means.tokens.person
        before = "somebody else" if "ids_per_caller" in limit else mine(own())
        await limits.look_up(asker, before, at)
        await limits.looked_up(before, at)
        await caller.key(OWN)
        await caller.hears(*told)

    limited = settings.model_copy(update={"limits": LimitsSettings(**limit)})
    assert visited(prompt_set, limited, course).accounts.asked == []


def own() -> IdNumber:
    number = parse(OWN)
    assert isinstance(number, IdNumber)
    return number


def test_who_asks_for_many_waits_as_long_as_before(
    prompt_set: PromptSet, settings: Settings
) -> None:
    async def course(caller: Visit) -> None:
        limits, at = caller.call.means.limits, caller.call.means.clock().timestamp()
        for person in ("a", "b", "c", "d"):
            assert not isinstance(await limits.look_up(caller.call.asker, person, at), Denied)
        await caller.key(OWN[:17])
        await asyncio.sleep(SECONDS)
        last = await caller.key(OWN[17])
        assert await caller.hears(*READ_OUT) == pytest.approx(last + 0.8)

    visited(prompt_set, settings, course)


def test_who_hangs_up_before_the_last_digit_leaves_nothing(
    prompt_set: PromptSet, settings: Settings
) -> None:
    async def course(caller: Visit) -> None:
        await caller.key(OWN[:17])
        await asyncio.sleep(SECONDS / 2)

    visit = visited(prompt_set, settings, course)
    assert len(visit.accounts.asked) == 1
    assert visit.looked_up() == []


def test_after_no_answer_it_is_asked_for_anew(prompt_set: PromptSet, settings: Settings) -> None:
    async def course(caller: Visit) -> None:
        await caller.key(OWN)
        await caller.hears("line.busy", "line.retry_menu")
        await caller.key("1")
        await caller.hears(*READ_OUT)

    visit = visited(prompt_set, settings, course, Unavailable("no answer in time"))
    assert [outcome for outcome, _ in visit.looked_up()] == ["unavailable", "found"]
    assert len(visit.accounts.asked) == 2
