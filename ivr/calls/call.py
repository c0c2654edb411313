"""A call and its verbs: say, warn, menu — and all that a caller may do in the midst of them.

Barge-in, type-ahead, silence, wrong keys and retries live here, once. Hanging up is the
cancellation of the task that runs the call; no verb and no dialogue mentions it.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from enum import Enum, auto
from typing import Literal, Protocol, TypeVar

from ivr.agents.exchange import Exchange
from ivr.calls.hearing import Hearing, Told
from ivr.calls.inbox import Inbox, Key
from ivr.calls.means import Means
from ivr.calls.saying import NotBegun, Saying
from ivr.config import Agent, Patience, Skill
from ivr.desk.conversation import Conversation
from ivr.limits.limits import Asker
from ivr.people.sensitive import Sensitive
from ivr.recordings.taping import NoTape, Tape
from ivr.records.facts import DialogueEntered, Fact, Heard, Step, Verb
from ivr.records.queued import Queued
from ivr.speech.prompts import PromptSet, Utterance, Value, sentence

T = TypeVar("T")

log = logging.getLogger(__name__)

MOST_PLACES = 12
"""Of the way through the menus, an agent's screen shows the end."""
_SKILLS: Mapping[str, Skill] = {
    "account": "account",
    "loan": "loan",
    "information": "information",
    "feedback": "complaint",
}
"""What kind of agent is wanted, by the first part of a place's name."""
_THEN = " > "
"""Between two places of the way through the menus."""
QUIET_SECONDS = 1.0
"""A caller waits this long in silence for a look-up before hearing that it goes on."""


class Line(Protocol):
    """The caller's leg, whatever carries it: a channel of Asterisk, a terminal, a test."""

    async def play(self, utterance: Utterance) -> str:
        """Begin to say it; Begun and then Finished of the returned id enter the inbox."""

    async def stop(self, playback: str) -> None:
        """Stop the sound at once; it may have ended already."""

    async def record(self, name: str, *, most_seconds: int, silence_seconds: int) -> None:
        """Begin to record; Begun and then RecordingEnded enter the inbox. `#` ends it."""

    async def stop_recording(self, name: str) -> None:
        """End it and keep it; it may have ended already."""

    async def is_recording(self, name: str) -> bool:
        """Whether it still goes on."""


class Pending(Protocol):
    """What a call is in the midst of and must not leave as it is: an agent's phone that rings."""

    async def settle(self) -> None:
        """Bring it to its end, whatever it has come to; bounded in time by whoever waits."""


class Replay(Enum):
    """A menu's choice that is not a place: hear it again."""

    REPLAY = auto()


REPLAY: Literal[Replay.REPLAY] = Replay.REPLAY


class AgentWanted(Exception):
    """The caller pressed 0 where it is no choice of the menu: a person, please."""


class HeldTooLong(Exception):
    """The call has lasted longer than anything that this line does."""


class GaveUp(Exception):
    """Too many silences or wrong keys in a row at one question."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back to a question: a key, or None for silence; and how long that took."""

    key: Key | None
    interrupted: bool
    """The key cut the sentence short."""
    ms: int
    told: Told = field(default_factory=Told)
    """How much was said until then."""

    @property
    def digit(self) -> str | None:
        """Which key it was."""
        return None if self.key is None else self.key.digit


@dataclass(slots=True)
class Trail:
    """Where the caller has been, for whoever takes the call next; never a whole number."""

    session: str
    places: list[str] = field(default_factory=list)
    tail: Sensitive[str] | None = None
    """Of the ID number that was entered last."""
    person: str | None = None
    """Token of that number."""
    born: Sensitive[date] | None = None
    """By that number."""
    lookup: str = ""
    """What was looked up last, and how that ended."""

    @property
    def skill(self) -> Skill | None:
        """What the caller wanted last, by the key of the main menu; None: a person, and no more."""
        for place in reversed(self.places):
            root = place.partition(".")[0]
            if root in _SKILLS or root == "main":
                return _SKILLS.get(root)
        return None

    def screen(self) -> Mapping[str, str]:
        """What the agent's screen shows."""
        return {
            "session": self.session,
            "path": _THEN.join(self.places[-MOST_PLACES:]),
            "id_tail": "" if self.tail is None else self.tail.reveal(),
            "lookup": self.lookup,
            "person": self.person or "",
        }

    def remember(self, screen: Mapping[str, str]) -> None:
        """What an agent's phone was rung with, before this service was there."""
        earlier = [place for place in screen.get("path", "").split(_THEN) if place]
        self.places[:0] = earlier
        tail = screen.get("id_tail", "")
        self.tail = self.tail or (Sensitive(tail) if tail else None)
        self.person = self.person or screen.get("person") or None
        self.lookup = self.lookup or screen.get("lookup", "")


