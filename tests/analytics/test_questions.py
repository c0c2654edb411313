"""Every question on the hand-made day gives the answer that was worked out by hand."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from analytics.answering.asking import CannotAnswer, opened
from analytics.answering.questioning import Days, Question, find, questions
from analytics.loading.loader import Loader
from analytics.loading.store import FactsFolder
from ivr.records.facts import (
    Recorded,
    RecordingMoved,
    SessionAnswered,
    SessionEnded,
    SessionStarted,
    Voted,
)
from tests.analytics.day import twenty_calls
from tests.analytics.spool import Timed, lines, spool_file

DAY = date(2026, 11, 24)


def clock(text: str) -> datetime:
    """A time of the day in Beijing, as DuckDB gives it."""
    return datetime.combine(DAY, time.fromisoformat(text))


BY_HAND: dict[str, list[tuple[object, ...]]] = {
    # 19 of 20 answered. The line itself served 6 balances, 2 loans, 2 voters, 1 complaint: 11.
    # Seconds: 7 x 60 + 2 x 100 + 20 + 20 + 40 + 200 + 200 + 60 + 60 + 60 + 60 + 90 = 1430, of 19
    # calls: how long the lost one was nobody knows.
    "summary": [(20, 19, 11, 57.9, 4, 1, 75.3, 2, 2.5)],
    "calls_by_hour": [
        (9, 7, 7, 60.0),
        (10, 3, 3, 73.3),
        (11, 2, 2, 30.0),
        (14, 4, 4, 130.0),
        (15, 3, 3, 70.0),
        (16, 1, 0, None),
    ],
    "calls_by_day": [(DAY, 20, 19, 75.3)],
    "calls_by_month": [("2026-11", 20, 19, 75.3)],
    "calls_by_weekday": [(2, 20, 19, 75.3)],
    "calls_by_weekday_and_hour": [
        (2, 9, 7), (2, 10, 3), (2, 11, 2), (2, 14, 4), (2, 15, 3), (2, 16, 1),
    ],
    "concurrent_calls": [(DAY, 2)],
    # 14 h: 520 s in 3600 s = 0.144 erlang. B(1) = 0.126, B(2) = 0.0090: two lines.
    "traffic": [(DAY, 0.144, 2)],
    # Visited; calls; chosen, silent, wrong, back, agent; hung up there; mean seconds of a step.
    "menu_funnel": [
        ("main", 21, 19, 15, 1, 2, 0, 4, 3, 5.0),
        ("account.inquiry", 7, 7, 7, 0, 1, 0, 0, 7, 12.0),
        ("agent", 4, 4, 0, 0, 0, 0, 0, 2, None),
        ("feedback", 3, 3, 0, 0, 0, 0, 0, 0, None),
        ("loan.inquiry", 2, 2, 0, 0, 0, 0, 0, 0, None),
        ("information", 1, 1, 0, 0, 0, 0, 0, 1, None),
    ],
    "call_funnel": [
        ("来电", 20, 100.0),
        ("接通", 19, 95.0),
        ("提出请求", 16, 80.0),  # 9 look-ups, 4 wishes for an agent, 2 votes, 1 complaint
        ("办成", 11, 55.0),
        ("自助办成", 11, 55.0),
    ],
    "keys_pressed": [
        ("main.menu", "0", 4, 23.5),
        ("main.menu", "1", 7, 41.2),
        ("main.menu", "2", 2, 11.8),
        ("main.menu", "7", 2, 11.8),
        ("main.menu", "8", 1, 5.9),
        ("main.menu", "9", 1, 5.9),
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
    "repeat_callers": [(DAY, 18, 1, 5.6, 2)],
    "transfers": [
        ("answered", 2, 50.0, 14.0),
        ("abandoned", 1, 25.0, 25.0),
        ("busy", 1, 25.0, 1.0),
    ],
    "service_level": [(DAY, 4, 2, 15.0, 25.0, 20.0, 50.0)],
    "waiting": [(DAY, 4, 1, 25.0, 10.0, 25.0)],
    "agents": [("一号坐席", 2, 3.0, 90.0)],
    # 180 s of talk in an hour: 0.05 erlang, by one agent 0.05 wait; 1 - 0.05 exp(-0.95 15/90).
    "agents_needed": [(DAY, 14, 2, 0.05, 90.0, 1, 95.7)],
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
    "survey_by_hour": [(15, 2, 2.5, 0)],
    "survey_trend": [(DAY, 2, 2.5, 50.0, 0)],
    "recordings": [("complaint", "new", 1, clock("15:21:20"), None)],
    "complaints_open": [
        ("20261124001", "complaint", clock("15:21:20"), 45.0, 0),
    ],
    "prompts": [("main.menu", 18, 7, 38.9), ("identity.ask", 8, 0, 0.0)],
    "wrong_keys": [("main.menu", 18, 2, 1, 16.7), ("identity.ask", 8, 1, 0, 12.5)],
    # (6 x 18 + 15) / 7 keys.
    "id_entry": [("match", 7, 87.5, 17.6, 12.0), ("invalid", 1, 12.5, 18.0, 12.0)],
    "session_length": [
        ("hung_up", 13, 60.0, 200.0, 200.0),
        ("completed", 5, 90.0, 100.0, 100.0),
        ("asterisk_lost", 1, None, None, None),
        ("gave_up", 1, 40.0, 40.0, 40.0),
    ],
    "information": [("3.1", 1, 0, 12.0), ("4.1.2", 1, 1, 30.0)],
    "refusals": [(DAY, "line_overrun", 1), (DAY, "lookups_of_caller", 2)],
    # No Tuesday before it had a call, with which it could be compared.
    "anomalies": [
        ("answered", 19, None, None, None, False),
        ("asked_for_agent", 4, None, None, None, False),
        ("calls", 20, None, None, None, False),
        ("left_without_answer", 4, None, None, None, False),
        ("lost", 1, None, None, None, False),
        ("mean_seconds", 75.3, None, None, None, False),
        ("self_service_percent", 57.9, None, None, None, False),
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
        answer = find(name).answer(facts, Days(DAY, DAY))
    assert list(answer.rows) == BY_HAND[name]


@pytest.mark.parametrize("question", questions().values(), ids=lambda each: each.name)
def test_a_question_has_a_title_in_both_languages(question: Question) -> None:
    assert re.fullmatch(r"[一-鿿]+ · \S.*", question.title)


def test_days_without_calls_answer_too(published: Path) -> None:
    quiet = Days(date(2026, 1, 1), date(2026, 1, 2))
    with opened(published) as facts:
        for question in questions().values():
            question.answer(facts, quiet)


def test_the_limits_of_service_are_settings(published: Path) -> None:
    with opened(published) as facts:
        answer = find("service_level").answer(facts, Days(DAY, DAY), within=(5.0, 10.0))
    assert list(answer.rows) == [(DAY, 4, 2, 5.0, 0.0, 10.0, 25.0)]


# --- what one day cannot show -----------------------------------------------------------------


def asked(home: Path, name: str, facts: list[Timed], days: Days) -> list[tuple[object, ...]]:
    """A question on other facts than the day's."""
    folder = FactsFolder(home)
    spool_file(home).write_bytes(lines(facts))
    loader = Loader(folder)
    loader.load()
    loader.publish()
    loader.close()
    with opened(folder.published) as snapshot:
        return list(find(name).answer(snapshot, days).rows)


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
    assert asked(tmp_path, "survey_by_hour", facts, days) == [(12, 2, 1.5, 2)]
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
    with pytest.raises(CannotAnswer, match=r"no question 'calls'.*calls_by_day"):
        find("calls")


def test_days_default_to_the_last_thirty_and_must_not_run_backwards() -> None:
    assert Days.asked_for(None, None, DAY) == Days(date(2026, 10, 26), DAY)
    assert Days.asked_for(DAY, None, DAY) == Days(DAY, DAY)
    with pytest.raises(CannotAnswer, match="is after"):
        Days.asked_for(DAY, date(2026, 11, 1), DAY)
