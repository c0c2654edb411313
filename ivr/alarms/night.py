"""What happened last night: outages, restarts, calls lost and why, slow look-ups, full disks.

From the facts in the spool, the alarms' history and the logs; no number of anybody's is in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from ivr import fast
from ivr.alarms import keeping
from ivr.alarms.table import BY_NAME
from ivr.config import Settings
from ivr.hours import BEIJING
from ivr.lifecycle import logs
from ivr.probe.outcomes import WORDS
from ivr.records.facts import Refusal
from ivr.speech import publications

EVENING, MORNING = time(18, 0), time(9, 0)
SLOW_MS = 1000
_MOST_LINES = 200
_LOST: Final[Mapping[str, str]] = {
    "failed": "通话因本系统故障中断，来电人听到致歉",
    "asterisk_lost": "Asterisk 死了，通话断了",
    "service_lost": "服务重启后通话已经不在",
    "vanished": "对方没有声音，通话被放弃",
}
_REFUSED: Final[Mapping[Refusal, str]] = {
    "line_full": "来电太多，来电人听到线路忙",
    "line_overrun": "来电太多，来电人听到忙音",
    "draining": "服务就要停下，来电转给坐席",
    "not_taken": "本系统故障，没有接待，来电转给坐席",
    "unknown_number": "拨的号码热线没有",
    "caller_busy": "同一号码同时打得太多",
    "lookups_of_caller": "同一号码查的人太多",
    "lookups_of_session": "同一通电话查的人太多",
    "lookups_of_unknown": "没有号码的来电查的人太多",
    "lookups_of_person": "同一人今天被查得太多",
    "password_wrong": "查询密码不对",
    "password_locked": "查询密码错得太多，今天锁住",
    "case_wrong": "查办理进度，编号或另一项不对",
    "case_locked": "查办理进度，错得太多，今天锁住",
    "cases_of_caller": "查办理进度，同一号码试得太多",
    "lookups_of_line": "所有来电一分钟里查得太多",
}
_SOURCES: Final = {"fund": "公积金", "loan": "贷款"}
UNSEEN_SECONDS: Final = 120.0
"""So long after its last look the watch does not look any more: nobody would hear of anything."""
_OF_INTEREST = re.compile(
    rb'"fact": ?"(?:LinkLost|LinkRestored|Refused|Probed|Carried|LookedUp)"'
    rb'|"disposition": ?"(?:failed|asterisk_lost|service_lost|vanished)"'
)
_NUMBERS = re.compile(r"\d[\d.,X]{4,}")
_SESSION = re.compile(r" \[\w+\]:")
_KEEPERS = ("run", "units")
"""Logs of who starts programs again."""
_TOLD_ELSEWHERE = re.compile(r"ivr\.alarms\.watching: alarm |ivr\.probe\.timing: ")
"""What the alarms' history and the facts say too."""
_ENDED = re.compile(r"\b(?:ivr-)?(\w+) ended \(([^)]*)\)")
"""As the supervisor of `ivr run` says it, and `ended.sh` of a unit."""
_HUNG = re.compile(r"\b(\w+) does not answer any more and is ended")
_PROGRAMS: Final[Mapping[str, str]] = {
    "asterisk": "Asterisk ",
    "service": "接电话的服务",
    "loader": "装载程序",
    "guardian": "守护程序",
    "console": "控制台",
    "watch": "告警程序",
    "probe": "拨测程序",
    "retention": "到期删除",
}
_TORN = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4} .*"
    r"(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4} [A-Z]+ )"
)
"""What a full disk has left of a line, with the next one behind it; it says so again."""
_LINE = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4}) (WARNING|ERROR|CRITICAL) (.*)")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing worth knowing, or many of a kind, from the first to the last."""

    at: datetime
    kind: str
    what: str
    times: int = 1
    last: datetime | None = None


def last_night(now: datetime) -> tuple[datetime, datetime]:
    """From yesterday's evening to this morning, or to now."""
    today = now.astimezone(BEIJING).date()
    evening = datetime.combine(today - timedelta(days=1), EVENING, BEIJING)
    return evening, min(now, datetime.combine(today, MORNING, BEIJING))


