"""Every question on the hand-made day gives the answer that was worked out by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from analytics.answering.asking import SCHEMA, CannotAnswer, answer, opened
from analytics.answering.comparing import usual_days
from analytics.answering.course import course
from analytics.answering.questioning import Days, Question, Terms, question_called, questions
from analytics.answering.words import Vocabulary
from analytics.loading.loader import Loader
from analytics.loading.store import FactsFolder
from ivr.dialogues import all_places
from ivr.hours import AgentHours
from ivr.records.facts import (
    AgentMoved,
    CallbackOver,
    CallbackWished,
    CallNoted,
    CaseMoved,
    DeskActed,
    Dialled,
    DialogueEntered,
    Recorded,
    RecordingMoved,
    SessionAnswered,
    SessionEnded,
    SessionStarted,
    TalkRecorded,
    Transferred,
    Voted,
)
from ivr.speech.prompts import PromptSet
from tests.analytics.day import twenty_calls
from tests.analytics.spool import Timed, lines, spool_file

DAY = date(2026, 11, 24)
TERMS = Terms(datetime(2026, 11, 26, tzinfo=UTC))
"""The day is over."""


def clock(text: str) -> datetime:
    """A time of the day in Beijing, as DuckDB gives it."""
    return datetime.combine(DAY, time.fromisoformat(text))


def by_hour(rows: dict[int, tuple[object, ...]], none: tuple[object, ...]) -> list[tuple]:
    """A row for each hour of the day; `none` for those that have no calls."""
    return [(hour, *rows.get(hour, none)) for hour in range(24)]


CALLS = {9: 7, 10: 3, 11: 2, 14: 5, 15: 3, 16: 1}

BY_HAND: dict[str, list[tuple[object, ...]]] = {
    # 19 of 21 answered: one was lost before, one overran the line.
    # The line itself served 6 balances, 2 loans, 2 voters, 1 complaint: 11.
    # Seconds: 7 x 60 + 2 x 100 + 20 + 20 + 40 + 200 + 200 + 60 + 60 + 60 + 60 + 90 = 1430, of 19
    # calls: how long the lost one was nobody knows.
    "summary": [(21, 19, 11, 57.9, 4, 1, 0, 0, 1, 75.3, 2, 2.5)],
    "calls_by_hour": by_hour(
        {
            9: (7, 7, 60.0), 10: (3, 3, 73.3), 11: (2, 2, 30.0), 14: (5, 4, 130.0),
            15: (3, 3, 70.0), 16: (1, 0, None),
        },
        (0, 0, None),
    ),
    "calls_by_day": [(DAY, 21, 19, 75.3)],
    "calls_by_month": [("2026-11", 21, 19, 75.3)],
    "calls_by_weekday": [
        (day, 1, 21, 19, 21.0, 19.0, 75.3) if day == 2 else (day, 0, 0, 0, None, None, None)
        for day in range(1, 8)
    ],
    "calls_by_weekday_and_hour": [
        (2, hour, 1, CALLS.get(hour, 0), float(CALLS.get(hour, 0)))
        if day == 2
        else (day, hour, 0, 0, None)
        for day in range(1, 8)
        for hour in range(24)
    ],
    "concurrent_calls": [(DAY, 2)],
    # 14 h: 520 s in 3600 s = 0.144 erlang. B(1) = 0.126, B(2) = 0.0090: two lines.
    "traffic": [(DAY, 0.144, 2)],
    # Visited; calls; chosen, silent, wrong, back, agent; hung up there; mean seconds of a step.
    "menu_funnel": [
        ("main", 21, 19, 15, 1, 2, 0, 4, 4, 5.0),
        ("account.inquiry", 7, 7, 7, 0, 1, 0, 0, 7, 19.7),
        ("agent", 4, 4, 0, 0, 0, 0, 0, 2, None),
        ("feedback", 3, 3, 0, 0, 0, 0, 0, 0, None),
        ("loan.inquiry", 2, 2, 0, 0, 0, 2, 0, 0, 30.0),
        ("information", 1, 1, 0, 0, 0, 0, 0, 1, None),
    ],
    "call_funnel": [
        ("来电", 21, 100.0),
        ("接通", 19, 90.5),
        ("提出请求", 16, 76.2),  # 9 look-ups, 4 wishes for an agent, 2 votes, 1 complaint
        ("办成", 11, 52.4),
        ("自助办成", 11, 52.4),
    ],
    "keys_pressed": [
        ("main.menu", "0", 4, 23.5),
        ("main.menu", "1", 7, 41.2),
        ("main.menu", "2", 2, 11.8),
        ("main.menu", "7", 2, 11.8),
        ("main.menu", "8", 1, 5.9),
        ("main.menu", "9", 1, 5.9),
        ("nav.replay_or_back", "*", 2, 100.0),
    ],
    "where_callers_give_up": [
        ("main", 2, 1, 1, 30.0),
        ("account.inquiry", 1, 1, 0, 60.0),
        ("information", 1, 1, 0, 20.0),
    ],
    "self_service": [(DAY, 19, 11, 57.9)],
    "lookups": [
        ("fund", "found", 6, 85.7, 4, 90, 90),
        ("fund", "not_found", 1, 14.3, 5, 5, 5),
        ("loan", "found", 2, 100.0, 7, 7, 7),
    ],
    # A to R are 18 callers; A called twice.
    "repeat_callers": [(DAY, 18, 1, 5.6, 2, 1)],
    "transfers": [
        ("answered", 2, 50.0, 14.0),
        ("abandoned", 1, 25.0, 25.0),
        ("busy", 1, 25.0, 1.0),
    ],
    "service_level": [(DAY, 4, 2, 15.0, 25.0, 20.0, 50.0, 0)],
    "waiting": [(DAY, 4, 1, 25.0, 10.0, 25.0)],
    "queue": [(DAY, 4, 2, 1, 0, 0, 1, 15.0, 25.0, 20.0, 50.0, 25.0, 90.0, None)],
    "contentment": [],
    "call_subjects": [],
    "agents": [("一号坐席", 2, 3.0, 90.0, 0.0, 90.0)],
    # Four asked, 90 s each: 0.1 erlang, by one agent 0.1 wait; 1 - 0.1 exp(-0.9 15/90).
    "agents_needed": [(DAY, 14, 4, 0.1, 90.0, 0.0, 1, 91.4)],
    "agents_tomorrow": [],  # the day after is like other days than this one
    "agent_states": [],
    "survey": [
        (1, "非常满意", 0, 0.0),
        (2, "满意", 1, 50.0),
        (3, "一般", 1, 50.0),
        (4, "不满意", 0, 0.0),
        (5, "非常不满意", 0, 0.0),
        (0, "不表态", 0, 0.0),
    ],
    "votes": [
        (clock("15:00:40"), 3, "一般", "o", "17"),
        (clock("15:10:20"), 2, "满意", "p", "18"),
    ],
    "survey_by_hour": by_hour({15: (2, 2.5, 0)}, (0, None, 0)),
    "survey_trend": [(DAY, 2, 2.5, 50.0, 0)],
    "recordings": [("complaint", "new", 1, clock("15:21:20"), None)],
    "case_funnel": [
        ("按 6", 3, 100.0), ("登记", 0, 0.0), ("受理", 0, 0.0), ("答复", 0, 0.0), ("办结", 0, 0.0),
    ],
    "cases_open": [],
    "cases_due": [],
    "cases_in_time": [],
    "cases_by_handler": [],
    "cases_contentment": [],
    "calls_made": [],
    "callbacks": [(DAY, 0, 0, 0, 0, 0, None, None)],
    "complaints_open": [
        ("20261124001", "complaint", clock("15:21:20"), 45.0, 0),
    ],
    "prompts": [
        ("main.menu", 18, 11, 7, 38.9, 0, 0),
        ("identity.ask", 8, 8, 0, 0.0, 0, 0),
        ("nav.replay_or_back", 8, 0, 2, 25.0, 6, 0),
        ("account.readout", 6, 6, 0, 0.0, 0, 0),
        ("loan.readout", 2, 2, 0, 0.0, 0, 0),
    ],
    "wrong_keys": [
        ("main.menu", 18, 2, 1, 0, 16.7),
        ("identity.ask", 8, 1, 0, 0, 12.5),
        ("nav.replay_or_back", 8, 0, 0, 6, 0.0),
    ],
    # (6 x 18 + 15) / 7 keys.
    "id_entry": [
        ("id_number", "match", 7, 87.5, 17.6, 12.0),
        ("id_number", "invalid", 1, 12.5, 18.0, 12.0),
    ],
    "session_length": [
        ("hung_up", 13, 60.0, 200.0, 200.0),
        ("completed", 5, 90.0, 100.0, 100.0),
        ("asterisk_lost", 1, None, None, None),
        ("gave_up", 1, 40.0, 40.0, 40.0),
        ("line_overrun", 1, None, None, None),
    ],
    "information": [("3.1", 1, 0, 12.0), ("4.1.2", 1, 1, 30.0)],
    "refusals": [(DAY, "line_overrun", 1), (DAY, "lookups_of_caller", 2)],
    # No Tuesday before it had a call, with which it could be compared.
    "anomalies": [
        ("calls", 21, None, None, None, False),
        ("answered", 19, None, None, None, False),
        ("self_service_percent", 57.9, None, None, None, False),
        ("asked_for_agent", 4, None, None, None, False),
        ("left_without_answer", 4, None, None, None, False),
        ("turned_away", 1, None, None, None, False),
        ("vanished", 0, None, None, None, False),
        ("lost", 1, None, None, None, False),
        ("mean_seconds", 75.3, None, None, None, False),
    ],
    "link_losses": [(DAY, "n1", 1, 0, 3000)],
}  # fmt: skip


OPEN, CLOSED = (datetime(2026, 11, 24 + n, tzinfo=UTC) for n in (0, 3))


@pytest.fixture(scope="module", params=[OPEN, CLOSED], ids=["open day", "closed day"])
def published(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The day in the database, and the same day as Parquet."""
    folder = FactsFolder(tmp_path_factory.mktemp("day"))
    spool_file(folder.home).write_bytes(lines(twenty_calls()))
    loader = Loader(folder)
    loader.load()
    loader.tidy(request.param)
    loader.publish()
    loader.close()
    return folder.published


