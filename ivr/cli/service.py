"""Commands that make a system service of the line, renew it, and take it out again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from ivr.cli.failure import CommandFailure


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    room = typer.Typer(no_args_is_help=True, help="The line as a system service. 系统服务")
    room.command("install")(install)
    room.command("upgrade")(upgrade)
    room.command("uninstall")(uninstall)
    app.add_typer(room, name="service")
    news = typer.Typer(no_args_is_help=True, help="What a new version finds to be done. 升级")
    news.callback()(lambda: None)
    news.command("check")(check)
    app.add_typer(news, name="upgrade")


def install() -> None:
    """User, folders, units and an `ivr` that knows them; then it is started. 安装"""
    from ivr.upkeep import installation

    with _explained():
        installation.install(typer.echo)


def upgrade() -> None:
    """After new code: units and prompts anew, and a restart that cuts no call. 升级"""
    from ivr.upkeep import installation

    with _explained():
        installation.upgrade(typer.echo)


def uninstall(
    purge: Annotated[
        bool, typer.Option("--purge", help="Also the data, the settings and the user.")
    ] = False,
) -> None:
    """Stop the service and take it out; the data stays. 卸载"""
    from ivr.upkeep import installation

    with _explained():
        installation.uninstall(typer.echo, purge=purge)


def check() -> None:
    """After new code, before it runs: settings it refuses, and what is of an older version. 检查"""
    from ivr.cli.line import report
    from ivr.config import SettingsError, load
    from ivr.upkeep.doctor import Finding
    from ivr.upkeep.version import to_do

    try:
        findings = to_do(load())
    except SettingsError as refused:
        findings = [Finding("settings", False, line) for line in str(refused).splitlines()]
    report(findings or [Finding("upgrade", True, "没有要做的 · nothing is to be done")])


@contextmanager
def _explained() -> Iterator[None]:
    from ivr.upkeep.installation import CannotInstall

    try:
        yield
    except CannotInstall as cannot:
        raise CommandFailure(str(cannot)) from cannot
