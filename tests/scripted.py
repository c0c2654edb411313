"""A caller who follows a script in virtual time: what is heard and pressed, line by line.

A conversation file holds one step a line, `#` begins a comment at the start of a line:

    IVR prompt [prompt …]   the line says exactly this next, and says it to the end
    CUT prompt [prompt …]   the line begins to say this; the following KEY interrupts it
    KEY 12*#                keys, 0.2 s apart, once the line is silent (or into a CUT prompt)
    TYPE 12*#               keys all at once, ahead of what the line will ask
    WAIT 8                  so many seconds of silence
    AWAY / BACK             the caller puts the line on hold, or takes it back
    HEARD 一年零六个月       what the line said last has these words
    UNHEARD 月缴存额        … has not
    HOLDS paid_to NULL      the account database returns this in a column, for everybody
    DOWN / UP               the databases of accounts and of cases stop or start answering
    CASE 01000015 012X closed 2026-11-20 2026-11-25 NULL merged
                            a case, its second thing, state, days of filing and of the state, when
                            it is due; `merged` into another, `reopened`
    AT 2026-11-28T20:00     it is this time in Beijing; at first a Wednesday morning
    PHONES 6001 6002        these agents' phones are registered; at first none
    RINGS 6001              that phone begins to ring, and music plays
    ANSWERS 6001            that agent picks up, and hears the caller
    BUSY 6001               that phone is engaged
    LEAVES 6001             that agent hangs up
    STOPS 6001              that phone rings no more: the line gave up, or another was quicker
    SPEAKS 3                so many seconds of speech into the recording, which must be going on
    FULL / ROOM             the disk refuses recordings and votes, or takes them again
    CLOSE / OPEN            the operator closes the line for new callers, or opens it
    ANNOUNCE 30 系统升级     this goes on the air for half an hour, before the greeting
    SILENT                  the sound of what is on the air is lost
    HANGUP                  the caller puts the receiver down
    END completed           the line ends the call, with this disposition
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from ivr.agents.exchange import ExchangeFailed, Talk
from ivr.calls.inbox import Begun, Finished, Inbox, Key, LegGone, PickedUp, RecordingEnded
from ivr.cases.enquiries import Answer, NotThatPair, Standing, Unanswered
from ivr.cases.moves import State
from ivr.cases.numbers import numbered
from ivr.cases.opening import NewCase
from ivr.config import Agent
from ivr.hours import BEIJING
from ivr.lifecycle import switch
from ivr.people.identity import IdNumber
from ivr.people.sensitive import Sensitive
from ivr.recordings.archive import CannotKeep, Slip
from ivr.records import facts
from ivr.speech import announcements
from ivr.speech.prompts import Clip, Utterance

KEY_SECONDS = 0.2
LONGEST_SECONDS = 300.0
ENGAGED, NORMAL = 17, 16


@dataclass(frozen=True, slots=True)
class Direction:
    """One line of a conversation file."""

    verb: str
    words: tuple[str, ...]
    where: str


def directions(path: Path) -> list[Direction]:
    return written(path.read_text(encoding="utf-8"), path.name)


def written(script: str, name: str = "line") -> list[Direction]:
    lines = enumerate(script.splitlines(), 1)
    kept = [(number, line.split()) for number, line in lines if line.strip()]
    return [
        Direction(words[0], tuple(words[1:]), f"{name}:{number}")
        for number, words in kept
        if not words[0].startswith("#")
    ]


NEVER_SECONDS = 1e6


@dataclass(slots=True)
class ScriptedLine:
    """A line whose sounds last as long as they would, in the loop's (virtual) time."""

    inbox: Inbox
    said: asyncio.Queue[Sequence[str]] = field(default_factory=asyncio.Queue)
    sounding: str | None = None
    texts: list[str] = field(default_factory=list)
    mute: int = 0
    """So many of the next sounds and recordings never begin."""
    recording: str | None = None
    spoken: dict[str, float] = field(default_factory=dict)
    """Recording -> seconds of speech in it."""
    _ends: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    _silent: asyncio.Event = field(default_factory=asyncio.Event)
    _silence: float = 0.0
    _limits: list[asyncio.TimerHandle] = field(default_factory=list)

    async def play(self, utterance: Utterance) -> str:
        assert self.sounding is None, "two playbacks at once"
        playback = f"playback-{len(self.texts)}"
        self.texts.append(utterance.text)
        self.said.put_nowait(utterance.prompts)
        self.sounding = playback
        self._silent.clear()
        loop = asyncio.get_running_loop()
        if not self._begins(playback):
            self._ends[playback] = loop.call_later(NEVER_SECONDS, self._over, playback)
            return playback
        self._ends[playback] = loop.call_later(utterance.seconds, self._over, playback)
        return playback

    async def stop(self, playback: str) -> None:
        if playback == self.sounding:
            self._ends[playback].cancel()
            self._over(playback)

    async def silent(self) -> None:
        while self.sounding is not None:
            await self._silent.wait()

    async def record(self, name: str, *, most_seconds: int, silence_seconds: int) -> None:
        assert self.sounding is None, "a recording would wait for the sound to end"
        loop = asyncio.get_running_loop()
        self.recording, self.spoken[name], self._silence = name, 0.0, silence_seconds
        if not self._begins(name):
            self._limits = []
            return
        self._limits = [
            loop.call_later(most_seconds, self._recorded, name),
            loop.call_later(silence_seconds, self._recorded, name),
        ]

    def _begins(self, name: str) -> bool:
        self.mute -= 1
        if self.mute >= 0:
            return False
        self.inbox.put(Begun(name, asyncio.get_running_loop().time()))
        return True

    async def stop_recording(self, name: str) -> None:
        self._recorded(name)

    async def is_recording(self, name: str) -> bool:
        return self.recording == name

    def speak(self, seconds: float) -> None:
        """The caller speaks from now on; the silence after it may end the recording."""
        assert self.recording is not None, "nobody records"
        self.spoken[self.recording] += seconds
        self._limits[1].cancel()
        self._limits[1] = asyncio.get_running_loop().call_later(
            seconds + self._silence, self._recorded, self.recording
        )

    def _recorded(self, name: str) -> None:
        if self.recording != name:
            return
        self.recording = None
        for limit in self._limits:
            limit.cancel()
        self.inbox.put(RecordingEnded(name, 0, failed=False))

    def press(self, digit: str) -> None:
        self.inbox.put(Key(digit, asyncio.get_running_loop().time()))
        if digit == "#" and self.recording is not None:
            self._recorded(self.recording)

    def _over(self, playback: str) -> None:
        self.sounding = None
        self._silent.set()
        self.inbox.put(Finished(playback))


