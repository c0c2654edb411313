"""The draft of the city's words: what is to change, who changes it, who has seen and allowed it.

There is one draft, `words.draft.json` beside the settings. It holds changes, not a copy: what the
file itself says is read again each time, so that whatever somebody changes there by hand is seen
at once, and only the same entry changed in both places has to be decided. It remembers what
the entry said in the file when it was changed; nothing of either is lost.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from ivr.config import Settings
from ivr.records.durable import write
from prompt_build.catalog import city
from prompt_build.catalog.layers import entries
from prompt_build.catalog.rewriting import rewritten
from prompt_build.catalog.source import Source, source_of
from prompt_build.catalog.written import read
from prompt_build.locking import locked

HELD: Final = timedelta(minutes=15)
"""Whoever has not typed for so long has forgotten: the sentence is anybody's again."""
MOST_CHARACTERS: Final = 4000
"""Of one entry; ten minutes of speech."""
_FILE, _LOCK = "words.draft.json", "words.draft.lock"


class Refused(Exception):
    """Not to be done; says in words why, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Somebody is at a sentence."""

    who: str
    since: datetime
    seen: datetime

    def lasts(self, now: datetime) -> bool:
        """Whether they have typed lately."""
        return now - self.seen < HELD


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the draft, as the city's file would have it; None: what ships is in force."""

    entry: Any
    before: Any
    """What the city's file said when the entry was changed; None: nothing."""
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Planned:
    """What an entry was to say later, and what the city's file said when that was planned."""

    entry: Any
    before: Any


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody said of the whole draft: sent it for approval, approved it, sent it back."""

    who: str
    at: datetime
    why: str = ""
    digest: str = ""
    """Of the draft as they saw it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """All of it; without changes there is none."""

    changes: Mapping[str, Change] = field(default_factory=dict)
    authors: tuple[str, ...] = ()
    """Everybody who changed something of it, also where that was changed again."""
    submitted: Word | None = None
    approved: Word | None = None
    returned: Word | None = None
    holds: Mapping[str, Hold] = field(default_factory=dict)

    def holder(self, name: str, now: datetime, *, but: str = "") -> Hold | None:
        """Who is at a sentence just now, somebody else than `but`."""
        hold = self.holds.get(name)
        return hold if hold and hold.lasts(now) and hold.who != but else None


@dataclass(frozen=True, slots=True)
class Conflict:
    """An entry that was changed in the file by hand since it was changed in the draft."""

    name: str
    file: Any
    draft: Any
    before: Any


@dataclass(frozen=True, slots=True)
class Proposal:
    """The draft over the file as it is now."""

    draft: Draft
    text: str
    """What the city's file would say."""
    file: str
    """What it says; empty where there is none."""
    conflicts: tuple[Conflict, ...]
    source: Source
    """The catalog as it would be."""

    @property
    def digest(self) -> str:
        """Of what would be published: an approval is for this and nothing else."""
        shipped = self.source.shipped.read_bytes()
        return hashlib.sha256(shipped + b"\0" + self.text.encode()).hexdigest()[:24]

    @property
    def approved(self) -> bool:
        """Whether a second person has allowed just this."""
        return self.draft.approved is not None and self.draft.approved.digest == self.digest


