"""Commands for the settings: what holds and where it comes from; the table of versions."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.config import Content

_WHY = typer.Option("--why", help="For whoever reads the table later.")


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    room = typer.Typer(no_args_is_help=True, help="What is set, by whom, and back. 设置")
    room.command("show")(show)
    room.command("set")(set_)
    room.command("log")(log)
    room.command("rollback")(rollback)
    room.command("apply")(apply)
    app.add_typer(room, name="settings")


def show(
    name: Annotated[str, typer.Argument(help="A setting or a table; all that is set if left out.")]
    = "",
) -> None:  # fmt: skip
    """What holds now, and where each value comes from. 现在的设置"""
    from ivr.config import load, origins

    settings = load()
    for each, origin in origins():
        wanted = each == name or each.startswith(f"{name}.") if name else origin != "默认"
        if wanted:
            typer.echo(f"{each} = {_shown(settings, each)}    {origin}")


def _shown(settings: Any, name: str) -> str:
    """A value as JSON has it; secrets stay covered."""
    value = settings
    for step in name.split("."):
        value = getattr(value, step, None)
    if isinstance(value, tuple):
        shown: Any = [
            each.model_dump(mode="json") if hasattr(each, "model_dump") else _plain(each)
            for each in value
        ]
    else:
        shown = _plain(value)
    return json.dumps(shown, ensure_ascii=False, default=str)


def _plain(value: Any) -> Any:
    from ivr.hours import Days, Span, written

    return written(value) if isinstance(value, Days | Span) else value


def set_(
    name: Annotated[str, typer.Argument(help="Such as limits.calls or agents.phones.")],
    value: Annotated[str, typer.Argument(help='As JSON, such as 20 or ["09:00-17:00"].')],
    why: Annotated[str, _WHY] = "",
) -> None:
    """Set one value from the next call on; nothing is started anew. 改一项"""
    from ivr.config.table import over

    try:
        given = json.loads(value)
    except ValueError:
        given = value
    for step in reversed(name.split(".")):
        given = {step: given}
    _changed("settings", name, lambda before: over(before, given), why)


def log() -> None:
    """Every version: who, when, why, and what was before. 改动记录"""
    from ivr.config import Table, starting
    from ivr.config.table import NOTHING, differences
    from ivr.hours import BEIJING

    versions = [*Table(starting().home).versions(), NOTHING]
    for new, old in itertools.pairwise(versions):
        typer.echo(
            f"{new.number}  {new.at.astimezone(BEIJING):%Y-%m-%d %H:%M}  {new.who}  {new.why}"
        )
        for name, (was, now) in differences(old.content, new.content).items():
            typer.echo(f"    {name}: {_json(was)} → {_json(now)}")


def _json(value: Any) -> str:
    return "—" if value is None else json.dumps(value, ensure_ascii=False)


def rollback(
    number: Annotated[int, typer.Argument(min=0, help="A version; 0 is settings.toml alone.")],
    why: Annotated[str, _WHY] = "",
) -> None:
    """Let an earlier version hold again, as a new one. 退回"""
    from ivr.config import starting
    from ivr.lifecycle.setting import rolled_back

    with _refusals():
        to = rolled_back(starting(), number)
    _changed("settings rolled back", str(number), to, why)


def apply() -> None:
    """Have Asterisk read agents and trunks as they are set now; calls go on. 让 Asterisk 重读"""
    from ivr.config import load

    _renew(load())


def _changed(action: Any, about: str, to: Callable[[Content], Content], why: str) -> None:
    from datetime import UTC, datetime

    from ivr.cli.entitled import note
    from ivr.config import standing, starting
    from ivr.lifecycle.setting import by
    from ivr.people.operator import operator_name

    settings = starting()
    if settings.shares:
        from ivr.state.setting import change
    else:
        from ivr.lifecycle.setting import change
    with _refusals():
        note(action, about, why)
        made = change(settings, to, made=by(operator_name(), why, datetime.now(UTC)))
        typer.echo(f"第 {made.number} 版，下一个来电起有效 · version {made.number} holds")
    _renew(standing(settings))


def _renew(settings: Any) -> None:
    from ivr.asterisk import locate, process

    found = locate.find()
    if settings.ari_url is not None or found is None:
        typer.echo("Asterisk 不在这台机器上：坐席和中继要在那里设 · it is elsewhere: set it there")
    elif process.renew(settings, found):
        typer.echo("Asterisk 已重读，通话没有断 · it has read them; calls go on")
    else:
        typer.echo("Asterisk 没有运行，启动时会读 · it does not run, and reads them when it starts")


@contextmanager
def _refusals() -> Iterator[None]:
    from ivr.lifecycle.setting import ChangedMeanwhile

    try:
        yield
    except ChangedMeanwhile as changed:
        raise CommandFailure(str(changed)) from changed
