"""Every question on the hand-made day gives the answer that was worked out by hand."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from analytics.asking import CannotAnswer
from analytics.loader import Loader
from analytics.questioning import Days, find, questions
from analytics.store import FactsFolder
from tests.analytics.day import twenty_calls
from tests.analytics.spool import lines, spool_file

DAY = date(2026, 11, 24)

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
    "menu_funnel": [
        ("account.inquiry", 0, 0, 0, 0, 0, 0, 7, None),
        ("agent", 0, 0, 0, 0, 0, 0, 2, None),
        ("main", 0, 0, 11, 1, 2, 0, 4, 5.0),
    ],
    "keys_pressed": [
        ("main.menu", "1", 7, 53.8),
        ("main.menu", "2", 2, 15.4),
        ("main.menu", "7", 2, 15.4),
        ("main.menu", "8", 1, 7.7),
        ("main.menu", "9", 1, 7.7),
    ],
    "where_callers_give_up": [
        ("main", 3, 2, 1, 26.7),
        ("account.inquiry", 1, 1, 0, 60.0),
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
    "service_level": [(DAY, 4, 2, 25.0, 50.0)],
    "waiting": [(DAY, 4, 1, 25.0, 10.0, 25.0)],
    "agents": [("一号坐席", 2, 3.0, 90.0)],
    "survey": [
        (1, "非常满意", 0, 0.0),
        (2, "满意", 1, 50.0),
        (3, "一般", 1, 50.0),
        (4, "不满意", 0, 0.0),
        (5, "非常不满意", 0, 0.0),
    ],
    "survey_by_hour": [(15, 2, 2.5)],
    "survey_trend": [(DAY, 2, 2.5, 50.0)],
    "recordings": [("complaint", "new", 1, datetime(2026, 11, 24, 15, 21, 20), None)],  # noqa: DTZ001  as DuckDB gives it
    "complaints_open": [
        ("20261124001", "complaint", datetime(2026, 11, 24, 15, 21, 20), 45.0, 0),  # noqa: DTZ001  as above
    ],
    "prompts": [("main.menu", 14, 7, 50.0)],
    "wrong_keys": [("main.menu", 14, 2, 1, 21.4)],
    "id_entry": [],
    "session_length": [
        ("hung_up", 13, 60.0, 200.0, 200.0),
        ("completed", 5, 90.0, 100.0, 100.0),
        ("asterisk_lost", 1, None, None, None),
        ("gave_up", 1, 40.0, 40.0, 40.0),
    ],
    "information": [],
    "refusals": [],
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
    answer = find(name).answer(published, Days(DAY, DAY))
    assert list(answer.rows) == BY_HAND[name]


@pytest.mark.parametrize("question", questions().values(), ids=lambda each: each.name)
def test_a_question_has_a_title_in_both_languages(question: object) -> None:
    title = getattr(question, "title", "")
    assert re.fullmatch(r"[一-鿿]+ · \S.*", title)


def test_days_without_calls_answer_too(published: Path) -> None:
    quiet = Days(date(2026, 1, 1), date(2026, 1, 2))
    for question in questions().values():
        question.answer(published, quiet)


def test_an_unknown_question_names_those_that_exist() -> None:
    with pytest.raises(CannotAnswer, match=r"no question 'calls'.*calls_by_day"):
        find("calls")


def test_days_default_to_the_last_thirty_and_must_not_run_backwards() -> None:
    assert Days.asked_for(None, None, DAY) == Days(date(2026, 10, 26), DAY)
    assert Days.asked_for(DAY, None, DAY) == Days(DAY, DAY)
    with pytest.raises(CannotAnswer, match="is after"):
        Days.asked_for(DAY, date(2026, 11, 1), DAY)
