"""Which set of prompts callers hear at a moment: what was published, and what comes by itself.

`published.json` in the folder of prompts is the log. Each publication names the set that callers
hear, and those that lie over it for a time or from a moment on. Whoever asks works out from the
clock which of them is heard, so nobody has to be awake at that moment.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ivr.hours import BEIJING

MANIFEST = "manifest.json"
"""A copy of the set that the last publication names."""
SETS = "sets"
"""The folder of all kept sets, `0007.json` each."""
LOG = "published.json"
LOCK = "lock"
"""Held by whoever makes, brings or removes clips."""
PUBLISHING = "publishing.lock"
"""Held by whoever writes the log."""

How = Literal["publish", "rollback", "forward", "schedule", "withdraw"]


HOW_IN_CHINESE: Mapping[str, str] = {
    "publish": "发布",
    "rollback": "退回",
    "forward": "取消退回",
    "schedule": "排定",
    "withdraw": "撤下",
    "turn": "到时",
}
"""How callers came to hear a set; `turn`: by itself, at its moment."""


@dataclass(frozen=True, slots=True)
class Timed:
    """A set that callers hear from a moment on; of two that have begun, the later one."""

    set: int
    since: datetime
    until: datetime | None = None
    """When it is over and the one underneath is heard again; None: it stays."""
    who: str = ""
    why: str = ""
    words: Mapping[str, Any] | None = None
    """What it changes of the words underneath, by entry; None: it is a set as it is."""

    def is_over(self, now: datetime) -> bool:
        """Whether its time is past."""
        return self.until is not None and self.until <= now

    def is_heard(self, now: datetime) -> bool:
        """Whether it has begun and is not over."""
        return self.since <= now and not self.is_over(now)


@dataclass(frozen=True, slots=True)
class Publication:
    """One line of the log: from when on callers heard a set, and what was to come by itself."""

    set: int
    at: datetime
    how: How = "publish"
    who: str = ""
    why: str = ""
    timed: tuple[Timed, ...] = ()

    def in_force(self, now: datetime) -> int:
        """The set that callers hear."""
        heard = self.on_top(now)
        return self.set if heard is None else heard.set

    def on_top(self, now: datetime) -> Timed | None:
        """What lies over the set itself just now."""
        begun = [each for each in self.timed if each.is_heard(now)]
        return max(reversed(begun), key=lambda each: each.since, default=None)

    def underneath(self, now: datetime) -> int:
        """What is heard once all that is for a time is over."""
        lasting = [each for each in self.timed if each.until is None and each.is_heard(now)]
        return max(lasting, key=lambda each: each.since).set if lasting else self.set

    def turns(self, since: datetime) -> Iterator[Turn]:
        """When callers come to hear another set, after a moment; in order."""
        before = self.in_force(since)
        for moment in sorted({at for each in self.timed for at in _ends(each) if at > since}):
            heard = self.in_force(moment)
            if heard != before:
                yield Turn(moment, heard, self.on_top(moment))
            before = heard

    def needed(self, now: datetime) -> frozenset[int]:
        """The sets that callers hear or will hear."""
        ahead = [each.set for each in self.timed if not each.is_over(now)]
        return frozenset((self.set, self.in_force(now), *ahead))


class Turn(NamedTuple):
    """Another set is heard from now on; `by` what is for a time or from a moment on, if any."""

    at: datetime
    set: int
    by: Timed | None


def in_words(turn: Turn) -> str:
    """For whoever watches the line: `2026-11-28 08:00 起播第 8 版，到 2026-12-01 00:00`."""
    told = f"{clock(turn.at)} 起播第 {turn.set} 版"
    until = turn.by.until if turn.by is not None and turn.by.set == turn.set else None
    return told if until is None else f"{told}，到 {clock(until)}"


def clock(moment: datetime) -> str:
    """A moment as people of the line know it."""
    return f"{moment.astimezone(BEIJING):%Y-%m-%d %H:%M}"


def _ends(each: Timed) -> Iterable[datetime]:
    return (each.since,) if each.until is None else (each.since, each.until)


class Heard(NamedTuple):
    """A stretch of the past in which callers heard one set."""

    set: int
    at: datetime
    until: datetime | None
    """None: it is heard now."""
    how: How | Literal["turn"]
    by: Publication
    top: Timed | None


def heard(log: Sequence[Publication], now: datetime) -> list[Heard]:
    """All of the past, the first one first."""
    found: list[Heard] = []
    for each, after in zip(log, [*log[1:], None], strict=False):
        found.append(
            Heard(each.in_force(each.at), each.at, None, each.how, each, each.on_top(each.at))
        )
        found += [
            Heard(turn.set, turn.at, None, "turn", each, turn.by)
            for turn in each.turns(each.at)
            if turn.at <= now and (after is None or turn.at < after.at)
        ]
    ends = [*(each.at for each in found[1:]), None]
    return [each._replace(until=end) for each, end in zip(found, ends, strict=False)]


# --- on disk ----------------------------------------------------------------------------------


def read(audio: Path) -> list[Publication]:
    """The log, the first one first; ValueError, KeyError or TypeError where it is damaged."""
    try:
        return parsed((audio / LOG).read_bytes())
    except FileNotFoundError:
        return []


def parsed(log: bytes) -> list[Publication]:
    """The log as it is in its file; ValueError, KeyError or TypeError where it is damaged."""
    return [_publication(each) for each in json.loads(log)]


def last(audio: Path) -> Publication | None:
    """The newest publication; None before the first, and where nobody can tell."""
    try:
        log = read(audio)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return log[-1] if log else None


def file_of(audio: Path, publication: Publication | None, now: datetime) -> Path:
    """The manifest of what callers hear."""
    if publication is None or (number := publication.in_force(now)) == publication.set:
        return audio / MANIFEST
    return kept(audio, number)


def kept(audio: Path, number: int) -> Path:
    """The manifest of a kept set."""
    return audio / SETS / f"{number:04d}.json"


def files_of(manifest: Mapping[str, Any]) -> Iterator[str]:
    """All files of a set's clips, and what each was made of, as paths below the folder."""
    for entry in manifest["prompts"].values():
        yield from entry["files"].values()
        yield f"clips/{entry['recipe'][:2]}/{entry['recipe']}.json"


def _publication(noted: Any) -> Publication:
    """A line of the log; earlier versions wrote number and time only."""
    if isinstance(noted, list):
        return Publication(int(noted[0]), datetime.fromisoformat(noted[1]))
    timed = tuple(_timed(each) for each in noted.get("timed", ()))
    return Publication(**{**noted, "at": datetime.fromisoformat(noted["at"]), "timed": timed})


def _timed(noted: Mapping[str, Any]) -> Timed:
    until = noted["until"] and datetime.fromisoformat(noted["until"])
    return Timed(**{**noted, "since": datetime.fromisoformat(noted["since"]), "until": until})


def written(log: Sequence[Publication]) -> bytes:
    """The log as its file has it."""
    noted = [{name: value for name, value in asdict(each).items() if value != ()} for each in log]
    return json.dumps(noted, ensure_ascii=False, indent=1, default=_as_text).encode()


def _as_text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
