"""The verbs that ask for digits: an ID number that can exist, or a number of so many digits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ivr.calls.call import AgentWanted, Answer, Call
from ivr.calls.hearing import Told
from ivr.calls.keypad import (
    TELLING,
    Complete,
    CountForm,
    Entry,
    Form,
    IdForm,
    NoNumber,
    Nudge,
    PhoneForm,
    Typing,
)
from ivr.cases.numbers import DIGITS, is_possible
from ivr.people.identity import IdNumber, foreseen, parse
from ivr.people.sensitive import Sensitive
from ivr.records.facts import Heard

_HEARD: dict[NoNumber, Heard] = {
    NoNumber.BACK: "back",
    NoNumber.EMPTY: "cleared",
    NoNumber.CLEARED: "cleared",
    NoNumber.WRONG_LENGTH: "invalid",
    NoNumber.ONLY_LONG: "invalid",
    NoNumber.AGENT: "agent",
    NoNumber.SILENT: "no_input",
}


class WentBack(Exception):
    """The caller pressed `*` in place of an answer: one level up."""


@dataclass(frozen=True, slots=True)
class _Try:
    """What one try came to, and what the records may know of it."""

    outcome: Complete | NoNumber
    keys: int
    interrupted: bool
    ms: int
    told: Told


def _nobody(_: object) -> None:
    """Hears of nothing."""


async def collect_id(
    call: Call,
    question: str,
    *,
    short_allowed: bool = True,
    expect: Callable[[IdNumber], None] = _nobody,
) -> IdNumber:
    """Ask `question` until a possible ID number has been entered, of 15 or 18 digits.

    `expect` hears which one it will be when only the check digit is still to come, of which the
    others leave no choice; what comes may be another one, or none. Raises WentBack for `*` before
    the first digit, AgentWanted for zeros and other starts that no ID number has, GaveUp after too
    many failures in a row.
    """
    form, typed, wrong_before = IdForm(short_allowed), _expecting(expect), False
    while True:
        digits, last = await _digits(
            call, question, form, wrong="identity.wrong_length", typed=typed
        )
        number = parse(digits, verify=call.means.settings.verify_check_digit)
        if isinstance(number, IdNumber):
            _note(call, question, "match", last)
            call.succeeded()
            call.trail.tail, call.trail.born = number.tail, number.born
            call.trail.person = call.means.tokens.person(number)
            return number
        _note(call, question, "invalid", last)
        await _refuse(call, digits, again=wrong_before)
        wrong_before = True


async def collect_digits(
    call: Call, question: str, count: int, *, wrong: str, last_may_be_x: bool = False
) -> Sensitive[str]:
    """Ask until `count` digits have been entered, with or without a `#` after them.

    `wrong` is said of too few. `last_may_be_x`: `*` in the last place stands for it. Raises
    WentBack for `*` before the first digit, and GaveUp.
    """
    digits, last = await _digits(call, question, CountForm(count, last_may_be_x), wrong=wrong)
    _note(call, question, "match", last)
    call.succeeded()
    return Sensitive(digits)


async def collect_phone(call: Call, question: str, *, wrong: str) -> Sensitive[str]:
    """Ask until something was entered that may be a telephone number; whether it is, others say.

    Raises WentBack for `*` before the first digit, and GaveUp.
    """
    digits, last = await _digits(call, question, PhoneForm(), wrong=wrong)
    _note(call, question, "match", last)
    return Sensitive(digits)


async def collect_case_number(call: Call, question: str, *, short: str, wrong: str) -> str:
    """Ask until the number of a case has been entered that somebody can have been told.

    `short` is said of too few digits, `wrong` of a number whose check does not fit. Raises as
    `collect_digits`.
    """
    while True:
        digits, last = await _digits(call, question, CountForm(DIGITS), wrong=short)
        if is_possible(digits):
            _note(call, question, "match", last)
            call.succeeded()
            return digits
        _note(call, question, "invalid", last)
        await call.failed(wrong)


def _expecting(expect: Callable[[IdNumber], None]) -> Callable[[str], None]:
    def typed(digits: str) -> None:
        if len(digits) == TELLING and (number := foreseen(digits)) is not None:
            expect(number)

    return typed


async def _digits(
    call: Call,
    question: str,
    form: Form,
    *,
    wrong: str,
    typed: Callable[[str], None] = _nobody,
) -> tuple[str, _Try]:
    """Ask until the number is whole, and say what is the matter with everything else that comes."""
    while True:
        tried = await _try(call, question, form, typed)
        match tried.outcome:
            case Complete(digits):
                return digits, tried
            case nothing:
                _note(call, question, _HEARD[nothing], tried)
                await _explain(call, nothing, wrong)


async def _try(call: Call, question: str, form: Form, typed: Callable[[str], None]) -> _Try:
    """One try, from the question to a number or to nothing; `typed` hears how far it has come."""
    asked, patience = call.utter(question), call.patience.first_digit_seconds
    began = asyncio.get_running_loop().time()
    answer = first = await call.listen(asked, patience, verb="collect")
    ms, keys = answer.ms, 0
    digits, nudged = "", False
    while True:
        keys += answer.key is not None
        match _next(form, digits, answer, nudged=nudged):
            case Typing(digits):
                nudged = False
                typed(digits)
                answer = await _go_on(call, form, digits, began, answer)
            case Nudge(prompt, missing):
                nudged = True
                said = call.utter(prompt, **({} if missing is None else {"missing": missing}))
                answer = await call.listen(said, _patience(call, form, digits))
            case outcome:
                _swallow_hash(call, outcome, answer)
                return _Try(outcome, keys, first.interrupted, ms, first.told)
        ms += answer.ms


def _next(form: Form, digits: str, answer: Answer, *, nudged: bool) -> Entry:
    if answer.digit is None:
        return form.pause(digits, nudged=nudged)
    return form.press(digits, answer.digit)


async def _go_on(call: Call, form: Form, digits: str, began: float, last: Answer) -> Answer:
    """The key after the last one. Patience counts from that, or from when a number was asked for.

    What was gathered is told late, and was not pressed late.
    """
    at = began if last.key is None else max(began, last.key.at)
    return await call.listen_on(at + _patience(call, form, digits), far=form.far(digits))


def _patience(call: Call, form: Form, digits: str) -> float:
    """A wish for an agent waits for a moment only, in case that it is none."""
    if call.zero_is_agent and form.is_wish(digits):
        return call.patience.swallow_seconds
    return call.patience.inter_key_seconds


def _swallow_hash(call: Call, outcome: Complete | NoNumber, last: Answer) -> None:
    """A `#` after the last digit, out of habit, must not reach the next menu."""
    if isinstance(outcome, Complete) and last.key is not None and last.key.digit != "#":
        call.inbox.swallow_hash(last.key.at + call.patience.swallow_seconds)


async def _refuse(call: Call, digits: str, *, again: bool) -> None:
    """Say that no such number can exist, by its tail; the second time with more help."""
    prompt = "identity.wrong_number_again" if again else "identity.wrong_number"
    await call.failed(prompt, tail=Sensitive(digits[-4:]))


async def _explain(call: Call, nothing: NoNumber, wrong: str) -> None:
    """Tell the caller why the question comes again; `wrong` is said of a number that is none."""
    match nothing:
        case NoNumber.BACK:
            raise WentBack
        case NoNumber.AGENT if call.zero_is_agent:
            raise AgentWanted
        case NoNumber.CLEARED:
            await call.say("identity.cleared")
        case NoNumber.WRONG_LENGTH | NoNumber.AGENT:
            await call.failed(wrong)
        case NoNumber.ONLY_LONG:
            await call.failed("identity.only18")
        case NoNumber.SILENT:
            await call.failed("line.no_input")
        case NoNumber.EMPTY:
            pass


def _note(call: Call, question: str, heard: Heard, tried: _Try) -> None:
    answer = Answer(None, tried.interrupted, tried.ms, tried.told)
    call.note_step("collect", question, heard, answer, keys=tried.keys, sensitive=True)
