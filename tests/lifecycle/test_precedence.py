"""Calls first: a process is let come before all others, where the system allows it."""

from __future__ import annotations

import logging
import os
import subprocess

import pytest

from ivr.lifecycle.precedence import PRIORITY, come_first


def skip_where_nobody_may_come_first() -> None:
    """Root may, and who has the limit `rtprio`; in some containers nobody."""
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            os.sched_setscheduler(process.pid, os.SCHED_RR, os.sched_param(PRIORITY))
        except PermissionError as refused:
            pytest.skip(f"no program may come first here: {refused}")
        finally:
            process.kill()


def test_a_process_comes_first_and_this_one_stays_as_it_was() -> None:
    skip_where_nobody_may_come_first()
    before = os.sched_getscheduler(0)
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            come_first(process.pid)
            assert os.sched_getscheduler(process.pid) == os.SCHED_RR
            assert os.sched_getparam(process.pid).sched_priority == PRIORITY
        finally:
            process.kill()
    assert os.sched_getscheduler(0) == before


def test_where_it_is_not_allowed_nothing_changes_and_it_is_written_down(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refused)
    with caplog.at_level(logging.INFO):
        come_first()
    assert "wait their turn" in caplog.text
