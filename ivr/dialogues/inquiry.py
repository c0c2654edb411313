"""What keys 1 and 2 share: an ID number is asked for, looked up, and the answer read out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Generic, Literal, TypeVar

from ivr.accounts import (
    Accounts,
    Closed,
    Empty,
    Found,
    NotFound,
    Result,
    Several,
    Unavailable,
    Unsayable,
)
from ivr.calls.call import REPLAY, Call
from ivr.calls.entry import collect_id
from ivr.dialogues.afterwards import replay_or_back
from ivr.dialogues.foreseeing import Asking
from ivr.dialogues.limits import busy, denied
from ivr.dialogues.password import ask_password
from ivr.dialogues.place import UP, Outcome, coded
from ivr.limits.limits import Denied
from ivr.people.identity import IdNumber
from ivr.records.facts import LookedUp, LookupOutcome
from ivr.speech.prompts import Sentence, Unsaid, Utterance, Value, sentence

Account = TypeVar("Account")


@dataclass(frozen=True, slots=True)
class Inquiry(Generic[Account]):
    """One kind of account: where it is asked for, and the sentences of the seed about it."""

    source: Literal["fund", "loan"]
    ask: Callable[[Accounts, IdNumber], Awaitable[Result[Account]]]
    slots: Callable[[Account], Mapping[str, Value | None]]
    """The values that the readout says, besides the ID number."""
    readout: str
    not_found: str
    several: str
    closed: str
    empty: str


@dataclass(frozen=True, slots=True)
class _Readout:
    """What is said of an account, ready to be played."""

    opening: Utterance
    left_out: tuple[str, ...]
    """Columns whose code nobody has put into words."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the accounts said of a person, and how many ms they took for it."""

    result: Result[_Readout]
    ms: int


async def inquire(call: Call, inquiry: Inquiry[Account]) -> Outcome:
    """请输入您的个人身份证号，以井号键结束 — and what the accounts say (seed, 一 and 二)."""
    asking = Asking(call, partial(_ask, call, inquiry))
    number = await collect_id(call, "identity.ask", expect=asking.foresee)
    return await _admit(call, inquiry, number, asking)


async def _admit(
    call: Call, inquiry: Inquiry[Account], number: IdNumber, asking: Asking[_Answer]
) -> Outcome:
    """Let the caller have the answer, within the limits and with the password if one is wanted."""

    def again(call: Call) -> Awaitable[Outcome]:
        return _admit(call, inquiry, number, asking)

    person, now = call.means.tokens.person(number), call.means.clock().timestamp()
    admitted = await call.means.limits.look_up(call.asker, person, now)
    if isinstance(admitted, Denied):
        return await denied(call, admitted.reason, again)
    if call.means.settings.accounts.password:
        elsewhere = await ask_password(call, number, again)
        if elsewhere is not None:
            return elsewhere
    return await _answer(call, inquiry, number, asking, admitted.delay)


async def _answer(
    call: Call,
    inquiry: Inquiry[Account],
    number: IdNumber,
    asking: Asking[_Answer],
    delay: float = 0.0,
) -> Outcome:
    match await _look_up(call, inquiry, number, asking.answer(number, delay)):
        case Found(readout):
            return await _read_out(call, inquiry, readout)
        case NotFound():
            await call.say(inquiry.not_found)
        case Several():
            await call.say(inquiry.several)
        case Closed():
            await call.say(inquiry.closed)
        case Empty():
            await call.say(inquiry.empty)
        case Unsayable(column):
            return await _untold(call, inquiry, column)
        case Unavailable():
            return await busy(call, lambda call: _answer(call, inquiry, number, asking))
    return UP


def told(inquiry: Inquiry[Account], number: IdNumber, account: Account) -> Sentence:
    """What is read out of an account."""
    return sentence(inquiry.readout, **{**inquiry.slots(account), "id": number.keyed})


async def _ask(call: Call, inquiry: Inquiry[Account], number: IdNumber) -> _Answer:
    """Ask the accounts, and put together what is to be said."""
    clock = asyncio.get_running_loop().time
    began = clock()
    result = await inquiry.ask(call.means.accounts, number)
    ms = round((clock() - began) * 1000)
    if isinstance(result, Found):
        return _Answer(_readout(call, told(inquiry, number, result.account)), ms)
    return _Answer(result, ms)


def _readout(call: Call, said: Sentence) -> Found[_Readout] | Unsayable:
    try:
        opening = call.prompts.utterance(said)
    except Unsaid as unsaid:
        return Unsayable(unsaid.slot)
    return Found(_Readout(opening, call.prompts.unknown_codes(said)))


async def _read_out(call: Call, inquiry: Inquiry[Account], readout: _Readout) -> Outcome:
    for column in readout.left_out:
        call.means.untold.leave_out(inquiry.source, column)
    choices = {"1": REPLAY, "*": UP}
    return await call.menu(replay_or_back(call), choices, opening=readout.opening)


async def _untold(call: Call, inquiry: Inquiry[Account], column: str) -> Outcome:
    """您的账户信息电话里不能播报: an agent can look; asking again would bring nothing else."""
    call.means.untold.tell(inquiry.source, column)
    choices = {"0": coded("agent"), "*": coded("main")}
    opening = call.utter("identity.cannot_be_told")
    return await call.menu("limits.agent_menu", choices, opening=opening)


async def _look_up(
    call: Call, inquiry: Inquiry[Account], number: IdNumber, asked: Awaitable[_Answer]
) -> Result[_Readout]:
    """Wait for what the accounts say, and note how it went and how long they took.

    What was typed ahead ends here: the result is always heard.
    """
    answer = await call.meanwhile("identity.looking_up", asked)
    result = answer.result
    person = call.means.tokens.person(number)
    if not isinstance(result, Unavailable):
        await call.means.limits.looked_up(person, call.means.clock().timestamp())
    call.trail.lookup = f"{inquiry.source} {_word(result)}"
    call.note(
        LookedUp(
            session=call.session,
            source=inquiry.source,
            person=person,
            outcome=_word(result),
            ms=answer.ms,
        )
    )
    call.inbox.forget_keys()
    return result


_WORDS: Mapping[type[object], LookupOutcome] = {
    Found: "found",
    NotFound: "not_found",
    Several: "several",
    Closed: "account_closed",
    Empty: "empty",
    Unsayable: "unsayable",
    Unavailable: "unavailable",
}


def _word(result: Result[_Readout]) -> LookupOutcome:
    return _WORDS[type(result)]
