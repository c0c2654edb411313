"""Commands for the edge: Kamailio before the cells of a province."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    from ivr.config import EdgeSettings

_CELL = typer.Argument(help="Its name in the settings (edge.centres.cells).")


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    room = typer.Typer(no_args_is_help=True, help="Kamailio before the cells. 边缘")
    room.command("configure")(configure)
    room.command("list")(list_)
    room.command("drain")(drain)
    room.command("resume")(resume)
    app.add_typer(room, name="edge")


def configure() -> None:
    """Write Kamailio's and keepalived's files for each edge from the settings. 生成边缘的配置"""
    from ivr.config import load
    from ivr.edge.configure import configure as write

    for folder in write(load()):
        typer.echo(f"{folder}/kamailio.cfg")


def list_() -> None:
    """How the cells stand at this machine's edge, and how many calls each has. 各单元"""
    from ivr.edge import console

    edge = _edge()
    try:
        for cell in console.cells(edge):
            told = f"{cell.calls}/{cell.most}"
            typer.echo(f"{cell.name}  {cell.uri}  {told}  {console.IN_WORDS[cell.state]}")
    except console.NoEdge as silent:
        raise CommandFailure(str(silent)) from silent


def drain(name: Annotated[str, _CELL]) -> None:
    """Give a cell no new calls, until it is taken back; those it has go on. 停接新来电"""
    _take(name, taking=False)


def resume(name: Annotated[str, _CELL]) -> None:
    """Give a cell calls again. 恢复"""
    _take(name, taking=True)


def _take(name: str, *, taking: bool) -> None:
    """Kept first, so that a new start of Kamailio knows it, and then said to the one that runs."""
    from ivr.config import load
    from ivr.edge import console
    from ivr.edge.configure import drain as keep
    from ivr.edge.drained import drained

    settings, edge = load(), _edge()
    if name not in {cell.name for cell in edge.cells}:
        names = "、".join(cell.name for cell in edge.cells)
        raise CommandFailure(f"没有叫 {name} 的单元，有 {names} · no cell {name}")
    out = drained(settings)
    keep(settings, edge, out - {name} if taking else out | {name})
    try:
        console.set_taking(edge, name, taking=taking)
    except (console.NoEdge, console.Refused) as refused:
        raise CommandFailure(str(refused)) from refused
    typer.echo(
        f"{name} 恢复接听 · takes calls again"
        if taking
        else f"{name} 不再接新来电，已有的继续 · takes no new calls; those it has go on"
    )
    if len(edge.addresses) > 1:
        typer.echo("另一台边缘上也要做同样的事 · do the same on the other edge")


def _edge() -> EdgeSettings:
    from ivr.config import load

    edge = load().edge
    if edge is None or not edge.centres:
        raise CommandFailure("设置里没有 [[edge.centres]] · the settings have no edge", exit_code=2)
    return edge
