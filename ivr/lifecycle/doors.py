"""Whether the line can listen where its settings say, and if not, why."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Door:
    """Where the line listens, and the variables that say so."""

    host: str
    port: int
    host_variable: str
    port_variable: str
    kind: socket.SocketKind = socket.SOCK_STREAM


def refusal(door: Door) -> str | None:
    """Why nobody can listen there, and what to change; None when it can be had."""
    try:
        ((family, _, _, _, address), *_) = socket.getaddrinfo(door.host, door.port, type=door.kind)
        with socket.socket(family, door.kind) as probe:
            if door.kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as refused:
        return why(refused, door)
    return None


def why(refused: OSError, door: Door) -> str:
    """A refusal to listen, in words."""
    host, port, variable = door.host, door.port, door.port_variable
    if isinstance(refused, socket.gaierror) or refused.errno == errno.EADDRNOTAVAIL:
        return (
            f"地址 {host} 不是本机的：改 {door.host_variable}"
            f" · {host} is no address of this machine: set {door.host_variable}"
        )
    if refused.errno == errno.EACCES:
        return (
            f"端口 {port} 只有 root 能用：改 {variable}"
            f" · port {port} is root's alone: set {variable} to another port"
        )
    if refused.errno == errno.EADDRINUSE:
        return (
            f"端口 {port} 已被占用：结束占用它的程序，或改 {variable}"
            f" · port {port} is taken: end the other program, or set {variable} to another port"
        )
    return f"{host}:{port} 不能用 · {host}:{port} cannot be had: {refused.strerror}"
