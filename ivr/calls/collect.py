"""The verbs that ask for digits: an ID number that can exist, or a number of so many digits."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.calls import keypad
from ivr.calls.call import AgentWanted, Answer, Call
from ivr.calls.keypad import Complete, NoNumber, Nudge, Typing
from ivr.people.identity import IdNumber, parse
from ivr.people.sensitive import Sensitive
from ivr.records.facts import Heard

_HEARD: dict[NoNumber, Heard] = {
    NoNumber.BACK: "back",
    NoNumber.EMPTY: "cleared",
    NoNumber.CLEARED: "cleared",
    NoNumber.WRONG_LENGTH: "invalid",
    NoNumber.ONLY_LONG: "invalid",
    NoNumber.AGENT: "match",
    NoNumber.SILENT: "no_input",
}


class WentBack(Exception):
    """The caller pressed `*` in place of an answer: one level up."""


@dataclass(slots=True)
class _Entered:
    """What one try came to, and what the records may know of it."""

    outcome: Complete | NoNumber
    keys: int
    interrupted: bool
    ms: int


async def collect_id(call: Call, question: str, *, short_allowed: bool = True) -> IdNumber:
    """Ask `question` until a possible ID number has been entered, of 15 or 18 digits.

    Raises WentBack for `*` before the first digit, AgentWanted for a 0 alone, GaveUp after too
    many failures in a row.
    """
    wrong_before = False
    while True:
        entered = await _entry(call, question, short_allowed)
        match entered.outcome:
            case Complete(digits):
                number = parse(digits, verify=call.means.settings.verify_check_digit)
                _note(
                    call, question, "match" if isinstance(number, IdNumber) else "invalid", entered
                )
                if isinstance(number, IdNumber):
                    call.succeeded()
                    call.trail.tail = number.tail
                    return number
                await _refuse(call, digits, again=wrong_before)
                wrong_before = True
            case nothing:
                _note(call, question, _HEARD[nothing], entered)
                await _explain(call, nothing)


async def _entry(call: Call, question: str, short_allowed: bool) -> _Entered:
    """One try, from the question to a number or to nothing."""
    patience = call.means.settings.patience
    answer = await call.listen(call.utter(question), patience.first_key_seconds)
    interrupted, ms, keys = answer.interrupted, answer.ms, 0
    digits, nudged = "", False
    while True:
        keys += answer.key is not None
        said = None
        match _next(digits, answer, nudged=nudged, short_allowed=short_allowed):
            case Typing(digits):
                nudged = False
            case Nudge(prompt, missing):
                nudged = True
                said = call.utter(prompt, **({} if missing is None else {"missing": missing}))
            case outcome:
                _swallow_hash(call, outcome, answer)
                return _Entered(outcome, keys, interrupted, ms)
        answer = await call.listen(said, _until_next_key(call, digits))
        ms += answer.ms


def _next(digits: str, answer: Answer, *, nudged: bool, short_allowed: bool) -> keypad.Entry:
    if answer.digit is None:
        return keypad.pause(digits, nudged=nudged, short_allowed=short_allowed)
    return keypad.press(digits, answer.digit, short_allowed=short_allowed)


def _until_next_key(call: Call, digits: str) -> float:
    """A 0 alone waits for a moment only: it is a wish for an agent, and no ID begins so."""
    patience = call.means.settings.patience
    alone = digits == keypad.ZERO and call.zero_is_agent
    return patience.swallow_seconds if alone else patience.inter_key_seconds


def _swallow_hash(call: Call, outcome: Complete | NoNumber, last: Answer) -> None:
    """A `#` after the 18th digit, out of habit, must not reach the next menu."""
    if isinstance(outcome, Complete) and last.key is not None and last.key.digit != "#":
        call.inbox.swallow_hash(last.key.at + call.means.settings.patience.swallow_seconds)


async def _refuse(call: Call, digits: str, *, again: bool) -> None:
    """Say that no such number can exist, by its tail; the second time with more help."""
    prompt = "identity.wrong_number_again" if again else "identity.wrong_number"
    await call.failed(prompt, tail=Sensitive(digits[-4:]))


async def _explain(call: Call, nothing: NoNumber) -> None:
    """Tell the caller why the question comes again."""
    match nothing:
        case NoNumber.BACK:
            raise WentBack
        case NoNumber.AGENT if call.zero_is_agent:
            raise AgentWanted
        case NoNumber.CLEARED:
            await call.say("identity.cleared")
        case NoNumber.WRONG_LENGTH:
            await call.failed("identity.wrong_length")
        case NoNumber.ONLY_LONG:
            await call.failed("identity.only18")
        case NoNumber.SILENT | NoNumber.AGENT:
            await call.failed("line.no_input")
        case NoNumber.EMPTY:
            pass


def _note(call: Call, question: str, heard: Heard, entered: _Entered) -> None:
    answer = Answer(None, entered.interrupted, entered.ms)
    call.note_step("collect", question, heard, answer, keys=entered.keys, sensitive=True)


async def collect_digits(call: Call, question: str, count: int, *, wrong: str) -> Sensitive[str]:
    """Ask until `count` digits have been entered, with or without a `#` after them.

    `wrong` is said of too few. Raises WentBack for `*` before the first digit, and GaveUp.
    """
    while True:
        digits, last = await _digits(call, question, count)
        if len(digits) == count:
            call.succeeded()
            return Sensitive(digits)
        match last:
            case "*" if not digits:
                raise WentBack
            case "*":
                await call.say("identity.cleared")
            case "#" if digits:
                await call.failed(wrong)
            case _:
                await call.failed("line.no_input")


async def _digits(call: Call, question: str, count: int) -> tuple[str, str | None]:
    """One try: the digits, and the key or the silence that ended it."""
    patience = call.means.settings.patience
    answer = await call.listen(call.utter(question), patience.first_key_seconds)
    first, digits = answer, ""
    while answer.key is not None and answer.key.digit not in "*#":
        digits += answer.key.digit
        if len(digits) == count:
            call.inbox.swallow_hash(answer.key.at + patience.swallow_seconds)
            break
        answer = await call.listen(None, patience.inter_key_seconds)
    heard: Heard = "match" if len(digits) == count else "invalid" if digits else "no_input"
    call.note_step("collect", question, heard, first, keys=len(digits), sensitive=True)
    return digits, answer.digit
