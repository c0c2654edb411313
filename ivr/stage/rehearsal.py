"""A call on a stage: the real dialogues, and all that they can meet, answered at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

from ivr.accounts import (
    Closed,
    Empty,
    Found,
    Fund,
    Loan,
    NotFound,
    Result,
    RightPassword,
    Several,
    Unavailable,
    Unsayable,
    WrongPassword,
)
from ivr.agents.desks import Desks
from ivr.agents.exchange import NoPhones
from ivr.agents.queue import Waiting
from ivr.agents.switchboard import Switchboard
from ivr.agents.wishes import Move, Wish
from ivr.calls.call import Call
from ivr.calls.inbox import Inbox, Key, LegGone, News, PickedUp
from ivr.calls.means import Means
from ivr.cases.numbers import numbered
from ivr.config import Agent, Settings
from ivr.dialogues import place_named, visit
from ivr.dialogues.place import End, Place
from ivr.hours import BEIJING
from ivr.limits.gate import Gate
from ivr.limits.limits import Admitted, Asker, Denied, Limits
from ivr.people.identity import IdNumber
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.tokens import Tokens
from ivr.recordings.archive import CannotKeep, Slip
from ivr.recordings.desk import NothingKept
from ivr.records.facts import RecordingKind, Refusal, Standing
from ivr.speech.prompts import PromptSet, Utterance
from ivr.stage.silent import SilentLine

_NUMBER = "11010519491231002*"
"""The example of GB 11643, as it is keyed."""
_PASSWORD = "password.ask"  # noqa: S105  a prompt's name
_PIN, _REASON = "attendance.ask_pin", "attendance.ask_reason"
"""Questions whose answer is neither a key nor an ID number."""
_AGENT = "agent"
_TELEPHONE = "callback.ask"
_MOBILE = "13800138000"
_WORKING_HOURS = datetime(2026, 11, 25, 10, tzinfo=BEIJING)
_SUNDAY = datetime(2026, 11, 29, 10, tzinfo=BEIJING)
_ENGAGED, _NORMAL = 17, 16


Meanwhile = Literal["", "waiting", "ringing", "talking", "recording"]


@dataclass(frozen=True, slots=True)
class Moment:
    """The line waits: at this place, after these prompts were said in one go."""

    place: str
    question: tuple[str, ...]
    meanwhile: Meanwhile = ""


class StageLoop(asyncio.SelectorEventLoop):
    """An event loop on which time can be passed."""

    passed = 0.0
    """Seconds."""

    def time(self) -> float:
        """As much later as has been passed."""
        return super().time() + self.passed


def _pass_time(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    if not isinstance(loop, StageLoop):
        raise TypeError("a rehearsal runs on a StageLoop")
    loop.passed += seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a question, given `times` in a row where that is needed to get anywhere."""

    words: str
    """The key; or what is keyed, or what happens, in words."""
    give: Callable[[Stage], None]
    case: str = ""
    """How the world takes it: one of several ways."""
    times: int = 1
    told: bool = True
    """The question itself names it, or it is what happens; not what goes without saying."""


@dataclass(frozen=True, slots=True)
class Circumstance:
    """How the world is before the call comes to a place."""

    words: str
    arrange: Callable[[Stage], None]
    only: tuple[str, ...] = ()
    """Places at which it makes a difference; empty: it may anywhere."""

    def matters(self, place: str) -> bool:
        """Whether it is worth trying there."""
        return not self.only or place in self.only


@dataclass(frozen=True, slots=True)
class Scene:
    """A part of a call: one place, how the world is there, and what is answered."""

    place: str
    circumstance: Circumstance
    answers: tuple[Answer, ...] = ()

    def answered(self, answer: Answer) -> Scene:
        """The same with one answer more."""
        return replace(self, answers=(*self.answers, answer))