def happened(settings: Settings, since: datetime, until: datetime) -> list[Event]:
    """In order of time; the same again and again is one event."""
    found = [
        *_of_facts(settings.home / "spool", since, until),
        *_of_alarms(settings.home, since, until),
        *_of_logs(logs.folder(settings), since, until),
        *_of_words(settings.audio, since, until),
    ]
    return sorted(_gathered(found), key=lambda each: each.at)


def _gathered(found: list[Event]) -> Iterator[Event]:
    times = Counter((each.kind, each.what) for each in found)
    first: dict[tuple[str, str], datetime] = {}
    last: dict[tuple[str, str], datetime] = {}
    for each in found:
        key = each.kind, each.what
        first[key] = min(each.at, first.get(key, each.at))
        last[key] = max(each.at, last.get(key, each.at))
    for (kind, what), count in times.items():
        key = kind, what
        yield Event(first[key], kind, what, count, last[key] if count > 1 else None)


def still_wrong(settings: Settings, now: datetime) -> list[str]:
    """What rings now, since when and what to do about it; and whether anybody is looking at all."""
    rings = [
        each for each in keeping.ringing(settings.home) if each.begun and each.alarm in BY_NAME
    ]
    found = [
        f"{BY_NAME[each.alarm].title}{f'（{each.about}）' if each.about else ''}，"
        f"从 {_moment(each.since)} 起{'，刚刚好转' if each.well_since is not None else ''}："
        f"{BY_NAME[each.alarm].remedy}"
        for each in rings
    ]
    looked = keeping.looked(settings.home)
    if looked is None:
        found.append("告警程序从来没有看过：`systemctl status ivr-watch`，或启动 `ivr watch`。")
    elif now.timestamp() - looked > UNSEEN_SECONDS:
        found.append(
            f"告警程序没有在看，最后一次是 {_moment(looked)}：这以后出了什么事没有人知道；"
            "看 watch.log，`systemctl restart ivr-watch`。"
        )
    return found


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, BEIJING).strftime("%m-%d %H:%M:%S")


def coming(settings: Settings, now: datetime) -> list[str]:
    """What callers will hear otherwise without anybody doing anything, in words."""
    published = publications.last(settings.audio)
    return [publications.in_words(each) for each in published.turns(now)] if published else []


def _of_words(audio: Path, since: datetime, until: datetime) -> Iterator[Event]:
    """When callers came to hear another set of prompts."""
    try:
        log = publications.read(audio)
    except (OSError, ValueError, KeyError, TypeError):
        return
    before = 0
    for each in publications.heard(log, until):
        if since <= each.at < until and each.set != before:
            how = publications.HOW_IN_CHINESE[each.how]
            yield Event(each.at, "话术", f"开始播第 {each.set} 版（{how}）")
        before = each.set


# --- from the facts -----------------------------------------------------------------------------


def _of_facts(spool: Path, since: datetime, until: datetime) -> Iterator[Event]:
    for page in sorted(spool.glob("facts-*.jsonl")):
        if page.stat().st_mtime < since.timestamp():
            continue
        yield from _began(page, since, until)
        with page.open("rb") as lines:
            for line in lines:
                if _OF_INTEREST.search(line):
                    yield from _of_fact(line, since, until)