@pytest.mark.parametrize("name", sorted(questions()))
def test_the_answer_is_the_one_worked_out_by_hand(published: Path, name: str) -> None:
    with opened(published) as facts:
        answer = question_called(name).answer(facts, Days(DAY, DAY), TERMS)
    assert list(answer.rows) == BY_HAND[name]


@pytest.mark.parametrize("question", questions().values(), ids=lambda each: each.name)
def test_a_question_has_a_title_in_both_languages(question: Question) -> None:
    assert re.fullmatch(r"[一-鿿]+ · \S.*", question.title)


def test_days_without_calls_answer_too(published: Path) -> None:
    quiet = Days(date(2026, 1, 1), date(2026, 1, 2))
    with opened(published) as facts:
        for question in questions().values():
            question.answer(facts, quiet, TERMS)


def test_the_limits_of_service_are_settings(published: Path) -> None:
    with opened(published) as facts:
        answer = question_called("service_level").answer(
            facts, Days(DAY, DAY), replace(TERMS, within=(5.0, 10.0))
        )
    assert list(answer.rows) == [(DAY, 4, 2, 5.0, 0.0, 10.0, 25.0, 0)]


# --- what one day cannot show -----------------------------------------------------------------


def asked(
    home: Path, name: str, facts: list[Timed], days: Days, terms: Terms = TERMS
) -> list[tuple[object, ...]]:
    """A question on other facts than the day's."""
    folder = FactsFolder(home)
    spool_file(home).write_bytes(lines(facts))
    loader = Loader(folder)
    loader.load()
    loader.publish()
    loader.close()
    with opened(folder.published) as snapshot:
        return list(question_called(name).answer(snapshot, days, terms).rows)


