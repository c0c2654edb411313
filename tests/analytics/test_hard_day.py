"""Every question on the hard day gives the answer that was worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from analytics.answering.asking import opened
from analytics.answering.questioning import Days, Terms, question_called, questions
from analytics.loading.loader import Loader
from analytics.loading.store import FactsFolder
from tests.analytics.hard_day import hard_day
from tests.analytics.spool import lines, spool_file

DAY = date(2026, 11, 25)
TERMS = Terms(datetime(2026, 11, 28, tzinfo=UTC))


def clock(text: str) -> datetime:
    return datetime.combine(DAY, time.fromisoformat(text))


def by_hour(rows: dict[int, tuple[object, ...]], none: tuple[object, ...]) -> list[tuple]:
    return [(hour, *rows.get(hour, none)) for hour in range(24)]


CALLS = {2: 1, 9: 2, 10: 5, 11: 6, 12: 1, 13: 2, 14: 2, 15: 1, 16: 1, 23: 1}

BY_HAND: dict[str, list[tuple[object, ...]]] = {
    # 18 sessions begin (all but a), of which k and l are turned away; x1 … x4 have none: 22, 16.
    # Served by the line itself: c, r, s, w, x. Asked for an agent: b, g, h, i, u.
    # Vanished: u. Lost: d, e.
    # Seconds of 14: 60 90 22 120 200 60 40 120 60 100 30 20 60 240 = 1222; e and q have none.
    "summary": [(22, 16, 5, 31.3, 5, 3, 3, 1, 2, 87.3, 1, 1.0)],
    "calls_by_hour": by_hour(
        {
            2: (1, 1, 60.0), 9: (2, 2, 56.0), 10: (5, 5, 105.0), 11: (6, 0, None),
            12: (1, 1, None), 13: (2, 2, 90.0), 14: (2, 2, 65.0), 15: (1, 1, 20.0),
            16: (1, 1, 60.0), 23: (1, 1, 240.0),
        },
        (0, 0, None),
    ),
    "calls_by_day": [(DAY, 22, 16, 87.3)],
    "calls_by_month": [("2026-11", 22, 16, 87.3)],
    "calls_by_weekday": [
        (day, 1, 22, 16, 22.0, 16.0, 87.3) if day == 3 else (day, 0, 0, 0, None, None, None)
        for day in range(1, 8)
    ],
    "calls_by_weekday_and_hour": [
        (3, hour, 1, CALLS.get(hour, 0), float(CALLS.get(hour, 0)))
        if day == 3
        else (day, hour, 0, 0, None)
        for day in range(1, 8)
        for hour in range(24)
    ],
    # g and h; x3 and x4. Not e, of which nothing is known after 10:01:01, nor q after 12:00:20.
    "concurrent_calls": [(DAY, 2)],
    # a from midnight on: 600 s = 0.1667 erlang. B(1) = 0.143, B(2) = 0.0118, B(3) = 0.0007.
    "traffic": [(DAY, 0.167, 3)],
    # Visits; calls; chosen, silent, wrong, back, agent; hung up there; mean seconds of a step.
    "menu_funnel": [
        ("main", 23, 17, 3, 1, 1, 0, 1, 4, 6.2),
        ("agent", 6, 5, 0, 0, 0, 0, 0, 1, None),
        ("account.inquiry", 4, 3, 3, 0, 0, 1, 1, 1, 10.9),
        ("account.menu", 2, 1, 2, 0, 0, 0, 0, 0, 1.0),
        ("feedback.recording", 2, 2, 0, 0, 0, 0, 0, 1, None),
        ("leave", 2, 2, 0, 0, 0, 0, 0, 0, None),
        ("survey", 2, 2, 0, 0, 0, 0, 0, 0, None),
        ("agent.closed", 1, 1, 0, 0, 0, 0, 0, 1, None),
        ("information.4.1.2", 1, 1, 0, 0, 0, 0, 0, 1, 5.0),
        ("limits.line_full", 1, 1, 0, 0, 0, 0, 0, 0, None),
        ("loan.inquiry", 1, 1, 2, 0, 1, 1, 0, 1, 7.8),
        ("not_open", 1, 1, 0, 0, 0, 0, 0, 0, None),
        ("welcome", 1, 1, 0, 0, 0, 0, 0, 0, 1.0),
    ],
    "call_funnel": [
        ("来电", 22, 100.0),
        ("接通", 16, 72.7),
        ("提出请求", 12, 54.5),  # b c d g h i r s t u w x
        ("办成", 5, 22.7),
        ("自助办成", 5, 22.7),
    ],
    "keys_pressed": [
        ("account.menu", "1", 2, 100.0),
        ("main.menu", "0", 1, 25.0),
        ("main.menu", "1", 2, 50.0),
        ("main.menu", "9", 1, 25.0),
        ("nav.replay_or_back", "*", 1, 100.0),
    ],
    "where_callers_give_up": [
        ("information.4.1.2", 1, 1, 0, 20.0),
        ("loan.inquiry", 1, 1, 0, 100.0),
        ("main", 1, 1, 0, 120.0),
    ],
    "self_service": [(DAY, 16, 5, 31.3)],
    "lookups": [
        ("fund", "found", 3, 100.0, 50, 60, 60),
        ("loan", "not_found", 1, 100.0, 10, 10, 10),
    ],
    # B C D E F H I J K L M N O P; D and P called twice; b and h brought no number.
    "repeat_callers": [(DAY, 14, 2, 14.3, 2, 2)],
    "transfers": [
        ("abandoned", 1, 16.7, 12.0),
        ("answered", 1, 16.7, 5.0),
        ("busy", 1, 16.7, 2.0),
        ("closed", 1, 16.7, 0.0),
        ("no_answer", 1, 16.7, 30.0),
        ("none_there", 1, 16.7, 0.0),
    ],
    "service_level": [(DAY, 5, 1, 15.0, 20.0, 20.0, 20.0, 1)],
    # 2, 5, 12 and 30 s: h found nobody to wait for.
    "waiting": [(DAY, 5, 1, 20.0, 5.0, 30.0)],
    "queue": [(DAY, 5, 1, 1, 0, 0, 3, 15.0, 20.0, 20.0, 20.0, 30.0, 100.0, None)],
    "contentment": [],
    "call_subjects": [],
    "agents": [("一号坐席", 1, 1.7, 100.0, 0.0, 100.0)],
    # At 10: g (once, though it asked twice), h, i with 100 s each: 0.083 erlang. One agent: 0.083
    # wait, 1 - 0.0833 exp(-0.9167 15/100).
    "agents_needed": [(DAY, 10, 3, 0.083, 100.0, 0.0, 1, 92.7)],
    "survey": [
        (1, "非常满意", 1, 50.0),
        (2, "满意", 0, 0.0),
        (3, "一般", 0, 0.0),
        (4, "不满意", 0, 0.0),
        (5, "非常不满意", 0, 0.0),
        (0, "不表态", 1, 50.0),
    ],
    "votes": [
        (clock("13:30:58"), 0, "不表态", "s", "s"),
        (clock("23:59:50"), 1, "非常满意", "p", "x"),
    ],
    "survey_by_hour": by_hour({13: (0, None, 1), 23: (1, 1.0, 0)}, (0, None, 0)),
    "survey_trend": [(DAY, 1, 1.0, 100.0, 1)],
    # 13:01:00 to 14:00:00; that it was handled again a day later changes nothing.
    "recordings": [
        ("complaint", "handled", 1, clock("13:01:00"), 1.0),
        ("suggestion", "new", 1, clock("13:30:50"), None),
    ],
    "case_funnel": [
        (stage, 0, None) for stage in ("按 6", "登记", "受理", "答复", "办结")
    ],
    "cases_open": [],
    "cases_in_time": [],
    "cases_by_handler": [],
    "cases_contentment": [],
    "calls_made": [],
    "callbacks": [(DAY, 0, 0, 0, 0, 0, None, None)],
    "cases_due": [],
    "agents_tomorrow": [],  # the day after is like other days than this one
    "agent_states": [],
    "complaints_open": [("R2", "suggestion", clock("13:30:50"), 20.0, 0)],
    # Played, to the end, cut by a key (and its share), left in, typed over.
    "prompts": [
        ("identity.ask", 5, 4, 1, 20.0, 0, 1),
        ("main.menu", 5, 4, 1, 20.0, 0, 1),
        ("account.readout", 2, 1, 1, 50.0, 0, 0),
        ("password.ask", 2, 2, 0, 0.0, 0, 0),
        ("account.menu", 1, 0, 1, 100.0, 0, 1),
        ("information.4.1.2", 1, 0, 0, 0.0, 1, 0),
        ("line.system_error", 1, 1, 0, 0.0, 0, 0),
        ("main.greeting", 1, 0, 1, 100.0, 0, 0),
        ("nav.replay_or_back", 1, 0, 0, 0.0, 1, 0),
    ],
    "wrong_keys": [
        ("main.menu", 6, 1, 1, 1, 33.3),
        ("password.ask", 2, 1, 0, 0, 50.0),
        ("account.menu", 2, 0, 0, 0, 0.0),
        ("identity.ask", 6, 0, 0, 0, 0.0),
        ("nav.replay_or_back", 2, 0, 0, 1, 0.0),
    ],
    # (3 x 18 + 15) / 4 keys in (0 + 12 + 10 + 11) / 4 s.
    "id_entry": [
        ("id_number", "match", 4, 66.7, 17.3, 8.3),
        ("id_number", "agent", 1, 16.7, 1.0, 5.0),
        ("id_number", "back", 1, 16.7, 1.0, 3.0),
        ("password", "invalid", 1, 50.0, 2.0, 9.0),
        ("password", "match", 1, 50.0, 6.0, 8.0),
    ],
    "session_length": [
        ("hung_up", 9, 60.0, 200.0, 200.0),
        ("completed", 3, 120.0, 240.0, 240.0),
        ("away", 1, 30.0, 30.0, 30.0),
        ("closed", 1, 15.0, 15.0, 15.0),
        ("draining", 1, 20.0, 20.0, 20.0),
        ("failed", 1, 22.0, 22.0, 22.0),
        ("line_overrun", 1, 1.0, 1.0, 1.0),
        ("refused", 1, 10.0, 10.0, 10.0),
        ("service_lost", 1, None, None, None),
        ("unserved", 1, 3.0, 3.0, 3.0),
        ("vanished", 1, 30.0, 30.0, 30.0),
    ],
    "information": [("4.1.2", 1, 0, 5.0)],
    "refusals": [
        (DAY, "draining", 1),
        (DAY, "line_full", 1),
        (DAY, "line_overrun", 1),
        (DAY, "not_taken", 1),
        (DAY, "password_wrong", 1),
    ],
    # No Wednesday before it had a call.
    "anomalies": [
        ("calls", 22, None, None, None, False),
        ("answered", 16, None, None, None, False),
        ("self_service_percent", 31.3, None, None, None, False),
        ("asked_for_agent", 5, None, None, None, False),
        ("left_without_answer", 3, None, None, None, False),
        ("turned_away", 6, None, None, None, False),
        ("vanished", 1, None, None, None, False),
        ("lost", 2, None, None, None, False),
        ("mean_seconds", 87.3, None, None, None, False),
    ],
    "link_losses": [(DAY, "n1", 1, 1, 30000)],
}  # fmt: skip

OPEN, CLOSED = datetime(2026, 11, 25, tzinfo=UTC), datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture(scope="module", params=[OPEN, CLOSED], ids=["open day", "closed day"])
def published(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The day in the database, and the same day as Parquet."""
    folder = FactsFolder(tmp_path_factory.mktemp("hard"))
    spool_file(folder.home).write_bytes(lines(hard_day()))
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


