"""Every reading of the domain's table, and the way back from the words to the number."""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.config import PROJECT
from ivr.speech import numbers, ranges

TABLE = Path(__file__).parents[1] / "data" / "readings.tsv"
OWN = TABLE.with_name("readings_own.tsv")
"""Readings that the domain's table does not have."""
ORIGINAL = PROJECT.parent / "shared" / "domain" / "readings.tsv"
_DIGIT = {word: value for value, word in enumerate("零一二三四五六七八九")}
_UNIT = {"十": 10, "百": 100, "千": 1000}
_AMOUNT = re.compile("(负?)(?:(.+)元整?)?零?(?:(.)角)?(?:(.)分)?")


def rows() -> Iterator[dict[str, str]]:
    for table in (TABLE, OWN):
        with table.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file, delimiter="\t")


def parsed(words: str) -> int:
    """The integer that Mandarin numerals say; independent of the code that wrote them."""
    total = section = digit = 0
    for word in words:
        if word in _DIGIT:
            digit = _DIGIT[word]
        elif word in _UNIT:
            section += (digit or 1) * _UNIT[word]
            digit = 0
        else:
            total += (section + digit) * {"万": 10**4, "亿": 10**8}[word]
            section = digit = 0
    return total + section + digit


def parsed_cents(words: str) -> int:
    found = _AMOUNT.fullmatch(words)
    assert found is not None
    sign, yuan, jiao, fen = found.groups(default="零")
    cents = parsed(yuan) * 100 + _DIGIT[jiao] * 10 + _DIGIT[fen]
    return -cents if sign == "负" else cents


@pytest.mark.parametrize("row", [*rows()], ids=lambda row: f"{row['kind']}:{row['value']}")
def test_the_table_is_read_as_it_stands(row: dict[str, str]) -> None:
    assert numbers.read(row["kind"], row["value"]).text == row["reading"]


@pytest.mark.shared
def test_the_table_is_the_domains_own() -> None:
    if not ORIGINAL.exists():
        pytest.skip("../shared is absent")
    assert TABLE.read_bytes() == ORIGINAL.read_bytes()


@pytest.mark.parametrize(
    "text",
    ["", "-", "abc", "0770-12a4567", "+852 1234 5678", "010-1/2", "转801", "0770-1234567转a"],
)
def test_what_is_no_telephone_number_has_no_reading(text: str) -> None:
    with pytest.raises(numbers.Unreadable, match="not a telephone number"):
        numbers.read("phone", text)


@given(st.from_regex(r"0(10|2[0-9]|[3-9][0-9]{2})[1-9][0-9]{6,7}", fullmatch=True))
def test_every_number_of_a_city_is_said_whole_with_a_pause_after_its_area(number: str) -> None:
    area, *local = numbers.read("phone", number).text.split("，")
    assert len(area) == (3 if number[:2] in {"01", "02"} else 4)
    assert [len(group) for group in local] in ([3, 4], [4, 4])
    said = area + "".join(local)
    assert said.translate(str.maketrans("零幺二三四五六七八九", "0123456789")) == number


def test_what_the_table_says_in_a_call_has_clips() -> None:
    """All but the account of a milliard, which is there to show the reading."""
    beyond = [
        row["value"]
        for row in rows()
        if row["kind"] in numbers.SLOT_KINDS and not _playable(row["kind"], row["value"])
    ]
    assert beyond == ["1200340056.78"]


def _playable(kind: str, value: str) -> bool:
    try:
        return bool(numbers.read(kind, value).clips)
    except numbers.Unreadable:
        return False


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "count", [20_000, pytest.param(1_000_000, marks=pytest.mark.live, id="a million")]
)
def test_amounts_read_back(count: int) -> None:
    """Any magnitude is as likely as another, so that the zeros in the middle all occur."""
    chance, said_by = random.Random(12329), numbers.inventory().__getitem__
    for magnitude in chance.choices([10**digits for digits in range(1, 11)], k=count):
        cents = int(chance.random() * magnitude)
        reading = numbers.read("amount", Decimal(cents) / 100)
        text = reading.text
        assert parsed_cents(text) == cents
        assert "".join(map(said_by, reading.clips)) == text