@dataclass(frozen=True, slots=True)
class Course:
    """How the last scene went after its last answer: what was said, and what came of it."""

    said: tuple[str, ...]
    leads: Moment | str | End
    """A question without an answer yet, the name of the next place, or the call's end."""
    answers: tuple[Answer, ...] = ()
    """All that could be answered to that question."""


async def rehearse(scenes: Iterable[Scene], prompts: PromptSet, settings: Settings) -> Course:
    """Play a call, each scene leading to the next; how the last one went."""
    stage = Stage(prompts, settings)
    course = Course((), "")
    for scene in scenes:
        course = await _play(stage, place_named(scene.place, prompts), scene)
    return course


async def _play(stage: Stage, place: Place, scene: Scene) -> Course:
    """What is asked is answered in turn, until the answers are used up."""
    scene.circumstance.arrange(stage)
    stage.begin(scene.answers)
    stage.call.enter(place.name)
    try:
        outcome = await visit(place, stage.call)
    except Unanswered:
        moment = stage.moment()
        return Course(stage.said(asking=True), moment, tuple(_answers(stage, moment)))
    if isinstance(outcome, End):
        return Course(stage.said(asking=False), outcome)
    following = outcome if isinstance(outcome, Place) else place_named(place.up, stage.call.prompts)
    return Course(stage.said(asking=False), following.name)


class Unanswered(BaseException):
    """A question to which there is no answer yet; no dialogue catches it."""


class Stage:
    """One call and the world around it."""

    def __init__(self, prompts: PromptSet, settings: Settings) -> None:
        self._script: deque[Answer] = deque()
        self._given = 0
        self._said: list[tuple[str, ...]] = []
        self._question: tuple[str, ...] = ()
        self.inbox = _Asked(self._answer)
        self.line = SilentLine(self.inbox, self._hear)
        self.accounts = _Accounts()
        self.limits = _Limits(Limits(settings.limits))
        self.phones = _Phones(settings.agents.phones)
        self.desk = _Desk(self.line)
        self.pins = _Pins()
        self.now = _WORKING_HOURS
        self.open = True
        self.others = ExitStack()
        """Calls that agents are on besides this one."""
        self.call = Call(
            session="rehearsal",
            line=self.line,
            inbox=self.inbox,
            prompts=prompts,
            exchange=self.phones,
            agent=settings.agents.phones[0] if settings.agents.phones else None,
            about=numbered(1, 1),
            means=Means(
                settings=settings,
                accounts=self.accounts,
                tokens=Tokens(Keys(b"rehearsal")),
                limits=self.limits,
                switchboard=Switchboard(Desks(settings.agents, asyncio.get_running_loop().time)),
                desk=self.desk,
                note=lambda _: None,
                is_open=lambda: self.open,
                clock=lambda: self.now,
                pins=self.pins,
                wishes=_Wishes(self.desk),
            ),
        )

    def begin(self, answers: Iterable[Answer]) -> None:
        """Another place: these answers are for it."""
        self._script, self._given = deque(answers), 0
        self._said.clear()

    def _hear(self, utterance: Utterance) -> None:
        self._question = utterance.prompts
        self._said.append(utterance.prompts)

    def press(self, keys: str) -> None:
        """All of them at once."""
        for key in keys:
            self.inbox.put(Key(key, asyncio.get_running_loop().time()))

    def moment(self) -> Moment:
        """Where the call waits now."""
        return Moment(self.call.place, self._question, self._meanwhile())

    def _meanwhile(self) -> Meanwhile:
        if self.line.recording:
            return "recording"
        waits = self.call.place == _AGENT and self.call.queued is not None
        return self.phones.state or ("waiting" if waits else "")

    def said(self, *, asking: bool) -> tuple[str, ...]:
        """The prompts since the last answer, without the question that is being asked."""
        utterances = self._said[:-1] if asking else self._said
        return tuple(prompt for utterance in utterances for prompt in utterance)

    def _answer(self) -> None:
        """The call would wait: give it the next answer."""
        if not self._script:
            raise Unanswered
        answer = self._script[0]
        self._given += 1
        if self._given == answer.times:
            self._script.popleft()
            self._given = 0
        self._said.clear()
        answer.give(self)