BOTH = Days(date(2026, 11, 24), DAY)
THREE = Days(date(2026, 11, 24), date(2026, 11, 26))


def asked(published: Path, name: str, days: Days) -> list[tuple[object, ...]]:
    with opened(published) as facts:
        return list(question_called(name).answer(facts, days, TERMS).rows)


def test_a_call_over_midnight_is_one_call_of_a_place(published: Path) -> None:
    (main,) = [row for row in asked(published, "menu_funnel", BOTH) if row[0] == "main"]
    assert main[1:3] == (24, 17)  # a came to the main menu on both days
    (leave,) = [row for row in asked(published, "menu_funnel", THREE) if row[0] == "leave"]
    assert leave[1:3] == (3, 3)


def test_a_call_without_an_end_goes_on_until_the_last_that_is_known_of_it(published: Path) -> None:
    assert asked(published, "concurrent_calls", THREE) == [
        (date(2026, 11, 24), 1), (DAY, 2), (date(2026, 11, 26), 1),
    ]  # fmt: skip


def test_a_call_loads_each_hour_that_it_goes_on_in(published: Path) -> None:
    # a: ten minutes before midnight, ten after it; x: three minutes of the 26th.
    assert asked(published, "traffic", THREE) == [
        (date(2026, 11, 24), 0.167, 3), (DAY, 0.167, 3), (date(2026, 11, 26), 0.05, 2),
    ]  # fmt: skip


