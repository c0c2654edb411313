"""After an agent's conversation: one key for how content the caller is, once a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ivr.calls.call import AgentWanted, Call
from ivr.dialogues.place import UP, Outcome, place
from ivr.hours import BEIJING
from ivr.records.facts import ABSTAINED, Contented

_QUESTION = "contentment.menu"
_ANSWERS = {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "*": ABSTAINED}
_TIMES = 2
"""A key that means nothing here is told by the question said once more; silence is an answer."""


@place("contentment")
async def contentment(call: Call) -> Outcome:
    """请您评价刚才的人工服务 — unless it was asked today; then back, as the seed has it."""
    if not _is_due(call):
        return ended
    call.means.asked.add(_today(call), _tokens(call))
    asking = _Asking(call)
    async with call.in_midst_of(asking):
        asking.choice = await _choice(call)
    if asking.choice:
        await call.say("contentment.thanks")
    return ended


@place("agent.ended")
async def ended(call: Call) -> Outcome:
    """人工服务已结束，现在返回主菜单。"""
    await call.say("agent.ended")
    return UP


@dataclass(slots=True)
class _Asking:
    """One question, which is noted whatever comes of it: who hangs up was asked."""

    call: Call
    choice: int | None = None

    async def settle(self) -> None:
        """Tied to the agent, the call and the caller."""
        call = self.call
        call.note(
            Contented(
                session=call.session,
                agent=call.served_by,
                caller=call.vouched,
                person=call.trail.person,
                choice=self.choice,
            )
        )


async def _choice(call: Call) -> int | None:
    """1 to 5, ABSTAINED, or None where no answer came."""
    for _ in range(_TIMES):
        patience = call.patience.first_key_seconds
        answer = await call.listen(call.utter(_QUESTION), patience, verb="menu")
        key = answer.digit
        if key is None:
            call.note_step("menu", _QUESTION, "no_input", answer)
            return None
        if key in _ANSWERS:
            call.note_step("menu", _QUESTION, "back" if key == "*" else "match", answer)
            return _ANSWERS[key]
        wanted = key == "0" and call.zero_is_agent
        call.note_step("menu", _QUESTION, "agent" if wanted else "no_match", answer)
        if wanted:
            raise AgentWanted
    return None


def _is_due(call: Call) -> bool:
    wanted = call.means.settings.agents.contentment
    return wanted and not call.means.asked.knows(_today(call), _tokens(call))


def _today(call: Call) -> date:
    return call.means.clock().astimezone(BEIJING).date()


def _tokens(call: Call) -> tuple[str | None, ...]:
    return call.session, call.vouched, call.trail.person