def at_noon(session: str, day: date) -> list[Timed]:
    noon = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)
    begun = SessionStarted(
        session=session, channel=session, dialled="12329", caller=None, catalog="v1"
    )
    ended = SessionEnded(session=session, disposition="hung_up", dialogue="main", ms=60000)
    return [
        (noon, begun),
        (noon, SessionAnswered(session=session, after_ms=0)),
        (noon + timedelta(minutes=1), ended),
    ]


def test_a_day_unlike_the_four_before_it_is_unusual(tmp_path: Path) -> None:
    calls = {0: 20, 1: 10, 2: 12, 3: 11, 4: 13, 5: 99}  # by weeks before; the fifth is not asked
    facts = [
        fact
        for weeks, count in calls.items()
        for n in range(count)
        for fact in at_noon(f"{weeks}-{n}", DAY - timedelta(weeks=weeks))
    ]
    rows = asked(tmp_path, "anomalies", facts, Days(DAY, DAY))
    assert [row for row in rows if row[0] in {"calls", "lost", "mean_seconds"}] == [
        ("calls", 20.0, 11.5, 10.0, 13.0, True),
        ("lost", 0.0, 0.0, 0.0, 0.0, False),
        ("mean_seconds", 60.0, 60.0, 60.0, 60.0, False),
    ]


def test_a_complaint_is_open_until_it_is_handled_however_old_it_is(tmp_path: Path) -> None:
    noon = datetime(2026, 11, 24, 4, tzinfo=UTC)
    facts: list[Timed] = [
        (
            noon - timedelta(days=age),
            Recorded(
                session=name, kind="complaint", person="p", path="x", ms=1000, bytes=1, sha256="0",
                reference=name,
            ),
        )
        for name, age in (("old", 90), ("handled", 80), ("handled later", 70))
    ]  # fmt: skip
    facts += [
        (noon, RecordingMoved(reference="handled", state="handled")),
        (noon + timedelta(days=1), RecordingMoved(reference="handled later", state="handled")),
    ]
    rows = asked(tmp_path, "complaints_open", facts, Days(DAY, DAY))
    assert [(row[0], row[4]) for row in rows] == [("old", 90), ("handled later", 70)]


def moved(minute: int, reference: str, n: int, move: str, state: str, **more: object) -> Timed:
    noon = datetime(2026, 11, 24, 4, tzinfo=UTC)
    values: dict = {"kind": "complaint", "handler": None, **more}
    fact = CaseMoved(reference=reference, n=n, move=move, state=state, **values)
    return (noon + timedelta(minutes=minute), fact)