def test_days_without_calls_are_rows_of_zero(published: Path) -> None:
    quiet = Days(date(2026, 11, 26), date(2026, 11, 27))
    first, second = quiet.first, quiet.last
    assert asked(published, "calls_by_day", quiet) == [(first, 0, 0, None), (second, 0, 0, None)]
    assert asked(published, "self_service", quiet) == [(first, 0, 0, None), (second, 0, 0, None)]
    assert asked(published, "traffic", quiet) == [(first, 0.05, 2), (second, 0.0, 0)]
    assert asked(published, "service_level", quiet) == [
        (day, 0, 0, 15.0, None, 20.0, None, 0) for day in (first, second)
    ]
    assert asked(published, "waiting", quiet) == [
        (day, 0, 0, None, None, None) for day in (first, second)
    ]
    assert asked(published, "repeat_callers", quiet) == [
        (day, 0, 0, None, None, 0) for day in (first, second)
    ]
    assert asked(published, "agents_needed", quiet) == [
        (day, None, 0, 0.0, None, None, 0, None) for day in (first, second)
    ]
    assert asked(published, "survey_trend", quiet) == [
        (day, 0, None, None, 0) for day in (first, second)
    ]
    assert asked(published, "concurrent_calls", quiet) == [(first, 1), (second, 0)]
    assert {row[1] for row in asked(published, "calls_by_hour", quiet)} == {0}


def test_a_weekday_is_compared_by_what_comes_on_one_such_day(published: Path) -> None:
    fortnight = Days(date(2026, 11, 12), DAY)  # two Wednesdays, of which one had no call
    (wednesday,) = [row for row in asked(published, "calls_by_weekday", fortnight) if row[0] == 3]
    assert wednesday[:6] == (3, 2, 22, 16, 11.0, 8.0)


def test_a_complaint_that_is_handled_twice_is_handled_in_between(published: Path) -> None:
    then = {
        day: [row[0] for row in asked(published, "complaints_open", Days(day, day))]
        for day in (date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 26))
    }
    assert list(then.values()) == [["R0"], [], ["R2"]]
