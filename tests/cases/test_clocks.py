"""Working days over the holidays of 2026 and 2027, each date written by hand from a calendar."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from ivr.cases.case import Case, Event, Filed, told
from ivr.cases.clocks import Clock, Clocks, Light, Stage
from ivr.cases.moves import Move, Office
from ivr.config import CaseDays, CasesSettings
from ivr.hours import BEIJING, AgentHours

# 2026: 国务院办公厅 2025-11-04. 2027 is not announced yet: days of a law (全国年节及纪念日放假办法)
# as it might be, with a 调休 on either side of 春节.
CALENDAR = AgentHours.model_validate(
    {
        "holidays": [
            "2026-01-01/2026-01-03", "2026-02-15/2026-02-23", "2026-04-04/2026-04-06",
            "2026-05-01/2026-05-05", "2026-06-19/2026-06-21", "2026-09-25/2026-09-27",
            "2026-10-01/2026-10-07",
            "2027-01-01/2027-01-03", "2027-02-05/2027-02-11", "2027-10-01/2027-10-07",
        ],
        "working_days": [
            "2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10",
            "2027-01-30", "2027-02-14", "2027-10-09",
        ],
    }
)  # fmt: skip
CLOCKS = Clocks(CALENDAR, CasesSettings(complaint=CaseDays(accept=1, answer=5, close=7)))


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=BEIJING)


def case(filed: str, *moves: tuple[str, str]) -> Case:
    """Filed on a day, and what was done on which days."""
    about = Filed("01000018", "complaint", "s", None, noon(filed), "x.wav", 1, "")
    events = [Event(1, noon(filed), Move.OPEN, "热线", Office.LINE)]
    for n, (day, move) in enumerate(moves, start=2):
        days, how = (3, "") if move == "ask" else (0, "discontent")
        events.append(
            Event(n, noon(day), Move(move), "李强", Office.LEADER, "x", "李强", days, content=how)
        )
    return told(about, events)


def clock(of: Case, stage: Stage, today: str) -> Clock:
    return next(each for each in CLOCKS.of(of, noon(today)) if each.stage is stage)


@pytest.mark.parametrize(
    ("accepted", "due"),
    [
        ("2026-11-25", "2026-12-02"),  # Wed: Thu 26, Fri 27, Mon 30, Tue 1, Wed 2
        ("2025-12-30", "2026-01-07"),  # 12-31, 元旦 1-3, Sun 4 works, 5, 6, 7
        ("2026-02-11", "2026-02-25"),  # 12, 13, Sat 14 works, 春节 15-23, 24, 25
        ("2026-02-13", "2026-02-27"),  # Sat 14, 24, 25, 26, 27
        ("2026-02-27", "2026-03-05"),  # Sat 28 works; 2, 3, 4, 5 March
        ("2026-04-03", "2026-04-13"),  # 清明 Sat 4 to Mon 6; 7, 8, 9, 10, 13
        ("2026-04-30", "2026-05-11"),  # 劳动节 1-5; 6, 7, 8, Sat 9 works, 11
        ("2026-06-18", "2026-06-26"),  # 端午 19-21; 22, 23, 24, 25, 26
        ("2026-09-18", "2026-09-24"),  # Sun 20 works; 21, 22, 23, 24
        ("2026-09-30", "2026-10-13"),  # 国庆 1-7; 8, 9, Sat 10 works, 12, 13
        ("2026-12-31", "2027-01-08"),  # 元旦 1-3; 4, 5, 6, 7, 8
        ("2027-01-29", "2027-02-04"),  # Sat 30 works; 1, 2, 3, 4 February
        ("2027-02-04", "2027-02-17"),  # 春节 5-11; 12, Sun 14 works, 15, 16, 17
        ("2027-09-30", "2027-10-13"),  # 国庆 1-7; 8, Sat 9 works, 11, 12, 13
    ],
)
def test_five_working_days(accepted: str, due: str) -> None:
    begun = case(accepted, (accepted, "accept"))
    assert clock(begun, Stage.ANSWER, accepted).due == date.fromisoformat(due)


def test_the_day_on_which_it_begins_does_not_count_and_the_last_is_whole() -> None:
    pending = case("2026-09-30")
    lights = [
        (day, clock(pending, Stage.ACCEPT, day).light)
        for day in ("2026-09-30", "2026-10-07", "2026-10-08", "2026-10-09")
    ]
    assert lights == [
        ("2026-09-30", Light.GREEN),
        ("2026-10-07", Light.GREEN),
        ("2026-10-08", Light.AMBER),
        ("2026-10-09", Light.RED),
    ]


def test_amber_from_four_fifths_and_red_when_over() -> None:
    begun = case("2026-11-25", ("2026-11-25", "accept"))
    lights = {day: clock(begun, Stage.ANSWER, day).light for day in DAYS_OF_FIVE}
    assert lights == {
        "2026-11-30": Light.GREEN,  # the third
        "2026-12-01": Light.AMBER,  # the fourth of five
        "2026-12-02": Light.AMBER,
        "2026-12-03": Light.RED,
    }


DAYS_OF_FIVE = ("2026-11-30", "2026-12-01", "2026-12-02", "2026-12-03")


def test_it_stands_still_while_the_case_is_suspended() -> None:
    moves = [
        ("2026-11-25", "accept"), ("2026-11-25", "take"),
        ("2026-11-27", "suspend"), ("2026-12-07", "resume"),
    ]  # fmt: skip
    resumed = clock(case("2026-11-25", *moves), Stage.ANSWER, "2026-12-07")
    assert (resumed.used, resumed.due) == (2, date(2026, 12, 10)), "26 Nov, then 7, 8, 9, 10 Dec"
    suspended = case("2026-11-25", *moves[:3])
    later = [clock(suspended, Stage.ANSWER, day) for day in ("2026-11-27", "2026-12-25")]
    assert [each.used for each in later] == [1, 1]
    assert all(each.rests and each.light is Light.GREEN for each in later)


def test_suspended_and_resumed_on_one_day_changes_nothing() -> None:
    plain = [("2026-11-25", "accept"), ("2026-11-25", "take")]
    same = [*plain, ("2026-11-26", "suspend"), ("2026-11-26", "resume")]
    assert (
        clock(case("2026-11-25", *same), Stage.ANSWER, "2026-11-30").due
        == clock(case("2026-11-25", *plain), Stage.ANSWER, "2026-11-30").due
    )


def test_what_was_granted_is_added_to_answer_and_closing() -> None:
    moves = [("2026-11-25", "accept"), ("2026-11-25", "take"), ("2026-11-26", "ask")]
    asked, granted = case("2026-11-25", *moves), case("2026-11-25", *moves, ("2026-11-26", "grant"))
    assert clock(asked, Stage.ANSWER, "2026-11-26").due == date(2026, 12, 2)
    assert clock(granted, Stage.ANSWER, "2026-11-26").due == date(2026, 12, 7)
    assert clock(granted, Stage.CLOSE, "2026-11-26").due == date(2026, 12, 9)


def test_an_ended_clock_says_whether_it_was_in_time() -> None:
    late = case("2026-11-25", ("2026-11-30", "accept"))
    assert not clock(late, Stage.ACCEPT, "2027-06-01").in_time
    prompt = case("2026-11-27", ("2026-11-30", "accept"))
    assert clock(prompt, Stage.ACCEPT, "2027-06-01").in_time, "Monday after a Friday"


def test_done_anew_the_handlings_clocks_begin_anew() -> None:
    days = ("2026-11-25", "2026-11-25", "2026-11-26", "2026-11-26", "2026-12-01", "2026-12-02")
    moves = ("accept", "take", "answer", "close", "follow_up", "redo")
    redone = case("2026-11-25", *zip(days, moves, strict=True))
    anew = clock(redone, Stage.ANSWER, "2026-12-02")
    assert (anew.used, anew.ended, anew.due) == (0, None, date(2026, 12, 9))


def test_what_is_refused_or_merged_has_no_running_clock() -> None:
    for move in ("reject", "merge"):
        assert CLOCKS.running(case("2026-11-25", ("2026-11-26", move)), noon("2027-06-01")) is None


def test_the_next_clock_is_the_one_that_is_due_first() -> None:
    begun = case("2026-11-25", ("2026-11-25", "accept"))
    running = CLOCKS.running(begun, noon("2026-11-25"))
    assert running is not None
    assert running.stage is Stage.ANSWER


def test_weekly_hours_of_agents_are_no_matter_of_terms() -> None:
    always = CALENDAR.model_copy(update={"saturday": CALENDAR.monday, "friday": ()})
    assert not always.is_working_day(date(2026, 11, 28))
    assert always.is_working_day(date(2026, 11, 27))
    assert (date(2026, 10, 10) - timedelta(days=1)).weekday() == 4


# --- a year that nobody has announced yet -------------------------------------------------------

BEFORE_2027 = CALENDAR.model_copy(
    update={
        "holidays": tuple(each for each in CALENDAR.holidays if each.first.year == 2026),
        "working_days": tuple(each for each in CALENDAR.working_days if each.year == 2026),
    }
)


@pytest.mark.parametrize(
    ("accepted", "due"),
    [
        ("2026-12-30", "2027-01-07"),  # Thu 31; Fri 1 January by law; 4, 5, 6, 7
        ("2027-02-03", "2027-02-12"),  # Thu 4; Fri 5 and Mon 8 by law; 9, 10, 11, 12
        ("2027-04-02", "2027-04-12"),  # Mon 5 清明; 6, 7, 8, 9, 12
        ("2027-04-30", "2027-05-07"),  # 1 and 2 May are a weekend; 3, 4, 5, 6, 7
        ("2027-06-08", "2027-06-16"),  # Wed 9 端午; 10, 11, 14, 15, 16
        ("2027-09-14", "2027-09-22"),  # Wed 15 中秋; 16, 17, 20, 21, 22
        ("2027-09-30", "2027-10-08"),  # Fri 1 to Sun 3 国庆; 4, 5, 6, 7, 8
    ],
)
def test_of_an_unannounced_year_the_days_of_the_law_are_holidays(accepted: str, due: str) -> None:
    begun = case(accepted, (accepted, "accept"))
    found = next(
        each
        for each in Clocks(BEFORE_2027, CLOCKS.settings).of(begun, noon(accepted))
        if each.stage is Stage.ANSWER
    )
    assert (found.due, found.provisional) == (date.fromisoformat(due), True)


def test_what_is_announced_is_not_provisional_and_moves_what_was() -> None:
    begun = case("2027-02-03", ("2027-02-03", "accept"))
    announced = clock(begun, Stage.ANSWER, "2027-02-03")
    assert (announced.due, announced.provisional) == (date(2027, 2, 16), False)
    assert not clock(
        case("2026-11-25", ("2026-11-25", "accept")), Stage.ANSWER, "2026-11-25"
    ).provisional


def test_a_term_that_ends_before_a_weekend_is_over_on_saturday() -> None:
    begun = case("2026-11-20", ("2026-11-20", "accept"))  # due on Friday the 27th
    lights = [clock(begun, Stage.ANSWER, day).light for day in ("2026-11-27", "2026-11-28")]
    assert lights == [Light.AMBER, Light.RED]
    late = case("2026-11-20", ("2026-11-20", "accept"), ("2026-11-28", "answer"))
    assert not clock(late, Stage.ANSWER, "2026-11-30").in_time