@dataclass(slots=True)
class ScriptedExchange:
    """Agents' phones that do what the script says."""

    inbox: Inbox
    registered: frozenset[str] = frozenset()
    talking: Talk | None = None
    playing: bool = False
    speaks: Callable[[], bool] = lambda: False
    """Whether the line says something in place of the music."""
    bridged: str | None = None
    ringing: set[str] = field(default_factory=set)
    screens: list[Mapping[str, str]] = field(default_factory=list)
    rung: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    dropped: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    held: bool = False
    room: set[str] = field(default_factory=set)
    """Who has come in besides the first."""
    muted: set[str] = field(default_factory=set)
    heard_by: dict[str, str] = field(default_factory=dict)
    """Whom each supervisor hears."""
    waits: set[str] = field(default_factory=set)
    """Who hears music because the caller has the line on hold."""
    keys: str = ""
    asked: list[str] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    """Verbs that fail the next time."""
    as_it_is: Talk | None = None
    shown: Mapping[str, str] = field(default_factory=dict)

    async def online(self) -> frozenset[str]:
        return self.registered

    async def ring(self, agent: Agent, screen: Mapping[str, str]) -> str | None:
        assert agent.extension not in self.ringing, "dialled twice"
        assert self.playing or self.speaks(), "there is no music"
        self.ringing.add(agent.extension)
        self.screens.append(screen)
        self.rung.put_nowait(agent.extension)
        return agent.extension

    async def drop(self, leg: str) -> None:
        self.ringing.discard(leg)
        self.room.discard(leg)
        self.heard_by.pop(leg, None)
        self.dropped.put_nowait(leg)

    async def connect(self, leg: str) -> bool:
        self.playing, self.bridged = False, leg
        return leg in self.ringing

    async def part(self) -> None:
        self.bridged = self.talking = None

    async def music(self) -> None:
        self.playing = True

    async def quiet(self) -> None:
        self.playing = False

    # --- in the room --------------------------------------------------------------------------

    def extension(self, leg: str) -> str:
        return leg.partition("+")[0]

    def holds(self, name: str) -> bool:
        return name in {*self.ringing, *self.room, self.bridged}

    async def hold(self) -> None:
        self._may("hold")
        self.held = self.playing = True

    async def retrieve(self) -> None:
        self._may("retrieve")
        self.held = self.playing = False

    async def reachable(self) -> frozenset[str]:
        self._may("reachable")
        return self.registered

    async def ask(self, agent: Agent, screen: Mapping[str, str]) -> str:
        self._may("ask")
        self.ringing.add(agent.extension)
        self.rung.put_nowait(agent.extension)
        return agent.extension

    async def admit(self, leg: str) -> None:
        self._may("admit")
        self.heard_by.pop(leg, None)
        self.room.add(leg)

    async def mute(self, leg: str, *, on: bool) -> None:
        self._may("mute")
        (self.muted.add if on else self.muted.discard)(leg)

    async def let_wait(self, leg: str, *, on: bool) -> None:
        self._may("let_wait")
        (self.waits.add if on else self.waits.discard)(leg)

    async def send_keys(self, keys: Sensitive[str]) -> None:
        self._may("send_keys")
        self.keys += keys.reveal()

    async def ring_watcher(self, agent: Agent, screen: Mapping[str, str]) -> str:
        self._may("ring_watcher")
        leg = f"{agent.extension}+watch"
        self.ringing.add(leg)
        return leg

    async def overhear(self, watcher: str, leg: str) -> None:
        self._may("overhear")
        self.heard_by[watcher] = leg
        self.muted.add(watcher)

    async def screen(self, leg: str) -> Mapping[str, str]:
        self._may("screen")
        return self.shown

    async def look(self) -> Talk | None:
        self._may("look")
        return self.as_it_is

    def _may(self, verb: str) -> None:
        self.asked.append(verb)
        if verb in self.refuses:
            self.refuses.discard(verb)
            raise ExchangeFailed

    def picks_up(self, leg: str) -> None:
        self.inbox.put(PickedUp(leg))

    def goes(self, leg: str, cause: int) -> None:
        self.ringing.discard(leg)
        self.inbox.put(LegGone(leg, cause))

    def assert_idle(self) -> None:
        """Nothing is left behind: no leg, no bridge, no music."""
        assert not self.ringing
        assert self.bridged is None
        assert not self.playing


