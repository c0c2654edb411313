"""The register of a service that is starting: SQLAlchemy is imported when the first case comes.

It takes as long to import as the rest of the service, and callers wait in silence meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING

from ivr.cases.case import Case, Filed
from ivr.cases.moves import Deed
from ivr.cases.opening import NewCase
from ivr.cases.opinions import Said
from ivr.cases.waiting import Waiting
from ivr.config import Settings

if TYPE_CHECKING:
    from ivr.cases.clocks import Clocks
    from ivr.cases.register import Register


log = logging.getLogger(__name__)


class LateRegister:
    """Enters cases. All of it blocks."""

    def __init__(self, settings: Settings, is_away: Callable[[], bool] = lambda: False) -> None:
        """`is_away`: as of Cases; it is asked each time."""
        self._settings = settings
        self._is_away = is_away
        self._lock = Lock()
        self._made: Register | None = None

    def enter(self, filed: Filed, replaces: str | None) -> None:
        """As Register.enter."""
        self._register().enter(filed, replaces=replaces)

    def case(self, number: str) -> Case:
        """As Cases.case."""
        return self._register().cases.case(number)

    def open_by_hand(self, new: NewCase, number: Callable[[], str], now: datetime) -> str:
        """As Register.open_by_hand."""
        return self._register().open_by_hand(new, number, now)

    def keep_said(self, said: Said) -> None:
        """On this machine's disk on return, until its case has it; OSError."""
        Waiting(self._settings.home).keep(said)

    def said(self) -> frozenset[str]:
        """The cases of which an opinion waits here."""
        return Waiting(self._settings.home).said()

    def enter_said(self, said: Said) -> None:
        """As Register.enter_said."""
        self._register().enter_said(said)

    def bring_waiting(self, number: Callable[[], str]) -> None:
        """Open what waits, here or in a database of before the line had one; CannotReach."""
        count = import_module("ivr.cases.moving").take_over(self._settings)
        count += self._register().open_waiting(number)
        if count:
            log.info("%d cases and opinions that waited are in the line's database", count)

    def may_wait(self) -> bool:
        """Whether this machine has a database of before the line had one."""
        return self._settings.shares and (self._settings.home / "cases.sqlite").exists()

    def waiting(self) -> int:
        """How many wait on this machine's disk."""
        return len(Waiting(self._settings.home))

    def act(self, number: str, deed: Deed) -> Case:
        """As Register.act."""
        return self._register().act(number, deed)

    def to_call(self, series: str) -> tuple[Case, ...]:
        """As Cases.to_call; nobody whose answer waits here, which may be brought meanwhile."""
        answered = self.said()
        wanted = self._register().cases.to_call(series)
        return tuple(case for case in wanted if case.number not in answered)

    def spared_by(self, filed: Filed) -> str | None:
        """As Cases.spared_by."""
        return self._register().cases.spared_by(filed)

    @property
    def clocks(self) -> Clocks:
        """As of Register."""
        return self._register().clocks

    def close(self) -> None:
        """Let the database go, where it was ever asked."""
        if self._made is not None:
            self._made.cases.close()

    def _register(self) -> Register:
        with self._lock:
            if self._made is None:
                room = import_module("ivr.cases.register")
                self._made = room.Register.of(self._settings, self._is_away)
            return self._made
