"""Ports of tests that run side by side."""

from __future__ import annotations

import random
import socket

import pytest

from tests import ports


def test_nobody_gets_what_another_has_or_listens_on(monkeypatch: pytest.MonkeyPatch) -> None:
    first = random.randrange(2_100, 2_900)
    monkeypatch.setattr(ports, "FIRST", first)
    monkeypatch.setattr(ports, "LAST", first + 2)
    with socket.socket(type=socket.SOCK_DGRAM) as busy:
        busy.bind(("127.0.0.1", first + 1))
        assert {ports.free_port(), ports.free_port()} == {first, first + 2}
