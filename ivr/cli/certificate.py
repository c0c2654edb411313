"""The command that makes a certificate for the console, where the centre has none."""

from __future__ import annotations

from typing import Annotated

import typer

from ivr.cli.failure import CommandFailure


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    app.command("certificate")(certificate)


def certificate(
    name: Annotated[
        list[str] | None, typer.Argument(help="Names and addresses; all of this machine if none.")
    ] = None,
) -> None:
    """Make a certificate for the console in the LAN, or renew it. 网页的证书"""
    import ipaddress
    import re
    import socket
    from datetime import UTC, datetime

    from console.certificate import make
    from ivr.config import load
    from ivr.upkeep.doctor import network_addresses

    settings = load()
    known = (socket.gethostname().lower(), "localhost", "127.0.0.1", *network_addresses())
    hosts = list(dict.fromkeys(name or (*settings.console.names, *known)))
    for host in hosts:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            if not re.fullmatch(r"[0-9A-Za-z-]{1,63}(\.[0-9A-Za-z-]{1,63})*", host):
                raise CommandFailure(
                    f"{host} 不是主机名，也不是地址 · no host", exit_code=2
                ) from None
    made = make(settings.home, hosts, datetime.now(UTC))
    typer.echo(f"证书 · certificate for {', '.join(hosts)}，到 {made.ends:%Y-%m-%d}")
    typer.echo("写进 settings.toml，重启控制台 · put into settings.toml, restart the console:")
    typer.echo('  [console]\n  address = "0.0.0.0"')
    typer.echo(f'  certificate = "{made.certificate}"\n  key = "{made.key}"')
    told = "新的根证书，每台电脑装一次" if made.new_root else "根证书没有变，电脑上不用再装"
    typer.echo(f"{told} · root: {made.root}，控制台的 /root.pem 也能下载")
    typer.echo(f"装以前核对指纹 · SHA-256 {made.fingerprint}")
