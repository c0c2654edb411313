"""Words that come into force by themselves, and that are over by themselves.

What is heard at a moment is decided by the line from the log of publications; this is about the
words. What is planned changes some entries of the city's file, which stays as it is meanwhile: the
set is made of the file as it is, so it is made again when something else is published before. Once
it has begun and is to stay, its entries go into the file; what is for a time never does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from ivr.config import Settings
from ivr.hours import BEIJING, moment
from ivr.records.durable import write
from ivr.speech import publications
from ivr.speech.publications import Publication, Timed, clock
from prompt_build import choosing, lexicon, sets
from prompt_build.build import Progress, build
from prompt_build.catalog import city
from prompt_build.catalog.source import Source, source_of
from prompt_build.sets import NoSuchTime
from prompt_build.studio.drafts import Drafts, Planned, Refused, known_words, laid, written_words

Make = Callable[[Source], int]
"""Makes what is missing of a catalog and numbers the set."""
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Times:
    """From when until when words are to be heard; neither: at once, and for good."""

    since: datetime | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        return self.since is not None or self.until is not None

    def begins(self, now: datetime) -> datetime:
        """Now, unless something else was said."""
        return self.since or now


AT_ONCE: Final = Times()


def times(since: str, until: str, now: datetime) -> Times:
    """As people write them; empty for none. Raises NoSuchTime, in words."""
    found = Times(_moment(since, now), _moment(until, now))
    if found:
        sets.check_times(found.begins(now), found.until, now)
    return found


def _moment(given: str, now: datetime) -> datetime | None:
    if not given.strip():
        return None
    found = moment(given.strip(), now)
    if found is None:
        raise NoSuchTime(
            f"“{given.strip()[:20]}”不是时间：写成 2026-12-01 08:00、18:00 或 2h（北京时间）"
            " · no time: write 2026-12-01 08:00, 18:00 or 2h, Beijing time"
        )
    return found.astimezone(BEIJING)


def making(settings: Settings, progress: Progress | None = None) -> Make:
    """With the voice of the line. Raises LexiconError or VoiceUnavailable."""
    heard = sets.published(settings.audio) or {}
    engine = choosing.choose(settings.speech, heard.get("voice", {}).get("name"))
    speaks = choosing.speaking(settings.speech, engine, lexicon.load(settings.lexicons))
    return lambda source: build(source, settings.audio, engine, speaks, progress).number


# --- what is planned --------------------------------------------------------------------------


def standing(settings: Settings, now: datetime) -> tuple[Timed, ...]:
    """What is to be heard later, or for a time that is not over."""
    publication = publications.last(settings.audio)
    return () if publication is None else planned(publication, now)


def planned(publication: Publication, now: datetime) -> tuple[Timed, ...]:
    """What of a publication can be taken back before it is over."""
    return tuple(
        each
        for each in publication.timed
        if not each.is_over(now) and (each.until is not None or each.since > now)
    )


def with_words(settings: Settings, now: datetime) -> tuple[Timed, ...]:
    """Those that stay where something is published at once: what was chosen by its number, and has
    begun, gives way to it.
    """
    return tuple(
        each for each in standing(settings, now) if each.words is not None or each.since > now
    )


def crosses(new: Timed, others: Sequence[Timed]) -> Timed | None:
    """One whose words are heard for a part of the new one's time only, and not within it; pure.

    Neither of the two sets would say the right words over all of its time.
    """
    return next(
        (
            each
            for each in others
            if each.words is not None
            and each.since < _end(new)
            and new.since < _end(each)
            and not (_covers(new, each) or _covers(each, new))
        ),
        None,
    )


def _covers(outer: Timed, inner: Timed) -> bool:
    return outer.since <= inner.since and _end(inner) <= _end(outer)


def _end(each: Timed) -> datetime:
    return each.until or _NEVER


def renewed(settings: Settings, file: str, timed: Sequence[Timed], make: Make) -> tuple[Timed, ...]:
    """Those with words of their own made again, over what the city's file says."""
    return tuple(
        each
        if each.words is None
        else replace(each, set=make(_source(settings, file, each, timed)))
        for each in timed
    )


def _source(settings: Settings, file: str, one: Timed, timed: Sequence[Timed]) -> Source:
    """The catalog while one of them is heard: with the words of all that are in force then."""
    wanted: dict[str, Any] = {}
    for each in sorted(timed, key=lambda each: each.since):
        if each.words is not None and (each is one or _covers(each, one)):
            wanted |= {name: word["entry"] for name, word in each.words.items()}
    source = source_of(settings)
    text = laid(file or city.head(), _differing(file, wanted))
    return replace(source, instead=text)


def _differing(file: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    known = written_words(file)
    return {name: each for name, each in wanted.items() if known.get(name) != each}


# --- what has begun and stays -----------------------------------------------------------------


def settle(settings: Settings, now: datetime) -> None:
    """Let the city's file say what has come into force to stay.

    Where somebody has changed the same entry there by hand meanwhile, theirs stays, and the draft
    has the other, to be decided. Raises CatalogError where the file is no TOML, CannotRewrite.
    """
    publication = publications.last(settings.audio)
    come = list(_come(publication, now)) if publication else []
    for each in come:
        _into_the_file(settings, each, now)
    if come:
        sets.settled(settings.audio, now)


def _come(publication: Publication, now: datetime) -> Iterator[Timed]:
    for each in sorted(publication.timed, key=lambda each: each.since):
        if each.words is not None and each.until is None and each.since <= now:
            yield each


def _into_the_file(settings: Settings, come: Timed, now: datetime) -> None:
    words = settings.words_file
    file = words.read_text(encoding="utf-8-sig") if words.exists() else ""
    known = known_words(words)
    planned = come.words or {}
    open_ = {n: each for n, each in planned.items() if known.get(n) != each["entry"]}
    ours = {n: each["entry"] for n, each in open_.items() if known.get(n) == each["before"]}
    if ours:
        write(words, laid(file or city.head(), ours).encode())
        city.remember(source_of(settings))
    theirs = {n: Planned(**each) for n, each in open_.items() if n not in ours}
    if theirs:
        Drafts(settings).bring_back(theirs, come.who, now)


def refuse_crossing(new: Timed, others: Sequence[Timed]) -> None:
    """Raises Refused, in words."""
    other = crosses(new, others)
    if other is not None:
        until = f"，到 {clock(other.until)}" if other.until else ""
        raise Refused(
            f"时间和已经排好的第 {other.set} 版（{clock(other.since)} 起{until}）交错："
            "整段放在它里面、前面或后面，或者先撤下它"
        )