CASES = [
    # a: closed and the caller is discontent; what the records were told twice counts once.
    *(2 * [moved(0, "a", 1, "open", "pending")]),
    moved(1, "a", 2, "accept", "accepted", in_time=True),
    moved(2, "a", 3, "take", "working", handler="李强"),
    *(2 * [moved(3, "a", 4, "answer", "answered", handler="李强", in_time=False)]),
    moved(4, "a", 5, "close", "closed", handler="李强", in_time=True),
    moved(5, "a", 6, "follow_up", "followed_up", handler="李强", in_time=True, content=False),
    moved(6, "a", 7, "redo", "assigned", handler="李强"),
    # b: spoken anew at once, so it is c.
    moved(0, "b", 1, "open", "pending"),
    moved(1, "b", 2, "merge", "merged"),
    moved(1, "c", 1, "open", "pending"),
    # d: of three weeks before, answered in time today by another.
    moved(-21 * 24 * 60, "d", 1, "open", "pending"),
    moved(7, "d", 2, "answer", "answered", handler="周红", in_time=True),
]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        (
            "cases_open",
            [
                ("answered", 1, 0, 0, 1, 21),
                ("assigned", 1, 1, 0, 0, 0),
                ("pending", 1, 1, 0, 0, 0),
            ],
        ),
        (
            "cases_in_time",
            [
                ("complaint", "answer", 2, 1, 50.0),
                ("complaint", "accept", 1, 1, 100.0),
                ("complaint", "close", 1, 1, 100.0),
                ("complaint", "follow_up", 1, 1, 100.0),
            ],
        ),
        (
            "cases_by_handler",
            [("周红", 1, 100.0, 0, 0, 0, 0), ("李强", 1, 0.0, 0, 1, 0, 1)],
        ),
        ("cases_contentment", [("complaint", 1, 0, 0.0, 1)]),
        (
            "case_funnel",
            [
                ("按 6", 2, 100.0), ("登记", 2, 100.0), ("受理", 1, 50.0), ("答复", 1, 50.0),
                ("办结", 1, 50.0),
            ],
        ),
    ],
)  # fmt: skip
def test_cases(tmp_path: Path, name: str, rows: list[tuple]) -> None:
    noon = datetime(2026, 11, 24, 4, tzinfo=UTC)
    visits = [
        (noon, DialogueEntered(session=session, dialogue=place))
        for session, place in (
            ("s1", "feedback.menu"), ("s1", "feedback.complaint"), ("s2", "feedback.menu"),
            ("s3", "main"),
        )
    ]  # fmt: skip
    assert asked(tmp_path, name, [*CASES, *visits], Days(DAY, DAY)) == rows


@pytest.mark.parametrize("kind", ["message", "vote", "contact"])
def test_what_did_not_come_by_key_6_is_not_in_its_funnel(tmp_path: Path, kind: str) -> None:
    noon = datetime(2026, 11, 24, 4, tzinfo=UTC)
    visits = [
        (noon, DialogueEntered(session=session, dialogue="feedback.menu"))
        for session in ("s1", "s2", "s3", "s4")
    ]
    ways = ("open", "pending"), ("accept", "accepted"), ("answer", "answered"), ("close", "closed")
    other = [moved(n, "o", n + 1, *way, kind=kind) for n, way in enumerate(ways)]
    spoken = [
        moved(0, "p", 1, "open", "pending", kind="complaint"),
        moved(0, "q", 1, "open", "pending", kind="suggestion"),
        moved(1, "q", 2, "accept", "accepted", kind="suggestion"),
    ]
    # Four calls came to key 6; two left something, of which one is accepted and none answered.
    assert asked(tmp_path, "case_funnel", [*visits, *other, *spoken], Days(DAY, DAY)) == [
        ("按 6", 4, 100.0), ("登记", 2, 50.0), ("受理", 1, 25.0), ("答复", 0, 0.0),
        ("办结", 0, 0.0),
    ]  # fmt: skip


def test_calls_made_are_counted_by_what_they_came_to(tmp_path: Path) -> None:
    noon = datetime(2026, 11, 24, 4, tzinfo=UTC)
    made = {"reference": "01000017", "agent": None}
    facts = [
        Dialled(attempt="1", purpose="case", outcome="answered", talk_ms=61_000, **made),
        Dialled(attempt="2", purpose="case", outcome="answered", talk_ms=29_000, **made),
        Dialled(attempt="3", purpose="case", outcome="busy", **made),
        Dialled(attempt=None, purpose="wish", outcome=None, refused="hours", **made),
    ]
    rows = asked(tmp_path, "calls_made", [(noon, fact) for fact in facts], Days(DAY, DAY))
    assert rows == [
        ("case", "answered", None, 2, 45),
        ("case", "busy", None, 1, None),
        ("wish", None, "hours", 1, None),
    ]


def test_wishes_to_be_called_back_and_what_became_of_each(tmp_path: Path) -> None:
    noon = datetime(2026, 11, 24, 4, tzinfo=UTC)

    def over(person: str, ending: str, tries: int, minutes: int, day: int = 0) -> Timed:
        fact = CallbackOver(
            session=f"s {person}", person=person, ending=ending, tries=tries, outcome=None,
            ms=minutes * 60_000,
        )  # fmt: skip
        return (noon + timedelta(days=day, minutes=minutes), fact)

    facts = [
        *((noon, CallbackWished(session=f"s {p}", person=p)) for p in "abcde"),
        over("a", "reached", 0, 10),
        over("b", "reached", 2, 60, day=1),
        over("c", "given_up", 3, 90),
        over("d", "withdrawn", 1, 5),
        (noon - timedelta(days=1), CallbackWished(session="s", person="a")),
    ]
    assert asked(tmp_path, "callbacks", facts, Days(DAY, DAY)) == [
        (DAY, 5, 2, 1, 1, 1, 2.0, 35.0),
    ]


