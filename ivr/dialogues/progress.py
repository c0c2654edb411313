"""Key 6, then 3: 查询处理进度 — a case's number, the second thing known, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.calls.call import REPLAY, Call
from ivr.calls.entry import collect_case_number, collect_digits
from ivr.cases.enquiries import TAIL, NotThatPair, Standing, Unanswered
from ivr.cases.moves import State
from ivr.dialogues.afterwards import replay_or_back
from ivr.dialogues.limits import busy, denied
from ivr.dialogues.place import UP, Outcome, place
from ivr.records.facts import Refused
from ivr.speech.prompts import Sentence, Value, sentence

_SENTENCES: Mapping[State, str] = {
    State.PENDING: "progress.pending",
    State.ACCEPTED: "progress.accepted",
    State.ASSIGNED: "progress.assigned",
    State.WORKING: "progress.working",
    State.SUSPENDED: "progress.suspended",
    State.ANSWERED: "progress.answered",
    State.CLOSED: "progress.closed",
    State.FOLLOWED_UP: "progress.followed_up",
    State.REJECTED: "progress.rejected",
}
"""Every state but 已并单, of which the main case's is told."""


@place("progress", up="feedback.menu")
async def progress(call: Call) -> Outcome:
    """请输入八位编号 — until the pair fits, or was wrong too often."""
    while True:
        number = await collect_case_number(
            call,
            "progress.ask_number",
            short="progress.wrong_length",
            wrong="progress.wrong_number",
        )
        refused = await call.means.limits.ask_case(call.asker, number, _now(call))
        if refused is not None:
            return await denied(call, refused.reason, progress.speak)
        tail = await collect_digits(
            call, "progress.ask_tail", TAIL, wrong="progress.wrong_tail", last_may_be_x=True
        )
        match await call.meanwhile("identity.looking_up", call.means.enquiries.ask(number, tail)):
            case Standing() as standing:
                await call.means.limits.right_case(number, _now(call))
                return await _tell(call, standing)
            case NotThatPair():
                await _wrong(call, number)
            case Unanswered():
                return await busy(call, progress.speak)


async def _wrong(call: Call, number: str) -> None:
    """Say so, unless this was once too often: then that is said when a number is keyed again."""
    call.note(Refused(session=call.session, reason="case_wrong"))
    await call.means.limits.wrong_case(call.asker, number, _now(call))
    await call.warn("progress.wrong_pair")


async def _tell(call: Call, standing: Standing) -> Outcome:
    call.inbox.forget_keys()
    if standing.merged:
        await call.say("progress.merged")
    opening = call.prompts.utterance(told(standing))
    return await call.menu(replay_or_back(call), {"1": REPLAY, "*": UP}, opening=opening)


def told(standing: Standing) -> Sentence:
    """The state's own sentence, with its days."""
    given: Mapping[str, Value | None] = {
        "filed": standing.filed.isoformat(),
        "since": standing.since.isoformat(),
        "due": None if standing.due is None else standing.due.isoformat(),
    }
    again = standing.reopened and standing.state in (State.ASSIGNED, State.WORKING)
    return sentence("progress.reopened" if again else _SENTENCES[standing.state], **given)


def _now(call: Call) -> float:
    return call.means.clock().timestamp()
