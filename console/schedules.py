"""Reports at set times: what, when and for whom; each time is taken once, and its end is kept."""

from __future__ import annotations

import calendar
import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Final, Literal

from analytics.answering.asking import CannotAnswer
from analytics.answering.questioning import Days, question_called
from analytics.answering.statements import is_private, refuse_private
from console.questions import Questions
from console.rows import transaction
from ivr.config import Settings
from ivr.hours import BEIJING

FILE: Final = "schedules.sqlite"
"""Below the home folder."""
DAILY_PAGE: Final = "daily"
MOST: Final = 100
TRIES: Final = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
"""After a failure that certainly sent nothing it is tried again, so much later each time."""
LONGEST_RUN: Final = timedelta(minutes=15)
"""Whoever took a time so long ago and has not told its end was stopped meanwhile."""
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS schedule (number INTEGER PRIMARY KEY AUTOINCREMENT,
 name TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, by_command INTEGER NOT NULL, what TEXT NOT NULL,
 ending TEXT NOT NULL, rhythm TEXT NOT NULL, day INTEGER NOT NULL, clock TEXT NOT NULL,
 mail TEXT NOT NULL, folder TEXT NOT NULL, paused INTEGER NOT NULL DEFAULT 0, since REAL NOT NULL);
CREATE TABLE IF NOT EXISTS run (schedule INTEGER NOT NULL, due REAL NOT NULL, state TEXT NOT NULL,
 at REAL NOT NULL, tries INTEGER NOT NULL, again REAL, told TEXT NOT NULL,
 PRIMARY KEY (schedule, due));
"""
_COLUMNS: Final = (
    "number, name, owner, by_command, what, ending, rhythm, day, clock, mail, folder, paused, since"
)
_RUN: Final = "schedule, due, state, at, tries, again, told"
_MAIL = re.compile(r"[0-9A-Za-z.!#$%&'*+/=?^_`{|}~-]+@([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)")
_FOLDER = re.compile(r"[\w-]{1,40}")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class Rhythm(StrEnum):
    """How often; a report is of the last whole day, week or month before its time."""

    DAILY = "每天"
    WEEKLY = "每周"
    MONTHLY = "每月"


PAGES: Final = {Rhythm.DAILY: "日报", Rhythm.WEEKLY: "周报", Rhythm.MONTHLY: "月报"}
"""What the manager's page is called."""
ENDINGS: Final = {"daily": ("html",), "report": ("xlsx", "csv", "png"), "question": ("xlsx", "csv")}
"""What a report can be, by the first word of `what`."""


