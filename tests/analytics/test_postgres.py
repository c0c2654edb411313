"""The server of the tests is where another user comes, wherever temporary folders are."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.analytics.postgres import passable


def test_where_others_come_the_usual_folder_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    assert passable() == Path("/tmp")


def test_a_folder_that_is_closed_to_others_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    (closed / "open").mkdir(parents=True)
    closed.chmod(0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(closed / "open"))
    assert passable() == Path("/tmp")
