"""What the records know of a call: one frozen fact for each thing that happened.

No fact carries an ID number, a telephone number or a balance: people appear as keyed tokens,
sensitive entries as a count of keys. Durations are measured on the monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Disposition = Literal[
    "completed",  # key 7, or the line said goodbye after its last word
    "hung_up",  # the caller put the receiver down
    "vanished",  # nothing was heard of the caller any more: a dead phone, or a broken network
    "closed",  # the line is not open: it said so
    "refused",  # too many calls at once: the line said so
    "gave_up",  # three failures in a row: the line said goodbye
    "failed",  # a fault of ours; the caller heard the apology
    "asterisk_lost",  # Asterisk went away with the call
    "service_lost",  # found unfinished at a later start, the channel gone
]

LookupOutcome = Literal[
    "found", "not_found", "several", "account_closed", "empty", "unsayable", "unavailable"
]

Verb = Literal["say", "menu", "collect", "record", "transfer"]

TransferOutcome = Literal[
    "answered",
    "busy",
    "no_answer",
    "none_there",
    "closed",  # asked for out of the agents' hours: the line said so
    "abandoned",
    "failed",
    "full",  # as many waited as may: the line said so
    "too_long",  # waited as long as anybody may, in vain
    "callback",  # will rather be called back
    "message",  # will rather leave a message
]

Standing = Literal[
    "passed_on",  # an agent has passed the caller on, and the colleague did not answer
    "called_back",  # was called back once, and not reached
    "senior",  # of an age that the settings put first
    "usual",
]
"""In the queue: those of an earlier one are served first, whoever came first."""

RecordingKind = Literal["complaint", "suggestion", "message"]

CaseKind = Literal[
    "complaint",
    "suggestion",
    "message",
    "vote",  # a discontented answer to the survey (网上调查)
    "contact",  # what somebody of the centre opened by hand, mostly in a conversation
]
"""What a case (工单) was made of; the last two have no recording."""

RecordingState = Literal[
    "new",
    "replaced",  # the caller spoke it again; the file is kept
    "handled",
    "deleted",
]

TalkOutcome = Literal[
    "kept",
    "cut",  # the disk became full: its end may lack
    "no_room",  # the disk was too full to begin
    "lost",  # Asterisk has written nothing
]
"""What became of the recording of a conversation with an agent."""

LeftOut = Literal[
    "pause",  # somebody at a desk had it paused
    "hold",  # the caller heard music
    "fault",  # disk or Asterisk refused
]
"""Why a part of a conversation is not in its recording."""

DialledFor = Literal[
    "case",  # the handler of a case (工单) calls back who left it
    "follow_up",  # the line itself asks whether the answer was content (回访)
    "wish",  # a caller who waited for an agent wishes to be called back
]

DialOutcome = Literal[
    "answered",
    "busy",
    "no_answer",
    "not_reached",  # no such number, out of service, the carrier refuses
    "agent_busy",
    "agent_no_answer",
    "agent_away",  # the phone of the agent is not registered
    "abandoned",  # the agent hung up before the other answered
    "failed",  # Asterisk would not
    "lost",  # the service ended in the midst of it: nobody is called again by itself
]

DialRefusal = Literal[
    "off",  # dialling out is not configured
    "number",  # none is registered, or it may not be dialled
    "hours",
    "cap",  # as many calls today as are allowed
    "tries",  # this number was called often enough today
    "going_on",  # the same number, or the same agent, is being called now
    "unwritten",  # the disk takes no entry: nobody is called unwritten
]

Refusal = Literal[
    "line_full",  # a call, told so: too many at once
    "line_overrun",  # a call, given the busy tone: too many even to be told so
    "draining",  # a call, left to Asterisk and the agents: this service ends soon
    "not_taken",  # the same, for a fault of ours
    "unknown_number",  # a call to a number that the line does not have; noted once for each number
    "caller_busy",  # a call: its caller has too many already
    "lookups_of_caller",  # a look-up: the caller asked about too many people
    "lookups_of_session",  # the same, in one call of a caller without a number
    "lookups_of_unknown",  # the same, of all callers without a number together
    "lookups_of_person",  # the person was asked about too often today
    "password_wrong",  # a look-up: not the person's query password
    "password_locked",  # a look-up: too many wrong passwords for the person today
    "case_wrong",  # a case is not told: no such number with that second thing
    "case_locked",  # the same, for the rest of the day: too many wrong ones for the number
    "cases_of_caller",  # the same: this caller has tried too many
    "lookups_of_line",  # too many look-ups a minute, of all callers
]

Said = Literal[
    "whole",
    "part",  # cut short by a key, or by who hung up
    "none",  # typed over, or it was the opening that was cut short
]

Heard = Literal[
    "match",
    "no_match",
    "no_input",
    "back",
    "invalid",
    "cleared",
    "agent",  # a 0 where it is no answer: a person, please
    "finished",  # nothing was asked: it was said
    "hung_up",  # the caller left in the midst of it
]


OF_PROBE = "probe_"
"""A session that begins so is of our own caller (拨测)."""
OF_STAFF = "staff_"
"""A session that begins so is an agent's, who signs in or out."""
OF_CALLED = "called_"
"""A session that begins so is of somebody whom the line itself has called (回访)."""
NOT_CALLERS = (OF_PROBE, OF_STAFF, OF_CALLED)
"""Their sessions count for nothing: the loader leaves their facts out."""


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
    """What was being said was cut short by a key (barge-in)."""
    ms: int = 0
    said: Said = "whole"
    """How much of the prompt was said."""
    opening: str | None = None
    """The sentence said in front of the prompt, such as a readout."""
    figures: bool | None = None
    """The last of the values that were to be told was heard; None: there were none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedUp:
    """An account was asked for."""

    session: str
    source: Literal["fund", "loan"]
    person: str
    """Token of the ID number."""
    outcome: LookupOutcome
    ms: int
    """How long the source took, whatever the caller heard meanwhile."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Informed:
    """A text of the information tree was spoken (keys 3, 4 and 5)."""

    session: str
    leaf: str
    """Its path of keys, such as `4.1.2`."""
    complete: bool
    """Heard to its end."""
    ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferred:
    """The caller asked for an agent, and this is how it went."""

    session: str
    agent: str | None
    """Name of the agent who answered, or the last one who was tried."""
    outcome: TransferOutcome
    ring_ms: int
    """From the caller's wish to the answer, or to the end of waiting."""
    talk_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskActed:
    """Something was done at a desk with a conversation: held, a colleague asked, handed over."""

    session: str
    agent: str
    """Name of who did it."""
    deed: str
    """As in `ivr.desk.orders.Deed`."""
    to: str | None = None
    """Name of the colleague whom it concerns."""
    place: str | None = None
    """Where in the line the caller was sent to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEntered:
    """The caller waits for an agent; a restarted service finds the place again by it.

    The wait ends with the session's next Transferred.
    """

    session: str
    standing: Standing
    ahead: int
    """How many were before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueTold:
    """What a waiting caller heard about the place and the time."""

    session: str
    ahead: int | None
    """How many are before; None: no number was said, for it would have been a worse one."""
    least: int | None = None
    most: int | None = None
    """Minutes; None: nothing was said about time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackWished:
    """A waiting caller left a number to be called back, and gave up the place on the line."""

    session: str
    person: str
    """Token of the number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackOver:
    """A wish to be called back is over, one way or the other."""

    session: str
    """In which it was left."""
    person: str
    """Token of the number."""
    ending: str
    """reached, given_up or withdrawn, as in `ivr.agents.wishes.WishState`."""
    tries: int
    """In vain."""
    outcome: DialOutcome | None
    """Of the last try; None: there was none."""
    ms: int
    """Since its place in the queue was taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contented:
    """A caller was asked how content they were with an agent; once a day."""

    session: str
    agent: str | None
    """None: a service before knew."""
    caller: str | None
    """Token of the telephone number, where the network vouches for it."""
    person: str | None
    """Token of the ID number that was entered last."""
    choice: int | None
    """1 (best) to 5, ABSTAINED for `*`; None: no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A complaint, a suggestion or a message was saved."""

    session: str
    kind: RecordingKind
    person: str | None
    """Token of the ID number; None where none was asked for."""
    path: str
    """Under the folder of recordings; without anything about the person."""
    ms: int
    bytes: int
    sha256: str
    reference: str
    state: RecordingState = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkRecorded:
    """A conversation with agents was to be recorded, and this is what became of it."""

    session: str
    agents: str
    """Names of all who were in it, in their order, with 、 between."""
    outcome: TalkOutcome
    reference: str | None = None
    """Its name; None where nothing was begun."""
    path: str | None = None
    """Under the folder of recordings; None where nothing is kept."""
    ms: int = 0
    """Of the file; each part that was left out takes a second of it."""
    bytes: int = 0
    sha256: str | None = None
    pauses: int = 0
    """How often somebody at a desk had it paused."""
    paused_ms: int = 0
    held_ms: int = 0
    """On hold; nothing is recorded then."""
    gaps: str = "[]"
    """JSON: where in the file (`at_ms`) what was left out (`why`: a LeftOut), how long (`ms`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMoved:
    """Something was done with a case (工单); its words stay with the case."""

    reference: str
    n: int
    """Which event of the case it is: known twice, it counts once."""
    kind: CaseKind
    move: str
    """As in `ivr.cases.moves.Move`."""
    state: str
    """Of the case from then on, as in `ivr.cases.moves.State`."""
    handler: str | None
    """Who has it from then on."""
    in_time: bool | None = None
    """Of a move that ends a clock: whether it was early enough."""
    content: bool | None = None
    """Of 回访: whether the caller was content."""
    warns: str | None = None
    """From which day on its next term is nearly over (YYYY-MM-DD); None while no term runs."""
    due: str | None = None
    """The last day of that term."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingMoved:
    """Someone of the centre dealt with a recording, or its file was removed."""

    reference: str
    state: RecordingState


ABSTAINED = 0
"""不表态, the seed's sixth answer to the survey: stored like the grades, and no grade itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voted:
    """An answer to the survey; of several by one person on one day the last one counts."""

    session: str
    person: str
    """Token of the ID number."""
    choice: int
    """1 (best) to 5, as the seed orders them; ABSTAINED: 不表态, which is in no mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The line did not do what was asked, for the protection of the line or of people."""

    session: str | None
    """None where a call was not taken at all; one that was known before has its own."""
    reason: Refusal
    channel: str | None = None
    """Of a call that was not taken: by it Asterisk's record of the same call is recognised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentMoved:
    """An agent came from one state into another: 空闲, 通话, 整理, 示忙, 离开, 离线."""

    agent: str
    """Name."""
    extension: str
    was: str
    """The state that is over, as in `ivr.agents.presence.State`."""
    ms: int | None
    """How long it lasted; None where it is not known when it began."""
    state: str
    reason: str = ""
    """Why not ready, in the new state."""
    was_reason: str = ""
    by: str = "line"
    """phone, console, or line: what happened, without a wish of the agent's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallNoted:
    """What an agent has written a call to be about; the note itself is in no record."""

    session: str | None
    """None: the line itself had called."""
    talk: str
    """The conversation: told again, it is the same one."""
    agent: str
    extension: str
    subject: str
    """One of the settings' `agents.subjects`."""
    key: str | None
    """What the caller wanted, by the main menu."""
    ms: int
    """From the end of the conversation to the note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A call as Asterisk saw it, written by its dialplan when the call ended (extensions.conf).

    Calls that no service ever saw are known by this only.
    """

    channel: str
    ms: int
    """From coming in to hanging up, in whole seconds."""
    away: bool
    """It was left to Asterisk: no service was there, or it sent the call away."""


Verdict = Literal[
    "well",
    "unanswered",  # nobody picked up, or the call was refused
    "no_sound",  # not one packet of sound came: one way only, or none
    "silence",  # packets came, and nothing was in them
    "not_heard",  # the line speaks and does not hear our keys: sound goes one way only
    "apology",  # the line says that something is wrong with it
    "wrong_prompt",  # another sentence than the one in force
    "clipped",  # the right one with a part missing
    "unknown_sound",  # nothing that the line could say
    "hung_up",  # the line ended the call in the midst of it
    "impossible",  # the trial itself could not be made: no prompts, or no way to call
]
"""What a trial call (拨测) came to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """A caller of our own tried the line; its call is in no other record (OF_PROBE)."""

    verdict: Verdict
    step: str
    """The last one that was tried, such as `account.menu`; empty where the line never answered."""
    greeting_ms: int | None = None
    """From picking up to the first word of the greeting."""
    key_ms: int | None = None
    """From a key's release to the voice that answers it; the slower of two."""
    answer_ms: int | None = None
    """From the last digit of the ID number to the voice that tells about it."""
    lost: int = 0
    """Packets of sound that never came."""
    outside: bool
    """The call went by a carrier and came in by a trunk."""
    line_closed: bool
    """The line was closed for callers; a trial call is let in all the same."""
    detail: str
    """What was heard instead (prompts), or why there was no call; nothing about anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialled:
    """The line called somebody itself, or would not."""

    attempt: str | None
    """Its name in the ledger; None: it was refused before."""
    purpose: DialledFor
    reference: str
    """Of the case or of the wish."""
    agent: str | None
    """Who was to talk; None: the line itself."""
    outcome: DialOutcome | None
    """None: refused."""
    refused: DialRefusal | None = None
    ring_ms: int = 0
    """From the first ring of the number that was called to its answer, or to the end."""
    talk_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLost:
    """The connection to Asterisk broke."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRestored:
    """The connection to Asterisk stands again."""

    adopted: int
    """Calls that were found alive and went on."""
    ms: int
    """Since it was lost, or since the start of the service."""


Fact = (
    SessionStarted
    | SessionAnswered
    | SessionResumed
    | DialogueEntered
    | Step
    | LookedUp
    | SessionEnded
    | Informed
    | Transferred
    | DeskActed
    | QueueEntered
    | QueueTold
    | CallbackWished
    | CallbackOver
    | Contented
    | Recorded
    | RecordingMoved
    | TalkRecorded
    | CaseMoved
    | Voted
    | Refused
    | AgentMoved
    | CallNoted
    | Carried
    | Probed
    | Dialled
    | LinkLost
    | LinkRestored
)

KINDS: dict[str, type[Fact]] = {kind.__name__: kind for kind in get_args(Fact)}
"""Every kind of fact by the name that it has in the spool."""
