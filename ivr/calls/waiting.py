"""How a caller waits for an agent: a trial of every phone, or a place in the queue.

Without the queue a caller hears 人工服务忙 when every phone is engaged. In it the caller waits
while anybody is there who will be free, with music, and from time to time the place.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ivr.agents.estimate import Minutes
from ivr.agents.switchboard import PHONES_SECONDS, Switchboard
from ivr.calls.call import Answer, Call
from ivr.calls.inbox import Key, News
from ivr.calls.ringing import BUSY, Ringing
from ivr.calls.saying import NotBegun, Saying
from ivr.config import AgentsSettings
from ivr.records.facts import QueueTold, TransferOutcome
from ivr.records.queued import Queued
from ivr.speech.prompts import Sentence, sentence
from ivr.speech.ranges import MOST_COUNTED

log = logging.getLogger(__name__)

KEYS_EVERY = 3
"""The keys are said the first time, and then as rarely as this: they are known by then."""


class Waits(Protocol):
    """What decides how long a caller waits, and what is heard meanwhile."""

    async def over(self) -> TransferOutcome | None:
        """Why the caller waits no longer; None: waits on."""

    def until(self) -> float:
        """When to look again, at the latest."""

    def chosen(self, key: Key) -> TransferOutcome | None:
        """What a key means; None: nothing."""

    async def speak(self) -> None:
        """Say what is due."""

    async def hears(self, news: News | None) -> None:
        """Something came that is none of the phones'."""

    async def hush(self) -> None:
        """An agent is there: not another word."""


@dataclass(slots=True)
class Trial:
    """No queue: until every phone has rung once, or for so many seconds."""

    ringing: Ringing
    began: float

    @property
    def _deadline(self) -> float:
        return self.began + self.ringing.call.means.settings.agents.ring_seconds

    async def over(self) -> TransferOutcome | None:
        """All are engaged, none is left, or nobody answers in time."""
        ringing = self.ringing
        if not ringing.legs and not ringing.switchboard.may_answer(ringing.place):
            if left := ringing.place.left:
                engaged = any(map(ringing.switchboard.desks.is_engaged, left))
                ringing.causes.append(BUSY if engaged else None)
            return ringing.why_nobody()
        if _now() < self._deadline:
            return None
        await ringing.all_ring_out()
        return "no_answer"

    def until(self) -> float:
        """The end of it."""
        return self._deadline

    def chosen(self, key: Key) -> TransferOutcome | None:
        """放弃等待请按星号键。"""
        return "abandoned" if key.digit == "*" else None

    async def speak(self) -> None:
        """There is music."""

    async def hears(self, news: News | None) -> None:
        """Nothing else matters."""

    async def hush(self) -> None:
        """Nothing is said."""


