"""Commands for the machines of a line that share its state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    from ivr.config import Settings
    from ivr.state.nodes import Line, Node
    from ivr.state.shared import Shared

_Name = Annotated[str, typer.Argument(help="节点名 · its `node` in settings.toml")]


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    room = typer.Typer(no_args_is_help=True, help="The machines of one line. 多台机器")
    room.command("join")(join)
    room.command("list")(list_)
    room.command("drain")(drain)
    room.command("remove")(remove)
    app.add_typer(room, name="node")


def join(
    renew: Annotated[
        bool,
        typer.Option(
            "--renew",
            help="This node's sentences and keys are the new ones. 以本机的话术、钥匙为准",
        ),
    ] = False,
    make_keys: Annotated[
        bool, typer.Option("--make-keys", help="Only for the very first node. 第一个节点，生成钥匙")
    ] = False,
) -> None:
    """Make this machine a node of its line; its keys must be here. 加入"""
    from console.users_together import OfAllNodes
    from ivr.state import joining, setting, vault

    with _state() as (settings, shared):
        try:
            me = joining.join(settings, shared, renew=renew, make_keys=make_keys)
        except joining.CannotJoin as wrong:
            raise CommandFailure(str(wrong)) from wrong
        people = vault.take_over(settings, shared)
        setting.take_over(settings)
        _take_over_cases(settings)
        _take_over_notes(settings, shared)
        _take_over_trail(settings, shared)
        users = shared.at_once(OfAllNodes(settings).make_even)
        _tell_of_connections(shared)
    typer.echo(f"控制台用户：全线 {users} 个 · users of all nodes' consoles")
    typer.echo(f"保险库：本机的 {people} 人都在全线的库里 · people of this machine's vault")
    typer.echo(f"{me.name} 已加入，编号系列 {me.series:02} · joined; now (re)start its service")


def _take_over_trail(settings: Settings, shared: Shared) -> None:
    """What is written on this machine stands in the line's trail; raises CommandFailure."""
    from ivr.people.audit import AuditChanged
    from ivr.state import trail

    try:
        entries = trail.take_over(settings, shared)
    except AuditChanged as changed:
        raise CommandFailure(str(changed)) from changed
    typer.echo(f"审计：本机 {entries} 条新进全线的审计 · entries of this machine's audit trail")


def _take_over_cases(settings: Settings) -> None:
    """What this machine had by itself is the line's; the service brings what comes until then."""
    from ivr.cases.moving import take_over
    from ivr.cases.opening import CannotReach

    try:
        count = take_over(settings)
    except CannotReach as away:
        raise CommandFailure(f"已加入，工单还在本机，服务启动后会带去：{away}") from away
    if count:
        typer.echo(f"本机的 {count} 件工单已并入全线 · its cases are the line's now")


def _take_over_notes(settings: Settings, shared: Shared) -> None:
    """What agents wrote on this machine is read on all; raises CommandFailure."""
    from ivr.agents.notes_file import NotKept
    from ivr.agents.notes_together import take_over

    try:
        count = take_over(settings, shared)
    except NotKept as damaged:
        raise CommandFailure(str(damaged)) from damaged
    if count:
        typer.echo(f"本机的 {count} 份话后小结已并入全线 · its notes of calls are the line's now")


def list_(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Who they are, and how they are. 列出"""
    from dataclasses import replace

    from ivr.state import nodes

    with _state() as (settings, shared):
        line = shared.at_once(nodes.read)
        line = replace(line, nodes=tuple(_with_what_waits(settings, each) for each in line.nodes))
        _tell_of_connections(shared)
    told = "\n".join(_in_words(each, line) for each in line.nodes)
    typer.echo(_as_json(line) if as_json else told or "还没有节点")


def _with_what_waits(settings: Settings, node: Node) -> Node:
    """Of this machine by its own disk, which knows also while its service is stopped."""
    from dataclasses import replace

    from ivr.agents.notes_file import NotesFile, NotKept
    from ivr.cases.waiting import Waiting

    if node.name != settings.node:
        return node
    try:
        notes = NotesFile(settings.home).count_waiting()
    except NotKept as damaged:
        typer.echo(str(damaged), err=True)
        notes = node.notes_waiting
    cases = max(node.cases_waiting if node.lives else 0, len(Waiting(settings.home)))
    return replace(node, cases_waiting=cases, notes_waiting=notes)


def _tell_of_connections(shared: Shared) -> None:
    """Where PostgreSQL has too few: beside what is printed for programs."""
    from ivr.state.connections import connections

    found = shared.at_once(connections)
    if found is not None and found.complaint:
        typer.echo(found.complaint, err=True)


def drain(
    name: _Name,
    back: Annotated[bool, typer.Option("--back", help="Take it back: new calls again.")] = False,
) -> None:
    """No new calls for a node; those that it has go on to their end. 排空"""
    from functools import partial

    from ivr.state import nodes

    with _state() as (_, shared):
        node = shared.at_once(partial(nodes.drain, name=name, draining=not back))
    if back:
        typer.echo(f"{name} 又接新来电 · takes new calls again")
    else:
        typer.echo(f"{name} 不再接新来电，还有 {node.calls} 通 · drains; see `ivr node list`")


def remove(name: _Name) -> None:
    """Take out a node whose service is stopped. 移出"""
    from functools import partial

    from ivr.state import nodes, people

    with _state() as (settings, shared):
        shared.at_once(partial(nodes.remove, name=name))
        shared.at_once(partial(people.hand_over, gone=name, to=settings.node))
    typer.echo(f"{name} 已移出 · removed")


@contextmanager
def _state() -> Iterator[tuple[Settings, Shared]]:
    from ivr.config import load

    settings = load()
    if not settings.shares:
        raise CommandFailure(
            "没有设置 state.url：这条热线只有一台机器 · no [state] in settings.toml: one machine"
        )
    from ivr.state.nodes import NoNode, StillServes
    from ivr.state.shared import CannotReach, Shared

    shared = Shared(settings)
    try:
        yield settings, shared
    except (CannotReach, NoNode, StillServes) as refused:
        raise CommandFailure(str(refused)) from refused
    finally:
        shared.close()


def _in_words(node: Node, line: Line) -> str:
    from ivr.state.admission import lacks_prompts

    lacks = "（还没有在用的那一版 not in force）" if lacks_prompts(node, line) else ""
    state = ("排空 draining" if node.draining else "在线 up") if node.lives else "不在 away"
    then = "" if node.lives else "（最后所知 as last heard）"
    heard = f"{node.unheard:.0f} 秒前 s ago" if node.unheard < 1e6 else "从未 never"
    return (
        f"{node.name}  {node.series:02}  {node.address}  {state}  {node.calls} 通 calls  {heard}"
        f"  等着 waiting：工单 {node.cases_waiting}、小结 {node.notes_waiting}{then}"
        f"  话术 {node.catalog or '-'}{lacks}  {node.version}"
    )


def _as_json(line: Line) -> str:
    import json
    from dataclasses import asdict

    from ivr.state.admission import lacks_prompts

    told = [
        {**asdict(node), "lives": node.lives, "lacks_prompts": lacks_prompts(node, line)}
        for node in line.nodes
    ]
    return json.dumps(told, ensure_ascii=False, indent=1)
