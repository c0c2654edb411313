"""What callers leave with the centre: recordings, votes, who they are; on disk before thanks."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Container, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from ivr.cases.case import Filed
from ivr.cases.moves import Office
from ivr.cases.numbers import numbered
from ivr.cases.opening import CannotReach, NewCase
from ivr.hours import BEIJING
from ivr.people.identity import IdNumber
from ivr.people.sensitive import Sensitive
from ivr.people.tokens import Tokens
from ivr.people.vault import Vault
from ivr.recordings.archive import Archive, CannotKeep, KeptLater, Slip, Sound
from ivr.records.facts import Fact, Recorded, RecordingKind, RecordingMoved, Voted
from ivr.records.journal import Journal, Unsettled
from ivr.speech.prompts import Clip

log = logging.getLogger(__name__)

T = TypeVar("T")

PROMISE_SECONDS = 5.0
"""So long a caller waits for a slow disk before hearing that nothing can be kept."""
CASE_SECONDS = 0.3
"""So long the end of a recording waits for its case; then the slip waits instead."""
CLERKS = 2
"""Threads that ask the database of cases: should it hold them, none of the others is held."""
LOOK_SECONDS = 0.2
"""How often a recording that nobody waits for is looked at."""


class Desk(Protocol):
    """What a dialogue may ask for. Every method may raise CannotKeep."""

    async def know(self, number: IdNumber) -> str:
        """Keep whose token it is, so that those entitled find the person again; the token."""

    async def vote(self, session: str, person: str, choice: int) -> None:
        """Keep an answer to the survey: a grade, or ABSTAINED. May raise KeptLater."""

    async def open_case(self, new: NewCase, caller: Sensitive[str] | None) -> str:
        """A case without a recording; its number. `caller`: kept to call back.

        May raise Refused; whatever else keeps it from being opened is CannotKeep.
        """

    def complain_of_vote(self, vote: Voted, caller: Sensitive[str] | None) -> None:
        """A discontented vote opens a case, once, when there is time: nobody waits for it."""

    async def begin(
        self,
        kind: RecordingKind,
        session: str,
        person: str | None,
        *,
        replaces: Slip | None = None,
        caller: Sensitive[str] | None = None,
    ) -> Slip:
        """Prepare a recording, from here on the session's own; `replaces` is one of before.

        `caller`: the number that it is left from, kept to call back.
        """

    def slip(self, session: str) -> Slip | None:
        """The session's recording, begun, finished or filed."""

    async def has_sound(self, slip: Slip) -> bool:
        """Whether its recording has begun."""

    async def is_speech(self, slip: Slip) -> bool:
        """Whether somebody can be heard in it."""

    async def file(self, slip: Slip) -> None:
        """Keep a recording that is over; filing it twice is harmless."""

    async def drop(self, slip: Slip) -> None:
        """Forget a recording that was not filed, or the slip of one that was."""

    async def clip(self, slip: Slip) -> Clip:
        """Its sound, once it is filed."""


