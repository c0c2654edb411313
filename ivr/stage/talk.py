"""The real dialogues in a terminal: sentences as text, keys typed, no Asterisk and no sound."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from contextlib import AsyncExitStack, suppress
from uuid import uuid4

from ivr.accounts.database import open_accounts
from ivr.agents.desks import Desks
from ivr.agents.exchange import NoPhones
from ivr.agents.switchboard import Switchboard
from ivr.calls.call import Call
from ivr.calls.inbox import Inbox, Key
from ivr.calls.means import Means
from ivr.config import Settings
from ivr.dialogues import converse
from ivr.lifecycle.switch import closed
from ivr.limits.gate import Gate
from ivr.limits.limits import Limits
from ivr.people.keys import Keys
from ivr.people.tokens import Tokens
from ivr.recordings.desk import NothingKept
from ivr.records.facts import Disposition
from ivr.speech.announcements import OnAir
from ivr.speech.contract import CONTRACT, DTMF
from ivr.speech.prompts import Shelf, Utterance
from ivr.stage.silent import SilentLine

UNHURRIED_SECONDS = 600.0
"""Someone who reads needs more time than someone who listens."""


class Terminal(SilentLine):
    """Prints what would be said. Nobody can speak here: a recording is over at once."""

    def __init__(self, inbox: Inbox) -> None:
        super().__init__(inbox, _print)

    async def record(self, name: str, *, most_seconds: int, silence_seconds: int) -> None:
        """Nothing."""
        print("(nothing is recorded)", flush=True)
        await super().record(name, most_seconds=most_seconds, silence_seconds=silence_seconds)
        self.end_recording()


def _print(utterance: Utterance) -> None:
    """The prompts that the words come from, and the words."""
    print(f"[{' '.join(utterance.prompts)}] {utterance.text}", flush=True)


async def talk(settings: Settings) -> Disposition:
    """Lead one conversation; the end of the input hangs up."""
    async with AsyncExitStack() as stack:
        inbox = Inbox()
        call = Call(
            session=uuid4().hex,
            line=Terminal(inbox),
            inbox=inbox,
            prompts=Shelf(settings.audio, CONTRACT).current(),
            exchange=NoPhones(),
            means=await _means(settings, stack),
        )
        conversation = asyncio.create_task(converse(call, "welcome"))
        keys = asyncio.create_task(_type(inbox))
        await asyncio.wait({conversation, keys}, return_when=asyncio.FIRST_COMPLETED)
        return await _outcome(conversation, keys)


async def _means(settings: Settings, stack: AsyncExitStack) -> Means:
    return Means(
        settings=_unhurried(settings),
        accounts=await stack.enter_async_context(open_accounts(settings)),
        tokens=Tokens(Keys.load(settings.home / "keys")),
        limits=Gate(Limits(settings.limits)),
        switchboard=Switchboard(Desks(settings.agents, asyncio.get_running_loop().time)),
        desk=NothingKept(),
        note=lambda _: None,
        is_open=lambda: closed(settings.home) is None,
        announced=OnAir(settings.home).now,
    )


async def _outcome(
    conversation: asyncio.Task[Disposition], keys: asyncio.Task[None]
) -> Disposition:
    """The conversation's end; when the input ended first, it may still finish what it says."""
    await asyncio.wait({conversation}, timeout=0.5 if keys.done() else 0)
    keys.cancel()
    if conversation.done():
        return conversation.result()
    conversation.cancel()
    return "hung_up"


async def _type(inbox: Inbox) -> None:
    """Every key that is typed, when the line listens for one, until the input ends."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        with suppress(RuntimeError):  # the conversation has ended, and its loop with it
            while some := os.read(sys.stdin.fileno(), 4096):
                loop.call_soon_threadsafe(typed.put_nowait, some)
            loop.call_soon_threadsafe(typed.put_nowait, b"")

    # A thread reads terminals, pipes and files alike; nobody waits for it in the end.
    threading.Thread(target=read, daemon=True).start()
    while some := await typed.get():
        for character in some.decode(errors="replace"):
            if character in DTMF:
                await inbox.wanted()
                inbox.put(Key(character, loop.time()))


def _unhurried(settings: Settings) -> Settings:
    patience = settings.patience.model_copy(
        update={
            "first_key_seconds": UNHURRIED_SECONDS,
            "first_digit_seconds": UNHURRIED_SECONDS,
            "inter_key_seconds": UNHURRIED_SECONDS,
        }
    )
    return settings.model_copy(update={"patience": patience})
