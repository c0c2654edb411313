"""What the dialogues of a line may use: one object, the same for all its calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ivr.accounts import Accounts
from ivr.accounts.untold import Untold
from ivr.agents.switchboard import Switchboard
from ivr.agents.wishes import WishBook
from ivr.calls.asked import Asked
from ivr.calls.pins import NoPins, Verifier
from ivr.cases.enquiries import Enquiries, NoCases
from ivr.cases.followup import FollowUps, NobodyAsked
from ivr.config import Settings
from ivr.limits.gate import Gate
from ivr.people.tokens import Tokens
from ivr.recordings.desk import Desk
from ivr.recordings.taping import NothingTaped, Tapes
from ivr.records.facts import Fact
from ivr.speech.prompts import Utterance


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Means:
    """Reception holds it, and gives it to every call; what is one caller's own is in Call."""

    settings: Settings
    accounts: Accounts
    tokens: Tokens
    limits: Gate
    switchboard: Switchboard
    desk: Desk
    note: Callable[[Fact], None]
    is_open: Callable[[], bool]
    """Whether the line takes calls: the operator's switch, as it stands now."""
    announced: Callable[[], tuple[Utterance, ...]] = tuple
    """What is on the air for every caller now, before the greeting."""
    clock: Callable[[], datetime] = _now
    enquiries: Enquiries = field(default_factory=NoCases)
    """Knows where cases stand."""
    follow_ups: FollowUps = field(default_factory=NobodyAsked)
    """Learns what callers say of the answer to their case."""
    pins: Verifier = field(default_factory=NoPins)
    """By which agents sign in on their phones."""
    untold: Untold = field(default_factory=Untold)
    """Hears of accounts that no call could say."""
    asked: Asked = field(default_factory=Asked)
    """Who was asked today how content they are."""
    tapes: Tapes = field(default_factory=NothingTaped)
    """Keeps the recordings of conversations with agents."""
    wishes: WishBook | None = None
    """Of callers who want to be called back; None: nobody can be."""
