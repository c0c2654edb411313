"""`ivr serve`: everything that the line needs is put together here, and here only."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from ivr.accounts import Accounts, Guarded
from ivr.accounts.late import Late, opened_late
from ivr.accounts.untold import Untold
from ivr.agents.book import Book
from ivr.agents.desks import Desks, Moved, Remembered
from ivr.agents.notes import Clerk, Notes, Owed
from ivr.agents.presence import State
from ivr.agents.switchboard import Switchboard
from ivr.agents.wishes import FILE as WISHES_FILE
from ivr.agents.wishes import Wishes
from ivr.ari.client import Ari
from ivr.ari.errors import AriError
from ivr.ari.outward import ChannelsOutward
from ivr.asterisk.configure import dial_secret, folder, publish_sounds
from ivr.calls.means import Means
from ivr.calls.pins import Asked, Pins
from ivr.cases.case import Case, Filed
from ivr.cases.enquiries import RegisterEnquiries
from ivr.cases.followup import RegisterFollowUps, end_calling
from ivr.cases.late import LateRegister
from ivr.config import Settings
from ivr.dialling.callbacks import Callbacks
from ivr.dialling.dialler import Dialler
from ivr.dialling.following import Following
from ivr.dialling.ledger import Ledger
from ivr.dialling.taped import Taping
from ivr.hours import BEIJING
from ivr.lifecycle.allocator import keep_steady
from ivr.lifecycle.health import served
from ivr.lifecycle.setting import Standing
from ivr.lifecycle.succession import Baton, baton
from ivr.lifecycle.switch import closed
from ivr.lifecycle.tending import Tending
from ivr.lifecycle.vitals import Vitals
from ivr.lifecycle.watchdog import watched
from ivr.limits.limits import Limits
from ivr.limits.locks import LockFile
from ivr.line.bringing import LOOK_SECONDS, BringingCases
from ivr.line.called_back import CalledBack
from ivr.line.conduct import Conductor
from ivr.line.desking import wished
from ivr.line.examining import Examiner
from ivr.line.handling import Handling
from ivr.line.hotline import Hotline
from ivr.line.missing import Missing
from ivr.line.noting import go_on_noting, noted
from ivr.line.opening import opened_by_hand
from ivr.line.others import Others, among_others
from ivr.line.outgoing import Outgoing
from ivr.line.overview import Overlooking, live
from ivr.line.reception import Reception
from ivr.line.screens import Screens
from ivr.line.signalling import overheard
from ivr.line.takeover import Takeover
from ivr.line.tape import ConsoleTape
from ivr.line.watching import said
from ivr.people.audit import Audit
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive, leave_no_core
from ivr.people.tokens import Tokens
from ivr.people.vault import Vault
from ivr.recordings.archive import Archive
from ivr.recordings.desk import FilingDesk
from ivr.recordings.numbering import Numbers
from ivr.recordings.talks import SLIPS, TalkArchive
from ivr.recordings.tapes import FiledTapes
from ivr.records.facts import AgentMoved, Fact, Voted
from ivr.records.journal import Journal, Left, left, of_kinds, recorded
from ivr.speech.announcements import OnAir
from ivr.speech.contract import CONTRACT
from ivr.speech.prompts import Shelf, Utterance, sentence

log = logging.getLogger(__name__)


async def serve(settings: Settings) -> None:
    """Take calls until told to stop; calls in progress stay in Asterisk for a successor.

    SIGTERM: no new calls, and those in progress may end within `drain_seconds`. SIGTERM again,
    SIGINT or SIGHUP: at once. Another service on the same home folder takes over.

    Raises PromptSetError or NotAuthorised before the first call, SettingsError soon after it at
    the latest.
    """
    leave_no_core()
    async with AsyncExitStack() as stack:
        others = await among_others(settings, stack)
        accounts = await stack.enter_async_context(opened_late(settings))
        hotline, journal, doors = await _composed(settings, accounts, stack, others)
        conductor = hotline.conductor
        examine = Examiner(conductor.reception, journal, conductor.vitals, others.parts)
        screens = conductor.reception.screens
        await stack.enter_async_context(
            served(
                settings,
                conductor.vitals,
                examine,
                [
                    said(screens),
                    live(_overlooking(conductor)),
                    *Handling(conductor).routes(),
                    opened_by_hand(conductor.reception, conductor.calls.values),
                    *doors,
                ],
            )
        )
        stack.callback(screens.close)
        await stack.enter_async_context(overheard(settings, conductor.signalling))
        stack.enter_context(watched())
        keep_steady()
        log.info("serving %s at %s", settings.ari_app, settings.ari_base)
        await _until_told_to_stop(hotline, accounts.opening)


def _again_and_again(bringing: BringingCases, stack: AsyncExitStack) -> None:
    """What waits is brought until the service ends."""
    tending = Tending("bringing cases that wait", bringing.look, LOOK_SECONDS)
    tending.begin()
    stack.push_async_callback(tending.stop)


def _overlooking(conductor: Conductor) -> Overlooking:
    return Overlooking(conductor, conductor.reception.ari.endpoints.online)


async def _composed(
    settings: Settings, accounts: Late, stack: AsyncExitStack, others: Others
) -> tuple[Hotline, Journal, list[web.RouteDef]]:
    shelf = Shelf(settings.audio, CONTRACT)
    _publish(settings, shelf)
    spool = settings.home / "spool"
    before = stack.enter_context(baton(settings.home / "serving.lock"))
    journal = Journal.open(spool, node=settings.node)
    stack.push_async_callback(journal.close)
    locks = LockFile(settings.home / "locks.jsonl")
    stack.callback(locks.close)
    ari = await stack.enter_async_context(
        Ari(settings.ari_base, settings.ari_user, settings.ari_secret())
    )
    keys = Keys.load(settings.home / "keys")
    register = LateRegister(settings, others.cases_away)
    stack.callback(register.close)
    vault = Vault(others.people(), keys)
    numbers = Numbers.of(settings)
    desk = FilingDesk(
        archive=_archive(settings),
        vault=vault,
        tokens=Tokens(keys),
        journal=journal,
        is_recording=partial(_is_recording, ari),
        clock=lambda: datetime.now(BEIJING),
        enter=register.enter,
        open_by_hand=lambda new, now: register.open_by_hand(new, numbers.next, now),
        votes_open_cases=lambda: settings.cases.from_votes,
    )
    stack.push_async_callback(desk.close)
    tapes = FiledTapes(_talk_archive(settings), journal, lambda: datetime.now(BEIJING))
    stack.push_async_callback(tapes.close)
    guarded = Guarded(accounts, settings.accounts)
    screens = Screens()
    book, notes = Book(settings.home), Notes(settings.home, settings.node)
    clerk = Clerk(notes)
    stack.callback(book.close)
    stack.callback(clerk.close)
    desks = Desks(
        settings.agents,
        asyncio.get_running_loop().time,
        partial(_moved, book, clerk, journal.note),
    )
    desks.remember(book.last())
    switchboard = Switchboard(desks)
    others.share_agents(switchboard, stack)
    vitals = Vitals(
        dtmf={trunk.name: trunk.dtmf for trunk in settings.trunks},
        refused=partial(_refused, shelf),
        passed_over=lambda: len(desks.away()),
        resting=guarded.resting,
        facts_waiting=lambda: journal.waiting,
        waiting=lambda: len(switchboard.waits()),
        longest_wait=switchboard.longest_wait,
        state_away=others.away,
        cases_waiting=lambda: register.waiting() + desk.without_case(),
    )
    limits = Limits(settings.limits, locks.read(time.time()), locks.keep)
    wishes = Wishes(settings.home / WISHES_FILE, vault, desk.tokens)
    means = Means(
        settings=settings,
        accounts=guarded,
        tokens=desk.tokens,
        limits=others.gate(limits),
        switchboard=switchboard,
        desk=desk,
        note=screens.noting(journal.note),
        is_open=lambda: closed(settings.home) is None,
        announced=OnAir(settings.home).now,
        enquiries=RegisterEnquiries(
            register, vault, lambda: datetime.now(BEIJING), others.caller_seconds
        ),
        follow_ups=RegisterFollowUps(register, others.caller_seconds),
        pins=Asked(Pins(settings.home)),
        untold=Untold(vitals.registry),
        wishes=others.wishes(wishes, journal.note),
        tapes=tapes,
    )
    standing = Standing(settings, partial(_adopted, means))
    outward = ChannelsOutward(ari, standing.now, partial(_announced, shelf))
    dialler = Dialler(
        settings=standing.now,
        outward=outward,
        ledger=Ledger.read(settings.home / "dialled.jsonl", datetime.now(BEIJING)),
        token=desk.tokens.caller,
        note=journal.note,
        trail=Audit(settings.home / "audit.jsonl", keys.audit).note,
        switchboard=means.switchboard,
        taping=Taping(tapes, partial(ConsoleTape, settings)),
    )
    reception = Reception(
        ari,
        shelf,
        means,
        screens,
        standing=standing.now,
        spoken_to=dialler.spoken_to,
        doubt=outward.doubt,
    )
    conductor = Conductor(reception, desk, vitals, dialler=dialler)
    bringing = BringingCases(register, numbers, vitals.cases_waiting, conductor.file_left_over)
    _again_and_again(bringing, stack)

    others.take_part(conductor)

    def may_call() -> bool:
        return means.is_open() and not conductor.draining and not conductor.set_aside()

    conductor.following = Following(
        FollowedCases(register, vault, settings.series()),
        dialler,
        settings=standing.now,
        is_open=may_call,
    )
    conductor.callbacks = Callbacks(
        wishes,
        dialler,
        means.switchboard,
        settings=standing.now,
        online=outward.online,
        note=journal.note,
        is_open=may_call,
    )
    conductor.missing = Missing(ari, conductor.legs, conductor.vanished)
    as_they_were = partial(_desks_as_they_were, book, notes, switchboard)
    takeover = Takeover(
        conductor, lambda: _inherited(before, journal, (desk, tapes), as_they_were, means)
    )
    outgoing = Outgoing(
        dialler,
        means.switchboard,
        partial(dial_secret, settings),
        partial(_left_from, register, vault),
    )
    called_back = CalledBack(conductor.callbacks, partial(dial_secret, settings))
    at_desks = [wished(reception, notes), noted(reception, notes)]
    doors = [*outgoing.routes(), *called_back.routes(), *at_desks]
    return Hotline(conductor, takeover), journal, doors


@dataclass(frozen=True, slots=True)
class FollowedCases:
    """The cases of this node of which somebody is to be called; the vault has their numbers."""

    register: LateRegister
    vault: Vault
    series: int

    def wanted(self) -> Sequence[Case]:
        """Those of this node: another keeps the telephone numbers of its own."""
        return self.register.to_call(f"{self.series:02}")

    def number(self, filed: Filed) -> Sensitive[str] | None:
        """Out of the vault."""
        return None if filed.caller is None else self.vault.reveal(filed.caller)

    def spared_by(self, filed: Filed) -> str | None:
        """By what the register knows."""
        return self.register.spared_by(filed)

    def stop(self, number: str, why: str) -> None:
        """Told in the case, by the line."""
        end_calling(self.register, number, why)


def _left_from(register: LateRegister, vault: Vault, number: str) -> Sensitive[str] | None:
    """The number that a case was left from, if it is kept; LookupError for no such case."""
    caller = register.case(number).filed.caller
    return None if caller is None else vault.reveal(caller)


def _adopted(means: Means, settings: Settings) -> None:
    """Other settings hold: what the whole line shares takes them too."""
    means.switchboard.adopt(settings.agents)
    means.limits.adopt(settings.limits)


def _announced(shelf: Shelf) -> Utterance:
    """What somebody whom we call hears before they are joined with an agent and recorded."""
    return shelf.current().utterance(sentence("main.greeting"), sentence("agent.recorded"))


def _publish(settings: Settings, shelf: Shelf) -> None:
    """A full disk keeps Asterisk's own sounds as they were, and nobody from being served."""
    try:
        publish_sounds(settings, shelf.current())
    except OSError:
        log.exception("Asterisk's own sounds stay as they were")