def half_hour(day: date, *, answered: int, talk: int, gave_up: int, after: int) -> list[Timed]:
    """Who asked between 10:00 and 10:30 of that day; seconds of talk, and of waiting in vain."""
    ten = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
    every = timedelta(seconds=1800) / (answered + gave_up)
    facts: list[Timed] = []
    for n in range(answered + gave_up):
        left = n < gave_up
        fact = Transferred(
            session=f"{day} {n}",
            agent=None if left else "a",
            outcome="abandoned" if left else "answered",
            ring_ms=after * 1000 if left else 0,
            talk_ms=0 if left else talk * 1000,
        )
        facts.append((ten + n * every + timedelta(seconds=after if left else talk), fact))
    return facts


@pytest.mark.parametrize(
    ("hour", "within", "agents", "in_time", "gave_up"),
    [
        # O. Garnett, A. Mandelbaum, M. Reiman, Designing a call center with impatient customers
        # (2002), table 1: 50 agents, 48 calls a minute, 1 minute of service, 2 of patience: 3.1 %
        # abandon. In ten seconds 49 agents answer 78 %, 50 answer 83 %.
        ({"answered": 1392, "talk": 60, "gave_up": 48, "after": 120}, 10.0, 50, 83.3, 3.1),
        # By hand: with patience as long as talk, and a caller each 15 s, whoever is there is
        # Poisson(1). Two agents: E[(N - 2)+] = 1 - (1 - 1/e) - (1 - 2/e) = 3/e - 1 = 10.4 %.
        ({"answered": 108, "talk": 15, "gave_up": 12, "after": 15}, 15.0, 2, 88.4, 10.4),
    ],
    ids=["published", "by hand"],
)
def test_agents_of_tomorrow_by_erlang_a(
    tmp_path: Path,
    hour: dict[str, int],
    within: float,
    agents: int,
    in_time: float,
    gave_up: float,
) -> None:
    """Two Wednesdays before the one that follows the day that is asked for; no other weekday."""
    days = [date(2026, 11, 18), date(2026, 11, 11)]
    facts = [fact for day in days for fact in half_hour(day, **hour)]
    facts += half_hour(date(2026, 11, 17), answered=7, talk=999, gave_up=0, after=0)
    terms = replace(TERMS, within=(within, 60.0))
    ((at, offered, talk, work, patience, *rest),) = asked(
        tmp_path, "agents_tomorrow", facts, Days(DAY, DAY), terms
    )
    assert at == time(10)
    assert (offered, talk, work) == (hour["answered"] + hour["gave_up"], hour["talk"], 0)
    assert patience == hour["after"], "all who waited gave up after so long"
    assert rest == [agents, in_time, gave_up]


def test_nobody_gave_up_they_have_patience_for_an_hour(tmp_path: Path) -> None:
    facts = half_hour(date(2026, 11, 18), answered=100, talk=180, gave_up=0, after=0)
    ((_, offered, _, _, patience, agents, _, _),) = asked(
        tmp_path, "agents_tomorrow", facts, Days(DAY, DAY)
    )
    # Erlang C of 10 erlang, as in the test above: 14 agents. Patience of an hour takes nearly none.
    assert (offered, patience, agents) == (100, 3600, 14)


def worked(day: date, *, talk: int, work: int, calls: int) -> list[Timed]:
    """Agents' states around so many calls of that morning, each followed by after-call work."""
    at = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
    moves = (("talking", talk, "wrap_up"), ("wrap_up", work, "free"))
    return [
        (
            at + timedelta(seconds=n),
            AgentMoved(agent="a", extension="6001", was=was, ms=seconds * 1000, state=state),
        )
        for n in range(calls)
        for was, seconds, state in moves
    ]


def test_after_call_work_takes_agents_as_talk_does(tmp_path: Path) -> None:
    """120 s of talk and 60 s of work are the 180 s of the tests above: 14 agents."""
    day = date(2026, 11, 18)
    facts = half_hour(day, answered=100, talk=120, gave_up=0, after=0)
    facts += worked(day, talk=120, work=60, calls=100)
    ((_, _, talk, work, _, agents, _, _),) = asked(
        tmp_path, "agents_tomorrow", facts, Days(DAY, DAY)
    )
    assert (talk, work, agents) == (120, 60, 14)
    ((_, _, _, erlangs, talk, work, agents, _),) = asked(
        tmp_path, "agents_needed", facts, Days(day, day)
    )
    # Erlang C of 5 erlang: 7 agents let 0.324 wait, 8 let 0.167; 1 - 0.167 exp(-3 15/180) = 0.870.
    assert (erlangs, talk, work, agents) == (5.0, 120, 60, 8)
    assert asked(tmp_path, "agents", facts, Days(day, day)) == [
        ("a", 100, 200.0, 120.0, 60.0, 180.0)
    ]
    ((*_, work),) = asked(tmp_path, "queue", facts, Days(day, day))
    assert work == 60.0


