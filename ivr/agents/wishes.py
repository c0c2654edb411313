"""Wishes to be called back: each number once, in the order of the places that they stand for.

The file holds tokens; the numbers themselves are in the vault. What is done about a wish is told
as a move, one line each, on disk before anybody is promised anything.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, Protocol

from ivr.people.sensitive import Sensitive
from ivr.people.tokens import Tokens
from ivr.people.vault import Vault
from ivr.records.durable import append, write
from ivr.records.facts import CallbackOver, DialOutcome, Standing
from ivr.records.holding import alone

log = logging.getLogger(__name__)

FILE: Final = "callbacks.jsonl"
"""Below the home folder."""
WishState = Literal[
    "open",  # waits to be called
    "calling",  # an agent is being connected with it
    "reached",  # they have talked
    "given_up",  # after the last try
    "withdrawn",  # by an agent, or the caller has rung meanwhile and was served
]
LIVING: frozenset[WishState] = frozenset({"open", "calling"})


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody who wants to be called back."""

    person: str
    """Token of the telephone number, by which the vault knows it."""
    since: datetime
    """Of the place in the queue that it stands for (UTC)."""
    standing: Standing
    session: str
    """In which it was left."""
    at: datetime
    """Of the last move (UTC)."""
    state: WishState = "open"
    tries: int = 0
    """In vain so far."""
    due: datetime | None = None
    """Not to be called before (UTC); None: as soon as an agent is free."""
    outcome: DialOutcome | None = None
    """Of the last try."""

    @property
    def lives(self) -> bool:
        """Whether it is still to be fulfilled."""
        return self.state in LIVING

    @property
    def ranks_as(self) -> Standing:
        """Who was called in vain comes before others."""
        return "called_back" if self.tries else self.standing

    @property
    def name(self) -> str:
        """Of its place in the queue."""
        return f"wish.{self.person}"


@dataclass(frozen=True, slots=True)
class Move:
    """What becomes of a wish."""

    state: WishState
    tries: int | None = None
    """In vain so far; None: as many as before."""
    due: datetime | None = None
    """Not to be called before."""
    outcome: DialOutcome | None = None
    """Of the try that this is about; None: there was none."""

    @property
    def lives(self) -> bool:
        """Whether it is still to be fulfilled then."""
        return self.state in LIVING


def told_of(wish: Wish) -> CallbackOver:
    """The fact of a wish that is over."""
    return CallbackOver(
        session=wish.session,
        person=wish.person,
        ending=wish.state,
        tries=wish.tries,
        outcome=wish.outcome,
        ms=round((wish.at - wish.since).total_seconds() * 1000),
    )


class WishBook(Protocol):
    """Where wishes to be called back are kept."""

    async def leave(
        self,
        number: Sensitive[str],
        *,
        session: str,
        since: datetime,
        standing: Standing,
        now: datetime,
    ) -> bool:
        """Keep a wish; False where this number has one already. OSError: there is no room."""

    def living(self, person: str) -> Wish | None:
        """The wish of this number that is still to be fulfilled."""

    def move(self, wish: Wish, to: Move, *, now: datetime) -> Wish | None:
        """What becomes of it; None where it has changed meanwhile. OSError: there is no room."""