def _moved(book: Book, clerk: Clerk, note: Callable[[Fact], None], moved: Moved) -> None:
    """An agent is in another state: written down twice, for the next service and for the facts."""
    agent, before, now, talked = moved.agent, moved.before, moved.now, moved.talked
    book.keep(Remembered(agent.extension, now, moved.since, talked))
    if moved.ends_a_talk and talked is not None:
        clerk.owe(Owed(talked, agent.name, agent.extension, moved.since))
    if moved.is_new:
        note(
            AgentMoved(
                agent=agent.name,
                extension=agent.extension,
                was=before.state,
                ms=None if moved.seconds is None else round(moved.seconds * 1000),
                state=now.state,
                reason=now.reason if now.state is State.NOT_READY else "",
                was_reason=before.reason if before.state is State.NOT_READY else "",
                by=moved.by,
            )
        )


async def _inherited(
    before: Baton,
    journal: Journal,
    keepers: tuple[FilingDesk, FiledTapes],
    remembered: Callable[[], Awaitable[None]],
    means: Means,
) -> Left:
    """What the service before has left behind, once it writes no more."""
    if not await before.taken():
        log.warning("the service before hangs; its calls are taken all the same")
    await remembered()
    spool = journal.folder
    try:
        known = await asyncio.to_thread(recorded, spool)
        for keeper in keepers:
            await keeper.take_over(known)
    except (OSError, ValueError, TypeError, LookupError):
        log.exception("recordings of the service before are left where they are; calls go on")
    try:
        _remember(means, await asyncio.to_thread(_agents_day, spool))
    except (OSError, ValueError, TypeError, LookupError):
        log.exception("what the agents have done today is not known; calls go on")
    return await asyncio.to_thread(left, spool, journal.path)


