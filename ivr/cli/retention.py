"""Commands of retention: what is past its age goes, and a note of it stays."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from analytics.loading.horizon import Horizon
    from analytics.loading.store import FactsFolder
    from ivr.config import Settings
    from ivr.upkeep.retention import FirstDays


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
    """Remove calls and complaints that are past their age, and note it. 删除到期的记录"""
    from analytics.loading.horizon import Horizon
    from analytics.loading.store import FactsFolder
    from ivr.config import load
    from ivr.hours import BEIJING
    from ivr.upkeep.retention import FirstDays, note

    settings, now = load(), datetime.now(UTC)
    first = FirstDays.on(now.astimezone(BEIJING).date(), settings.retention)
    folder, horizon = FactsFolder(settings.home), Horizon(first.calls, first.complaints)
    removed = {
        **_recordings(settings.recordings_folder, first.complaints, dry_run=dry_run),
        **_people(settings, first, now, dry_run=dry_run),
        **_facts(folder, horizon, dry_run=dry_run),
    }
    for what, number in removed.items():
        typer.echo(f"{what}: {number}")
    typer.echo(f"kept: calls from {first.calls}, complaints from {first.complaints}")
    if any(removed.values()) and not dry_run:
        note(settings.home / "retention.jsonl", now, removed, first)


def _recordings(folder: Path, first: date, *, dry_run: bool) -> Mapping[str, int]:
    from ivr.upkeep.retention import overdue_recordings

    days = overdue_recordings(folder, first)
    for day in () if dry_run else days:
        shutil.rmtree(day)
    return {"days of recordings": len(days)}


def _people(
    settings: Settings, first: FirstDays, now: datetime, *, dry_run: bool
) -> Mapping[str, int]:
    """Nobody is forgotten while no published facts tell who is needed."""
    from analytics.answering.asking import NothingPublished
    from analytics.loading.horizon import Horizon, needed_people
    from analytics.loading.store import FactsFolder
    from ivr.people.keys import Keys
    from ivr.people.vault import Vault
    from ivr.upkeep.retention import people_in, unneeded_people

    vault = Vault(settings.home / "vault.sqlite", Keys.load(settings.home / "keys"))
    folder = FactsFolder(settings.home)
    try:
        needed = needed_people(folder.published, Horizon(first.calls, first.complaints))
    except NothingPublished:
        return {"people of the vault": 0}
    unneeded = unneeded_people(vault, needed | people_in(folder.spool, first), now)
    for token in () if dry_run else unneeded:
        vault.forget(token)
    return {"people of the vault": len(unneeded)}


def _facts(folder: FactsFolder, horizon: Horizon, *, dry_run: bool) -> Mapping[str, int]:
    """Dropped by a loader: the one that runs, at its next tidying, or one that runs for it."""
    from analytics.answering.asking import NothingPublished
    from analytics.loading.horizon import keep_from, overdue
    from analytics.loading.loader import AlreadyLoading
    from analytics.loading.loader import run as load_facts

    try:
        past = overdue(folder.published, horizon)
    except NothingPublished:
        return {}
    if not dry_run:
        keep_from(folder, horizon)
        try:
            load_facts(folder, once=True)
        except AlreadyLoading:
            typer.echo("the running loader drops the facts within ten minutes")
    return {f"rows of {each.table}": each.rows for each in past}