@dataclass(slots=True)
class FilingDesk:
    """The desk of a running service."""

    archive: Archive
    vault: Vault
    tokens: Tokens
    journal: Journal
    is_recording: Callable[[str], Awaitable[bool]]
    """Whether Asterisk still writes the recording of this name."""
    clock: Callable[[], datetime]
    enter: Callable[[Filed, str | None], None]
    """Opens the case of what was filed; blocks. The second: the number that it replaces."""
    open_by_hand: Callable[[NewCase, datetime], str]
    """The number of a case without a recording; blocks. May raise Refused, CannotReach, OSError."""
    votes_open_cases: Callable[[], bool]
    known: Container[str] = ()
    """References of recordings that the records had before this service."""
    _slips: dict[str, Slip] = field(default_factory=dict)
    _filing: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _looking: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _entering: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    """Cases of what was filed here: being opened, or opened."""
    _complaints: dict[str, tuple[NewCase, Sensitive[str] | None]] = field(default_factory=dict)
    """Discontented votes that have no case yet, by origin, and who is called back about them."""
    _complaining: dict[str, asyncio.Task[str]] = field(default_factory=dict)
    _clerks: Executor = field(default_factory=partial(ThreadPoolExecutor, CLERKS, "cases"))

    async def take_over(self, known: Container[str]) -> None:
        """What the service before has left, now that it does nothing any more."""
        left = await asyncio.to_thread(self.archive.left_over)
        self.known = known
        self._slips = {slip.reference: slip for slip in left} | self._slips

    async def know(self, number: IdNumber) -> str:
        """Token in the facts, number in the vault."""
        token = self.tokens.person(number)
        await _soon(asyncio.to_thread(self.vault.keep, token, number.id18))
        return token

    async def _know_caller(self, number: Sensitive[str]) -> str:
        """As `know`, of who calls."""
        token = self.tokens.caller(number.reveal())
        await _soon(asyncio.to_thread(self.vault.keep, token, number))
        return token

    async def vote(self, session: str, person: str, choice: int) -> None:
        """Thanks are said after the journal's promise only; what is refused is never counted."""
        vote = Voted(session=session, person=person, choice=choice)
        try:
            await self.journal.keep(vote, within=PROMISE_SECONDS)
        except Unsettled as slow:
            raise KeptLater("the disk is too slow") from slow
        except OSError as refused:
            raise CannotKeep(str(refused)) from refused

    async def open_case(self, new: NewCase, caller: Sensitive[str] | None) -> str:
        """In the register, at once; who calls is in the vault before."""
        token = None if caller is None else await self._know_caller(caller)
        named = replace(new, caller=token)
        try:
            return await _soon(self._by_a_clerk(self.open_by_hand, named, self.clock()))
        except CannotReach as away:
            raise CannotKeep(str(away)) from away

    def complain_of_vote(self, vote: Voted, caller: Sensitive[str] | None) -> None:
        """What cannot be opened now is tried again when the next call ends, and at every start."""
        new = of_vote(vote, self.clock())
        if self.votes_open_cases() and new is not None and new.origin not in self._complaining:
            self._complaints[new.origin] = (new, caller)
            self._complain()

    def _complain(self) -> None:
        for origin, (new, caller) in self._complaints.items():
            if origin not in self._complaining:
                task = asyncio.create_task(self.open_case(new, caller))
                self._complaining[origin] = task
                task.add_done_callback(partial(self._complained, origin))

    def _complained(self, origin: str, done: asyncio.Task[str]) -> None:
        del self._complaining[origin]
        if done.cancelled() or (failed := done.exception()) is None:
            self._complaints.pop(origin, None)
        else:
            log.warning("a discontented vote waits for its case: %s", failed)

    async def begin(
        self,
        kind: RecordingKind,
        session: str,
        person: str | None,
        *,
        replaces: Slip | None = None,
        caller: Sensitive[str] | None = None,
    ) -> Slip:
        """A number and a slip on disk; who calls in the vault."""
        reference = None if replaces is None else replaces.reference
        now = self.clock()
        token = None if caller is None else await self._know_caller(caller)
        begin = partial(self.archive.begin, kind, session, person, now, replaces=reference)
        slip = await _soon(asyncio.to_thread(begin, caller=token))
        self._slips[slip.reference] = slip
        if replaces is not None:
            await self.drop(replaces)
        return slip

    def slip(self, session: str) -> Slip | None:
        """The last one that the session began."""
        mine = [slip for slip in self._slips.values() if slip.session == session]
        return mine[-1] if mine else None

    async def has_sound(self, slip: Slip) -> bool:
        """Whether Asterisk made its file."""
        return await asyncio.to_thread(self.archive.has_sound, slip)

    async def is_speech(self, slip: Slip) -> bool:
        """By the level of its frames."""
        return await asyncio.to_thread(self.archive.is_speech, slip)

    async def file(self, slip: Slip) -> None:
        """One filing of each, whoever asks; who stops waiting does not stop it."""
        known = self._slips.get(slip.reference)
        if known is None or known.filed:
            return
        task = self._filing.get(slip.reference)
        if task is None:
            task = self._filing[slip.reference] = asyncio.create_task(self._file(known))
            task.add_done_callback(partial(self._filed, slip.reference))
        await _soon(asyncio.shield(task))

    async def drop(self, slip: Slip) -> None:
        """The slip, and Asterisk's own file; it waits for the end of the call with no case yet."""
        known = self._slips.get(slip.reference)
        if known is None or (known.filed and not await self._has_case(known)):
            return
        self._slips.pop(slip.reference, None)
        self._entering.pop(slip.reference, None)
        await asyncio.to_thread(self.archive.drop, known)

    async def clip(self, slip: Slip) -> Clip:
        """The file in the folder of recordings."""
        path, seconds = await asyncio.to_thread(self.archive.sound, slip)
        return Clip("recording", "（录音）", str(path.with_suffix("").absolute()), seconds)

    def file_left_over(self, busy: Container[str]) -> None:
        """File what nobody waits for: of sessions that are over, by whichever service."""
        self._complain()
        for slip in tuple(self._slips.values()):
            if slip.session not in busy and slip.reference not in self._looking:
                task = asyncio.create_task(self._file_when_over(slip))
                self._looking[slip.reference] = task
                task.add_done_callback(partial(self._looked, slip.reference))

    async def close(self) -> None:
        """Finish what is being filed; what still sounds is left to the next service."""
        for task in self._looking.values():
            task.cancel()
        if self._filing:
            await asyncio.wait(self._filing.values(), timeout=PROMISE_SECONDS)
        if opening := [*self._entering.values(), *self._complaining.values()]:
            await asyncio.wait(opening, timeout=PROMISE_SECONDS)
        self._clerks.shutdown(wait=False, cancel_futures=True)

    def without_case(self) -> int:
        """How many recordings are filed here and have no case yet."""
        filed = [slip.reference for slip in self._slips.values() if slip.filed]
        entering = map(self._entering.get, filed)
        return sum(task is None or not _went_well(task) for task in entering)

    async def _file_when_over(self, slip: Slip) -> None:
        while await self.is_recording(slip.reference):  # noqa: ASYNC110  only Asterisk knows
            await asyncio.sleep(LOOK_SECONDS)
        if not slip.filed and await self.has_sound(slip):
            await self.file(slip)
        await self.drop(slip)

    async def _has_case(self, slip: Slip) -> bool:
        """Whether its case is there by now; one that could not be opened is tried once more.

        Nobody waits long for a database: what has no case keeps its slip, by which whoever looks
        next, this service or the one after it, opens it.
        """
        task = self._entering.get(slip.reference)
        if task is None or (task.done() and not _went_well(task)):
            task = self._entering[slip.reference] = asyncio.create_task(self._open_case(slip))
        await asyncio.wait({task}, timeout=CASE_SECONDS)
        if not task.done() or task.cancelled():
            return False
        if (failed := task.exception()) is not None:
            log.warning("recording %s waits for its case: %s", slip.reference, failed)
        return failed is None

    async def _open_case(self, slip: Slip) -> None:
        sound = await asyncio.to_thread(self.archive.file, slip)
        filed = Filed(
            slip.reference, slip.kind, slip.session, slip.person, slip.began, slip.path,
            sound.ms, sound.sha256, slip.caller,
        )  # fmt: skip
        await self._by_a_clerk(self.enter, filed, slip.replaces)

    def _by_a_clerk(self, work: Callable[..., T], *told: Any) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._clerks, partial(work, *told))

    def _looked(self, reference: str, done: asyncio.Task[None]) -> None:
        """What could not be filed is tried again when the next call ends."""
        del self._looking[reference]
        if not done.cancelled() and (failed := done.exception()) is not None:
            log.warning("recording %s waits to be filed: %s", reference, failed)

    async def _file(self, slip: Slip) -> None:
        sound = await asyncio.to_thread(self.archive.file, slip)
        if slip.reference not in self.known:
            await self.journal.keep(*_facts(slip, sound))
        filed = await asyncio.to_thread(self.archive.mark_filed, slip)
        self._slips[slip.reference] = filed
        self._entering[slip.reference] = asyncio.create_task(self._open_case(filed))
        if not sound.whole:
            raise CannotKeep("the disk became full: the recording may lack its end")

    def _filed(self, reference: str, done: asyncio.Task[None]) -> None:
        del self._filing[reference]
        if not done.cancelled() and (failed := done.exception()) is not None:
            log.error("recording %s is not kept as it should be: %s", reference, failed)