# --- what a caller, and the world, can answer -----------------------------------------------------


def circumstances() -> tuple[Circumstance, ...]:
    """The world as it is on a good day, first; then whatever else makes a difference."""

    def close(stage: Stage) -> None:
        stage.open = False

    def sunday(stage: Stage) -> None:
        stage.now = _SUNDAY

    def nobody(stage: Stage) -> None:
        stage.phones.registered = frozenset()

    def engaged(stage: Stage) -> None:
        desks = stage.call.means.switchboard.desks
        for agent in desks.settings.phones:
            stage.others.enter_context(desks.talks(agent))

    def calling_out(stage: Stage) -> None:
        engaged(stage)
        settings = stage.call.means.settings
        dialling = settings.dialling.model_copy(update={"trunk": "carrier"})
        wanting = settings.model_copy(update={"dialling": dialling})
        stage.call.means = replace(stage.call.means, settings=wanting)

    def overrun(stage: Stage) -> None:
        engaged(stage)
        queue = stage.call.means.switchboard.queue
        for n in range(stage.call.means.settings.agents.queue_most):
            queue.enter(Waiting(f"other {n}", 0.0))

    def full(stage: Stage) -> None:
        stage.desk.full = True

    def guarded(stage: Stage) -> None:
        settings = stage.call.means.settings
        accounts = settings.accounts.model_copy(update={"password": True})
        wanting = settings.model_copy(update={"accounts": accounts})
        stage.call.means = replace(stage.call.means, settings=wanting)

    return (
        Circumstance("", _nothing),
        Circumstance("热线停开", close),
        Circumstance("人工服务时间以外", sunday),
        Circumstance("坐席话机都不在线", nobody),
        Circumstance("坐席都在通话", engaged, (_AGENT,)),
        Circumstance("坐席都在通话，可以回电", calling_out, (_AGENT, "agent.unanswered")),
        Circumstance("排队已满", overrun, (_AGENT,)),
        Circumstance("磁盘已满", full),
        Circumstance("要查询密码", guarded),
    )


def _answers(stage: Stage, moment: Moment) -> Iterator[Answer]:
    call = stage.call
    if moment.meanwhile == "talking":
        yield Answer("坐席挂机", lambda stage: stage.phones.goes(stage.inbox, _NORMAL))
        yield Answer("坐席话机断线", lambda stage: stage.phones.vanishes(stage.inbox))
        return
    if moment.meanwhile == "recording":
        yield from _of_speech()
        return
    keys = call.prompts.keys.get(moment.question[-1], "")
    yield from (_key(key) for key in keys or "*")
    if moment.meanwhile == "ringing":
        yield from _of_agents(call)
        return
    if moment.meanwhile == "waiting":
        longest = call.means.settings.agents.queue_longest_seconds
        yield Answer("一直没有轮到", lambda _: _pass_time(longest + 1))
        return
    if not keys:
        yield from _entries(call, moment.question[-1])
    elif call.zero_is_agent and "0" not in keys:
        yield _key("0", told=False)
    yield Answer("一直没有按对", _nothing, times=call.means.settings.patience.failures, told=False)


def _key(key: str, *, told: bool = True) -> Answer:
    return Answer(key, lambda stage: stage.press(key), told=told)


def _nothing(_: Stage) -> None:
    """Silence."""


NOTHING = Answer("", _nothing)
"""What brings a caller from the entrance of a place to its first question."""


def _of_agents(call: Call) -> Iterator[Answer]:
    """Whose phone has vanished in this call is not rung again."""
    settings, phones = call.means.settings, len(call.means.switchboard.present())
    yield Answer("坐席接听", lambda stage: stage.phones.picks_up(stage.inbox))
    yield Answer("坐席占线", lambda stage: stage.phones.goes(stage.inbox, _ENGAGED), times=phones)
    longest = settings.agents.ring_seconds
    yield Answer("无人接听", lambda _: _pass_time(longest + 1))