def test_calls_are_counted_by_subject_key_and_agent_once_each(tmp_path: Path) -> None:
    """Told again after a kill: the conversation is the same."""
    noon = datetime(2026, 11, 24, 4, tzinfo=UTC)

    def noted(n: int, subject: str, key: str | None, agent: str) -> Timed:
        return noon + timedelta(minutes=n), CallNoted(
            session=f"s{n}", talk=f"talk {n}", agent=agent, extension="6001", subject=subject,
            key=key, ms=1000,
        )  # fmt: skip

    facts = [
        noted(1, "提取", "account", "甲"),
        noted(1, "提取", "account", "甲"),
        noted(2, "提取", "account", "甲"),
        noted(3, "提取", "loan", "甲"),
        noted(4, "其他", None, "乙"),
    ]
    assert asked(tmp_path, "call_subjects", facts, Days(DAY, DAY)) == [
        ("提取", "account", "甲", 2, 50.0),
        ("其他", None, "乙", 1, 25.0),
        ("提取", "loan", "甲", 1, 25.0),
    ]


def test_what_was_noted_about_a_call_and_that_it_was_recorded_stands_in_its_course(
    tmp_path: Path,
) -> None:
    later = datetime(2026, 11, 24, 4, 2, tzinfo=UTC)
    facts = [
        *at_noon("s1", DAY),
        (later, TalkRecorded(session="s1", agents="甲", outcome="no_room")),
        (
            later,
            CallNoted(
                session="s1", talk="t", agent="甲", extension="6001", subject="提取",
                key="account", ms=1000,
            ),
        ),
    ]  # fmt: skip
    asked(tmp_path, "call_subjects", facts, Days(DAY, DAY))
    with opened(FactsFolder(tmp_path).published) as snapshot:
        told = [(event.what, event.told) for event in course(snapshot, "s1", Vocabulary()).events]
    assert ("小结主题", "提取，甲") in told
    assert [words for what, words in told if what == "通话录音"] != []


def test_who_listened_to_an_agent_is_no_row(tmp_path: Path) -> None:
    """Spools of before it stood in the audit trail alone tell it still."""
    noon = datetime(2026, 11, 24, 4, tzinfo=UTC)
    deeds = ("hold", "listen", "whisper", "hush", "take_over", "leave")
    facts: list[Timed] = [(noon, DeskActed(session="s", agent="班长", deed=deed)) for deed in deeds]
    assert asked(tmp_path, "call_subjects", facts, Days(DAY, DAY)) == []
    with opened(FactsFolder(tmp_path).published) as snapshot:
        assert answer(snapshot, "SELECT deed FROM desk_act").rows == (("hold",),)


def test_what_is_nearly_over_and_what_is_late_on_any_day(tmp_path: Path) -> None:
    def termed(reference: str, n: int, state: str, *term: str | None, kind: str = "complaint"):
        warns, due = term or (None, None)
        return moved(n, reference, n, "note", state, kind=kind, warns=warns, due=due)

    facts = [
        termed("early", 1, "assigned", "2026-11-25", "2026-11-26"),
        termed("soon", 1, "assigned", "2026-11-24", "2026-11-25"),
        termed("last day", 1, "working", "2026-11-23", "2026-11-24"),
        termed("late", 1, "pending", "2026-11-20", "2026-11-23"),
        termed("not called back", 1, "closed", "2026-11-20", "2026-11-23", kind="suggestion"),
        termed("was late", 1, "pending", "2026-11-20", "2026-11-23"),
        termed("was late", 2, "suspended"),
        termed("done", 1, "closed", "2026-11-20", "2026-11-23"),
        termed("done", 2, "followed_up"),
    ]
    assert asked(tmp_path, "cases_due", facts, Days(DAY, DAY)) == [
        ("complaint", 5, 2, 1),
        ("suggestion", 1, 0, 1),
    ]
    after = DAY + timedelta(days=1)
    assert asked(tmp_path, "cases_due", facts, Days(after, after))[0] == ("complaint", 5, 2, 2)


def test_an_abstention_is_counted_and_is_in_no_mean(tmp_path: Path) -> None:
    """Anna 1, Bert 2, Carl 5 and then 不表态 (the last counts), Dora 不表态."""
    noon = datetime(2026, 11, 24, 4, tzinfo=UTC)
    given = [("anna", 1), ("bert", 2), ("carl", 5), ("carl", 0), ("dora", 0)]
    facts: list[Timed] = [
        (noon + timedelta(minutes=n), Voted(session=f"{n}", person=person, choice=choice))
        for n, (person, choice) in enumerate(given)
    ]
    days = Days(DAY, DAY)
    assert asked(tmp_path, "survey", facts, days) == [
        (1, "非常满意", 1, 25.0),
        (2, "满意", 1, 25.0),
        (3, "一般", 0, 0.0),
        (4, "不满意", 0, 0.0),
        (5, "非常不满意", 0, 0.0),
        (0, "不表态", 2, 50.0),
    ]
    hours = asked(tmp_path, "survey_by_hour", facts, days)
    assert [row for row in hours if row[1]] == [(12, 2, 1.5, 2)]
    assert asked(tmp_path, "survey_trend", facts, days) == [(DAY, 2, 1.5, 100.0, 2)]
    assert asked(tmp_path, "summary", facts, days)[0][-2:] == (2, 1.5)
    assert [row[2] for row in asked(tmp_path, "votes", facts, days)] == [
        "非常满意", "满意", "不表态", "不表态",
    ]  # fmt: skip


