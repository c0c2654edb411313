"""The map of the shipped script, which takes seconds to walk: made once."""

from __future__ import annotations

import pytest

from ivr.config import PROJECT, Settings
from ivr.speech.prompts import PromptSet
from ivr.stage.callflow import Flow, explore
from prompt_build.catalog.content import Catalog
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import Source
from prompt_build.reading import silent_set


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load(Source(PROJECT / "scripts.zh.toml"))


@pytest.fixture(scope="session")
def spoken(catalog: Catalog) -> PromptSet:
    return silent_set(catalog)


@pytest.fixture(scope="session")
def flow(spoken: PromptSet) -> Flow:
    return explore(spoken, Settings())
