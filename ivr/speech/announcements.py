"""Announcements: what the shift leader has every caller hear before the greeting, until a set time.

They lie in a folder of their own under the home folder, beside the published prompts and apart from
them: a set that is built, published or taken back meanwhile knows nothing of them. Each new call
looks, so that one is heard from the next call on, and outlives every program.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from ivr import hours
from ivr.hours import BEIJING
from ivr.records.durable import write
from ivr.records.holding import alone
from ivr.speech.prompts import Clip, Utterance

log = logging.getLogger(__name__)

PROMPT = "line.announcement"
"""By which the records name what was said; no prompt of the catalog."""
MOST_ON_AIR = 3
"""At once: a caller comes to the menu all the same."""
LONGEST = timedelta(days=31)
_FILE = "announcements.json"
_MOST_KEPT = 20
"""Drafts and announcements that are over, the newest of them."""

State = Literal["draft", "on_air", "over"]


class CannotAnnounce(Exception):
    """Nothing was changed; says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What callers hear: coding → file below the folder of announcements, and how long it takes."""

    files: Mapping[str, str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Announcement:
    """One text with its sound; what became of it, when and by whom."""

    name: str
    text: str
    files: Mapping[str, str]
    """Coding → the sound's file, below the folder of announcements."""
    seconds: float
    until: datetime
    author: str
    made: datetime
    heard: bool = False
    """Somebody has listened to it."""
    aired: datetime | None = None
    aired_by: str = ""
    ended: datetime | None = None
    """When somebody took it off the air, or threw the draft away."""
    ended_by: str = ""

    def state(self, now: datetime) -> State:
        """It takes itself off the air when its time is over."""
        if self.ended is not None or (self.aired is not None and self.until <= now):
            return "over"
        return "draft" if self.aired is None else "on_air"


def folder(home: Path) -> Path:
    """Where announcements and their sounds lie."""
    return home / "announcements"


def new(text: str, sound: Sound, until: datetime, author: str, now: datetime) -> Announcement:
    """A draft that nobody has heard yet."""
    name = secrets.token_hex(4)
    return Announcement(name, text, sound.files, sound.seconds, until, author, now)


def moment(text: str, now: datetime) -> datetime:
    """Until when, as people write it: `18:00`, `2026-11-28 18:00`, `90m`, `2h`; Beijing time.

    A moment with a zone of its own is that moment. Raises CannotAnnounce for one that is none, is
    over, or is further away than LONGEST.
    """
    given = text.strip()
    until = hours.moment(given, now)
    if until is None:
        raise CannotAnnounce(
            f"“{given}”不是时间：写成 18:00、2026-11-28 18:00 或 90m、2h（北京时间）"
            " · no time: write 18:00, 2026-11-28 18:00, 90m or 2h, Beijing time"
        )
    check_until(until, now)
    return until


def check_until(until: datetime, now: datetime) -> None:
    """Raises CannotAnnounce for a moment that is over, or too far away."""
    told = f"{until.astimezone(BEIJING):%Y-%m-%d %H:%M}"
    if until <= now:
        raise CannotAnnounce(f"结束时间 {told} 已经过了（北京时间）· that moment is over")
    if until - now > LONGEST:
        raise CannotAnnounce(
            f"结束时间 {told} 太远：最多 {LONGEST.days} 天；长期的话写进话术"
            f" · at most {LONGEST.days} days ahead: what stays belongs into the script"
        )