@dataclass(slots=True)
class ScriptedDesk:
    """Keeps what callers leave in the test's own list of facts."""

    line: ScriptedLine
    note: Callable[[facts.Fact], None]
    clock: Clock
    full: bool = False
    slips: dict[str, Slip] = field(default_factory=dict)
    begun: int = 0
    complaints: list[facts.Voted] = field(default_factory=list)

    async def know(self, number: IdNumber) -> str:
        self._room()
        return f"token-{number.id18.reveal()[-4:]}"

    async def vote(self, session: str, person: str, choice: int) -> None:
        self._room()
        self.note(facts.Voted(session=session, person=person, choice=choice))

    async def open_case(self, new: NewCase, caller: Sensitive[str] | None) -> str:
        self._room()
        return numbered(1, 99)

    def complain_of_vote(self, vote: facts.Voted, caller: Sensitive[str] | None) -> None:
        self.complaints.append(vote)

    async def begin(
        self,
        kind: facts.RecordingKind,
        session: str,
        person: str | None,
        *,
        replaces: Slip | None = None,
        caller: Sensitive[str] | None = None,
    ) -> Slip:
        self._room()
        self.begun += 1
        reference = numbered(1, self.begun)
        old = None if replaces is None else replaces.reference
        slip = Slip(reference, kind, session, person, self.clock(), old)
        self.slips[reference] = slip
        return slip

    def slip(self, session: str) -> Slip | None:
        return next((each for each in reversed(self.slips.values())), None)

    async def has_sound(self, slip: Slip) -> bool:
        return slip.reference in self.line.spoken

    async def is_speech(self, slip: Slip) -> bool:
        return self.line.spoken[slip.reference] > 0

    async def file(self, slip: Slip) -> None:
        if slip.reference not in self.slips or self.slips[slip.reference].filed:
            return
        self._room()
        self.slips[slip.reference] = replace(slip, filed=True)
        ms = round(self.line.spoken[slip.reference] * 1000)
        self.note(
            facts.Recorded(
                session=slip.session,
                kind=slip.kind,
                person=slip.person,
                path=slip.path,
                ms=ms,
                bytes=44 + ms * 16,
                sha256="",
                reference=slip.reference,
            )
        )

    async def drop(self, slip: Slip) -> None:
        self.slips.pop(slip.reference, None)

    async def clip(self, slip: Slip) -> Clip:
        return Clip("recording", "（录音）", slip.path, self.line.spoken[slip.reference])

    def _room(self) -> None:
        if self.full:
            raise CannotKeep("the disk is full")