@dataclass(slots=True)
class InLine:
    """A place in the queue: until an agent is free, the caller chooses otherwise, or nobody comes.

    Nobody is there any more when no agent was heard of for as long as a phone rings.
    """

    ringing: Ringing
    began: float
    """When this service took the caller into the queue (the loop's clock)."""
    may_be_called_back: bool
    next_word: float = -math.inf
    """When to say something of the place."""
    _words: int = 0
    _keys_told: float = math.inf
    """Since when the caller may know the keys."""
    _saying: Saying | None = None

    @property
    def call(self) -> Call:
        """The caller's."""
        return self.ringing.call

    @property
    def settings(self) -> AgentsSettings:
        """The rules of this call."""
        return self.call.means.settings.agents

    @property
    def switchboard(self) -> Switchboard:
        """Who waits and who is free, for all calls of the line."""
        return self.ringing.switchboard

    async def over(self) -> TransferOutcome | None:
        """Nobody is there any more, or it lasts too long."""
        await self.switchboard.look(self.call.exchange.online, PHONES_SECONDS)
        if _now() >= self._unattended():
            await self.ringing.all_ring_out()
            return "no_answer"
        if self.ringing.legs:
            return None
        if not self.switchboard.present(self.ringing.place.skill):
            return "no_answer" if self.ringing.causes else "none_there"
        if self.ringing.is_nobody_there(self.began):
            return self.ringing.why_nobody()
        return "too_long" if _now() >= self._too_long() else None

    def until(self) -> float:
        """The next thing to be done, whichever it is."""
        soon = min(self._unattended(), _now() + PHONES_SECONDS)
        if self._saying is not None:
            return min(soon, self._saying.until)
        return soon if self.ringing.legs else min(soon, self.next_word, self._too_long())

    def chosen(self, key: Key) -> TransferOutcome | None:
        """`*` as everywhere; the others count from when they were said."""
        if key.digit == "*":
            return "abandoned"
        if key.at < self._keys_told:
            return None
        if key.digit == "1" and self.may_be_called_back:
            return "callback"
        return "message" if key.digit == "2" else None

    async def speak(self) -> None:
        """Say the place when it is time; while a phone rings for this caller, music will do."""
        if self._saying is not None or self.ringing.legs or _now() < self.next_word:
            return
        await self.call.exchange.quiet()
        utterance = self.call.prompts.utterance(*self._words_now())
        self._saying = await Saying(self.call.line, utterance).begin()
        self._words += 1

    async def hears(self, news: News | None) -> None:
        """It was said, or never will be: music again."""
        saying = self._saying
        if saying is None or (news is None and _now() < saying.until):
            return
        try:
            if not await saying.over(news):
                return
        except NotBegun as mute:
            log.warning("a word to a waiting caller is left out: %s", mute)
        await self._said(saying)
        await self.call.exchange.music()

    async def hush(self) -> None:
        """Stop in the middle of a word."""
        if self._saying is not None:
            await self._saying.stop()
            await self._said(self._saying)

    async def _said(self, saying: Saying) -> None:
        self._saying, self.next_word = None, _now() + self.settings.queue_announce_seconds
        ms = round((_now() - saying.sounded) * 1000)
        self.call.note_step(
            "say", saying.utterance.prompts[-1], "finished", Answer(None, False, ms)
        )

    def _unattended(self) -> float:
        """When it is clear that nobody comes: as long as phones ring, after the last sign."""
        last_sign = max(self.began, self.switchboard.desks.heard_of())
        return last_sign + self.settings.ring_seconds

    def _too_long(self) -> float:
        return self.ringing.place.since + self.settings.queue_longest_seconds

    # --- what is said -------------------------------------------------------------------------

    def _words_now(self) -> Iterator[Sentence]:
        """The place, the time where it is known, and seldom the keys."""
        queued = self._queued()
        ahead = queued.to_say(self.switchboard.queue.ahead_of(self.ringing.place))
        ahead = None if ahead is None or ahead > MOST_COUNTED else ahead
        minutes = self.switchboard.minutes(self.ringing.place)
        self.call.queued = queued.hearing(ahead)
        self._note(ahead, minutes)
        yield _place(ahead)
        if minutes is not None:
            yield _time(minutes)
        if self._words % KEYS_EVERY == 0:
            self._keys_told = min(self._keys_told, _now())
            yield sentence("queue.keys" if self.may_be_called_back else "queue.keys_message")

    def _queued(self) -> Queued:
        if self.call.queued is None:
            raise LookupError("who waits in the queue has a place")
        return self.call.queued

    def _note(self, ahead: int | None, minutes: Minutes | None) -> None:
        least, most = (None, None) if minutes is None else (minutes.least, minutes.most)
        self.call.note(QueueTold(session=self.call.session, ahead=ahead, least=least, most=most))


def _place(ahead: int | None) -> Sentence:
    if ahead is None:
        return sentence("queue.still")
    return sentence("queue.ahead", ahead=ahead) if ahead else sentence("queue.next")


def _time(minutes: Minutes) -> Sentence:
    if minutes.least == 0:
        return sentence("queue.within", most=minutes.most)
    return sentence("queue.between", least=minutes.least, most=minutes.most)


def _now() -> float:
    return asyncio.get_running_loop().time()
