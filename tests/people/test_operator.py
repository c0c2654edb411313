"""Who typed a command is not what the environment says."""

from __future__ import annotations

import os
import pwd

import pytest

from ivr.people.operator import operator_name


def test_logname_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "USERNAME", "LNAME"):
        monkeypatch.setenv(name, "somebody-else")
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert operator_name() == pwd.getpwuid(os.getuid()).pw_name


def test_behind_sudo_stands_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setenv("SUDO_USER", "daemon")
    assert operator_name() == "daemon"
    monkeypatch.setenv("SUDO_USER", "nobody-of-this-name")
    assert operator_name() == "root"


def test_who_is_not_root_cannot_be_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: pwd.getpwnam("daemon").pw_uid)
    monkeypatch.setenv("SUDO_USER", "root")
    assert operator_name() == "daemon"