_WORDS: Final[Mapping[int, str]] = {4: "不满意", 5: "非常不满意"}


def _went_well(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def of_vote(vote: Voted, now: datetime) -> NewCase | None:
    """The case of a discontented vote, one a day for each voter; None for any other. Pure."""
    if vote.choice not in _WORDS:
        return None
    return NewCase(
        "vote",
        f"热线满意度调查：{_WORDS[vote.choice]}",
        by=Office.LINE,
        office=Office.LINE,
        origin=f"vote {now.astimezone(BEIJING).date()} {vote.person}",
        session=vote.session,
        person=vote.person,
    )


def _facts(slip: Slip, sound: Sound) -> Iterator[Fact]:
    """What the records learn of a recording that is filed."""
    yield Recorded(
        session=slip.session,
        kind=slip.kind,
        person=slip.person,
        path=slip.path,
        ms=sound.ms,
        bytes=sound.bytes,
        sha256=sound.sha256,
        reference=slip.reference,
    )
    if slip.replaces is not None:
        yield RecordingMoved(reference=slip.replaces, state="replaced")


class NothingKept:
    """The desk of a conversation that is tried out: it takes everything and forgets it."""

    def __init__(self) -> None:
        self._slips: dict[str, Slip] = {}

    async def know(self, number: IdNumber) -> str:
        """Somebody."""
        return "somebody"

    async def vote(self, session: str, person: str, choice: int) -> None:
        """Not counted."""

    async def open_case(self, new: NewCase, caller: Sensitive[str] | None) -> str:
        """Under a number of an example."""
        return numbered(1, 1)

    def complain_of_vote(self, vote: Voted, caller: Sensitive[str] | None) -> None:
        """Nobody hears of it."""

    async def begin(
        self,
        kind: RecordingKind,
        session: str,
        person: str | None,
        *,
        replaces: Slip | None = None,
        caller: Sensitive[str] | None = None,
    ) -> Slip:
        """Under a number of an example."""
        slip = Slip(numbered(1, 1), kind, session, person, datetime.now(BEIJING))
        self._slips[session] = slip
        return slip

    def slip(self, session: str) -> Slip | None:
        """The last one."""
        return self._slips.get(session)

    async def has_sound(self, slip: Slip) -> bool:
        """As if somebody had spoken."""
        return True

    async def is_speech(self, slip: Slip) -> bool:
        """As if somebody had spoken."""
        return True

    async def file(self, slip: Slip) -> None:
        """Nowhere."""

    async def drop(self, slip: Slip) -> None:
        """It is forgotten."""
        self._slips.pop(slip.session, None)

    async def clip(self, slip: Slip) -> Clip:
        """No sound."""
        return Clip("recording", "（录音）", "", 0.0)


async def _soon(work: Awaitable[T]) -> T:
    """The outcome of `work`; CannotKeep when a caller would have to wait too long for it."""
    try:
        async with asyncio.timeout(PROMISE_SECONDS):
            return await work
    except TimeoutError:
        raise CannotKeep("the disk is too slow") from None
    except (OSError, sqlite3.Error) as refused:
        raise CannotKeep(str(refused)) from refused
