"""Commands of retention: what is past its age goes, and a note of it stays."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.facts import explained, folder, lake, loading, snapshot

if TYPE_CHECKING:
    from analytics.loading.horizon import Horizon
    from ivr.config import Settings
    from ivr.people.vault import Vault
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
    """Remove calls and complaints that are past their age, and note it. 删除到期的记录

    What there is to remove is known before anything goes: whoever cannot be asked now — the lake,
    a volume — stops it.
    """
    from ivr.config import load
    from ivr.hours import BEIJING
    from ivr.upkeep.retention import FirstDays, note, overdue_recordings

    settings, now = load(), datetime.now(UTC)
    first = FirstDays.on(now.astimezone(BEIJING).date(), settings.retention)
    recordings = overdue_recordings(settings.recordings_folder, first.complaints)
    vault = _vault(settings)
    rows, people = _past(settings.home / "spool", vault, first, now)
    if not dry_run:
        for day in recordings:
            shutil.rmtree(day)
        for token in people:
            vault.forget(token)
        if rows:
            _drop(first)
    removed = {
        "days of recordings": len(recordings),
        "people of the vault": len(people),
        **{f"rows of {table}": number for table, number in rows.items()},
    }
    for what, number in removed.items():
        typer.echo(f"{what}: {number}")
    typer.echo(f"kept: calls from {first.calls}, complaints from {first.complaints}")
    if any(removed.values()) and not dry_run:
        note(settings.home / "retention.jsonl", now, removed, first)


def _past(
    spool: Path, vault: Vault, first: FirstDays, now: datetime
) -> tuple[Mapping[str, int], frozenset[str]]:
    """Rows of the records, and people whom none names any more, where reports are asked too.

    Nobody is forgotten before records are published; a lake that does not answer is no such thing.
    """
    from analytics.answering.asking import NothingPublished
    from analytics.loading.horizon import needed_people, overdue
    from ivr.upkeep.retention import people_in, unneeded_people

    horizon = _horizon(first)
    with explained():
        try:
            facts = snapshot()
        except NothingPublished:
            if lake() is not None:
                raise
            return {}, frozenset()
        with facts:
            needed = needed_people(facts, horizon) | people_in(spool, first)
            rows = overdue(facts, horizon)
    return rows, unneeded_people(vault, needed, now)


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


def _vault(settings: Settings) -> Vault:
    from ivr.people.keys import Keys
    from ivr.people.vault import Vault

    return Vault(settings.home / "vault.sqlite", Keys.load(settings.home / "keys"))
