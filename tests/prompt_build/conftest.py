"""Builds in tests: a cache of their own, a voice that hums, a handful of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from ivr.speech import numbers
from tests.prompt_build import humming

FEW: Mapping[str, str] = {
    "number.一元整": "一元整",
    "number.一元整。": "一元整",
    numbers.PAUSE_CLIP: "",
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setenv(humming.SPOKEN, str(folder / "spoken.txt"))
    return folder


@pytest.fixture
def few_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three clips of numbers instead of two thousand."""
    monkeypatch.setattr(numbers, "inventory", lambda: FEW)