def _began(page: Path, since: datetime, until: datetime) -> Iterator[Event]:
    """Each start of a service begins a page, and so does each day (UTC)."""
    named = re.fullmatch(r"facts-\d{8}-(\d{8}T\d{6})-[0-9a-f]{8}\.jsonl", page.name)
    if named is not None and not named[1].endswith("T000000"):
        at = datetime.strptime(named[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        if since <= at < until:
            yield Event(at, "启动", "接电话的服务启动")


def _of_fact(line: bytes, since: datetime, until: datetime) -> Iterator[Event]:
    try:
        fact = fast.loads(line)
        at = datetime.fromisoformat(fact["at"])
    except (ValueError, KeyError, TypeError):
        return
    if since <= at < until and (told := _told(fact)):
        yield Event(at, *told)


def _told(fact: Mapping[str, Any]) -> tuple[str, str] | None:
    """What it means for whoever comes in the morning; None where all was well."""
    kind = fact["fact"]
    if kind == "SessionEnded":
        return "断话", _LOST[fact["disposition"]]
    if kind == "LookedUp":
        return _of_look_up(fact)
    reason: Any = fact.get("reason")
    told: Mapping[str, tuple[str, str, bool]] = {
        "LinkLost": ("断线", "与 Asterisk 的连接断了", True),
        "LinkRestored": ("断线", f"与 Asterisk 连上，接回 {fact.get('adopted')} 通来电", True),
        "Refused": ("拒绝", _REFUSED.get(reason, str(reason)), True),
        "Carried": ("断话", "服务不在，Asterisk 自己致歉、转坐席", bool(fact.get("away"))),
    }
    if kind == "Probed" and fact["verdict"] != "well":
        return "拨测", f"{WORDS[fact['verdict']]}（{fact['step'] or '没有接通'}）"
    what = told.get(kind)
    return (what[0], what[1]) if what is not None and what[2] else None


def _of_look_up(fact: Mapping[str, Any]) -> tuple[str, str] | None:
    source = _SOURCES.get(fact["source"], fact["source"])
    if fact["outcome"] == "unavailable":
        return "查询", f"账户查不了（{source}），来电人听到系统繁忙"
    if fact["ms"] >= SLOW_MS:
        return "查询", f"账户查得慢（{source}，一秒以上）"
    return None


# --- from the alarms and the logs ---------------------------------------------------------------


def _of_alarms(home: Path, since: datetime, until: datetime) -> Iterator[Event]:
    for at, kind, key in keeping.history(home, since.timestamp(), until.timestamp()):
        name, _, about = key.partition(":")
        title = BY_NAME[name].title if name in BY_NAME else name
        word = "开始" if kind == "begins" else "恢复"
        what = f"{title}{f'（{about}）' if about else ''}：{word}"
        yield Event(datetime.fromtimestamp(at, UTC), "告警", what)


def _of_logs(folder: Path, since: datetime, until: datetime) -> Iterator[Event]:
    """Warnings and errors, of either form; the end of each log only."""
    for path in sorted(folder.glob("*.log*")):
        if path.stat().st_mtime < since.timestamp() or path.name.startswith("asterisk"):
            continue
        found = [
            Event(at, *_said(path.name.partition(".")[0], what))
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
            for at, what in _logged(line)
            if since <= at < until and not _TOLD_ELSEWHERE.search(what)
        ]
        yield from found[-_MOST_LINES:]


def _said(log: str, what: str) -> tuple[str, str]:
    kept = log in _KEEPERS
    if kept and (ended := _ENDED.search(what)) and ended[1] in _PROGRAMS:
        return "重启", f"{_PROGRAMS[ended[1]]}意外结束（{without_numbers(ended[2])[:100]}）"
    if kept and (hung := _HUNG.search(what)) and hung[1] in _PROGRAMS:
        return "重启", f"{_PROGRAMS[hung[1]]}不再回答，被结束"
    return "日志", f"{log}: {without_numbers(what)[:200]}"


def _logged(line: str) -> Iterator[tuple[datetime, str]]:
    if line.startswith("{"):
        try:
            told = fast.loads(line)
            if told["level"] in {"WARNING", "ERROR", "CRITICAL"}:
                whose = f" {told['logger']}:" if "logger" in told else ""
                said = f"{told['level']}{whose} {told['message']}"
                yield datetime.fromisoformat(told["at"]), said
        except (ValueError, KeyError, TypeError):
            return
    elif found := _LINE.match(_TORN.sub("", line)):
        at = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S%z")
        yield at, f"{found[2]} {_SESSION.sub(':', found[3])}"


def without_numbers(text: str) -> str:
    """No number of anybody's, whatever a library has put into its message."""
    return _NUMBERS.sub("…", text)