class Drafts:
    """The draft of one line."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = settings.home / _FILE

    # --- reading ------------------------------------------------------------------------------

    def now(self) -> Draft:
        """As it is; Refused where its file is damaged."""
        try:
            return _read(json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return Draft()
        except (ValueError, KeyError, TypeError, AttributeError) as damaged:
            raise Refused(
                f"草稿文件 {self._path} 坏了：把它移开再来，话术文件不受影响"
            ) from damaged

    def proposal(self, further: Mapping[str, Any] | None = None) -> Proposal:
        """The draft laid into the city's file; `further`: entries as they are being typed.

        Raises CatalogError where the file itself is no TOML, CannotRewrite where it is odd.
        """
        draft, source = self.now(), source_of(self._settings)
        words = self._settings.words_file
        file = words.read_text(encoding="utf-8-sig") if words.exists() else ""
        known = known_words(words)
        conflicts = tuple(_conflicts(draft, known))
        in_conflict = {each.name for each in conflicts}
        wanted = {n: c.entry for n, c in draft.changes.items() if n not in in_conflict}
        wanted |= further or {}
        differing = {n: each for n, each in wanted.items() if known.get(n) != each}
        text = laid(file or city.head(), differing) if differing else file
        instead = text or city.head()
        return Proposal(
            draft,
            text,
            file,
            conflicts,
            Source(source.shipped, words, source.contract, source.columns, instead),
        )

    # --- somebody is at a sentence ------------------------------------------------------------

    def hold(self, name: str, who: str, now: datetime) -> None:
        """Somebody types; Refused while it is another's."""
        with self._changing() as (draft, keep):
            _free(draft, name, who, now)
            held = draft.holds.get(name)
            since = held.since if held and held.who == who and held.lasts(now) else now
            keep(_with_hold(draft, name, Hold(who, since, now), now))

    def release(self, name: str, who: str, now: datetime) -> None:
        """Somebody goes away from it without a change."""
        with self._changing() as (draft, keep):
            if name in draft.holds and draft.holds[name].who == who:
                keep(_with_hold(draft, name, None, now))

    def take_over(self, name: str, who: str, now: datetime) -> Hold | None:
        """The sentence is theirs, whoever had it; returns who that was."""
        with self._changing() as (draft, keep):
            before = draft.holder(name, now, but=who)
            keep(_with_hold(draft, name, Hold(who, now, now), now))
        return before

    # --- changing -----------------------------------------------------------------------------

    def save(self, changes: Mapping[str, Any], who: str, now: datetime) -> None:
        """Entries as the city's file shall have them; ends what was said of the draft before.

        Raises Refused where one of them is another's just now, or in conflict with the file.
        """
        known = known_words(self._settings.words_file)
        with self._changing() as (draft, keep):
            for name in changes:
                _free(draft, name, who, now)
            made = {n: Change(each, known.get(n), who, now) for n, each in changes.items()}
            both = {**draft.changes, **made}
            wanted = {n: each for n, each in both.items() if each.entry != known.get(n)}
            holds = {n: each for n, each in draft.holds.items() if n not in changes}
            authors = tuple(dict.fromkeys((*draft.authors, who)))
            keep(Draft(wanted, authors if wanted else (), holds=holds, returned=draft.returned))

    def settle(self, name: str, who: str, now: datetime, *, ours: bool) -> None:
        """Decide a conflict: the draft's words, or those of the file."""
        draft = self.now()
        if name in draft.changes:
            known = known_words(self._settings.words_file)
            self.save({name: draft.changes[name].entry if ours else known.get(name)}, who, now)

    def drop(self, name: str, who: str, now: datetime) -> None:
        """Take one change back: the file's words stay."""
        if name in self.now().changes:
            self.save({name: known_words(self._settings.words_file).get(name)}, who, now)

    def published(self, done: Draft, *, in_file: bool) -> None:
        """These changes are heard, or will be; what was changed since then stays a draft.

        `in_file`: they stand in the city's file now.
        """
        with self._changing() as (draft, keep):
            rest = {n: each for n, each in draft.changes.items() if done.changes.get(n) != each}
            if in_file:
                rest = {
                    n: replace(each, before=done.changes[n].entry) if n in done.changes else each
                    for n, each in rest.items()
                }
            authors = tuple(dict.fromkeys(each.who for each in rest.values()))
            keep(Draft(rest, authors, holds=draft.holds))

    def discard(self) -> None:
        """Forget all of it; the file is as it was."""
        with self._changing() as (draft, keep):
            keep(Draft(holds=draft.holds))

    def bring_back(self, planned: Mapping[str, Planned], who: str, now: datetime) -> None:
        """Words that were planned and are not, or that the file says otherwise: to be decided.

        What the draft says of the same entries already, stays.
        """
        with self._changing() as (draft, keep):
            back = {n: Change(each.entry, each.before, who, now) for n, each in planned.items()}
            authors = tuple(dict.fromkeys((*draft.authors, who)))
            keep(
                Draft(
                    {**back, **draft.changes}, authors, holds=draft.holds, returned=draft.returned
                )
            )

    # --- four eyes ----------------------------------------------------------------------------

    def submit(self, who: str, why: str, digest: str, now: datetime) -> None:
        """Ask a second person, with the reason that will stand in the log.

        Also where somebody changed the file itself by hand and the draft has nothing to add.
        """
        with self._changing() as (draft, keep):
            keep(
                replace(draft, submitted=Word(who, now, why, digest), approved=None, returned=None)
            )

    def approve(self, who: str, digest: str, now: datetime) -> None:
        """Allow what was seen; Refused for its authors, and where it has changed meanwhile."""
        with self._changing() as (draft, keep):
            _seen(draft, digest)
            if who in draft.authors or (draft.submitted and draft.submitted.who == who):
                raise Refused("自己改的不能自己批准：请另一位同事来批")
            keep(replace(draft, approved=Word(who, now, digest=digest)))

    def send_back(self, who: str, why: str, now: datetime) -> None:
        """Ask for another wording."""
        with self._changing() as (draft, keep):
            if draft.submitted is None:
                raise Refused("没有送审的草稿")
            keep(replace(draft, submitted=None, approved=None, returned=Word(who, now, why)))

    # --- its file -----------------------------------------------------------------------------

    @contextmanager
    def _changing(self) -> Iterator[tuple[Draft, Any]]:
        """The draft, and what keeps another one; for one at a time."""
        with locked(self._path.with_name(_LOCK)):
            yield self.now(), self._keep

    def _keep(self, draft: Draft) -> None:
        if draft != Draft():
            content = json.dumps(asdict(draft), ensure_ascii=False, indent=1, default=_as_text)
            write(self._path, content.encode(), mode=0o600)
        else:
            self._path.unlink(missing_ok=True)


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _read(kept: Mapping[str, Any]) -> Draft:
    changes = {
        name: Change(each["entry"], each["before"], each["who"], _moment(each["at"]))
        for name, each in kept["changes"].items()
    }
    holds = {
        name: Hold(each["who"], _moment(each["since"]), _moment(each["seen"]))
        for name, each in kept["holds"].items()
    }
    said = {each: _word(kept[each]) for each in ("submitted", "approved", "returned")}
    return Draft(changes, tuple(kept["authors"]), holds=holds, **said)