@dataclass(slots=True)
class Call:
    """One session: who is on the line, where in the script, and the verbs of it."""

    session: str
    line: Line
    inbox: Inbox
    prompts: PromptSet
    exchange: Exchange
    means: Means
    vouched: str | None = None
    """Token of the caller's number, where a trunk or an agent's phone vouches for it."""
    agent: Agent | None = None
    """Whose own phone it is, where the desk code was dialled."""
    number: Sensitive[str] | None = None
    """By which the caller may be called back: a trunk vouches for it, and it is not withheld."""
    about: str | None = None
    """The number of the case about which the line itself has called."""
    place: str = ""
    """The name of the dialogue that the caller is in."""
    arrived: float = 0.0
    """When (the loop's clock) the caller came there; 0: nowhere yet."""
    steps: int = 0
    """How many have been noted; a resumed call goes on counting."""
    pending: Pending | None = None
    """What the end of the call has to settle; a suspended call leaves it to its successor."""
    trail: Trail = field(init=False)
    ends_at: float = math.inf
    """When (the loop's clock) the line says goodbye; who talks to an agent is not cut."""
    agent_seconds: float = 0.0
    """Spent talking with agents: `ends_at` does not count it."""
    served_by: str | None = None
    """Name of the agent who talked with the caller last."""
    talk: Conversation | None = None
    """With an agent, while it goes on."""
    passed_to: Agent | None = None
    """To whom an agent has passed the caller on, until that one's phone has rung."""
    sent_to: str | None = None
    """Where in the line an agent has sent the caller, until that place is reached."""
    tape: Tape = field(default_factory=NoTape)
    """Records what is said with agents."""
    knows_of_tape: bool = False
    """The caller has heard that the conversation is recorded."""
    queued: Queued | None = None
    """The place in the queue for an agent, kept until one has talked with the caller."""
    _failures: int = 0
    _hearing: Hearing | None = None
    """What was said or asked last, until it is noted: who hangs up in it was in its midst."""

    def __post_init__(self) -> None:
        self.trail = Trail(self.session)

    @property
    def asker(self) -> Asker:
        """Who asks, as the limits count it."""
        return Asker(self.session, self.vouched)

    def is_open(self) -> bool:
        """Whether the line takes calls now, or its operator has closed it."""
        return self.means.is_open()

    def note(self, fact: Fact) -> None:
        """Put it into the records."""
        self.means.note(fact)

    def talked(self, seconds: float) -> None:
        """A conversation with an agent has ended: the call may last so much longer."""
        self.agent_seconds += seconds
        self.waited(seconds)

    def waited(self, seconds: float) -> None:
        """Nothing could be asked so long: the call may last so much longer."""
        self.ends_at += seconds

    def enter(self, place: str) -> None:
        """Come to a place of the script; after a restart the call goes on from here."""
        self.place, self.arrived = place, _now()
        self.trail.places.append(place)
        self.note(DialogueEntered(session=self.session, dialogue=place))

    async def say(self, prompt: str, /, **values: Value) -> bool:
        """Say a sentence; a key cuts it short and is the answer to the next question.

        Returns whether it was heard to its end.
        """
        return await self._told(self.utter(prompt, **values))

    async def announce(self) -> None:
        """Say what is on the air for every caller now; one that cannot be played is left out."""
        for utterance in self.means.announced():
            try:
                await self._told(utterance)
            except NotBegun as mute:
                log.warning("an announcement is left out: %s", mute)

    async def warn(self, prompt: str, /, **values: Value) -> None:
        """Say that something was wrong, to the end; keys typed before or meanwhile are void.

        They were pressed by someone who did not know yet (rules, 3.3).
        """
        began = _now()
        hearing = self._hearing = Hearing(self.utter(prompt, **values), began, "say")
        await self._said_whole(hearing)
        told = hearing.told(_now())
        self.note_step("say", prompt, "finished", Answer(None, False, _ms_since(began), told))

    async def menu(
        self,
        question: str,
        choices: Mapping[str, T | Replay],
        *,
        opening: Utterance | None = None,
    ) -> T:
        """Ask for one key and return what it chooses; `opening` is said before the question.

        Silence and wrong keys are told to the caller, then the question is repeated without its
        opening; REPLAY says both again. Raises GaveUp after too many failures in a row, and
        AgentWanted for a 0 that the menu does not name, where the settings want that.
        """
        alone = self.utter(question)
        asked = whole = alone if opening is None else opening.then(alone)
        while True:
            choice = await self._choice(question, choices, asked)
            if choice is not None and not isinstance(choice, Replay):
                return choice
            asked = whole if choice is REPLAY else alone

    async def meanwhile(self, prompt: str, work: Awaitable[T]) -> T:
        """Wait for `work`; when it takes a while, tell the caller so. Keys never end the work."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task}, timeout=QUIET_SECONDS)
            if not task.done():
                await self.say(prompt)
            return await task
        finally:
            task.cancel()

    @asynccontextmanager
    async def in_midst_of(self, pending: Pending) -> AsyncIterator[None]:
        """Whatever leaves this block before its end leaves `pending` to the end of the call."""
        self.pending = pending
        yield
        await self.settle()

    async def settle(self) -> None:
        """Bring to its end what the caller was in the midst of."""
        self._note_unheard()
        pending, self.pending = self.pending, None
        if pending is not None:
            await pending.settle()

    def _note_unheard(self) -> None:
        """The sentence or the question in which the caller hung up."""
        heard = self._hearing
        if heard is not None and heard.verb is not None:
            answer = Answer(None, False, _ms_since(heard.asked), heard.told(_now()))
            self.note_step(heard.verb, heard.utterance.prompts[-1], "hung_up", answer)

    # --- what the verbs are made of ---------------------------------------------------------

    async def _told(self, utterance: Utterance) -> bool:
        """Said, unless a key was pressed before or cuts it short: the next question gets it."""
        answer = await self.listen(utterance, patience=0.0, verb="say")
        if answer.key is not None:
            self.inbox.put_back(answer.key)
        self.note_step("say", utterance.prompts[-1], "finished", answer)
        return answer.key is None

    async def listen(
        self, utterance: Utterance, patience: float, *, verb: Verb | None = None
    ) -> Answer:
        """Say `utterance` and wait for one key: during it, or `patience` seconds after its end.

        A key that was typed ahead is taken at once, and nothing is said. Raises HeldTooLong, once,
        in place of a question, when the call has had its time. `verb` begins a step that whoever
        asks notes; should the caller hang up before, it is noted all the same.
        """
        began = _now()
        if patience > 0:
            self._leave_in_time(began)
        hearing = Hearing(utterance, began, verb)
        if verb is not None:
            self._hearing = hearing
        if self.inbox.has_key():
            key = await self._key(began + patience)
            return Answer(key, False, _ms_since(began), hearing.told(_now()))
        hearing.saying = await Saying(self.line, utterance).begin()
        key = await self._key_during(hearing.saying)
        told = hearing.told(_now())
        if key is not None:
            return Answer(key, True, _ms_since(began), told)
        key = await self._key(_now() + patience)
        return Answer(key, False, _ms_since(began), hearing.told(_now()))

    async def listen_on(self, until: float, *, far: int = 0) -> Answer:
        """Wait for one more key, in silence, until then (the loop's clock).

        The next `far` digits are gathered before the first of them is told: so many that are
        nothing but a number's next ones wake nobody each. Raises as `listen`.
        """
        began = _now()
        self._leave_in_time(began)
        return Answer(await self._key(until, far=far), False, _ms_since(began))

    async def play_whole(self, utterance: Utterance) -> None:
        """Say it to its end; keys typed before or meanwhile are void."""
        await self._said_whole(Hearing(utterance, _now()))

    async def _said_whole(self, hearing: Hearing) -> None:
        saying = hearing.saying = await Saying(self.line, hearing.utterance).begin()
        while not await saying.over(await self.inbox.get(saying.until)):
            pass  # what else comes meanwhile is dropped
        self.inbox.forget_keys()

    @property
    def patience(self) -> Patience:
        """How long the line waits for a caller."""
        return self.means.settings.patience

    @property
    def zero_is_agent(self) -> bool:
        """Whether 0 asks for a person anywhere."""
        return self.means.settings.agents.zero_from_every_menu

    async def failed(self, prompt: str, /, **values: Value) -> None:
        """Count a failure and tell the caller; raises GaveUp when it is one too many in a row."""
        self._failures += 1
        if self._failures >= self.patience.failures:
            self._failures = 0
            raise GaveUp
        await self.warn(prompt, **values)

    def succeeded(self) -> None:
        """The caller was understood: failures are counted anew."""
        self._failures = 0

    def utter(self, prompt: str, /, **values: Value) -> Utterance:
        """The clips of one sentence, from the set that this call began with."""
        return self.prompts.utterance(sentence(prompt, **values))

    def note_step(  # noqa: PLR0913  a fact has as many parts as it has
        self,
        verb: Verb,
        prompt: str,
        heard: Heard,
        answer: Answer,
        *,
        keys: int = 0,
        sensitive: bool = False,
    ) -> None:
        """Record one thing said or asked and what came back; never the digits of an entry."""
        self.steps += 1
        self._hearing = None
        self.note(
            Step(
                session=self.session,
                n=self.steps,
                dialogue=self.place,
                verb=verb,
                prompt=prompt,
                heard=heard,
                key=None if sensitive else answer.digit,
                keys=keys or int(answer.key is not None),
                interrupted=answer.interrupted,
                ms=answer.ms,
                said=answer.told.said,
                opening=answer.told.opening,
                figures=answer.told.figures,
            )
        )

    def _leave_in_time(self, now: float) -> None:
        """Ask nothing more of a call that has had its time."""
        if now > self.ends_at:
            self.ends_at = math.inf
            raise HeldTooLong

    async def _choice(self, question: str, choices: Mapping[str, T], asked: Utterance) -> T | None:
        """Ask once; None when nothing usable came back and the caller has been told."""
        answer = await self.listen(asked, self.patience.first_key_seconds, verb="menu")
        wanted = answer.digit == "0" and self.zero_is_agent and "0" not in choices
        heard = _heard(answer.digit, choices)
        self.note_step("menu", question, "agent" if wanted else heard, answer)
        if wanted:
            raise AgentWanted
        if answer.digit is None or answer.digit not in choices:
            await self.failed(f"line.{heard}")
            return None
        self.succeeded()
        return choices[answer.digit]

    async def _key_during(self, saying: Saying) -> Key | None:
        """The key that cuts a sound short; None when it has been heard to its end."""
        while True:
            news = await self.inbox.get(saying.until)
            if isinstance(news, Key):
                self.inbox.cut(saying.playback)
                await saying.stop()
                return news
            if await saying.over(news):
                return None

    async def _key(self, deadline: float, *, far: int = 0) -> Key | None:
        """The next key; None for silence."""
        while (news := await self.inbox.get(deadline, far=far)) is not None:
            if isinstance(news, Key):
                return news
        return None


def _heard(digit: str | None, choices: Mapping[str, object]) -> Heard:
    if digit is None:
        return "no_input"
    if digit not in choices:
        return "no_match"
    return "back" if digit == "*" else "match"


def _now() -> float:
    return asyncio.get_running_loop().time()


def _ms_since(began: float) -> int:
    return round((_now() - began) * 1000)