class Refused(Exception):
    """It cannot be kept so; says why, and what would do."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One report, its times, and who gets it."""

    name: str
    what: str
    """`daily`, `report:NAME` or `question:NUMBER`."""
    ending: str
    rhythm: Rhythm
    clock: str
    """Beijing time, such as 07:30."""
    day: int = 1
    """Of the week (1 is Monday) or of the month (31: its last); of no use where it is each day."""
    mail: tuple[str, ...] = ()
    folder: str = ""
    """Its own below the folder of reports."""
    owner: str = ""
    by_command: bool = False
    """Made at the machine itself: its owner is no user of the console."""
    number: int = 0
    paused: bool = False
    since: float = 0.0
    """Times before this moment are none of it."""

    @property
    def kind(self) -> str:
        """`daily`, `report` or `question`."""
        return self.what.partition(":")[0]

    @property
    def named(self) -> str:
        """The question's name or number."""
        return self.what.partition(":")[2]

    def when(self) -> str:
        """In words."""
        at = {
            Rhythm.DAILY: "每天",
            Rhythm.WEEKLY: f"每周{'一二三四五六日'[self.day - 1]}",
            Rhythm.MONTHLY: "每月最后一天" if self.day == 31 else f"每月 {self.day} 日",
        }
        return f"{at[self.rhythm]} {self.clock}"

    def to(self) -> str:
        """Who gets it, in words."""
        told = [f"文件夹 {self.folder}"] if self.folder else []
        return "；".join([*told, *self.mail])

    def days(self, due: datetime) -> Days:
        """What the report of this time is about."""
        today = due.astimezone(BEIJING).date()
        if self.rhythm is Rhythm.DAILY:
            return Days(today - timedelta(days=1), today - timedelta(days=1))
        if self.rhythm is Rhythm.WEEKLY:
            sunday = today - timedelta(days=today.weekday() + 1)
            return Days(sunday - timedelta(days=6), sunday)
        last = today.replace(day=1) - timedelta(days=1)
        return Days(last.replace(day=1), last)

    def dues(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Its times, later than `after` and not than `until`."""
        at = time.fromisoformat(self.clock)
        day, last = after.astimezone(BEIJING).date(), until.astimezone(BEIJING).date()
        while day <= last:
            due = datetime.combine(day, at, BEIJING)
            if self._falls_on(day) and after < due <= until:
                yield due
            day += timedelta(days=1)

    def _falls_on(self, day: date) -> bool:
        if self.rhythm is Rhythm.WEEKLY:
            return day.isoweekday() == self.day
        if self.rhythm is Rhythm.MONTHLY:
            return day.day == min(self.day, calendar.monthrange(day.year, day.month)[1])
        return True


State = Literal["begun", "done", "again", "failed", "perhaps", "missed"]
WORDS: Final[dict[State, str]] = {
    "begun": "正在做",
    "done": "已送出",
    "again": "没送出，会再试",
    "failed": "没有送出",
    "perhaps": "中断，可能已经送出",
    "missed": "错过了，没有做",
}


@dataclass(frozen=True, slots=True)
class Run:
    """One time of a schedule, and what came of it."""

    schedule: int
    due: datetime
    state: State
    at: datetime
    tries: int
    again: datetime | None
    told: str


class Schedules:
    """The schedules of one line. All methods block: an event loop calls them in a thread."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE

    # --- which there are ----------------------------------------------------------------------

    def all(self) -> list[Schedule]:
        """By name."""
        with self._opened() as rows:
            return _schedules(rows)

    def find(self, number: int) -> Schedule:
        """Raises Refused where there is none."""
        for each in self.all():
            if each.number == number:
                return each
        raise Refused(f"没有第 {number} 号定时报表 · there is no schedule {number}")

    def keep(self, wanted: Schedule, now: datetime) -> Schedule:
        """Keep it under its name, in place of the one of that name; its times count from now."""
        kept = replace(wanted, since=now.timestamp(), paused=False)
        values = (
            *(kept.name, kept.owner, kept.by_command, kept.what, kept.ending, kept.rhythm),
            *(kept.day, kept.clock, json.dumps(kept.mail), kept.folder, kept.paused, kept.since),
        )
        with self._opened() as rows:
            ((others,),) = rows.execute(
                "SELECT count(*) FROM schedule WHERE name <> ?", (kept.name,)
            )
            if others >= MOST:
                raise Refused(f"最多 {MOST} 份定时报表：请先删去不用的 · too many schedules")
            rows.execute("DELETE FROM schedule WHERE name = ?", (kept.name,))
            added = rows.execute(
                "INSERT INTO schedule (name, owner, by_command, what, ending, rhythm, day, clock,"
                " mail, folder, paused, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            return replace(kept, number=int(added.lastrowid or 0))

    def drop(self, number: int) -> None:
        """With what is known of its times."""
        with self._opened() as rows:
            rows.execute("DELETE FROM schedule WHERE number = ?", (number,))
            rows.execute("DELETE FROM run WHERE schedule = ?", (number,))

    def pause(self, number: int, *, paused: bool, now: datetime) -> None:
        """While it is paused no time is due, and none is made up for afterwards."""
        with self._opened() as rows:
            rows.execute(
                "UPDATE schedule SET paused = ?, since = ? WHERE number = ?",
                (paused, now.timestamp(), number),
            )

    # --- its times ----------------------------------------------------------------------------

    def runs(self, number: int | None = None, most: int = 10) -> list[Run]:
        """What came of the last times of one, or of all, the newest first."""
        one = "" if number is None else " WHERE schedule = ?"
        with self._opened() as rows:
            found = rows.execute(
                f"SELECT {_RUN} FROM run{one} ORDER BY due DESC, schedule LIMIT ?",  # noqa: S608
                (most,) if number is None else (number, most),
            )
            return [_run(row) for row in found]

    def last_runs(self) -> list[tuple[Schedule, Run]]:
        """Of each that is not paused, what came of its last time."""
        newest = {each.schedule: each for each in reversed(self.runs(most=10_000))}
        known = [each for each in self.all() if not each.paused and each.number in newest]
        return [(each, newest[each.number]) for each in known]

    def take(self, now: datetime, most: int = MOST) -> list[tuple[Schedule, Run]]:
        """What is to be done now, and is from now on nobody else's, not even after a crash.

        Of several times that have passed meanwhile the last one is made up for, once; the others
        are written down as missed.
        """
        with self._opened() as rows:
            rows.execute("BEGIN IMMEDIATE")
            _give_up(rows, now)
            return [*islice(_due(rows, now), most)]

    def take_anew(self, number: int, due: datetime, now: datetime) -> tuple[Schedule, Run]:
        """One time that somebody wants made up for, whatever came of it; raises Refused."""
        found = self.find(number)
        with self._opened() as rows:
            rows.execute("BEGIN IMMEDIATE")
            known = rows.execute(
                f"SELECT {_RUN} FROM run WHERE schedule = ? AND due = ?",  # noqa: S608
                (number, due.timestamp()),
            ).fetchone()
            if known is None:
                raise Refused("没有这一次 · there was no such time")
            if known[2] == "begun":
                raise Refused("正在做，请稍等 · it is being made just now")
            return found, _began(rows, _run(known), now)

    def end(self, run: Run, state: State, told: str) -> State:
        """What came of it; what certainly was not sent is tried again, some times."""
        again = None
        if state == "again":
            again = run.at + TRIES[run.tries - 1] if run.tries <= len(TRIES) else None
            state = "again" if again else "failed"
        with self._opened() as rows:
            _write(rows, replace(run, state=state, again=again, told=told[:300]))
        return state

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with transaction(self.path, _TABLES) as rows:
            yield rows


def _give_up(rows: sqlite3.Connection, now: datetime) -> None:
    """Of those who were stopped in the midst of it nobody knows whether it was sent."""
    rows.execute(
        "UPDATE run SET state = 'perhaps', told = '做到一半时程序停了'"
        " WHERE state = 'begun' AND at < ?",
        ((now - LONGEST_RUN).timestamp(),),
    )


def _due(rows: sqlite3.Connection, now: datetime) -> Iterator[tuple[Schedule, Run]]:
    """One after another, each begun as it is given."""
    for each in _schedules(rows):
        if not each.paused:
            for run in (*_to_try_again(rows, each, now), *_newly_due(rows, each, now)):
                yield each, _began(rows, run, now)


def _to_try_again(rows: sqlite3.Connection, each: Schedule, now: datetime) -> list[Run]:
    found = rows.execute(
        f"SELECT {_RUN} FROM run WHERE schedule = ? AND state = 'again' AND again <= ?",  # noqa: S608
        (each.number, now.timestamp()),
    )
    return [_run(row) for row in found]


def _newly_due(rows: sqlite3.Connection, each: Schedule, now: datetime) -> list[Run]:
    ((last,),) = rows.execute("SELECT max(due) FROM run WHERE schedule = ?", (each.number,))
    after = datetime.fromtimestamp(max(each.since, last or 0.0), BEIJING)
    dues = [*each.dues(after, now)]
    for due in dues[:-1]:
        _write(rows, Run(each.number, due, "missed", now, 0, None, "那时控制台没有运行"))
    return [Run(each.number, due, "begun", now, 0, None, "") for due in dues[-1:]]


def _began(rows: sqlite3.Connection, run: Run, now: datetime) -> Run:
    begun = replace(run, state="begun", at=now, tries=run.tries + 1, again=None)
    _write(rows, begun)
    return begun


def _write(rows: sqlite3.Connection, run: Run) -> None:
    again = None if run.again is None else run.again.timestamp()
    rows.execute(
        f"INSERT OR REPLACE INTO run ({_RUN}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            *(run.schedule, run.due.timestamp(), run.state, run.at.timestamp()),
            *(run.tries, again, run.told),
        ),
    )


def _schedules(rows: sqlite3.Connection) -> list[Schedule]:
    found = rows.execute(f"SELECT {_COLUMNS} FROM schedule ORDER BY name")  # noqa: S608
    return [_schedule(row) for row in found]


def _schedule(row: Sequence[object]) -> Schedule:
    named = dict(zip(_COLUMNS.split(", "), row, strict=True))
    mail = tuple(json.loads(str(named["mail"])))
    flags = {name: bool(named[name]) for name in ("by_command", "paused")}
    return Schedule(**{**named, **flags, "mail": mail, "rhythm": Rhythm(str(named["rhythm"]))})  # type: ignore[arg-type]


def _run(row: tuple[int, float, State, float, int, float | None, str]) -> Run:
    schedule, due, state, at, tries, again, told = row
    moments = [datetime.fromtimestamp(each, BEIJING) for each in (due, at)]
    later = None if again is None else datetime.fromtimestamp(again, BEIJING)
    return Run(schedule, moments[0], state, moments[1], tries, later, told)


# --- what may be kept -------------------------------------------------------------------------


def checked(settings: Settings, wanted: Schedule) -> Schedule:
    """The same, if it can be made and may go where it is to go; Refused with all that is wrong."""
    faults = [*_faults(settings, wanted)]
    if faults:
        raise Refused("\n".join(faults))
    return wanted


def _faults(settings: Settings, wanted: Schedule) -> Iterator[str]:
    if not 1 <= len(wanted.name) <= 40 or not wanted.name.isprintable():
        yield "起一个 1 到 40 个字的名字 · a name of 1 to 40 characters"
    if not _CLOCK.fullmatch(wanted.clock):
        yield "时间写成 07:30 这样，北京时间 · a time such as 07:30"
    most = {Rhythm.DAILY: 31, Rhythm.WEEKLY: 7, Rhythm.MONTHLY: 31}[wanted.rhythm]
    if not 1 <= wanted.day <= most:
        yield f"{wanted.rhythm}的日子是 1 到 {most} · a day from 1 to {most}"
    yield from _faults_of_content(settings, wanted)
    yield from _faults_of_ways(settings, wanted)
    try:
        refuse_private(wanted.name, wanted.folder)
    except CannotAnswer:
        yield "名字里不要写证件号或手机号 · no number of anybody's"


def _faults_of_content(settings: Settings, wanted: Schedule) -> Iterator[str]:
    if wanted.kind not in ENDINGS or (wanted.kind == "daily") == bool(wanted.named):
        yield "要送什么：日报、一张报表，或一个保存的查询 · daily, report:NAME or question:NUMBER"
        return
    if wanted.ending not in ENDINGS[wanted.kind]:
        yield f"格式只能是 {'、'.join(ENDINGS[wanted.kind])} · no such format for it"
    if wanted.kind == "report":
        try:
            drawn = question_called(wanted.named).chart
        except CannotAnswer as unknown:
            yield str(unknown)
            return
        if wanted.ending == "png" and drawn is None:
            yield "这张报表没有图 · it has no chart"
    if wanted.kind == "question" and _question(settings, wanted) is None:
        yield "没有这个保存的查询，或者不是您的，也没有共享 · there is no such question"


def _question(settings: Settings, wanted: Schedule) -> object:
    if not wanted.named.isdecimal():
        return None
    who = None if wanted.by_command else wanted.owner
    return Questions(settings.home).find(int(wanted.named), who)


def _faults_of_ways(settings: Settings, wanted: Schedule) -> Iterator[str]:
    if not wanted.mail and not wanted.folder:
        yield "写明送到哪里：邮箱，或者文件夹 · by mail or into a folder"
    if wanted.folder and not _FOLDER.fullmatch(wanted.folder):
        yield "文件夹只写一个名字：汉字、字母、数字、- · a folder's name, without a way"
    known = {settings.mail.sender.rpartition("@")[2], *settings.reports.domains}
    for address in wanted.mail:
        found = _MAIL.fullmatch(address)
        if found is None or len(address) > 100:
            yield f"{address!r} 不是邮箱 · is no address"
        elif is_private(address):
            yield "邮箱里不要带手机号或证件号，会留在审计里：请用单位邮箱 · no number of anybody's"
        elif found[1].lower() not in {each.lower() for each in known}:
            yield (
                f"{address} 不是单位的邮箱：只能送到 {'、'.join(sorted(known))}"
                "（设置 reports.domains）· not a domain of the centre"
            )
    if wanted.mail and settings.mail.server is None:
        yield "还没有设 mail.server，邮件发不出去 · mail.server is not set"