def _word(kept: Mapping[str, str] | None) -> Word | None:
    if kept is None:
        return None
    return Word(kept["who"], _moment(kept["at"]), kept["why"], kept["digest"])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def known_words(words: Path) -> dict[str, Any]:
    """What the city's file says by entry, days as texts."""
    if not words.exists():
        return {}
    return _by_name(read(words).content)


def written_words(text: str) -> dict[str, Any]:
    """What a city's file of this text says by entry, days as texts; it is whole TOML."""
    return _by_name(tomllib.loads(text))


def _by_name(content: Mapping[str, Any]) -> dict[str, Any]:
    return {city.name_of(where): city.plain(entry) for where, entry in entries(content)}


def _conflicts(draft: Draft, known: Mapping[str, Any]) -> Iterator[Conflict]:
    for name, change in draft.changes.items():
        file = known.get(name)
        if file not in (change.before, change.entry):
            yield Conflict(name, file, change.entry, change.before)


def laid(file: str, changes: Mapping[str, Any]) -> str:
    """The city's file with these entries; raises CannotRewrite."""
    return rewritten(file, {city.where_of(name): entry for name, entry in changes.items()})


def _free(draft: Draft, name: str, who: str, now: datetime) -> None:
    held = draft.holder(name, now, but=who)
    if held is not None:
        raise Refused(f"{held.who} 正在改这一句：等改完，或者在这一页接手")


def _with_hold(draft: Draft, name: str, hold: Hold | None, now: datetime) -> Draft:
    """Holds that nobody keeps up are cleared away."""
    others = {n: each for n, each in draft.holds.items() if n != name and each.lasts(now)}
    return replace(draft, holds=others | ({name: hold} if hold else {}))


def _seen(draft: Draft, digest: str) -> None:
    if draft.submitted is None:
        raise Refused("还没有送审，或者送审以后又改过：请改的人再送一次")
    if draft.submitted.digest != digest:
        raise Refused("送审以后话术又有变动：请改的人看过再送一次")
