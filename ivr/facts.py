"""What the records know of a call: one frozen fact for each thing that happened.

No fact carries an ID number, a telephone number or a balance: people appear as keyed tokens,
sensitive entries as a count of keys. Durations are measured on the monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Disposition = Literal[
    "completed",  # key 7, or the line said goodbye after its last word
    "hung_up",  # the caller put the receiver down
    "gave_up",  # three failures in a row: the line said goodbye
    "failed",  # a fault of ours; the caller heard the apology
    "asterisk_lost",  # Asterisk went away with the call
    "service_lost",  # found unfinished at a later start, the channel gone
]

LookupOutcome = Literal["found", "not_found", "several", "empty", "unavailable"]

Verb = Literal["say", "menu", "collect", "record", "transfer"]

Heard = Literal["match", "no_match", "no_input", "back", "invalid", "cleared", "finished"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted:
    """A call entered the line."""

    session: str
    channel: str
    dialled: str
    caller: str | None
    """Token of the caller's number; None where the network gave none."""
    catalog: str
    """Version of the prompt set this call hears."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAnswered:
    """The line picked up."""

    session: str
    after_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionResumed:
    """A service adopted a live channel after a restart or a lost link."""

    session: str
    dialogue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogueEntered:
    """The caller came to a place of the script; a restarted service goes on from the last one."""

    session: str
    dialogue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing said or asked, and what came back."""

    session: str
    n: int
    dialogue: str
    verb: Verb
    prompt: str
    heard: Heard
    key: str | None = None
    """The key of a menu; None where the entry is sensitive or nothing was pressed."""
    keys: int = 0
    """How many keys were pressed."""
    interrupted: bool = False
    """The prompt was cut short by a key (barge-in)."""
    ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedUp:
    """An account was asked for."""

    session: str
    source: Literal["fund", "loan"]
    person: str
    """Token of the ID number."""
    outcome: LookupOutcome
    ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded:
    """The call is over; everything about it has been noted before."""

    session: str
    disposition: Disposition
    dialogue: str
    """Where the caller was last."""
    cause: int | None = None
    """Hang-up cause (Q.850) where Asterisk told one."""
    ms: int = 0


Fact = (
    SessionStarted
    | SessionAnswered
    | SessionResumed
    | DialogueEntered
    | Step
    | LookedUp
    | SessionEnded
)