class Wishes:
    """The wishes of this line at `path`; all but `leave` block for a moment.

    Several programs may change them: each change is made under a lock, on what stands there then.
    """

    def __init__(self, path: Path, vault: Vault, tokens: Tokens) -> None:
        self._path = path
        self._vault = vault
        self._tokens = tokens
        self._lock = threading.Lock()

    def all(self) -> tuple[Wish, ...]:
        """Whatever has become of them, the longest waiting first."""
        return read(self._path)

    def open(self) -> tuple[Wish, ...]:
        """Those to be called, the longest waiting first."""
        return tuple(wish for wish in self.all() if wish.state == "open")

    def of(self, person: str) -> Wish | None:
        """The last one of this number, whatever has become of it."""
        return self._read().get(person)

    def person(self, number: Sensitive[str]) -> str:
        """By which its wish is known."""
        return self._tokens.caller(number.reveal())

    def living(self, person: str) -> Wish | None:
        """The wish of this number that is still to be fulfilled."""
        wish = self.of(person)
        return wish if wish is not None and wish.lives else None

    async def leave(
        self,
        number: Sensitive[str],
        *,
        session: str,
        since: datetime,
        standing: Standing,
        now: datetime,
    ) -> bool:
        """Keep a wish, durably; False where one of that number lives already. OSError: no room."""
        wish = Wish(self.person(number), since, standing, session, now)
        return await asyncio.to_thread(self.keep, wish, number)

    def keep(self, wish: Wish, number: Sensitive[str]) -> bool:
        """As `leave`; one at a time, so that no number is kept twice."""
        with self._alone():
            if self.living(wish.person) is not None:
                return False
            self._keep_number(wish.person, number)
            self._write(wish)
            return True

    def _keep_number(self, person: str, number: Sensitive[str]) -> None:
        try:
            self._vault.keep(person, number)
        except sqlite3.Error as refused:  # full, damaged, or another program holds it
            raise OSError(f"the vault: {refused}") from refused

    def move(self, wish: Wish, to: Move, *, now: datetime) -> Wish | None:
        """What becomes of it, durable when it returns; None where it has changed meanwhile.

        OSError: there is no room, and it is as it was.
        """
        moved = replace(
            wish,
            state=to.state,
            at=now,
            tries=wish.tries if to.tries is None else to.tries,
            due=to.due,
            outcome=to.outcome or wish.outcome,
        )
        with self._alone():
            if self.of(wish.person) != wish:
                return None
            self._write(moved)
        return moved

    def number(self, wish: Wish) -> Sensitive[str] | None:
        """Exactly what was confirmed; None where it has been forgotten meanwhile."""
        return self._vault.reveal(wish.person)

    def forget_before(self, when: datetime) -> int:
        """Take out what is over since before then; how many."""
        with self._alone():
            kept = self._kept_from(when)
            gone = len(self._read()) - len(kept)
            if gone:
                write(self._path, b"".join(map(as_line, kept)), mode=0o600)
        return gone

    def overdue(self, when: datetime) -> int:
        """How many `forget_before` would take out."""
        return len(self._read()) - len(self._kept_from(when))

    def _kept_from(self, when: datetime) -> list[Wish]:
        return [wish for wish in self._read().values() if wish.lives or wish.at >= when]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else changes wishes for so long, in this program or another."""
        with self._lock, alone(self._path.with_suffix(".lock")):
            yield

    def _write(self, wish: Wish) -> None:
        append(self._path, as_line(wish))

    def _read(self) -> Mapping[str, Wish]:
        return {wish.person: wish for wish in read(self._path)}


def read(path: Path) -> tuple[Wish, ...]:
    """The last move of each number's wish, the longest waiting first; needs no key."""
    lines = path.read_bytes().splitlines() if path.exists() else ()
    last = {wish.person: wish for line in lines if (wish := from_line(line)) is not None}
    return tuple(sorted(last.values(), key=lambda wish: wish.since))


def as_line(wish: Wish) -> bytes:
    """For a file, or another node; names tokens only."""
    return json.dumps(asdict(wish), default=datetime.isoformat).encode() + b"\n"


def from_line(line: bytes) -> Wish | None:
    """The same, read; None for a line that is torn."""
    try:
        told = json.loads(line)
        moments = {name: datetime.fromisoformat(told[name]) for name in ("since", "at")}
        due = told.get("due")
        until = None if due is None else datetime.fromisoformat(due)
        return Wish(**told | moments | {"due": until})
    except (ValueError, TypeError, KeyError, AttributeError):
        log.warning("a wish to be called back cannot be read: its line is torn")
        return None