@dataclass(slots=True)
class ScriptedEnquiries:
    """The cases that the script has told of."""

    cases: dict[str, tuple[str, Standing]] = field(default_factory=dict)
    up: bool = True

    async def ask(self, number: str, tail: Sensitive[str]) -> Answer:
        if not self.up:
            return Unanswered()
        known, standing = self.cases.get(number, ("", None))
        return standing if standing is not None and known == tail.reveal() else NotThatPair()


@dataclass(slots=True)
class Clock:
    """What time it is in Beijing."""

    now: datetime = datetime(2026, 11, 25, 10, tzinfo=BEIJING)

    def __call__(self) -> datetime:
        return self.now


class ByHand:
    """Somebody whose keys and waiting a test times itself."""

    def __init__(self, line: ScriptedLine) -> None:
        self.line = line

    async def key(self, keys: str, *, apart: float = KEY_SECONDS) -> float:
        """Press them one after another; returns when the last one was pressed."""
        for key in keys:
            await asyncio.sleep(apart)
            self.line.press(key)
        return asyncio.get_running_loop().time()

    async def hears(self, *prompts: str) -> float:
        """Wait until the line says this next; returns when it began to."""
        assert tuple(await asyncio.wait_for(self.line.said.get(), 30)) == prompts
        return asyncio.get_running_loop().time()