async def _desks_as_they_were(book: Book, notes: Notes, switchboard: Switchboard) -> None:
    """Who was how, and what they still have to write."""
    held = await asyncio.to_thread(book.taken_over)
    switchboard.desks.remember(held)
    switchboard.floor.begin(held)
    await go_on_noting(notes, switchboard.desks, held)


def _agents_day(spool: Path) -> list[dict[str, Any]]:
    return list(of_kinds(spool, "Transferred", "Contented", "Voted"))


def _remember(means: Means, facts: list[dict[str, Any]]) -> None:
    """How long agents talk, and who was asked today how content they are."""
    talks = (each["talk_ms"] / 1000 for each in facts if each["fact"] == "Transferred")
    means.switchboard.remember(talk for talk in talks if talk > 0)
    today = datetime.now(BEIJING).date()
    for each in facts:
        at = datetime.fromisoformat(each["at"]).astimezone(BEIJING)
        if each["fact"] != "Transferred" and at.date() == today:
            means.asked.add(today, (each["session"], each.get("caller"), each["person"]))
        if each["fact"] == "Voted" and at.date() == today:
            vote = Voted(session=each["session"], person=each["person"], choice=each["choice"])
            means.desk.complain_of_vote(vote, None)


def _archive(settings: Settings) -> Archive:
    """Of recordings; Asterisk writes into the folder that configure.py made for it."""
    return Archive(
        Numbers.of(settings),
        spool=folder(settings) / "spool" / "recording",
        keep_free_mb=settings.recordings.keep_free_mb,
    )


