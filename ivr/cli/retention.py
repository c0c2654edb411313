"""Commands of retention: what is past its age goes, and a note of it stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.entitled import unlocked
from ivr.cli.facts import explained, folder, lake, loading, snapshot
from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    from analytics.loading.horizon import Gap, Horizon
    from ivr.agents.notes import Notes
    from ivr.agents.wishes import Wishes
    from ivr.cases.case import Filed
    from ivr.cases.store import Cases
    from ivr.config import Settings
    from ivr.people.vault import Vault
    from ivr.upkeep.retention import FirstDays

A_CALL = timedelta(days=1)
"""So long before a fact that names somebody their number was keyed in, at most."""


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    room = typer.Typer(no_args_is_help=True, help="Retention: what is past its age. 保存期限")
    room.callback()(lambda: None)
    room.command("run")(run)
    app.add_typer(room, name="retention")


def run(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
) -> None:
    """Remove calls and complaints that are past their age, and note it. 删除到期的记录

    What there is to remove is known before anything goes: whoever cannot be asked now — the lake,
    a volume — stops it.
    """
    with unlocked():
        _run(dry_run=dry_run)


def _run(*, dry_run: bool) -> None:
    from ivr.agents.notes import notes_of
    from ivr.config import load
    from ivr.hours import BEIJING
    from ivr.recordings.shipped import Shipped
    from ivr.recordings.talks import held_paths, held_talks
    from ivr.upkeep.retention import FirstDays, midnight, note, overdue_recordings, remove

    settings, now = load(), datetime.now(UTC)
    first = FirstDays.on(now.astimezone(BEIJING).date(), settings.retention)
    vault = _vault(settings)
    wishes = _wishes(settings, vault)
    cases, notes = _cases(settings), notes_of(settings)
    old_cases = _overdue_cases(cases, first, remove=False)
    held = _held(cases)
    talks = held_talks(settings.recordings_folder)
    paths = [each.path for each in held]
    paths += [path for talk in talks for path in held_paths(talk)]
    recordings = overdue_recordings(settings.recordings_folder, first.complaints, paths)
    sent = Shipped(settings.home)
    sent_past = sent.overdue(first.complaints, paths) if settings.depot.is_named else []
    named = _named(cases, first) | {wish.person for wish in wishes.all() if wish.lives}
    past = _past(settings.home / "spool", vault, first, now, named)
    rows, people = past.rows, past.people
    if not dry_run:
        if sent_past:
            sent.doom(sent_past)
        for each in recordings:
            remove(each)
        _overdue_cases(cases, first, remove=True)
        for token in people:
            vault.let_go(token)
        if rows:
            _drop(first)
    begin = midnight(first.calls)
    old_wishes = wishes.overdue(begin) if dry_run else wishes.forget_before(begin)
    old_notes = _overdue_notes(notes, begin, held, remove=not dry_run)
    removed = {
        "days of recordings": len(recordings),
        "recordings in the depot": len(sent_past),
        "cases": old_cases,
        "wishes to be called back": old_wishes,
        "notes of calls": old_notes,
        "people of the vault": len(people),
        **{f"rows of {table}": number for table, number in rows.items()},
    }
    for what, number in removed.items():
        typer.echo(f"{what}: {number}")
    typer.echo(f"kept: calls from {first.calls}, complaints from {first.complaints}")
    if held:
        typer.echo(f"保全的工单不删 · in legal hold: {'、'.join(each.number for each in held)}")
    if talks:
        typer.echo(f"保全的通话录音不删 · conversations in legal hold: {len(talks)}")
    if any(removed.values()) and not dry_run:
        note(settings.home / "retention.jsonl", now, removed, first)
    if sent_past and not dry_run:
        typer.echo(_gone_from_depot(settings))
    if past.unsure:
        raise CommandFailure(_told(past))


def _gone_from_depot(settings: Settings) -> str:
    """What it could not be told just now it is told by the courier."""
    from ivr.depot.depot import depot
    from ivr.depot.errors import DepotAway
    from ivr.recordings.shipping import Shipping

    try:
        removed = Shipping(settings, depot(settings)).remove_past()
    except DepotAway as away:
        return f"{away}；送件程序（ivr courier）在它恢复以后删 · the courier removes them later"
    return f"共用的存放处也删了 {removed} 段 · removed from the depot"


@dataclass(frozen=True, slots=True)
class _Past:
    """What is past its age."""

    rows: Mapping[str, int]
    people: frozenset[str]
    """Whom no record that is kept names."""
    unsure: frozenset[str] = frozenset()
    """Whom none names that can be read; but records are lost that may have named them."""
    gaps: tuple[Gap, ...] = ()


def _told(past: _Past) -> str:
    lost = "；".join(gap.what for gap in past.gaps)
    return (
        f"保险库里 {len(past.unsure)} 人本次没有删除：记录有缺失，他们可能只在缺失的记录里被提到。"
        f"缺失：{lost}。请从备份把这些文件放回 {folder().parquet}（装载程序十分钟内自动收回），"
        "再运行 ivr retention run；找不回来的，这些人保留到投诉的保存期限为止。"
        f"· {len(past.unsure)} people were not removed: records are lost that may name them. Put"
        " the files back from a backup and run this again; else they stay until the age of"
        " complaints"
    )


def _past(
    spool: Path, vault: Vault, first: FirstDays, now: datetime, named: frozenset[str]
) -> _Past:
    """Rows of the records, and people whom none names any more, where reports are asked too.

    `named`: whom something else still names: a case in legal hold, a wish to be called back.
    Nobody is forgotten before records are published; a lake that does not answer is no such thing.
    What is lost is asked for after the snapshot is open: it is noted before a snapshot lacks it.
    """
    from analytics.answering.asking import NothingPublished
    from analytics.loading import losses
    from analytics.loading.horizon import gaps, needed_people, overdue, records_begin
    from ivr.upkeep.retention import kept_since, people_in, unneeded_people

    horizon = _horizon(first)
    with explained():
        try:
            facts = snapshot()
        except NothingPublished:
            if lake() is not None:
                raise
            return _Past({}, frozenset())
        with facts:
            needed = needed_people(facts, horizon) | people_in(spool, first) | named
            rows = overdue(facts, horizon)
            begin = records_begin(facts)
        lost = gaps(losses.noted(folder().parquet), horizon)
    lost += _before_records(vault, first, begin or now.date())
    people = unneeded_people(vault, needed, now)
    doubt = min((gap.first for gap in lost), default=None)
    unsure = people & kept_since(vault, doubt - A_CALL) if doubt else frozenset()
    return _Past(rows, people - unsure, unsure, lost)


def _before_records(vault: Vault, first: FirstDays, begin: date) -> tuple[Gap, ...]:
    """The days before the records begin, where the vault tells that calls were taken then."""
    from analytics.loading.horizon import Gap
    from ivr.upkeep.retention import kept_between

    if not kept_between(vault, first.complaints, begin):
        return ()
    last = begin - timedelta(days=1)
    return (Gap(first.complaints, last, f"{last} 及以前的全部记录（保险库更早就有人）"),)


def _drop(first: FirstDays) -> None:
    """By a loader: the one that runs, at its next tidying, or one that runs for it."""
    from analytics.loading.horizon import keep_from
    from analytics.loading.loader import AlreadyLoading, run

    keep_from(folder(), _horizon(first))
    with explained():
        try:
            run(folder(), once=True, opened=loading(lake()))
        except AlreadyLoading:
            typer.echo("the running loader drops the facts within ten minutes")


def _horizon(first: FirstDays) -> Horizon:
    from analytics.loading.horizon import Horizon

    return Horizon(first.calls, first.complaints)


def _overdue_cases(cases: Cases, first: FirstDays, *, remove: bool) -> int:
    """How many cases are older than recordings are kept; with their answers, where they go."""
    from ivr.cases.opening import CannotReach
    from ivr.hours import BEIJING

    try:
        begin = datetime.combine(first.complaints, time(), BEIJING)
        return cases.forget_before(begin, only_count=not remove)
    except CannotReach as away:
        raise CommandFailure(str(away)) from away


def _overdue_notes(notes: Notes, begin: datetime, held: Iterable[Filed], *, remove: bool) -> int:
    """How many conversations are older than calls are kept; not those of a case in legal hold."""
    from ivr.agents.notes_file import NotKept

    sessions = [filed.session for filed in held if filed.session]
    try:
        return notes.forget_before(begin, but=sessions, only_count=not remove)
    except NotKept as refused:
        raise CommandFailure(str(refused)) from refused


def _held(cases: Cases) -> tuple[Filed, ...]:
    """What legal hold keeps (保全)."""
    from ivr.cases.opening import CannotReach

    try:
        return cases.held()
    except CannotReach as away:
        raise CommandFailure(str(away)) from away


def _named(cases: Cases, first: FirstDays) -> frozenset[str]:
    """Whom cases that stay name: the number of a caller stands in no record, and is called back."""
    from ivr.cases.opening import CannotReach
    from ivr.hours import BEIJING

    try:
        return cases.named(datetime.combine(first.complaints, time(), BEIJING))
    except CannotReach as away:
        raise CommandFailure(str(away)) from away


def _cases(settings: Settings) -> Cases:
    from ivr.cases.store import Cases

    return Cases(settings.cases_url)


def _wishes(settings: Settings, vault: Vault) -> Wishes:
    from ivr.agents.wishes import FILE, Wishes
    from ivr.people.keys import Keys
    from ivr.people.tokens import Tokens

    return Wishes(settings.home / FILE, vault, Tokens(Keys.load(settings.home / "keys")))


def _vault(settings: Settings) -> Vault:
    from ivr.state import opened

    return opened.vault(settings)