def test_calls_go_on_at_midnight(tmp_path: Path) -> None:
    """Three calls of the evening go on, one of them to the morning after next."""
    evening = datetime(2026, 11, 24, 15, 50, tzinfo=UTC)  # 23:50 in Beijing
    facts: list[Timed] = []
    for session, minutes in (("a", 20), ("b", 20), ("c", 26 * 60)):
        began, _, (_, ended) = at_noon(session, DAY)
        facts += [(evening, began[1]), (evening + timedelta(minutes=minutes), ended)]
    days = Days(DAY, DAY + timedelta(days=2))
    assert asked(tmp_path, "concurrent_calls", facts, days) == [
        (DAY, 3),
        (DAY + timedelta(days=1), 3),
        (DAY + timedelta(days=2), 1),
    ]


def test_an_unknown_question_names_those_that_exist() -> None:
    with pytest.raises(CannotAnswer, match=r"no question 'weather'.*calls_by_day"):
        question_called("weather")


@pytest.mark.parametrize("typed", ["概况", "summary", " Summary ", "SUMMARY"])
def test_a_question_is_understood_by_its_chinese_title_too(typed: str) -> None:
    assert question_called(typed).name == "summary"


@pytest.mark.parametrize("typed", ["calls-by-day", "calls by day", "每日来电"])
def test_a_question_is_understood_with_other_strokes_between_its_words(typed: str) -> None:
    assert question_called(typed).name == "calls_by_day"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("calls_by_dya", "calls_by_day（每日来电）"),
        ("call by hour", "calls_by_hour（每小时来电）"),
        ("满意", "survey（满意度）"),
        ("每天来电", "calls_by_day（每日来电）"),
        ("sumary", "summary（概况）"),
    ],
)
def test_a_near_miss_names_what_was_probably_meant(typed: str, meant: str) -> None:
    with pytest.raises(CannotAnswer) as told:
        question_called(typed)
    assert meant in str(told.value)


def test_days_default_to_the_last_thirty_and_must_not_run_backwards() -> None:
    assert Days.asked_for(None, None, DAY) == Days(date(2026, 10, 26), DAY)
    assert Days.asked_for(DAY, None, DAY) == Days(DAY, DAY)
    with pytest.raises(CannotAnswer, match="is after"):
        Days.asked_for(DAY, date(2026, 11, 1), DAY)


# --- comparing, and what must not be hidden ---------------------------------------------------


def calls_on(counts: dict[date, int], *, hours: int = 0) -> list[Timed]:
    """So many calls of a minute on each day, at noon or some hours later."""
    return [
        (at + timedelta(hours=hours), fact)
        for day, count in counts.items()
        for n in range(count)
        for at, fact in at_noon(f"{day}-{n}-{hours}", day)
    ]


def figure(home: Path, name: str, facts: list[Timed], day: date, terms: Terms) -> tuple:
    rows = asked(home, "anomalies", facts, Days(day, day), terms)
    return next(row for row in rows if row[0] == name)


def test_one_outage_among_the_usual_days_spoils_nothing(tmp_path: Path) -> None:
    week = timedelta(weeks=1)
    counts = {
        DAY: 175,
        DAY - week: 200,
        DAY - 2 * week: 30,
        DAY - 3 * week: 198,
        DAY - 4 * week: 202,
    }
    told = figure(tmp_path, "calls", calls_on(counts), DAY, TERMS)
    assert told == ("calls", 175.0, 199.0, 30.0, 202.0, False)


def test_today_until_now_is_compared_with_other_days_until_the_same_time(tmp_path: Path) -> None:
    week = timedelta(weeks=1)
    usual = {DAY - n * week: 10 for n in range(1, 5)}
    facts = calls_on({DAY: 10, **usual}) + calls_on(usual, hours=6)  # 20 on the other whole days
    afternoon = replace(TERMS, now=datetime(2026, 11, 24, 5, tzinfo=UTC))
    told = figure(tmp_path, "calls", facts, DAY, afternoon)
    assert told == ("calls", 10.0, 10.0, 10.0, 10.0, False)


HOLIDAYS = AgentHours.model_validate(
    {"holidays": ["2026-10-01/2026-10-07"], "working_days": [date(2026, 9, 27)]}
)


@pytest.mark.parametrize(
    ("day", "like"),
    [
        # A Thursday: the one in the holiday is passed over.
        (date(2026, 10, 15), [(10, 8), (9, 24), (9, 17), (9, 10)]),
        # A holiday: other days of rest, the holiday's own among them.
        (date(2026, 10, 5), [(10, 4), (10, 3), (10, 2), (10, 1)]),
        (date(2026, 10, 1), [(9, 26), (9, 20), (9, 19), (9, 13)]),
        # A Sunday that is worked: ordinary working days. Other Sundays leave it out.
        (date(2026, 9, 27), [(9, 25), (9, 24), (9, 23), (9, 22)]),
        (date(2026, 10, 11), [(9, 20), (9, 13), (9, 6), (8, 30)]),
    ],
    ids=["thursday", "in the holiday", "first of the holiday", "worked sunday", "sunday"],
)
def test_a_day_is_compared_with_days_of_its_kind(day: date, like: list[tuple[int, int]]) -> None:
    assert usual_days(day, HOLIDAYS) == tuple(date(2026, *each) for each in like)


