"""A second hand-made day, 25 November 2026 in Beijing, of what is hard to count; see test_hard_day.

| call | at       | s    | caller | what happens                                                  |
|------|----------|------|--------|---------------------------------------------------------------|
| a    | 24 23:50 | 1200 | A      | over midnight: main menu on both days, silent, hangs up in it |
| b    | 02:00    | 60   | -      | at night: key 0 out of the agents' hours, hangs up there      |
| c    | 09:00    | 90   | B      | types ahead over all questions, leaves the readout before its |
|      |          |      |        | figures; once more, and hangs up after them                   |
| d    | 09:30    | 22   | C      | account found, then our fault before anything was read        |
| e    | 10:00    | -    | D      | adopted after a lost link, last seen 10:01:01, lost; found    |
|      |          |      |        | out at 10:30                                                  |
| f    | 10:05    | 120  | D      | adopted, hangs up: the second service measured 55 s only      |
| g    | 10:10    | 200  | E      | nobody answers (30 s), asks again: 5 s, talks 100 s           |
| h    | 10:13    | 60   | -      | no agent is there                                             |
| i    | 10:40    | 40   | F      | gives up waiting after 12 s                                   |
| k    | 11:00    | 15   | H      | the line is closed and says so                                |
| l    | 11:01    | 10   | I      | the line is full and says so                                  |
| x1   | 11:02:00 | 1    |        | overrun: the busy tone                                        |
| x2   | 11:03:00 | 20   |        | the service ends soon: left to Asterisk                       |
| x3   | 11:04:00 | 30   |        | no service is there: Asterisk apologises                      |
| x4   | 11:04:10 | 3    |        | hangs up before a service sees the call                       |
| q    | 12:00    | -    | J      | a wrong key at 12:00:20, and no end is ever noted             |
| r    | 13:00    | 120  | K      | complaint R1, handled at 14:00 and, again, a day later        |
| s    | 13:30    | 60   | L      | suggestion R2 (20 s), never handled; 不表态 in the survey     |
| t    | 14:00    | 100  | M      | `*`, then a 15-digit number and a password, wrong, then right |
| u    | 14:30    | 30   | N      | a 0 in place of the number: agents busy (2 s)                 |
| v    | 15:00    | 20   | O      | hangs up 5 s into the text 4.1.2                              |
| w    | 16:00    | 60   | P      | votes 5                                                       |
| x    | 23:59    | 240  | P      | votes 1 (the last of the day counts), over midnight           |

A complaint R0 of 20 November was handled on the 24th and, again, on the 27th.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ivr.records.facts import (
    Carried,
    Fact,
    Heard,
    Informed,
    LinkLost,
    LinkRestored,
    LookedUp,
    Recorded,
    RecordingKind,
    RecordingMoved,
    Refused,
    Said,
    SessionAnswered,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    Step,
    TransferOutcome,
    Transferred,
    Verb,
    Voted,
)
from tests.analytics.day import MIDNIGHT, Scene
from tests.analytics.spool import Timed

MORNING = MIDNIGHT + timedelta(days=1)
"""00:00 of the 25th in Beijing."""


def moment(clock: str) -> datetime:
    """`09:00` or `11:04:10` of the day; `-00:10` of the evening before, `+24:00` of the next."""
    hours, minutes, seconds = (*map(int, clock.lstrip("+-").split(":")), 0)[:3]
    apart = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return MORNING - apart if clock.startswith("-") else MORNING + apart


class HardScene(Scene):
    """As the other day's, with everything that a step can know."""

    def __init__(self, session: str, clock: str, caller: str | None) -> None:
        self.session, self.start, self.facts, self.steps = session, moment(clock), [], 0
        self.at(
            0,
            SessionStarted(
                session=session, channel=session, dialled="12329", caller=caller, catalog="v1"
            ),
        )

    def picked_up(self, door: str) -> HardScene:
        """By a line that only says that it does not take the call."""
        self.at(0.1, SessionAnswered(session=self.session, after_ms=100))
        self.visited(0.2, door)
        return self

    def step(
        self,
        seconds: float,
        place: str,
        verb: Verb,
        prompt: str,
        heard: Heard,
        ms: int,
        *,
        said: Said = "whole",
        key: str | None = None,
        keys: int = 0,
        cut: bool = False,
        opening: str | None = None,
        figures: bool | None = None,
    ) -> HardScene:
        self.steps += 1
        self.at(
            seconds,
            Step(
                session=self.session, n=self.steps, dialogue=place, verb=verb, prompt=prompt,
                heard=heard, key=key, keys=keys or int(key is not None), interrupted=cut, ms=ms,
                said=said, opening=opening, figures=figures,
            ),
        )  # fmt: skip
        return self

    def wished(
        self, seconds: float, outcome: TransferOutcome, wait: int = 0, talk: int = 0
    ) -> HardScene:
        agent = "一号坐席" if talk else None
        self.at(
            seconds,
            Transferred(
                session=self.session, agent=agent, outcome=outcome, ring_ms=wait * 1000,
                talk_ms=talk * 1000,
            ),
        )  # fmt: skip
        return self

    def recorded(self, seconds: float, reference: str, kind: RecordingKind, ms: int) -> HardScene:
        self.at(seconds, _recorded(self.session, reference, kind, ms))
        return self


