"""A draft becomes what callers hear: the set is made, the file is written, the set is published.

Or it becomes what they will hear: then the file stays until that moment (timing.py).

In this order, so that whatever fails leaves a whole state: before the set is made nothing has
changed, before it is published callers hear what they heard, and the draft ends last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ivr.config import Settings
from ivr.records.durable import write
from ivr.speech import contract, publications
from ivr.speech.prompts import described
from ivr.speech.publications import Publication, Timed
from prompt_build import sets
from prompt_build.build import Progress
from prompt_build.catalog.city import remember
from prompt_build.catalog.source import source_of
from prompt_build.studio.drafts import Drafts, Planned, Proposal, Refused
from prompt_build.studio.timing import (
    AT_ONCE,
    Make,
    Times,
    making,
    refuse_crossing,
    renewed,
    settle,
    standing,
    with_words,
)


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants a draft to be heard, why, and from when until when."""

    who: str
    why: str
    times: Times = AT_ONCE


def ready(settings: Settings, digest: str, wish: Wish, now: datetime) -> Proposal:
    """The draft that has this digest; Refused or NoSuchTime, in words, unless it may be published.

    Nothing is made yet.
    """
    settle(settings, now)
    proposal = Drafts(settings).proposal()
    check(settings, proposal, digest)
    if wish.times:
        if publications.last(settings.audio) is None:
            raise Refused("还没有发布过：先马上发布一次，再排以后的")
        new = _planned(proposal, wish, now)
        sets.check_times(new.since, new.until, now)
        refuse_crossing(new, standing(settings, now))
    return proposal


def publish(
    settings: Settings,
    digest: str,
    wish: Wish,
    clock: Callable[[], datetime],
    progress: Progress | None = None,
) -> int:
    """Let new calls hear the draft that has this digest, now or then; returns the set's number.

    Raises Refused where it was not approved or has changed, CatalogError, BuildFailed,
    VoiceUnavailable, Busy, Unfit, NoSuchTime or OSError; callers then hear what they heard before.
    """
    proposal = ready(settings, digest, wish, clock())
    make = making(settings, progress)
    if wish.times:
        number = _plan(settings, proposal, wish, make, clock)
    else:
        number = _at_once(settings, proposal, wish, make, clock)
    Drafts(settings).published(proposal.draft, in_file=not wish.times)
    return number


def _at_once(
    settings: Settings, proposal: Proposal, wish: Wish, make: Make, clock: Callable[[], datetime]
) -> int:
    number = make(proposal.source)
    timed = renewed(settings, proposal.text, with_words(settings, clock()), make)
    _write(settings.words_file, proposal)
    remember(source_of(settings))
    sets.publish(
        settings.audio,
        number,
        clock(),
        who=wish.who,
        why=wish.why,
        breaches=breaches(settings.audio),
        timed=timed,
    )
    return number


def _plan(
    settings: Settings, proposal: Proposal, wish: Wish, make: Make, clock: Callable[[], datetime]
) -> int:
    """The file stays: its words are for those who hear them now."""
    now = clock()
    new = _planned(proposal, wish, now)
    *others, made = renewed(settings, proposal.file, (*standing(settings, now), new), make)
    before, done = publications.last(settings.audio), clock()
    lasting = made.set if before is None else before.underneath(done)
    lying = (*others, replace(made, since=wish.times.begins(done)))
    sets.arrange(
        settings.audio,
        Publication(lasting, done, "schedule", wish.who, wish.why, lying),
        breaches(settings.audio),
    )
    return made.set


def _planned(proposal: Proposal, wish: Wish, now: datetime) -> Timed:
    """Before its set is made."""
    words = {n: {"entry": c.entry, "before": c.before} for n, c in proposal.draft.changes.items()}
    return Timed(0, wish.times.begins(now), wish.times.until, wish.who, wish.why, words)


def withdraw(settings: Settings, number: int, *, who: str, why: str, now: datetime) -> None:
    """Take back what was to be heard later or for a time; its words are in the draft again.

    Raises NoSuchSet, and what a build raises: what lies over the same words is made again.
    """
    settle(settings, now)
    audio = settings.audio
    gone = sets.withdraw(audio, number, now, who=who, why=why, breaches=breaches(audio))
    for each in gone:
        if each.words and not each.is_heard(now):
            planned = {name: Planned(**word) for name, word in each.words.items()}
            Drafts(settings).bring_back(planned, each.who or who, now)
    rest = standing(settings, now)
    if all(each.words is None for each in rest):
        return
    words = settings.words_file
    file = words.read_text(encoding="utf-8-sig") if words.exists() else ""
    timed = renewed(settings, file, rest, making(settings))
    sets.renew(audio, timed, breaches(audio))


def check(settings: Settings, proposal: Proposal, digest: str) -> None:
    """Refused, in words, unless this very draft may be published."""
    if proposal.conflicts:
        raise Refused("有几句在文件里也被人改过：先在草稿里选定用哪一种")
    if proposal.digest != digest:
        raise Refused("看过以后话术又有变动：请重新看一遍草稿")
    if settings.console.second_person and not proposal.approved:
        raise Refused("还没有另一位同事批准：先送审")


def _write(words: Path, proposal: Proposal) -> None:
    """Refused where somebody has changed the file while the set was made: theirs stays."""
    now = words.read_text(encoding="utf-8-sig") if words.exists() else ""
    if now != proposal.file:
        raise Refused("生成的时候有人改了话术文件：请重新看一遍草稿，再发布")
    if proposal.text != proposal.file:
        write(words, proposal.text.encode())


def breaches(audio: Path) -> sets.Breaches:
    """What of a set does not fit the program that is installed here."""

    def found(manifest: Mapping[str, Any]) -> list[str]:
        return described(manifest, audio).breaches(contract.CONTRACT)

    return found


def go_back(settings: Settings, number: int, *, who: str, why: str, now: datetime) -> None:
    """Let new calls hear a set that was heard before; the file keeps its words.

    Raises NoSuchSet for one that never was, NoSuchTime for one whose time is over, or Unfit.
    """
    settle(settings, now)
    sets.go_back(settings.audio, number, now, who=who, why=why, breaches=breaches(settings.audio))