def test_agents_are_needed_for_those_who_asked_in_vain_too(tmp_path: Path) -> None:
    """One agent talked 180 s with 20 of 200 who asked within an hour: 10 erlang were offered."""
    hour = datetime(2026, 11, 24, 2, tzinfo=UTC)
    facts: list[Timed] = [
        (
            hour + timedelta(seconds=17 * n + 180),
            Transferred(
                session=f"{n}", agent="a" if n < 20 else None,
                outcome="answered" if n < 20 else "busy", ring_ms=0,
                talk_ms=180_000 if n < 20 else 0,
            ),
        )
        for n in range(200)
    ]  # fmt: skip
    ((_, hour_of_day, offered, erlangs, seconds, _, agents, _),) = asked(
        tmp_path, "agents_needed", facts, Days(DAY, DAY)
    )
    # Erlang C of 10 erlang: 13 agents let 0.285 wait, 14 let 0.174.
    # In time: 1 - 0.285 exp(-3 15/180) = 0.778; 1 - 0.174 exp(-4 15/180) = 0.875.
    assert (hour_of_day, offered, seconds) == (10, 200, 180.0)
    assert (erlangs, agents) == (10.0, 14)


def agent_moved(hour: int, minute: int, was: str, seconds: int | None, state: str) -> Timed:
    """An agent's change of state on the day, at this time of Beijing."""
    ms = None if seconds is None else seconds * 1000
    reason, was_reason = ("休息" if each == "not_ready" else "" for each in (state, was))
    fact = AgentMoved(
        agent="甲", extension="6001", was=was, ms=ms, state=state,
        reason=reason, was_reason=was_reason, by="line",
    )  # fmt: skip
    return datetime(2026, 11, 24, hour - 8, minute, tzinfo=UTC), fact


def test_states_are_split_into_half_hours_and_go_on_until_now(tmp_path: Path) -> None:
    facts = [
        agent_moved(9, 10, "signed_out", None, "free"),
        agent_moved(9, 25, "free", 900, "talking"),
        agent_moved(9, 40, "talking", 900, "wrap_up"),
        agent_moved(9, 42, "wrap_up", 120, "free"),
        agent_moved(10, 5, "free", 1380, "not_ready"),
    ]
    now = Terms(datetime(2026, 11, 24, 2, 40, tzinfo=UTC))
    assert asked(tmp_path, "agent_states", facts, Days(DAY, DAY), now) == [
        (clock("09:00"), "甲", 15.0, 5.0, 0.0, 0.0, 0.0, 25.0),
        (clock("09:30"), "甲", 18.0, 10.0, 2.0, 0.0, 0.0, 40.0),
        (clock("10:00"), "甲", 5.0, 0.0, 0.0, 25.0, 0.0, 0.0),
        (clock("10:30"), "甲", 0.0, 0.0, 0.0, 10.0, 0.0, None),
    ]


def test_a_state_of_the_night_counts_from_the_days_begin_and_to_its_end(tmp_path: Path) -> None:
    facts = [agent_moved(9, 0, "away", 10 * 3600, "free")]
    found = asked(tmp_path, "agent_states", facts, Days(DAY, DAY))
    assert len(found) == 48, "nothing of the evening before, nothing of the next day"
    assert found[0][:7] == (clock("00:00"), "甲", 0.0, 0.0, 0.0, 0.0, 30.0)
    assert found[-1][:3] == (clock("23:30"), "甲", 30.0)


def test_where_nobody_answered_nobody_knows_how_many_are_needed(tmp_path: Path) -> None:
    wish = Transferred(session="a", agent=None, outcome="busy", ring_ms=0)
    facts: list[Timed] = [(datetime(2026, 11, 24, 2, tzinfo=UTC), wish)]
    assert asked(tmp_path, "agents_needed", facts, Days(DAY, DAY)) == [
        (DAY, 10, 1, None, None, None, None, None)
    ]


def test_every_column_and_every_place_has_its_words(published: Path) -> None:
    words = Vocabulary()
    with opened(published) as facts:
        named = {
            column
            for each in questions().values()
            for column in each.answer(facts, Days(DAY, DAY), TERMS).columns
        }
    with opened(published) as facts:
        named |= {row[2] for row in answer(facts, SCHEMA).rows if row[2]}
    assert {name for name in named if words.column(name) == name} == set()
    places = [each.name for each in all_places()]
    assert [name for name in places if re.search(r"[a-z]", words.place(name))] == []


def test_words_are_those_of_the_script(prompt_set: PromptSet) -> None:
    words = Vocabulary.of(prompt_set)
    assert words.value("leaf", "4.1.2") == "政策 › 缴存政策 › 缴存基数与比例"
    assert words.value("dialogue", "information.3") == "业务网点"
    assert words.value("prompt", "main.menu") == "主菜单“查询公积金余额请按一，查询公积金…”"
    assert words.value("dialogue", "feedback.kind_menu") == "互动交流 · 投诉或建议"
    assert words.value("outcome", "closed") == "非服务时间"
