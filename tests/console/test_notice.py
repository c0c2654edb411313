"""A year's holidays as the State Council announces them, in one go."""

from __future__ import annotations

from datetime import date

import pytest

from console.notice import Unreadable, read, replaced
from console.rights import Role
from ivr.config import standing
from ivr.hours import Days
from tests.console.test_settings import nowhere, section
from tests.console.visiting import Console

__all__ = ["nowhere"]

YEAR_2026 = """
一、元旦：1月1日（周四）至3日（周六）放假调休，共3天。1月4日（周日）上班。
二、春节：2月15日（农历腊月二十八、周日）至23日（农历正月初七、周一）放假调休，共9天。2月14日（周六）、2月28日（周六）上班。
三、清明节：4月4日（周六）至6日（周一）放假，共3天。
四、劳动节：5月1日（周五）至5日（周二）放假调休，共5天。5月9日（周六）上班。
五、端午节：6月19日（周五）至21日（周日）放假，共3天。
六、中秋节：9月25日（周五）至27日（周日）放假，共3天。
七、国庆节：10月1日（周四）至7日（周三）放假调休，共7天。9月20日（周日）、10月10日（周六）上班。
节假日期间，各地区、各部门要妥善安排好值班和安全、保卫、疫情防控等工作。
"""


def test_the_notice_of_a_year() -> None:
    found = read(YEAR_2026, 2026)
    assert len(found.free) == 7
    assert found.free[1] == Days(date(2026, 2, 15), date(2026, 2, 23))
    assert found.worked == tuple(
        date(2026, month, day)
        for month, day in ((1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10))
    )


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("元旦：2022年12月31日至2023年1月2日放假调休，共3天。", "2022-12-31", "2023-01-02"),
        ("元旦：1月1日（周日）放假1天，不调休。", "2023-01-01", "2023-01-01"),
        ("国庆节：9月29日-10月6日放假，共8天；", "2023-09-29", "2023-10-06"),
        ("春节：1 月 21 日 至 27 日 放 假，共 7 天", "2023-01-21", "2023-01-27"),
    ],
)
def test_the_ways_in_which_they_are_written(text: str, first: str, last: str) -> None:
    (days,) = read(text, 2023).free
    assert (str(days.first), str(days.last)) == (first, last)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "放假通知",
        "春节：2月30日至3月2日放假。",
        "春节：2月15日至23日放假，共8天。",
        "国庆节：10月7日至1日放假。",
        "国庆节：10月1日至7日放假，共7天。10月8日上班。",  # a Thursday
        "国庆节：10月1日至7日放假。10月10日至11日上班。",
    ],
)
def test_what_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read(text, 2026)


def test_only_that_years_days_are_replaced() -> None:
    held = [Days(date(2025, 10, 1), date(2025, 10, 8)), Days(date(2026, 1, 1), date(2026, 1, 1))]
    free, worked = replaced(
        held, [date(2025, 9, 28), date(2026, 1, 3)], read(YEAR_2026, 2026), 2026
    )
    assert free[0] == "2025-10-01/2025-10-08"
    assert "2026-01-01" not in free
    assert len(free) == 8
    assert worked[:2] == ["2025-09-28", "2026-01-04"]


def test_it_is_shown_for_a_look_before_it_is_saved(console: Console) -> None:
    visitor = console.signed_in("管理", Role.ADMINISTRATOR)
    visitor.get("/settings")
    wrong = visitor.post(
        "/settings/holidays", {"year": "2026", "notice": "春节：2月15日至23日放假，共8天。"}
    )
    assert wrong.status == 422
    assert "共 8 天" in wrong.text
    shown = visitor.post("/settings/holidays", {"year": "2026", "notice": YEAR_2026})
    assert shown.status == 200
    assert "2026-02-15/2026-02-23" in shown.text
    assert "还没有存" in shown.text
    assert not standing(console.settings).agents.hours.holidays, "nothing is set yet"
    new = read(YEAR_2026, 2026)
    holidays, worked = replaced((), (), new, 2026)
    form = section(
        visitor, "人工时间",
        agents__hours__holidays="\n".join(holidays), agents__hours__working_days="\n".join(worked),
    )  # fmt: skip
    assert visitor.post("/settings", form).status == 200
    hours = standing(console.settings).agents.hours
    assert hours.holidays == new.free
    assert hours.of(date(2026, 2, 14)), "a Saturday that is worked"
