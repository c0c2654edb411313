"""Every line of a log says when, in which zone."""

from __future__ import annotations

import io
import logging
import re

import pytest

from ivr.cli import logs


def test_a_line_has_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    written = io.StringIO()
    logs.begin(logging.INFO, written)
    logging.getLogger("ivr.line").info("serving")
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+08:00"
    assert re.fullmatch(rf"{stamp} INFO ivr\.line: serving\n", written.getvalue())
