"""Amounts, dates, counts and digit strings in Mandarin, and the clips that say them; pure.

The readings follow the domain rules, section 4.1; `tests/data/readings.tsv` is their table. What
a call fills in is joined from chunks that a speaker would say in one breath (三千, 二十五万零,
四十五元, 六角七分): single syllables joined are not understood, chunks are (design, speech).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache

from ivr.speech.ranges import (
    FIRST_YEAR,
    LAST_YEAR,
    MOST_COUNTED,
    MOST_MINUTES,
    MOST_MONTHS,
    MOST_PERIODS,
    MOST_YEARS,
)
from ivr.speech.telephone import NoTelephone, telephone

PAUSE = "，"
PAUSE_CLIP = "pause.250"
STOP = "。"
"""Ends the name of a clip that is spoken as the end of a sentence."""

_EXTENSION = "转"
_DIGITS = "零一二三四五六七八九"
_DIALLED = str.maketrans("0123456789", "零幺二三四五六七八九")
_SPELT = str.maketrans("0123456789", _DIGITS)
_CENT = Decimal("0.01")


class Unreadable(ValueError):
    """The value has no reading of this kind; says why, and never shows the value."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A value in Hanzi, as the chunks that are spoken in one breath; PAUSE stands between some."""

    chunks: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole reading; 「，」 is a pause."""
        return "".join(self.chunks)

    @property
    def clips(self) -> tuple[str, ...]:
        """The manifest's names of what is played where the value ends a sentence.

        Unreadable when no clip is made for a chunk.
        """
        return self._made(ends=True)

    @property
    def clips_within(self) -> tuple[str, ...]:
        """The same where more words of the sentence follow."""
        return self._made(ends=False)

    def _made(self, *, ends: bool) -> tuple[str, ...]:
        *others, last = self.chunks
        names = (*map(clip_name, others), clip_name(last, ends=ends))
        if not all(map(inventory().__contains__, names)):
            raise Unreadable("the value is outside the range that clips are made for")
        return names


def clip_name(chunk: str, *, ends: bool = False) -> str:
    """The name under which the manifest holds a chunk; `ends`: as the end of a sentence."""
    return PAUSE_CLIP if chunk == PAUSE else f"number.{chunk}{STOP if ends else ''}"


def read(kind: str, value: str | int | Decimal | date) -> Reading:
    """The reading of `value` as `kind` (one of KINDS); Unreadable when there is none."""
    reader = _READERS.get(kind)
    if reader is None:
        raise Unreadable(f"no kind {kind}; there are {', '.join(KINDS)}")
    return Reading(tuple(reader(str(value).strip())))


# --- integers ---------------------------------------------------------------------------------


def _section(value: int, *, leading: bool) -> list[str]:
    """1 to 9,999 as chunks; a 零 within stands at the end of the chunk before it."""
    thousands, rest = divmod(value, 1000)
    hundreds, rest = divmod(rest, 100)
    chunks = []
    if thousands:
        gap = "零" if not hundreds and rest else ""
        chunks.append(f"{_DIGITS[thousands]}千{gap}")
    if hundreds:
        gap = "零" if 0 < rest < 10 else ""
        chunks.append(f"{_DIGITS[hundreds]}百{gap}")
    if rest:
        chunks.append(_below_hundred(rest, leading=leading and not chunks))
    return chunks


def _below_hundred(value: int, *, leading: bool) -> str:
    """1 to 99; only a number that begins with 十 drops its 一 (rule 4)."""
    tens, units = divmod(value, 10)
    one = "" if leading and tens == 1 else _DIGITS[tens]
    return (f"{one}十" if tens else "") + (_DIGITS[units] if units else "")


def integer_chunks(value: int, unit: str = "") -> list[str]:
    """A positive integer below 10¹² as chunks; the last one carries `unit`."""
    if not 0 < value < 10**12:
        raise Unreadable("an integer here is between 1 and 999,999,999,999")
    sections = [(value // 10**8, "亿"), (value // 10**4 % 10**4, "万"), (value % 10**4, "")]
    chunks: list[str] = []
    skipped = False
    for size, name in sections:
        if not size:
            skipped = bool(chunks)
            continue
        if chunks and (size < 1000 or skipped):
            chunks[-1] += "零"
        section = _section(size, leading=not chunks)
        chunks += [*section[:-1], section[-1] + name]
        skipped = False
    return [*chunks[:-1], chunks[-1] + unit]


def _integer(value: int) -> str:
    return "".join(integer_chunks(value)) if value else "零"


def _counted(value: int, unit: str, *, two: str = "两") -> list[str]:
    """A count with its measure word; exactly 2 is 两 (rule 5)."""
    if value == 0:
        return [f"零{unit}"]
    return [f"{two}{unit}"] if value == 2 else integer_chunks(value, unit)


# --- kinds ------------------------------------------------------------------------------------


def _amount(text: str) -> Iterator[str]:
    cents = int((_decimal(text).quantize(_CENT, ROUND_HALF_UP) * 100).to_integral_value())
    if cents < 0:
        yield "负"
    yuan, rest = divmod(abs(cents), 100)
    if yuan:
        yield from integer_chunks(yuan, "元" if rest else "元整")
    if rest:
        yield _jiao_fen(rest, after_yuan=yuan > 0)
    if not cents:
        yield "零元"


def _jiao_fen(cents: int, *, after_yuan: bool) -> str:
    jiao, fen = divmod(cents, 10)
    tenths = f"{_DIGITS[jiao]}角" if jiao else "零" if after_yuan else ""
    return tenths + (f"{_DIGITS[fen]}分" if fen else "")


def _year_month(text: str) -> Iterator[str]:
    digits = text.replace("-", "")
    year, month = _digits(digits[:4], 4), _whole(digits[4:])
    if not 1 <= month <= 12:
        raise Unreadable("a month is between 1 and 12")
    yield f"{year.translate(_SPELT)}年"
    yield f"{_integer(month)}月"


def _date(text: str) -> Iterator[str]:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Unreadable("a date is written YYYY-MM-DD") from None
    yield from _year_month(f"{day:%Y-%m}")
    yield f"{_integer(day.day)}日"


def _count_of(unit: str, *, prefix: str = "", two: str = "两") -> Callable[[str], list[str]]:
    def count(text: str) -> list[str]:
        first, *others = _counted(_whole(text), unit, two=two)
        return [prefix + first, *others]

    return count


def _term_months(text: str) -> list[str]:
    """A term in months, said in years and months: 18 is 一年零六个月."""
    months = _whole(text)
    if not 0 < months <= MOST_MONTHS:
        raise Unreadable(f"a term is of 1 to {MOST_MONTHS} months")
    years, rest = divmod(months, 12)
    spoken = _counted(years, "年") if years else []
    return [*spoken, f"{'零' if years else ''}{_months_left(rest)}"] if rest else spoken


def _months_left(months: int) -> str:
    """What is left of a year, 1 to 11 months."""
    return "".join(_counted(months, "个月"))


def _id(text: str) -> Sequence[str]:
    return _id15(text) if len(text) == 15 else _id18(text)


def _id18(text: str) -> list[str]:
    return _grouped(_digits(text, 18, last_may_be_x=True), (3, 3, 4, 4, 4))


def _id15(text: str) -> list[str]:
    return _grouped(_digits(text, 15), (3, 3, 2, 2, 2, 3))


def _id_tail(text: str) -> list[str]:
    return _grouped(_digits(text, 4, last_may_be_x=True), (4,))


def _telephone(text: str) -> list[str]:
    try:
        number = telephone(text)
    except NoTelephone as none:
        raise Unreadable(str(none)) from None
    chunks = _grouped("".join(number.groups), [len(group) for group in number.groups])
    if not number.extension:
        return chunks
    return [*chunks, PAUSE, _EXTENSION, *_grouped(number.extension, (len(number.extension),))]


def _hotline(text: str) -> list[str]:
    number = _digits(text)
    return _grouped(number, (len(number),))


def _string(text: str) -> list[str]:
    number = _digits(text)
    return _grouped(number, (4,) * (len(number) // 4 + 1))


def _percent(text: str) -> list[str]:
    return [f"百分之{_with_point(text)}"]


def _wan_yuan(text: str) -> list[str]:
    return [f"{_with_point(text)}万元"]


def _time(text: str) -> list[str]:
    hour, _, minute = text.partition(":")
    hours, minutes = _whole(hour), _whole(minute or "0")
    if hours > 24 or minutes > 59:
        raise Unreadable("a time is written H:MM")
    spoken = _counted(hours, "点")
    if minutes:
        spoken.append(f"{'零' if minutes < 10 else ''}{_integer(minutes)}分")
    return spoken


def _with_point(text: str) -> str:
    whole, _, fraction = f"{_decimal(text):f}".partition(".")
    fraction = fraction.rstrip("0")
    sign = "负" if whole.startswith("-") else ""
    point = f"点{fraction.translate(_SPELT)}" if fraction else ""
    return f"{sign}{_integer(abs(int(whole)))}{point}"


_READERS: Mapping[str, Callable[[str], Sequence[str] | Iterator[str]]] = {
    "amount": _amount,
    "year_month": _year_month,
    "date": _date,
    "term_years": _count_of("年"),
    "term_months": _term_months,
    "periods": _count_of("期"),
    "months": _count_of("个月"),
    "minutes": _count_of("分钟"),
    "persons": _count_of("位"),
    "ordinal": _count_of("位", prefix="第", two="二"),
    "id": _id,
    "id18": _id18,
    "id15": _id15,
    "id_tail": _id_tail,
    "phone": _telephone,
    "hotline": _hotline,
    "digits": _string,
    "percent": _percent,
    "time": _time,
    "wan_yuan": _wan_yuan,
}
KINDS = tuple(_READERS)

SLOT_KINDS = frozenset(
    {
        "amount",
        "year_month",
        "date",
        "term_years",
        "term_months",
        "periods",
        "minutes",
        "persons",
        "id",
        "id18",
        "id15",
        "id_tail",
        "phone",
        "hotline",
        "digits",
    }
)
"""Kinds that a call may fill into a sentence: these have clips. The others stand in texts."""


# --- what is written --------------------------------------------------------------------------


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text.replace(",", ""))
    except InvalidOperation:
        raise Unreadable("not a number") from None
    if not value.is_finite() or abs(value) >= Decimal(10) ** 12:
        raise Unreadable("not a number that can be said")
    return value


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise Unreadable("not a whole number")
    return int(text)


def _digits(text: str, length: int | None = None, *, last_may_be_x: bool = False) -> str:
    text = text.upper()
    body = text[:-1] if last_may_be_x and text.endswith("X") else text
    if not (body.isascii() and body.isdigit()) or (length and len(text) != length):
        raise Unreadable(f"not a string of {length or 'some'} digits")
    return text


def _grouped(number: str, groups: Sequence[int]) -> list[str]:
    """Digits as pairs and singles, with a pause between the groups (rule 8)."""
    chunks: list[str] = []
    for group in groups:
        here, number = number[:group], number[group:]
        if not here:
            break
        spoken = here.translate(_DIALLED)
        pairs = [spoken[at : at + 2] for at in range(0, len(spoken), 2)]
        chunks += [PAUSE, *pairs] if chunks else pairs
    return chunks


# --- the clips that are made ------------------------------------------------------------------


@cache
def inventory() -> Mapping[str, str]:
    """Every clip that a reading in a call may need: its name in the manifest → its Hanzi.

    A chunk that can come last is there in two forms, for the middle of a sentence and for its end.
    """
    ends = list(dict.fromkeys(_last_chunks()))
    within = {clip_name(chunk): chunk for chunk in (*_inner_chunks(), *ends)}
    return {**within, **{clip_name(chunk, ends=True): chunk for chunk in ends}, PAUSE_CLIP: ""}


def _inner_chunks() -> Iterator[str]:
    """What is always followed by more of the same value."""
    sections = [_section(size, leading=True) for size in range(1, 10000)]
    yield from dict.fromkeys(chunk for chunks in sections for chunk in chunks[:-1])
    for end in _section_ends():
        yield from (f"{end}{unit}" for unit in ("元", "万", "万零", "万元"))
    for digit in _DIGITS[1:]:
        yield from (f"{digit}亿{unit}" for unit in ("", "零", "元"))
    yield "负"
    yield _EXTENSION
    yield from (f"{year:04d}".translate(_SPELT) + "年" for year in range(FIRST_YEAR, LAST_YEAR + 1))


def _last_chunks() -> Iterator[str]:
    """What can end a value: round yuan, jiao and fen, months, days, counts, digits."""
    for end in _section_ends():
        yield from (f"{end}{unit}" for unit in ("元整", "万元整"))
    yield from (f"{digit}亿元整" for digit in _DIGITS[1:])
    for cents in range(1, 100):
        yield _jiao_fen(cents, after_yuan=True)
        yield _jiao_fen(cents, after_yuan=False)
    yield "零元"
    yield from (f"{_integer(month)}月" for month in range(1, 13))
    yield from (f"{_integer(day)}日" for day in range(1, 32))
    for most, unit in (
        (MOST_YEARS, "年"),
        (MOST_PERIODS, "期"),
        (MOST_COUNTED, "位"),
        (MOST_MINUTES, "分钟"),
    ):
        for count in range(most + 1):
            yield _counted(count, unit)[-1]
    for months in range(1, 12):
        yield from (_months_left(months), f"零{_months_left(months)}")
    yield from _digit_chunks()


@cache
def _section_ends() -> tuple[str, ...]:
    """Every chunk that can come last within four digits, 十… and 一十… both."""
    chunks = (
        _section(size, leading=leading)[-1] for leading in (True, False) for size in range(1, 10000)
    )
    return tuple(dict.fromkeys(chunks))


def _digit_chunks() -> Iterator[str]:
    dialled = "零幺二三四五六七八九"
    for first in dialled:
        yield first
        yield f"{first}X"
        yield from (f"{first}{second}" for second in dialled)
    yield "X"
