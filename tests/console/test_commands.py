"""`ivr users`, and what commands write into the trail."""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path

import pytest
from typer.testing import CliRunner

from console.rights import Role
from console.users import Users
from ivr.accounts.demo import make_demo
from ivr.cli.commands import app
from ivr.people.sensitive import Sensitive


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("IVR_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("IVR_HOME", str(tmp_path))
    monkeypatch.setenv("LOGNAME", "somebody-else")
    return tmp_path


def ivr(*words: str) -> str:
    done = CliRunner().invoke(app, words)
    assert done.exception is None, done.exception
    return done.output


def trail(home: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (home / "audit.jsonl").read_text().splitlines()]


def test_a_user_from_first_to_last(home: Path) -> None:
    told = ivr("users", "add", "王敏", "--role", "值班长", "--role", "统计")
    given = Sensitive(told.strip().rpartition(" ")[2])
    user = Users(home).signed_in("王敏", given)
    assert user is not None
    assert user.roles == {Role.LEADER, Role.ANALYST}
    assert "王敏" in ivr("users", "list")
    ivr("users", "roles", "王敏", "--role", "审计员")
    ivr("users", "add", "李强", "--role", "管理员")
    ivr("users", "lock", "王敏")
    assert "已锁定" in ivr("users", "list")
    ivr("users", "unlock", "王敏")
    ivr("users", "password", "王敏")
    assert Users(home).signed_in("王敏", given) is None
    me = pwd.getpwuid(os.getuid()).pw_name
    assert [(each["action"], each["token"], each["operator"]) for each in trail(home)] == [
        ("user added", "王敏", me),
        ("roles", "王敏", me),
        ("user added", "李强", me),
        ("user locked", "王敏", me),
        ("user unlocked", "王敏", me),
        ("password given", "王敏", me),
    ]
    assert given.reveal() not in (home / "audit.jsonl").read_text()


@pytest.mark.parametrize(
    "words",
    [
        ["add", "王敏", "--role", "站长"],
        ["add", "a b", "--role", "坐席"],
        ["lock", "nobody"],
        ["password", "nobody"],
    ],
    ids=" ".join,
)
def test_mistakes_are_told(home: Path, words: list[str]) -> None:
    done = CliRunner().invoke(app, ["users", *words])
    assert type(done.exception).__name__ == "CommandFailure"
    assert Users(home).all() == []


def test_amounts_are_shown_only_once_that_is_in_the_trail(home: Path) -> None:
    make_demo(home / "accounts.sqlite")
    ivr("accounts", "show", "990101199001010019")
    assert not (home / "audit.jsonl").exists()
    ivr("accounts", "show", "990101199001010019", "--reveal", "--reason", "complaint 7")
    (entry,) = trail(home)
    assert (entry["action"], entry["reason"]) == ("reveal", "complaint 7")
    assert "990101199001010019" not in (home / "audit.jsonl").read_text()


def test_nothing_is_shown_where_the_trail_cannot_be_written(home: Path) -> None:
    make_demo(home / "accounts.sqlite")
    (home / "audit.jsonl").write_text('{"hash": "made up"}\n')
    done = CliRunner().invoke(app, ["accounts", "show", "990101199001010019", "--reveal"])
    assert "changed" in str(done.exception)
    assert "balance" not in done.output