def _talk_archive(settings: Settings) -> TalkArchive:
    """Of conversations with agents, beside it."""
    return TalkArchive(
        settings.recordings_folder,
        settings.home / "slips" / SLIPS,
        spool=folder(settings) / "spool" / "recording",
        keep_free_mb=settings.recordings.keep_free_mb,
    )


async def _is_recording(ari: Ari, name: str) -> bool:
    """Whether it may still be written: nobody knows while Asterisk cannot be asked."""
    try:
        return await ari.recordings.get_live(name)
    except AriError:
        return True


async def _until_told_to_stop(hotline: Hotline, opening: asyncio.Future[Accounts]) -> None:
    """Raises SettingsError when there is no such database as the settings name."""
    serving = asyncio.create_task(hotline.run())
    opening.add_done_callback(partial(_opened, serving))
    draining: asyncio.Task[None] | None = None

    def told() -> None:
        nonlocal draining
        if draining is not None:
            serving.cancel()
            return
        log.info("told to stop; %d calls may end first", len(hotline.calls))
        draining = asyncio.create_task(hotline.drain())
        draining.add_done_callback(lambda _: serving.cancel())

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, told)
    for sign in (signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(sign, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        log.info("stopped; %d calls stay in Asterisk", len(hotline.unfinished))
    if opening.done():
        opening.result()


def _opened(serving: asyncio.Task[None], opening: asyncio.Future[Accounts]) -> None:
    """All is there now that stays; without a database that can be meant nothing can go on."""
    if not opening.cancelled() and opening.exception() is not None:
        serving.cancel()
    keep_steady()


def _refused(shelf: Shelf) -> bool:
    """Whether callers hear other prompts than the published ones; looked up now."""
    shelf.current()
    return bool(shelf.refused)