@given(st.integers(-(10**14) + 1, 10**14 - 1))
def test_any_amount_reads_back(cents: int) -> None:
    assert parsed_cents(numbers.read("amount", Decimal(cents) / 100).text) == cents


@given(st.integers(0, 9999_9999_99).map(lambda cents: Decimal(cents) / 100))
def test_amounts_are_joined_from_chunks(amount: Decimal) -> None:
    """A syllable alone is not understood; only 负 stands alone, before an overdrawn account."""
    assert all(len(chunk) > 1 for chunk in numbers.read("amount", amount).chunks)


@given(st.text("0123456789", min_size=17, max_size=17), st.sampled_from("0123456789X"))
def test_id_numbers_say_each_digit_and_nothing_else(body: str, last: str) -> None:
    said = numbers.read("id", body + last)
    assert said.text.replace("，", "") == (body + last).translate(
        str.maketrans("0123456789", "零幺二三四五六七八九")
    )
    assert [len(group) for group in said.text.split("，")] == [3, 3, 4, 4, 4]
    assert said.clips.count(numbers.PAUSE_CLIP) == 4


@given(st.dates(date(1990, 1, 1), date(2059, 12, 31)))
def test_every_day_of_our_time_has_clips(day: date) -> None:
    year, month, of_month = re.fullmatch(
        "(.+)年(.+)月(.+)日", numbers.read("date", day).text
    ).groups()  # type: ignore[union-attr]  # a reading without 年月日 is the failure
    assert int("".join(str(_DIGIT[digit]) for digit in year)) == day.year
    assert (parsed(month), parsed(of_month)) == (day.month, day.day)
    assert len(numbers.read("date", day).clips) == 3


@pytest.mark.parametrize(
    ("kind", "most"), [("periods", ranges.MOST_PERIODS), ("term_years", ranges.MOST_YEARS)]
)
def test_every_count_has_clips(kind: str, most: int) -> None:
    for count in range(most + 1):
        reading = numbers.read(kind, count)
        assert parsed(reading.text[:-1].replace("两", "二")) == count
        assert reading.clips


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("amount", "balance"),
        ("amount", "NaN"),
        ("amount", "1e30"),
        ("year_month", "2026-13"),
        ("date", "2026-02-30"),
        ("id18", "1101051949123100"),
        ("id15", "11010519491231X"),
        ("phone", "12a"),
        ("periods", "-1"),
        ("time", "25:00"),
        ("nonsense", "1"),
    ],
)
def test_what_cannot_be_read_is_refused_without_showing_it(kind: str, value: str) -> None:
    with pytest.raises(numbers.Unreadable) as refused:
        numbers.read(kind, value)
    assert kind == "nonsense" or value not in str(refused.value)


def test_a_value_beyond_the_clips_is_refused_when_it_would_be_played() -> None:
    reading = numbers.read("amount", "1200340056.78")
    assert reading.text.startswith("十二亿")
    with pytest.raises(numbers.Unreadable):
        reading.clips  # noqa: B018


def test_half_a_cent_is_rounded_as_money_is() -> None:
    assert numbers.read("amount", "0.005").text == "一分"
    assert numbers.read("amount", "-0.004").text == "零元"


def test_the_end_of_a_sentence_has_clips_of_its_own() -> None:
    reading = numbers.read("amount", "12345.67")
    assert reading.clips_within[:-1] == reading.clips[:-1]
    assert (reading.clips_within[-1], reading.clips[-1]) == ("number.六角七分", "number.六角七分。")
    made = numbers.inventory()
    assert made["number.六角七分"] == made["number.六角七分。"] == "六角七分"


def test_the_inventory_stays_small_enough_to_be_made_in_minutes() -> None:
    assert len(set(numbers.inventory().values())) < 1450
