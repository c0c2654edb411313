"""A hand-made day of twenty calls, 24 November 2026 (a Tuesday) in Beijing; see test_questions.py.

| call  | at    | s   | caller | what happens                                               |
|-------|-------|-----|--------|------------------------------------------------------------|
| 01-06 | 09:0n | 60  | A … F  | balance found (4 ms each but 06: 90 ms), hangs up; 06 keys |
|       |       |     |        | a wrong number of 18 digits first, then one of 15          |
| 07    | 09:30 | 60  | A      | balance not found, hangs up in account.inquiry after two   |
|       |       |     |        | more look-ups were refused                                 |
| 08-09 | 10:00 | 100 | G, H   | loan found, leaves with key 7; both at the same time       |
| 10    | 10:30 | 20  | I      | hangs up 12 s into the text 3.1                            |
| 11    | 11:00 | 20  | -      | hangs up in the main menu; the network gave no number      |
| 12    | 11:10 | 40  | J      | two wrong keys and a silence in the main menu: gave up     |
| 13    | 14:00 | 200 | K      | agent 一号坐席 after 10 s, talks 120 s                     |
| 14    | 14:10 | 200 | L      | agent 一号坐席 after 18 s, talks 60 s                      |
| 15    | 14:20 | 60  | M      | gives up waiting for an agent after 25 s                   |
| 16    | 14:30 | 60  | N      | agents busy at once (1 s)                                  |
| 17    | 15:00 | 60  | O      | votes 1, then 3 (the last counts), leaves                  |
| 18    | 15:10 | 60  | P      | votes 2, hears the text 4.1.2 to its end (30 s), leaves    |
| 19    | 15:20 | 90  | Q      | complaint recorded, leaves                                 |
| 20    | 16:00 | -   | R      | never answered; Asterisk was lost                          |

Everyone but 20 comes through the main menu; 08 and 09 come back to it. A call of the evening
before goes on until 00:06:40, and one call is refused at 14:31 because the line is overrun.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

from ivr.records.facts import (
    DialogueEntered,
    Disposition,
    Fact,
    Heard,
    Informed,
    LinkLost,
    LinkRestored,
    LookedUp,
    LookupOutcome,
    Recorded,
    Refused,
    SessionAnswered,
    SessionEnded,
    SessionStarted,
    Step,
    TransferOutcome,
    Transferred,
    Voted,
)
from tests.analytics.spool import Timed

MIDNIGHT = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)


class Scene:
    """One call as it is told: each thing at so many seconds after its start."""

    def __init__(self, session: str, clock: str, caller: str | None) -> None:
        hours, minutes = clock.split(":")
        self.session = session
        self.start = MIDNIGHT + timedelta(hours=int(hours), minutes=int(minutes))
        self.facts: list[Timed] = []
        self.steps = 0
        self.at(
            0,
            SessionStarted(
                session=session, channel=session, dialled="12329", caller=caller, catalog="v1"
            ),
        )

    def at(self, seconds: float, fact: Fact) -> Scene:
        self.facts.append((self.start + timedelta(seconds=seconds), fact))
        return self

    def answered(self) -> Scene:
        return self.at(0.1, SessionAnswered(session=self.session, after_ms=100)).visited(1, "main")

    def asked(self, seconds: float, prompt: str, heard: Heard, key: str | None) -> Scene:
        self.steps += 1
        return self.at(
            seconds,
            Step(
                session=self.session, n=self.steps, dialogue=prompt.partition(".")[0], verb="menu",
                prompt=prompt, heard=heard, key=key, keys=int(key is not None),
                interrupted=key == "1", ms=5000,
            ),
        )  # fmt: skip

    def visited(self, seconds: float, dialogue: str) -> Scene:
        return self.at(seconds, DialogueEntered(session=self.session, dialogue=dialogue))

    def keyed_id(self, seconds: float, heard: Heard, keys: int) -> Scene:
        self.steps += 1
        return self.at(
            seconds,
            Step(
                session=self.session, n=self.steps, dialogue="account.inquiry", verb="collect",
                prompt="identity.ask", heard=heard, keys=keys, ms=12000,
            ),
        )  # fmt: skip

    def read_out(self, seconds: float, source: str, heard: Heard, *, figures: bool = True) -> Scene:
        """The readout and the question after it: left by a key or by hanging up."""
        self.steps += 1
        return self.at(
            seconds,
            Step(
                session=self.session, n=self.steps, dialogue=f"{source}.inquiry", verb="menu",
                prompt="nav.replay_or_back", heard=heard, key="*" if heard == "back" else None,
                keys=int(heard == "back"), interrupted=heard == "back",
                said="part" if figures else "none", opening=f"{source}.readout", figures=figures,
                ms=30000,
            ),
        )  # fmt: skip

    def looked_up(self, source: Literal["fund", "loan"], outcome: LookupOutcome, ms: int) -> Scene:
        return self.at(
            20,
            LookedUp(session=self.session, source=source, person="p", outcome=outcome, ms=ms),
        )

    def transferred(self, outcome: TransferOutcome, wait: int, talk: int = 0) -> Scene:
        return self.at(
            10 + wait + talk,
            Transferred(
                session=self.session, agent="一号坐席" if talk else None, outcome=outcome,
                ring_ms=wait * 1000, talk_ms=talk * 1000,
            ),
        )  # fmt: skip

    def ended(self, seconds: int, how: Disposition, dialogue: str) -> Scene:
        return self.at(
            seconds,
            SessionEnded(
                session=self.session, disposition=how, dialogue=dialogue, ms=seconds * 1000
            ),
        )


def twenty_calls() -> list[Timed]:
    """All facts of the day, in the order of their times, and one call of the day before."""
    scenes = [_yesterday(), *_balances(), *_loans(), *_lost_ones(), *_agents(), *_voices(), _last()]
    line: list[Timed] = [
        (MIDNIGHT + timedelta(hours=14, minutes=31), Refused(session=None, reason="line_overrun")),
        (MIDNIGHT + timedelta(hours=16, seconds=1), LinkLost(reason="closed")),
        (MIDNIGHT + timedelta(hours=16, seconds=4), LinkRestored(adopted=0, ms=3000)),
    ]
    facts = [fact for scene in scenes for fact in scene.facts] + line
    return sorted(facts, key=lambda each: each[0])


def _yesterday() -> Scene:
    return Scene("00", "-1:00", "A").answered().ended(4000, "hung_up", "main")


def _balances() -> list[Scene]:
    calls = [
        Scene(f"0{n}", f"9:0{n}", caller)
        .answered()
        .asked(5, "main.menu", "match", "1")
        .visited(6, "account.inquiry")
        .keyed_id(19, "match", 15 if n == 6 else 18)
        .looked_up("fund", "found", 90 if n == 6 else 4)
        .read_out(59, "account", "hung_up")
        .ended(60, "hung_up", "account.inquiry")
        for n, caller in enumerate("ABCDEF", start=1)
    ]
    calls[5].keyed_id(18, "invalid", 18)
    missing = (
        Scene("07", "9:30", "A")
        .answered()
        .asked(5, "main.menu", "match", "1")
        .visited(6, "account.inquiry")
        .keyed_id(19, "match", 18)
        .looked_up("fund", "not_found", 5)
        .at(40, Refused(session="07", reason="lookups_of_caller"))
        .at(50, Refused(session="07", reason="lookups_of_caller"))
        .ended(60, "hung_up", "account.inquiry")
    )
    return [*calls, missing]


def _loans() -> list[Scene]:
    return [
        Scene(session, "10:00", caller)
        .answered()
        .asked(5, "main.menu", "match", "2")
        .visited(6, "loan.inquiry")
        .looked_up("loan", "found", 7)
        .read_out(79, "loan", "back")
        .visited(80, "main")
        .asked(90, "main.menu", "match", "7")
        .ended(100, "completed", "leave")
        for session, caller in (("08", "G"), ("09", "H"))
    ]


def _lost_ones() -> list[Scene]:
    return [
        Scene("10", "10:30", "I")
        .answered()
        .visited(6, "information")
        .at(20, Informed(session="10", leaf="3.1", complete=False, ms=12000))
        .ended(20, "hung_up", "information"),
        Scene("11", "11:00", None).answered().ended(20, "hung_up", "main"),
        Scene("12", "11:10", "J")
        .answered()
        .asked(10, "main.menu", "no_match", "9")
        .asked(20, "main.menu", "no_match", "8")
        .asked(30, "main.menu", "no_input", None)
        .ended(40, "gave_up", "main"),
    ]


def _agents() -> list[Scene]:
    asked = [
        _to_agent(session, clock, caller)
        for session, clock, caller in (
            ("13", "14:00", "K"),
            ("14", "14:10", "L"),
            ("15", "14:20", "M"),
            ("16", "14:30", "N"),
        )
    ]
    asked[0].transferred("answered", 10, 120).ended(200, "hung_up", "agent")
    asked[1].transferred("answered", 18, 60).ended(200, "hung_up", "agent")
    asked[2].transferred("abandoned", 25).ended(60, "hung_up", "main")
    asked[3].transferred("busy", 1).ended(60, "hung_up", "main")
    return asked


def _to_agent(session: str, clock: str, caller: str) -> Scene:
    came = Scene(session, clock, caller).answered()
    return came.asked(4, "main.menu", "match", "0").visited(5, "agent")


def _voices() -> list[Scene]:
    return [
        Scene("17", "15:00", "O")
        .answered()
        .visited(5, "feedback")
        .at(20, Voted(session="17", person="o", choice=1))
        .at(40, Voted(session="17", person="o", choice=3))
        .ended(60, "completed", "leave"),
        Scene("18", "15:10", "P")
        .answered()
        .visited(5, "feedback")
        .at(20, Voted(session="18", person="p", choice=2))
        .at(55, Informed(session="18", leaf="4.1.2", complete=True, ms=30000))
        .ended(60, "completed", "leave"),
        Scene("19", "15:20", "Q")
        .answered()
        .visited(5, "feedback")
        .at(
            80,
            Recorded(
                session="19", kind="complaint", person="q", path="c/1.wav", ms=45000, bytes=9,
                sha256="0", reference="20261124001",
            ),
        )
        .ended(90, "completed", "leave"),
    ]  # fmt: skip


def _last() -> Scene:
    return Scene("20", "16:00", "R").ended(0, "asterisk_lost", "welcome")