def hard_day() -> list[Timed]:
    """All facts, in the order of their times."""
    scenes = [
        *_night(), *_inquiries(), *_resumed(), *_agents(), *_turned_away(), *_open_ended(),
        *_feedback(), *_entries(), *_votes(),
    ]  # fmt: skip
    facts = [fact for scene in scenes for fact in scene.facts] + _line()
    return sorted(facts, key=lambda each: each[0])


def _night() -> list[Scene]:
    return [
        HardScene("a", "-00:10", "A")
        .picked_up("main")
        .visited(900, "main")
        .step(960, "main", "menu", "main.menu", "no_input", 8000)
        .step(1200, "main", "menu", "main.menu", "hung_up", 10000)
        .ended(1200, "hung_up", "main"),
        HardScene("b", "02:00", None)
        .answered()
        .step(10, "main", "menu", "main.menu", "match", 4000, said="part", key="0", cut=True)
        .visited(11, "agent")
        .wished(12, "closed")
        .visited(12, "agent.closed")
        .ended(60, "hung_up", "agent.closed"),
    ]


def _inquiries() -> list[Scene]:
    found = {"session": "c", "source": "fund", "person": "p", "outcome": "found"}
    readout = {"opening": "account.readout"}
    return [
        HardScene("c", "09:00", "B")
        .answered()
        .visited(0.2, "welcome")
        .step(
            0.9, "welcome", "say", "main.greeting", "finished", 1000, said="part", key="1", cut=True
        )
        .step(3, "main", "menu", "main.menu", "match", 0, said="none", key="1")
        .visited(4, "account.menu")
        .step(4, "account.menu", "menu", "account.menu", "match", 0, said="none", key="1")
        .visited(4, "account.inquiry")
        .step(5, "account.inquiry", "collect", "identity.ask", "match", 0, said="none", keys=18)
        .at(6, LookedUp(**found, ms=40))
        .step(
            10, "account.inquiry", "menu", "nav.replay_or_back", "back", 4000, said="none", key="*",
            cut=True, figures=False, **readout,
        )
        .visited(11, "account.menu")
        .step(
            13, "account.menu", "menu", "account.menu", "match", 2000, said="part", key="1",
            cut=True,
        )
        .visited(13, "account.inquiry")
        .step(
            30, "account.inquiry", "collect", "identity.ask", "match", 12000, said="part", keys=18,
            cut=True,
        )
        .at(40, LookedUp(**found, ms=60))
        .step(
            90, "account.inquiry", "menu", "nav.replay_or_back", "hung_up", 40000, said="part",
            figures=True, **readout,
        )
        .ended(90, "hung_up", "account.inquiry"),
        HardScene("d", "09:30", "C")
        .answered()
        .step(6, "main", "menu", "main.menu", "match", 6000, key="1")
        .visited(7, "account.inquiry")
        .step(17, "account.inquiry", "collect", "identity.ask", "match", 10000, keys=18)
        .at(20, LookedUp(**{**found, "session": "d"}, ms=50))
        .step(22, "account.inquiry", "say", "line.system_error", "finished", 5000)
        .ended(22, "failed", "account.inquiry"),
    ]  # fmt: skip


def _resumed() -> list[Scene]:
    return [
        HardScene("e", "10:00", "D")
        .answered()
        .at(60, SessionResumed(session="e", dialogue="main"))
        .visited(61, "main")
        .at(1800, SessionEnded(session="e", disposition="service_lost", dialogue="main")),
        HardScene("f", "10:05", "D")
        .answered()
        .at(60, SessionResumed(session="f", dialogue="main"))
        .visited(61, "main")
        .at(
            120, SessionEnded(session="f", disposition="hung_up", dialogue="main", ms=55000)
        ),
    ]  # fmt: skip


def _agents() -> list[Scene]:
    return [
        HardScene("g", "10:10", "E")
        .answered()
        .visited(5, "agent")
        .wished(40, "no_answer", 30)
        .visited(41, "main")
        .visited(50, "agent")
        .wished(160, "answered", 5, 100)
        .visited(161, "main")
        .ended(200, "hung_up", "main"),
        HardScene("h", "10:13", None)
        .answered()
        .visited(5, "agent")
        .wished(15, "none_there")
        .visited(16, "main")
        .ended(60, "hung_up", "main"),
        HardScene("i", "10:40", "F")
        .answered()
        .visited(5, "agent")
        .wished(40, "abandoned", 12)
        .ended(40, "hung_up", "agent"),
    ]