def _of_speech() -> Iterator[Answer]:
    def silent(stage: Stage) -> None:
        stage.desk.speech = False
        stage.line.end_recording()

    yield Answer("#", lambda stage: stage.press("#"))
    yield Answer("讲完停顿", lambda stage: stage.line.end_recording())
    yield Answer("一直没有讲话", silent)


def _entries(call: Call, question: str) -> Iterator[Answer]:
    """What can be keyed where digits are asked for."""
    settings = call.means.settings
    match question:
        case _ if question == _PASSWORD:
            yield from _of_passwords(settings)
        case _ if question == _PIN:
            yield from _of_pins(settings)
        case _ if question == _REASON:
            yield Answer("编号", lambda stage: stage.press("1"))
        case _ if question == _TELEPHONE:
            yield Answer("电话号码", lambda stage: stage.press(_MOBILE))
            yield Answer("电话号码", lambda stage: stage.press("110#"), "不能回拨")
        case _:
            yield from _of_numbers(call.place)


def _of_pins(settings: Settings) -> Iterator[Answer]:
    def keyed(*, right: bool) -> Callable[[Stage], None]:
        def give(stage: Stage) -> None:
            stage.pins.is_right = right
            stage.press("271828")

        return give

    yield Answer("密码", keyed(right=True), "对")
    yield Answer("密码", keyed(right=False), "错")
    yield Answer("密码", keyed(right=False), "一错再错", times=settings.limits.wrong_passwords)


def _of_numbers(place: str) -> Iterator[Answer]:
    """An ID number is keyed, and the accounts or the limits say this or that about it."""

    def keyed(other: _Other = None, refusal: Refusal | None = None) -> Callable[[Stage], None]:
        def give(stage: Stage) -> None:
            stage.accounts.other, stage.limits.refusal = other, refusal
            stage.press(_NUMBER)

        return give

    number = "证件号"
    yield Answer(number, keyed(), "查到")
    yield Answer(number, keyed(NotFound()), "没有录入")
    yield Answer(number, keyed(Several()), "有多个账号")
    if place != "loan.inquiry":  # closed accounts are known of funds only (`accounts.closed`)
        yield Answer(number, keyed(Closed()), "已销户")
    yield Answer(number, keyed(Empty()), "余额为空")
    yield Answer(number, keyed(Unsayable("balance")), "播报不了")
    yield Answer(number, keyed(Unavailable("")), "数据库不通")
    yield Answer(number, keyed(refusal="lookups_of_line"), "全线查询太多")
    yield Answer(number, keyed(refusal="lookups_of_caller"), "来电人查询太多")
    yield Answer(number, keyed(refusal="lookups_of_person"), "此人今天已锁定")


def _of_passwords(settings: Settings) -> Iterator[Answer]:
    def keyed(*, right: bool) -> Callable[[Stage], None]:
        def give(stage: Stage) -> None:
            stage.accounts.password_is_right = right
            stage.press("123456")

        return give

    yield Answer("密码", keyed(right=True), "对")
    yield Answer("密码", keyed(right=False), "错")
    yield Answer("密码", keyed(right=False), "一错再错", times=settings.limits.wrong_passwords)


class _Asked(Inbox):
    """Whenever the call would wait, whoever is asked answers at once."""

    def __init__(self, answer: Callable[[], None]) -> None:
        super().__init__()
        self._answer = answer

    async def get(self, deadline: float, *, far: int = 0) -> News | None:
        """What was answered; None for silence."""
        if not self._waiting and deadline > asyncio.get_running_loop().time():
            self._answer()
        return self._waiting.popleft() if self._waiting else None


_Other = NotFound | Several | Closed | Empty | Unsayable | Unavailable | None


