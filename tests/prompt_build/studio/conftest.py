"""A small catalog, one published set of it, and settings that point to both."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.config import Settings, SpeechSettings
from ivr.speech import contract
from prompt_build import sets
from tests.contracts import contract_of
from tests.prompt_build.smallset import CATALOG, build_set, write_catalog


@pytest.fixture
def empty(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A catalog that nobody has built yet."""
    monkeypatch.setattr(contract, "CONTRACT", contract_of(CATALOG))
    changes = {
        "catalog": write_catalog(tmp_path),
        "audio": tmp_path / "audio",
        "speech": SpeechSettings(formats=("alaw",)),
    }
    return settings.model_copy(update=changes)


@pytest.fixture
def published(empty: Settings) -> Settings:
    sets.publish(empty.audio, build_set(empty.catalog, empty.audio))
    return empty