class Announcements:
    """All of one line, for those who make them; one writer at a time."""

    def __init__(self, home: Path) -> None:
        self.folder = folder(home)

    def all(self) -> list[Announcement]:
        """The newest first; raises CannotAnnounce where the file is damaged."""
        try:
            return _read(self.folder / _FILE)
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError) as damaged:
            raise CannotAnnounce(
                f"{self.folder / _FILE} 损坏了：删掉它，在播的要重新做 · damaged: remove it"
            ) from damaged

    def on_air(self, now: datetime) -> list[Announcement]:
        """In the order in which callers hear them."""
        return _on_air(self.all(), now)

    def named(self, name: str) -> Announcement:
        """Raises CannotAnnounce where there is none of that name."""
        found = next((each for each in self.all() if each.name == name), None)
        if found is None:
            raise CannotAnnounce(f"没有编号 {name} 的公告 · there is no announcement {name}")
        return found

    def add(self, draft: Announcement) -> None:
        """Keep a draft; one of the same words that nobody has put on the air gives way to it."""
        with self._changing() as kept:
            kept[:] = [
                each
                for each in kept
                if not (each.text == draft.text and each.state(draft.made) == "draft")
            ]
            kept.insert(0, draft)

    def take(self, agreed: Sequence[Announcement]) -> None:
        """Have what all nodes of the line agreed on, and what was done here meanwhile."""
        with self._changing() as kept:
            kept[:] = merged(kept, agreed)

    def listened(self, name: str) -> None:
        """Somebody has heard it."""
        self._change(name, heard=True)

    def air(self, name: str, who: str, now: datetime) -> Announcement:
        """From the next call on everybody hears it. Raises CannotAnnounce."""
        with self._changing() as kept:
            at = _place(kept, name)
            found = kept[at]
            if found.state(now) == "over":
                raise CannotAnnounce("这条公告已经撤下了：重新做一条 · it is over: make a new one")
            if found.aired is not None:
                raise CannotAnnounce("这条公告正在播出 · it is on the air already")
            check_until(found.until, now)
            if lacking := lacks(self.folder, found):
                raise CannotAnnounce(f"{lacking} 不在了：重新做一条 · its sound is not there")
            if len(_on_air(kept, now)) >= MOST_ON_AIR:
                raise CannotAnnounce(
                    f"已经有 {MOST_ON_AIR} 条在播：先撤下一条 · {MOST_ON_AIR} are on the air: take"
                    " one off first"
                )
            kept[at] = replace(found, aired=now, aired_by=who)
            return kept[at]

    def end(self, name: str, who: str, now: datetime) -> Announcement:
        """Take it off the air, or throw the draft away; harmless where it is over."""
        with self._changing() as kept:
            at = _place(kept, name)
            if kept[at].state(now) != "over":
                kept[at] = replace(kept[at], ended=now, ended_by=who)
            return kept[at]

    def _change(self, name: str, **changes: Any) -> None:
        with self._changing() as kept:
            at = _place(kept, name)
            kept[at] = replace(kept[at], **changes)

    @contextmanager
    def _changing(self) -> Iterator[list[Announcement]]:
        """All of them, to be changed; on disk when the block ends well."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with alone(self.folder / "lock"):
            kept = self.all()
            yield kept
            kept[:] = _worth_keeping(kept)
            content = json.dumps([written(each) for each in kept], ensure_ascii=False)
            write(self.folder / _FILE, content.encode())


def _place(kept: list[Announcement], name: str) -> int:
    at = next((at for at, each in enumerate(kept) if each.name == name), None)
    if at is None:
        raise CannotAnnounce(f"没有编号 {name} 的公告 · there is no announcement {name}")
    return at


def _on_air(kept: list[Announcement], now: datetime) -> list[Announcement]:
    heard = [each for each in reversed(kept) if each.state(now) == "on_air"]
    return sorted(heard, key=lambda each: each.aired or each.made)


def _worth_keeping(kept: list[Announcement]) -> list[Announcement]:
    """What may still be heard, and the newest of the rest."""
    rest = 0
    worth = []
    for each in kept:
        may_be_heard = each.aired is not None and each.ended is None
        rest += not may_be_heard
        if may_be_heard or rest <= _MOST_KEPT:
            worth.append(each)
    return worth


def merged(some: Sequence[Announcement], others: Sequence[Announcement]) -> list[Announcement]:
    """What two nodes know, the newest first: the same whoever is asked first, and however often.

    What was done with one is never undone, so whoever knows more of it is right; a draft gives way
    to a later one of the same words.
    """
    by_name = {each.name: each for each in some}
    for each in others:
        known = by_name.get(each.name)
        by_name[each.name] = each if known is None else _joined(known, each)
    newest = sorted(by_name.values(), key=lambda each: (each.made, each.name), reverse=True)
    words: set[str] = set()
    kept = []
    for each in newest:
        is_draft = each.aired is None and each.ended is None
        if not (is_draft and each.text in words):
            kept.append(each)
        words.add(each.text)
    return _worth_keeping(kept)


def _joined(one: Announcement, other: Announcement) -> Announcement:
    aired, aired_by = _first((one.aired, one.aired_by), (other.aired, other.aired_by))
    ended, ended_by = _first((one.ended, one.ended_by), (other.ended, other.ended_by))
    return replace(
        one,
        heard=one.heard or other.heard,
        aired=aired,
        aired_by=aired_by,
        ended=ended,
        ended_by=ended_by,
    )


def _first(*done: tuple[datetime | None, str]) -> tuple[datetime | None, str]:
    return min(((at, who) for at, who in done if at is not None), default=(None, ""))


def lacks(below: Path, announcement: Announcement) -> Path | None:
    """A file of its sound that is not there, or is empty; Asterisk would play nothing of it."""
    for file in announcement.files.values():
        path = below / file
        if not path.is_file() or not path.stat().st_size:
            return path
    return None


class OnAir:
    """What the next caller hears; a damaged file or a lacking sound is told once and left out."""

    def __init__(self, home: Path) -> None:
        self._folder = folder(home)
        self._stamp: tuple[int, int] | None = None
        self._kept: list[Announcement] = []
        self._told: set[str] = set()

    def now(self, moment: datetime | None = None) -> tuple[Utterance, ...]:
        """In the order in which they went on the air; `moment`: this one."""
        self._look()
        heard = _on_air(self._kept, moment or datetime.now(UTC))
        return tuple(self._utterance(each) for each in heard if self._is_there(each))

    def _look(self) -> None:
        """Read the file when it is another than before."""
        file = self._folder / _FILE
        try:
            seen = file.stat()
            stamp = (seen.st_ino, seen.st_mtime_ns)
            if stamp != self._stamp:
                self._stamp, self._kept = stamp, []
                self._kept = _read(file)
        except FileNotFoundError:
            self._stamp, self._kept = None, []
        except (OSError, ValueError, KeyError, TypeError) as damaged:
            self._tell("file", f"nothing is announced: {file}: {type(damaged).__name__}")

    def _is_there(self, each: Announcement) -> bool:
        try:
            lacking = lacks(self._folder, each)
        except OSError as refused:
            lacking = Path(refused.filename or self._folder)
        if lacking is not None:
            self._tell(each.name, f"an announcement is left out: {lacking} is not there")
        return lacking is None

    def _tell(self, what: str, told: str) -> None:
        if what not in self._told:
            self._told.add(what)
            log.error("%s", told)

    def _utterance(self, each: Announcement) -> Utterance:
        first = self._folder.absolute() / next(iter(each.files.values()))
        clip = Clip(PROMPT, each.text, str(first.with_suffix("")), each.seconds)
        return Utterance((PROMPT,), (clip,))


def written(each: Announcement) -> dict[str, Any]:
    """As the file has it."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(each).items()
    }


def _read(file: Path) -> list[Announcement]:
    """Raises what damaged content raises: ValueError, KeyError, TypeError."""
    return [read(each) for each in json.loads(file.read_bytes())]


def read(entry: dict[str, Any]) -> Announcement:
    """What was written so; raises ValueError, KeyError or TypeError for what was not."""
    moments = {
        name: datetime.fromisoformat(entry[name]) if entry[name] is not None else None
        for name in ("until", "made", "aired", "ended")
    }
    found = Announcement(**{**entry, **moments})
    if not found.files or not isinstance(found.until, datetime) or found.until.tzinfo is None:
        raise ValueError("no announcement")
    return found