def _turned_away() -> list[Scene]:
    return [
        HardScene("k", "11:00", "H").picked_up("not_open").ended(15, "closed", "not_open"),
        HardScene("l", "11:01", "I")
        .picked_up("limits.line_full")
        .at(1, Refused(session="l", reason="line_full"))
        .ended(10, "refused", "limits.line_full"),
    ]


def _open_ended() -> list[Scene]:
    return [
        HardScene("q", "12:00", "J")
        .answered()
        .step(20, "main", "menu", "main.menu", "no_match", 9000, key="9")
    ]


def _feedback() -> list[Scene]:
    return [
        HardScene("r", "13:00", "K")
        .answered()
        .visited(25, "feedback.recording")
        .recorded(60, "R1", "complaint", 30000)
        .visited(119, "leave")
        .ended(120, "completed", "leave"),
        HardScene("s", "13:30", "L")
        .answered()
        .visited(25, "feedback.recording")
        .recorded(50, "R2", "suggestion", 20000)
        .at(58, Voted(session="s", person="s", choice=0))
        .ended(60, "hung_up", "feedback.recording"),
    ]


def _entries() -> list[Scene]:
    loan = ("loan.inquiry", "collect")
    return [
        HardScene("t", "14:00", "M")
        .answered()
        .visited(10, "loan.inquiry")
        .step(13, *loan, "identity.ask", "back", 3000, keys=1)
        .step(30, *loan, "identity.ask", "match", 11000, keys=15)
        .step(40, *loan, "password.ask", "invalid", 9000, keys=2)
        .at(41, Refused(session="t", reason="password_wrong"))
        .step(60, *loan, "password.ask", "match", 8000, keys=6)
        .at(61, LookedUp(session="t", source="loan", person="t", outcome="not_found", ms=10))
        .ended(100, "hung_up", "loan.inquiry"),
        HardScene("u", "14:30", "N")
        .answered()
        .visited(10, "account.inquiry")
        .step(16, "account.inquiry", "collect", "identity.ask", "agent", 5000, keys=1)
        .visited(17, "agent")
        .wished(20, "busy", 2)
        .visited(21, "main")
        .ended(30, "vanished", "main"),
        HardScene("v", "15:00", "O")
        .answered()
        .visited(15, "information.4.1.2")
        .at(20, Informed(session="v", leaf="4.1.2", complete=False, ms=5000))
        .step(
            20, "information.4.1.2", "say", "information.4.1.2", "hung_up", 5000, said="part"
        )
        .ended(20, "hung_up", "information.4.1.2"),
    ]  # fmt: skip


def _votes() -> list[Scene]:
    return [
        HardScene("w", "16:00", "P")
        .answered()
        .visited(5, "survey")
        .at(30, Voted(session="w", person="p", choice=5))
        .visited(59, "leave")
        .ended(60, "completed", "leave"),
        HardScene("x", "23:59", "P")
        .answered()
        .visited(5, "survey")
        .at(50, Voted(session="x", person="p", choice=1))
        .visited(120, "main")
        .visited(239, "leave")
        .ended(240, "completed", "leave"),
    ]


def _line() -> list[Timed]:
    """What no session knows of: calls unseen, the link, and the desk of complaints."""

    def carried(clock: str, channel: str, seconds: int, *, away: bool) -> Timed:
        came = moment(clock)
        return came + timedelta(seconds=seconds), Carried(
            channel=channel, ms=seconds * 1000, away=away
        )

    def refused(clock: str, reason: str, channel: str) -> Timed:
        fact: Fact = Refused(session=None, reason=reason, channel=channel)  # type: ignore[arg-type]
        return moment(clock), fact

    def handled(clock: str, reference: str) -> Timed:
        return moment(clock), RecordingMoved(reference=reference, state="handled")

    return [
        carried("09:00", "c", 90, away=False),  # a service saw this one
        refused("09:00", "not_taken", "c"),  # a service that knew nothing of it sent it away
        refused("11:02", "line_overrun", "x1"),
        carried("11:02", "x1", 1, away=False),
        refused("11:03", "draining", "x2"),
        carried("11:03", "x2", 20, away=True),
        carried("11:04", "x3", 30, away=True),
        carried("11:04:10", "x4", 3, away=False),
        (moment("10:00:30"), LinkLost(reason="closed")),
        (moment("10:01"), LinkRestored(adopted=1, ms=30000)),
        (moment("-111:00"), _recorded("z", "R0", "complaint", 1000)),
        handled("-14:00", "R0"),
        handled("+58:00", "R0"),
        handled("14:00", "R1"),
        handled("+34:00", "R1"),
    ]


def _recorded(session: str, reference: str, kind: RecordingKind, ms: int) -> Recorded:
    return Recorded(
        session=session, kind=kind, person=None, path="x.wav", ms=ms, bytes=1, sha256="0",
        reference=reference,
    )  # fmt: skip
