"""What tests share: the catalog as a silent prompt set, the demo people as accounts."""

from __future__ import annotations

import asyncio
import gc
import importlib
import multiprocessing
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import settings as hypothesis_settings

from ivr.accounts import passwords
from ivr.accounts.demo import make_demo
from ivr.config import Settings
from ivr.speech.prompts import PromptSet
from tests.textset import text_set

os.environ.setdefault("IVR_REALTIME", "false")  # tests run side by side with what they start
multiprocessing.set_forkserver_preload(["prompt_build.build"])
hypothesis_settings.register_profile("busy machine", deadline=None)
hypothesis_settings.load_profile("busy machine")


def pytest_collection_finish() -> None:
    """Where a test runs commands in this process, their tree is made once.

    What there is by now stays to the end: the collector need not go through it again and again.
    """
    gc.collect()
    gc.freeze()
    if "typer.testing" in sys.modules:
        importlib.import_module("tests.command_tree")


@pytest.fixture(scope="session")
def prompt_set(tmp_path_factory: pytest.TempPathFactory) -> PromptSet:
    return text_set(tmp_path_factory.mktemp("prompts"))


@pytest.fixture(scope="module")
def quick_passwords() -> Iterator[None]:
    """Argon2id all the same, at a hundredth of the work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(1, 8, 1))
        yield


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Defaults, in a home folder of the test's own."""
    for name in ("IVR_HOME", "IVR_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    return Settings(home=tmp_path)


@pytest.fixture
def demo_settings(settings: Settings) -> Settings:
    make_demo(settings.home / "accounts.sqlite")
    return settings


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    fresh = asyncio.new_event_loop()
    yield fresh
    fresh.close()
