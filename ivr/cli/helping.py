"""Commands for the morning after, and for whoever helps from afar."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from ivr.cli.failure import CommandFailure


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    app.command("night")(night)
    app.command("support")(support)


def night(
    since: Annotated[
        datetime | None, typer.Option("--from", help="Beijing time; yesterday 18:00.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", help="Beijing time; this morning 9:00.")
    ] = None,
) -> None:
    """What happened last night: outages, restarts, lost calls, slow look-ups. 昨夜"""
    from datetime import UTC

    from ivr.alarms.night import coming, happened, last_night, still_wrong
    from ivr.config import load
    from ivr.hours import BEIJING

    begin, end = last_night(datetime.now(UTC))
    begin = begin if since is None else since.replace(tzinfo=BEIJING)
    end = end if until is None else until.replace(tzinfo=BEIJING)
    settings = load()
    found = happened(settings, begin, end)
    typer.echo(f"{begin.astimezone(BEIJING):%m-%d %H:%M} 到 {end.astimezone(BEIJING):%m-%d %H:%M}")
    for each in found:
        at = each.at.astimezone(BEIJING).strftime("%m-%d %H:%M:%S")
        times = ""
        if each.last is not None:
            times = f"（{each.times} 次，到 {each.last.astimezone(BEIJING):%H:%M:%S}）"
        typer.echo(f"{at}  {each.kind}  {each.what}{times}")
    if not found:
        typer.echo("什么也没有发生 · nothing happened")
    for told in still_wrong(settings, datetime.now(UTC)):
        typer.echo(f"现在    告警  {told}")
    for told in coming(settings, datetime.now(UTC)):
        typer.echo(f"接下来  话术  {told}")


def support(
    file: Annotated[Path, typer.Argument(help="A new file, .tar.gz.")],
) -> None:
    """One file for whoever helps from afar: no secrets, no personal data. 求助"""
    from datetime import UTC

    from console.examining import findings_of
    from ivr.alarms.support import gather
    from ivr.config import load
    from ivr.records.durable import write

    if file.exists():
        raise CommandFailure(f"{file} 已存在，换一个名字 · is there already: name a new file")
    write(file, gather(load(), findings_of, datetime.now(UTC)), mode=0o600)
    typer.echo(f"{file}：没有口令和个人信息，可以发出去 · may be sent: neither secrets nor people")
