"""Commands of the alarms: watching the line, and what people say about what rings."""

from __future__ import annotations

from typing import Annotated

import typer

from ivr.cli.failure import CommandFailure


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    app.command("watch")(watch)
    room = typer.Typer(no_args_is_help=True, help="What rings, and who has seen it. 告警")
    room.command("list")(list_)
    room.command("acknowledge")(acknowledge)
    room.command("silence")(silence)
    room.command("test")(test)
    room.command("rules")(rules)
    app.add_typer(room, name="alarms")


def watch() -> None:
    """Measure the line, and tell when it is not well, until told to stop. 告警"""
    import asyncio

    from ivr.alarms.watching import watch as watch_line
    from ivr.config import load
    from ivr.lifecycle import logs

    settings = load()
    logs.of(settings, "watch")
    asyncio.run(watch_line(settings))


def list_() -> None:
    """What rings now; exit code 1 where something does. 现在的告警"""
    from datetime import datetime

    from ivr.alarms import keeping
    from ivr.alarms.table import BY_NAME, SEVERITIES
    from ivr.config import load
    from ivr.hours import BEIJING

    settings = load()
    said = keeping.marks(settings.home)
    ringing = [each for each in keeping.ringing(settings.home) if each.begun]
    for each in ringing:
        alarm = BY_NAME[each.alarm]
        since = datetime.fromtimestamp(each.since, BEIJING).strftime("%m-%d %H:%M:%S")
        mark = said.get(each.key) or said.get(each.alarm)
        by = f"（{mark.who}）" if mark else ""
        typer.echo(f"{SEVERITIES[alarm.severity]} {each.key} {alarm.title} 从 {since}{by}")
        typer.echo(f"    {alarm.means} {alarm.remedy}")
    if ringing:
        raise typer.Exit(1)
    typer.echo("没有告警 · nothing rings")


def acknowledge(
    key: Annotated[str, typer.Argument(help="As `ivr alarms list` names it.")],
    by: Annotated[str, typer.Option("--by", help="Who has seen it.")],
) -> None:
    """Somebody has seen it: it is not told again until it begins anew. 确认"""
    _mark(key, by, None, "")


def silence(
    key: Annotated[str, typer.Argument(help="An alarm, or one of its things: NAME:THING.")],
    by: Annotated[str, typer.Option("--by", help="Who wants it silent.")],
    hours: Annotated[float, typer.Option("--hours", help="For how long.", min=0.1, max=720)],
    why: Annotated[str, typer.Option("--why", help="For whoever comes next.")] = "",
) -> None:
    """Nothing is told of it for a while. 静音"""
    _mark(key, by, hours, why)


def _mark(key: str, by: str, hours: float | None, why: str) -> None:
    import time

    from ivr.alarms import keeping
    from ivr.alarms.ringing import Mark
    from ivr.alarms.table import BY_NAME
    from ivr.config import load

    if key.partition(":")[0] not in BY_NAME:
        raise CommandFailure(f"没有 {key} 这个告警 · no such alarm: {', '.join(BY_NAME)}")
    now = time.time()
    until = None if hours is None else now + hours * 3600
    keeping.mark(load().home, key, Mark(by, now, until, why))


def test() -> None:
    """Send a trial message by every way in the settings. 试发"""
    import time

    from ivr.alarms.messages import tell
    from ivr.alarms.ringing import News, Ringing
    from ivr.config import load

    settings = load()
    if not settings.alarms.mail_to and not settings.alarms.webhooks:
        raise CommandFailure("没有设 alarms.mail_to 或 alarms.webhooks · no way to tell is set")
    now = time.time()
    trial = News("begins", Ringing("probe_stale", "试发", 0.0, now, begun=True))
    if not tell(settings, [trial]):
        raise CommandFailure("一处也没有发到，看上面的原因 · nobody took it")
    typer.echo("已发出 · sent")


def rules() -> None:
    """The table of alarms as rules for Prometheus. 规则"""
    from ivr.alarms.rules import rules as written

    typer.echo(written(), nl=False)
