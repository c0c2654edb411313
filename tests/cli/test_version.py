"""Which version runs, and what a new one finds to be done."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ivr.asterisk import locate
from ivr.cli.commands import app
from ivr.config import Settings
from ivr.upkeep import version


def test_the_version_names_all_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"voice": {"name": "kokoro-zf"}}))
    monkeypatch.setenv("IVR_HOME", str(tmp_path))
    monkeypatch.setenv("IVR_AUDIO", str(tmp_path))
    monkeypatch.setattr(locate, "find", lambda: None)
    told = CliRunner().invoke(app, ["--version"])
    assert told.exit_code == 0
    first, voice, asterisk = told.stdout.splitlines()
    assert first.startswith("ivr ")
    assert voice.endswith("kokoro-zf")
    assert asterisk.startswith("Asterisk ")


def test_an_upgrade_finds_what_is_of_an_older_version(tmp_path: Path) -> None:
    rows = sqlite3.connect(tmp_path / "accounts.sqlite")
    rows.execute("PRAGMA journal_mode = WAL")
    rows.execute("CREATE TABLE x (n)")
    rows.close()
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 0}))
    settings = Settings(home=tmp_path, audio=tmp_path, catalog=tmp_path / "scripts.zh.toml")
    found = {finding.name: finding.detail for finding in version.to_do(settings)}
    assert "ivr build-prompts" in found["prompts"]
    assert "ivr accounts import" in found["accounts"]


def test_settings_that_the_new_version_refuses_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_HOME", str(tmp_path))
    (tmp_path / "settings.toml").write_text("[agents]\nring_second = 20\n")
    told = CliRunner().invoke(app, ["upgrade", "check"])
    assert told.exit_code == 1
    assert "agents.ring_seconds" in told.stdout.replace("\n", "")
