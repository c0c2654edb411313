"""systemd hears that the service is ready, that it lives, and nothing from one that hangs."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import pytest

from ivr.lifecycle import watchdog
from ivr.lifecycle.watchdog import watched


def test_systemd_is_told_of_readiness_life_and_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "BEAT_SECONDS", 0.01)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

    async def story() -> None:
        with watched():
            await asyncio.sleep(0.1)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        asyncio.run(story())
        heard = _all(systemd)
    assert heard[0] == b"READY=1"
    assert set(heard[1:-1]) == {b"WATCHDOG=1"}
    assert heard[-1] == b"STOPPING=1"


def test_an_event_loop_that_is_blocked_gives_no_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "BEAT_SECONDS", 0.01)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

    async def story() -> list[bytes]:
        with watched():
            await asyncio.sleep(0.05)
            _all(systemd)
            time.sleep(0.1)  # noqa: ASYNC251  this is the fault
            return _all(systemd)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        assert asyncio.run(story()) == []


def test_a_datagram_that_systemd_does_not_take_harms_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "BEAT_SECONDS", 0.001)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

    async def story() -> None:
        with watched():
            await asyncio.sleep(0.5)  # far more beats than the socket holds
            _all(systemd)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        asyncio.run(story())
        assert _all(systemd)[-1] == b"STOPPING=1"


def _all(systemd: socket.socket) -> list[bytes]:
    heard = []
    while True:
        try:
            heard.append(systemd.recv(64))
        except BlockingIOError:
            return heard