class _Accounts:
    """Say what they are told to say."""

    other: _Other = None
    password_is_right = True

    async def fund(self, number: IdNumber) -> Result[Fund]:
        amount = Sensitive(Decimal("1680.32"))
        return self.other or Found(Fund("2026-10", amount, amount))

    async def loan(self, number: IdNumber) -> Result[Loan]:
        return self.other or Found(Loan(240, 102, Sensitive(Decimal("312000.50"))))

    async def password(
        self, number: IdNumber, entered: Sensitive[str]
    ) -> RightPassword | WrongPassword:
        return RightPassword() if self.password_is_right else WrongPassword()

    async def fault(self) -> str | None:
        return None


class _Pins:
    """Every agent has one; whether it was keyed is told."""

    is_right = True

    async def has(self, extension: str) -> bool:
        return True

    async def right(self, extension: str, entered: Sensitive[str]) -> bool:
        return self.is_right


class _Limits(Gate):
    """Refuse what they are told to refuse."""

    refusal: Refusal | None = None

    async def look_up(self, asker: Asker, person: str, now: float) -> Admitted | Denied:
        return Admitted(0.0) if self.refusal is None else Denied(self.refusal)


class _Desk(NothingKept):
    """Somebody speaks or does not, and there is room or not."""

    def __init__(self, line: SilentLine) -> None:
        super().__init__()
        self._line = line
        self.full = False
        self.speech = True

    async def vote(self, session: str, person: str, choice: int) -> None:
        self._need_room()

    async def know(self, number: IdNumber) -> str:
        self._need_room()
        return await super().know(number)

    async def begin(
        self,
        kind: RecordingKind,
        session: str,
        person: str | None,
        *,
        replaces: Slip | None = None,
        caller: Sensitive[str] | None = None,
    ) -> Slip:
        self._need_room()
        slip = await super().begin(kind, session, person, replaces=replaces, caller=caller)
        self._line.recorded.discard(slip.reference)  # every slip here has the same one
        return slip

    async def has_sound(self, slip: Slip) -> bool:
        return slip.reference in self._line.recorded

    async def is_speech(self, slip: Slip) -> bool:
        return self.speech

    async def file(self, slip: Slip) -> None:
        self._need_room()

    def _need_room(self) -> None:
        if self.full:
            raise CannotKeep("the disk is full")


class _Wishes:
    """Each is kept, while there is room."""

    def __init__(self, desk: _Desk) -> None:
        self._desk = desk

    async def leave(
        self,
        number: Sensitive[str],
        *,
        session: str,
        since: datetime,
        standing: Standing,
        now: datetime,
    ) -> bool:
        if self._desk.full:
            raise OSError("the disk is full")
        return True

    def living(self, person: str) -> Wish | None:
        return None

    def move(self, wish: Wish, to: Move, *, now: datetime) -> Wish | None:
        return None


class _Phones(NoPhones):
    """Agents' phones that are registered, ring, and are answered or not."""

    def __init__(self, agents: Sequence[Agent]) -> None:
        self.registered = frozenset(agent.extension for agent in agents)
        self._rings: list[str] = []
        self._talks: str | None = None

    @property
    def state(self) -> Literal["", "ringing", "talking"]:
        if self._talks is not None:
            return "talking"
        return "ringing" if self._rings else ""

    async def online(self) -> frozenset[str]:
        return self.registered

    async def ring(self, agent: Agent, screen: Mapping[str, str]) -> str | None:
        self._rings.append(agent.extension)
        return agent.extension

    async def drop(self, leg: str) -> None:
        if leg in self._rings:
            self._rings.remove(leg)

    async def connect(self, leg: str) -> bool:
        self._talks = leg
        return True

    async def part(self) -> None:
        self._talks = None

    def picks_up(self, inbox: Inbox) -> None:
        inbox.put(PickedUp(self._rings[0]))

    def goes(self, inbox: Inbox, cause: int) -> None:
        inbox.put(LegGone(self._rings.pop(0), cause))

    def vanishes(self, inbox: Inbox) -> None:
        inbox.put(LegGone(self._rings.pop(0), None, vanished=True))
