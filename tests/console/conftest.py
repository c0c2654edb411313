"""A console in a home folder of the test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from ivr.accounts import passwords
from ivr.config import Settings
from tests.console.visiting import Console


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id all the same, at a hundredth of the work."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(1, 8, 1))


@pytest.fixture
def console(settings: Settings) -> Iterator[Console]:
    opened = Console(settings)
    yield opened
    opened.close()
