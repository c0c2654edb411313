"""News of cases to whoever has them: a mail, or a message in their group, of all that is new.

The numbers of cases, their terms and nothing else: whoever reads it opens the console.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from ivr.alarms.messages import post, taken
from ivr.cases.case import KINDS
from ivr.cases.clocks import Light
from ivr.cases.moves import State
from ivr.cases.notices import Notices
from ivr.cases.opening import CannotReach
from ivr.cases.register import Register
from ivr.cases.reminding import Reminder, reminders
from ivr.cases.store import Sought
from ivr.config import CasesSettings, Settings, Webhook
from ivr.mail import send

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 60.0
MOST: Final = 5000
"""Cases that wait at once, the newest."""
_WAITING: Final = frozenset(State) - {State.FOLLOWED_UP, State.REJECTED, State.MERGED}

Way = Callable[[], object]


@dataclass(slots=True)
class CaseNews:
    """Looks, and tells each once."""

    settings: Settings
    late: int | None = None
    """Cases over their time at the last look; None where there are none, or none can be read."""
    _register: Register = field(init=False)

    def __post_init__(self) -> None:
        self._register = Register.of(self.settings)

    def look(self, now: datetime) -> None:
        """Count what is late; tell what is new since the last look, where anybody is to be told.

        Blocks.
        """
        self.late = None
        try:
            if self._register.cases.is_made():
                self._look(now)
        except CannotReach as away:
            log.warning("nobody is told of cases now: %s", away)

    def _look(self, now: datetime) -> None:
        clocks = self._register.clocks
        cases = self._register.cases.search(Sought(_WAITING), most=MOST)
        waiting = [(case, clocks.running(case, now)) for case in cases]
        self.late = sum(
            clock is not None and not clock.rests and clock.light is Light.RED
            for _, clock in waiting
        )
        if _anybody(self.settings.cases):
            self._tell([each for case, clock in waiting for each in reminders(case, clock)], now)

    def _tell(self, wanted: Sequence[Reminder], now: datetime) -> None:
        notices = Notices(self._register.cases)
        claimed = notices.claim(wanted, now)
        for handler, theirs in _by_handler(claimed).items():
            ways = list(_ways(self.settings, handler, theirs))
            went = [taken(way) for way in ways]
            if any(went):
                notices.settle(theirs)
            else:
                notices.release(theirs)


def _anybody(cases: CasesSettings) -> bool:
    """Whether the settings name a way to anybody."""
    known = any(each.mail or each.webhooks for each in cases.handlers)
    return known or bool(cases.mail_to or cases.webhooks)


def _by_handler(told: Sequence[Reminder]) -> dict[str, list[Reminder]]:
    found: dict[str, list[Reminder]] = {}
    for each in told:
        found.setdefault(each.handler, []).append(each)
    return found


def _ways(settings: Settings, handler: str, told: Sequence[Reminder]) -> Iterator[Way]:
    """To the handler; to the 值班长 where nobody has it, or the handler cannot be told."""
    cases = settings.cases
    theirs = next((each for each in cases.handlers if each.name == handler), None)
    mails: tuple[str, ...] = cases.mail_to
    hooks: tuple[Webhook, ...] = cases.webhooks
    if theirs is not None and (theirs.mail or theirs.webhooks):
        mails, hooks = (theirs.mail,) if theirs.mail else (), theirs.webhooks
    heading, words = title(settings, told), text(handler, told)
    if mails:
        yield partial(send, settings.mail, mails, heading, words)
    for hook in hooks:
        yield partial(post, hook, heading, words)


def title(settings: Settings, told: Sequence[Reminder]) -> str:
    """One line for all of it."""
    counts = Counter(each.about for each in told)
    words = "、".join(f"{about} {count} 件" for about, count in counts.items())
    return f"[12329 {settings.node}] 工单：{words}"


def text(handler: str, told: Sequence[Reminder]) -> str:
    """A line for each."""
    head = f"承办人 {handler}：" if handler else "请值班长安排："
    return "\n".join([head, *(_line(each) for each in told), "在控制台“工单”里办理。"])


def _line(each: Reminder) -> str:
    due = f"，{each.stage}期限 {each.due}" if each.due is not None else ""
    return f"{each.about}：{KINDS[each.kind]} {each.number}{due}"
