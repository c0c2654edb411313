"""One call as its facts tell it, from the first ring to the end; and the search for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from analytics.answering.asking import CannotAnswer, ResultSet, answer
from analytics.answering.questioning import Days
from analytics.answering.words import Vocabulary

MOST_CALLS = 200
"""Of a search; whoever wants more asks for fewer days."""
_COURSE, _CALLS, _FOLLOWING = (
    Path(__file__).with_name(name).read_text(encoding="utf-8")
    for name in ("course.sql", "calls.sql", "following.sql")
)
_BEGINS = """
SELECT session FROM call_session WHERE starts_with(session, $begins)
ORDER BY session <> $begins LIMIT 2
"""


@dataclass(frozen=True, slots=True)
class Sought:
    """Which calls; None: any."""

    days: Days
    disposition: str | None = None
    place: str | None = None
    """A place of the script, or a room of places such as `account`."""
    begins: str | None = None
    """The beginning of the session's name."""
    from_clock: str | None = None
    """Beijing time, `HH:MM`, both included."""
    to_clock: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in a call."""

    at: datetime
    """Beijing time."""
    after_ms: int
    """Since the call came."""
    what: str
    """Its kind, in words."""
    told: str
    """The rest of it, in words; never a digit of a sensitive entry."""
    ms: int | None
    """How long it took."""


@dataclass(frozen=True, slots=True)
class Course:
    """A call, whole."""

    session: str
    events: tuple[Event, ...]


def search(facts: duckdb.DuckDBPyConnection, sought: Sought) -> ResultSet:
    """The newest calls that fit, MOST_CALLS at most."""
    return answer(
        facts,
        _CALLS,
        {
            "since": sought.days.first,
            "until": sought.days.last,
            "disposition": sought.disposition,
            "place": sought.place,
            "begins": sought.begins,
            "from_clock": sought.from_clock,
            "to_clock": sought.to_clock,
            "most": MOST_CALLS,
        },
    )


def following(facts: duckdb.DuckDBPyConnection, days: Days, *, most: int) -> ResultSet:
    """What callers came to hear after each sentence, the `most` usual of it."""
    return answer(facts, _FOLLOWING, {"since": days.first, "until": days.last, "most": most})


def course(facts: duckdb.DuckDBPyConnection, session: str, words: Vocabulary) -> Course:
    """The call whose session begins so; CannotAnswer where there is none, or more than one."""
    known = answer(facts, _BEGINS, {"begins": session}).column("session")
    exact = known[:1] if known[:1] == [session] else known
    if not exact:
        raise CannotAnswer(f"没有编号以 {session} 开头的通话 · no call begins so")
    if len(exact) > 1:
        raise CannotAnswer(f"不止一次通话以 {session} 开头，请多写几位 · several calls begin so")
    rows = answer(facts, _COURSE, {"session": exact[0]}).records()
    return Course(exact[0], tuple(_event(row, words) for row in rows))


_WHAT = {
    "came": "来电",
    "answered": "接起",
    "resumed": "服务接续",
    "entered": "来到",
    "say": "播放",
    "menu": "菜单",
    "collect": "输入",
    "record": "录音",
    "transfer": "转接",
    "looked_up": "查询",
    "informed": "信息",
    "transferred": "转人工",
    "recorded": "录音已存",
    "talk_recorded": "通话录音",
    "noted": "小结主题",
    "voted": "投票",
    "refused": "拒绝",
    "ended": "结束",
}


def _event(row: dict[str, Any], words: Vocabulary) -> Event:
    return Event(
        row["at"],
        int(row["after_ms"]),
        _WHAT.get(row["what"], row["what"]),
        "，".join(each for each in _told(row, words) if each),
        None if row["ms"] is None else int(row["ms"]),
    )


def _told(row: dict[str, Any], words: Vocabulary) -> list[str]:  # noqa: PLR0911  one for each kind
    def word(column: str, value: object) -> str:
        return "" if value is None else str(words.value(column, value))

    told, outcome = row["told"], row["outcome"]
    match row["what"]:
        case "came":
            return [f"拨打 {told}" if told else ""]
        case "entered" | "resumed":
            return [words.place(row["place"])]
        case "say" | "menu" | "collect" | "record" | "transfer":
            return [words.sentence(row["prompt"]), word("said", told), *_heard(row, words)]
        case "looked_up":
            return [word("source", told), word("outcome", outcome)]
        case "informed":
            return [word("leaf", told), word("said", outcome)]
        case "transferred":
            return [told or "", word("outcome", outcome)]
        case "recorded":
            return [word("kind", outcome), f"编号 {told}"]
        case "talk_recorded":
            return [word("talk_outcome", outcome), f"编号 {told}" if told else ""]
        case "noted":
            return [told, outcome]
        case "voted":
            return ["不表态" if told == "0" else f"{told}（1 最好）"]
        case "ended":
            cause = f"挂机原因码 {told}" if told else ""
            return [word("disposition", outcome), words.place(row["place"] or ""), cause]
        case _:
            return [word("reason", outcome)]


def _heard(row: dict[str, Any], words: Vocabulary) -> list[str]:
    """What came back: a key of a menu by its name, of an entry only how many keys."""
    keys = row["keys"] or 0
    pressed = f"按 {row['key']}" if row["key"] else f"按了 {keys} 个键" if keys else ""
    outcome = row["outcome"]
    heard = "" if outcome in (None, "finished") else str(words.value("heard", outcome))
    return [pressed, heard]