@dataclass(slots=True)
class Caller:
    """Follows the directions against a line; raises AssertionError at the first that fails."""

    line: ScriptedLine
    exchange: ScriptedExchange
    desk: ScriptedDesk
    clock: Clock
    conversation: asyncio.Task[str]
    switch: Callable[[bool], None]
    """Lets the account database answer, or not."""
    hold: Callable[[str, object], None]
    """What the account database returns in a column."""
    settle: Callable[[], Awaitable[None]]
    """What the line does when a call has ended."""
    home: Path
    """Of the line, where the operator opens and closes it."""
    enquiries: ScriptedEnquiries = field(default_factory=ScriptedEnquiries)

    async def follow(self, script: Sequence[Direction]) -> None:
        for direction in script:
            await getattr(self, f"_{direction.verb.lower()}")(direction)

    async def _ivr(self, direction: Direction) -> None:
        await self._says(direction)
        await self.line.silent()
        await _breathe()

    async def _cut(self, direction: Direction) -> None:
        await self._says(direction)

    async def _says(self, direction: Direction) -> None:
        said = asyncio.ensure_future(self.line.said.get())
        await asyncio.wait({said, self.conversation}, return_when=asyncio.FIRST_COMPLETED)
        if not said.done():
            said.cancel()
            await self.conversation
        assert said.done(), f"{direction.where}: the line had ended"
        assert tuple(said.result()) == direction.words, f"{direction.where}: heard {said.result()}"

    async def _key(self, direction: Direction) -> None:
        assert self.line.said.empty(), f"{direction.where}: the line says {self.line.said}"
        for digit in "".join(direction.words):
            self.line.press(digit)
            await asyncio.sleep(KEY_SECONDS)

    async def _type(self, direction: Direction) -> None:
        for digit in "".join(direction.words):
            self.line.press(digit)

    async def _wait(self, direction: Direction) -> None:
        await asyncio.sleep(float(direction.words[0]))

    async def _away(self, _: Direction) -> None:
        self.line.inbox.hold()

    async def _back(self, _: Direction) -> None:
        self.line.inbox.unhold()

    async def _heard(self, direction: Direction) -> None:
        assert direction.words[0] in self.line.texts[-1].replace("，", ""), direction.where

    async def _unheard(self, direction: Direction) -> None:
        assert direction.words[0] not in self.line.texts[-1], direction.where

    async def _holds(self, direction: Direction) -> None:
        column, written = direction.words
        self.hold(column, None if written == "NULL" else written)

    async def _down(self, _: Direction) -> None:
        self.enquiries.up = False
        self.switch(False)

    async def _up(self, _: Direction) -> None:
        self.enquiries.up = True
        self.switch(True)

    async def _case(self, direction: Direction) -> None:
        number, tail, state, filed, since, due, *marks = direction.words
        self.enquiries.cases[number] = (
            tail,
            Standing(
                State(state),
                date.fromisoformat(filed),
                date.fromisoformat(since),
                None if due == "NULL" else date.fromisoformat(due),
                merged="merged" in marks,
                reopened="reopened" in marks,
            ),
        )

    async def _at(self, direction: Direction) -> None:
        self.clock.now = datetime.fromisoformat(direction.words[0]).replace(tzinfo=BEIJING)

    async def _phones(self, direction: Direction) -> None:
        self.exchange.registered = frozenset(direction.words)

    async def _rings(self, direction: Direction) -> None:
        for extension in direction.words:
            rung = await self._next_of(self.exchange.rung, direction)
            assert rung == extension, f"{direction.where}: {rung} rings"

    async def _answers(self, direction: Direction) -> None:
        self.exchange.picks_up(direction.words[0])
        await _breathe()
        assert self.exchange.bridged == direction.words[0], direction.where

    async def _busy(self, direction: Direction) -> None:
        self.exchange.goes(direction.words[0], ENGAGED)

    async def _leaves(self, direction: Direction) -> None:
        self.exchange.goes(direction.words[0], NORMAL)

    async def _stops(self, direction: Direction) -> None:
        for extension in direction.words:
            dropped = await self._next_of(self.exchange.dropped, direction)
            assert dropped == extension, f"{direction.where}: {dropped} stops"

    async def _next_of(self, queue: asyncio.Queue[str], direction: Direction) -> str:
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                return await queue.get()
        except TimeoutError:
            raise AssertionError(f"{direction.where}: nothing happens") from None

    async def _speaks(self, direction: Direction) -> None:
        seconds = float(direction.words[0])
        self.line.speak(seconds)
        await asyncio.sleep(seconds)

    async def _full(self, _: Direction) -> None:
        self.desk.full = True

    async def _room(self, _: Direction) -> None:
        self.desk.full = False

    async def _close(self, _: Direction) -> None:
        switch.close(self.home, "", self.clock.now)

    async def _open(self, _: Direction) -> None:
        switch.reopen(self.home)

    async def _announce(self, direction: Direction) -> None:
        minutes, text = direction.words
        kept = announcements.Announcements(self.home)
        kept.folder.mkdir(exist_ok=True)
        (kept.folder / "said.alaw").write_bytes(b"\xd5" * 16000)
        until = self.clock.now + timedelta(minutes=float(minutes))
        draft = announcements.new(
            text, announcements.Sound({"alaw": "said.alaw"}, 2.0), until, "王敏", self.clock.now
        )
        kept.add(draft)
        kept.air(draft.name, "王敏", self.clock.now)

    async def _silent(self, _: Direction) -> None:
        (announcements.folder(self.home) / "said.alaw").unlink()

    async def _hangup(self, direction: Direction) -> None:
        assert not self.conversation.done(), f"{direction.where}: the line had ended"
        self.conversation.cancel()
        await asyncio.gather(self.conversation, return_exceptions=True)
        await self.settle()

    async def _end(self, direction: Direction) -> None:
        assert await self.conversation == direction.words[0], direction.where


async def _breathe() -> None:
    """Let everything that is ready now happen."""
    for _ in range(20):
        await asyncio.sleep(0)
