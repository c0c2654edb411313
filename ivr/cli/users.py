"""Commands for the console's users: who may sign in, and as what."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    from console.rights import Role
    from console.users import Users

NAME = typer.Argument(help="The name to sign in with, such as 王敏.")
ROLE = typer.Option(
    "--role", help="值班长, 坐席, 承办人, 话术编辑, 统计, 管理员, 审计员; several times."
)


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    room = typer.Typer(no_args_is_help=True, help="Who may sign in to the console. 控制台用户")
    room.command("add")(add)
    room.command("list")(list_)
    room.command("roles")(roles)
    room.command("lock")(lock)
    room.command("unlock")(unlock)
    room.command("password")(password)
    room.command("no-second-factor")(no_second_factor)
    app.add_typer(room, name="users")


def add(name: Annotated[str, NAME], role: Annotated[list[str], ROLE]) -> None:
    """A new user; prints the one-time password, which is changed at the first sign-in. 新用户"""
    from ivr.cli.entitled import note

    wanted = _roles(role)
    with _refusals() as users:
        note("user added", name, "、".join(sorted(wanted)))
        typer.echo(f"{name} 的一次性口令 · one-time password: {users.add(name, wanted).reveal()}")


def list_() -> None:
    """All users with their roles. 列出用户"""
    from datetime import datetime

    from rich.console import Console
    from rich.table import Table

    from ivr.hours import BEIJING

    table = Table("名字", "岗位", "状态", "上次登录")
    with _refusals() as users:
        for user in users.all():
            state = "已锁定" if user.locked else "一次性口令" if user.one_time else "可以登录"
            seen = datetime.fromtimestamp(user.seen, BEIJING) if user.seen else None
            shown = f"{seen:%Y-%m-%d %H:%M}" if seen else "从未"
            table.add_row(user.name, "、".join(sorted(user.roles)), state, shown)
    Console().print(table)


def roles(name: Annotated[str, NAME], role: Annotated[list[str], ROLE]) -> None:
    """Give a user other roles than before. 改岗位"""
    from ivr.cli.entitled import note

    wanted = _roles(role)
    with _refusals() as users:
        note("roles", name, "、".join(sorted(wanted)))
        users.set_roles(name, wanted)
    typer.echo(f"{name}: {'、'.join(sorted(wanted))}")


def lock(name: Annotated[str, NAME]) -> None:
    """End a user's sessions, and let them in no more. 锁定"""
    from ivr.cli.entitled import note

    with _refusals() as users:
        note("user locked", name)
        users.lock(name)
    typer.echo(f"{name} 已锁定 · locked; `ivr users unlock {name}` lets them in again")


def unlock(name: Annotated[str, NAME]) -> None:
    """Let a user in again, also after five wrong passwords. 解锁"""
    from ivr.cli.entitled import note

    with _refusals() as users:
        note("user unlocked", name)
        users.unlock(name)
    typer.echo(f"{name} 可以登录 · may sign in")


def password(name: Annotated[str, NAME]) -> None:
    """A new one-time password for a user who forgot theirs. 重给口令"""
    from ivr.cli.entitled import note

    with _refusals() as users:
        note("password given", name)
        typer.echo(f"{name} 的一次性口令 · one-time password: {users.give_password(name).reveal()}")


def no_second_factor(name: Annotated[str, NAME]) -> None:
    """Ask no figures any more of somebody who has lost the authenticator. 取消验证器"""
    from ivr.cli.entitled import note

    with _refusals() as users:
        note("second factor reset", name)
        users.drop_factor(name)
    typer.echo(f"{name} 登录不再要验证码；可以重新设 · has no second factor and may set one")


def _roles(given: list[str]) -> frozenset[Role]:
    from console.rights import Role

    known = {role.value: role for role in Role}
    if unknown := [each for each in given if each not in known]:
        raise CommandFailure(
            f"没有 {'、'.join(unknown)} 这个岗位；有 {'、'.join(known)} · no such role", exit_code=2
        )
    return frozenset(known[each] for each in given)


@contextmanager
def _refusals() -> Iterator[Users]:
    from console.users import Refused, users_of
    from ivr.config import load

    try:
        yield users_of(load())
    except Refused as refused:
        raise CommandFailure(str(refused)) from refused
