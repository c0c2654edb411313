"""Signing in: nobody gets in without a password, and no session is anybody's but its user's."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from console.guarding import cookie_name
from console.rights import Role
from console.sessions import Sessions
from console.users import LOCK_SECONDS, MOST_FAILURES, Refused, User, Users
from ivr.config import ConsoleSettings, Settings
from ivr.people.audit import Audit
from ivr.people.sensitive import Sensitive
from tests.console.visiting import PASSWORD, Console


def trail(home: Path) -> list[tuple[str, str, str]]:
    """What it says, once its chain was followed: action, subject, who."""
    Audit.of(home).check()
    lines = map(json.loads, (home / "audit.jsonl").read_text(encoding="utf-8").splitlines())
    return [(each["action"], each["token"], each["operator"]) for each in lines]


def test_without_a_session_every_page_leads_to_the_sign_in(console: Console) -> None:
    visitor = console.visitor()
    assert visitor.get("/users").location == "/sign-in"
    assert visitor.get("/password").location == "/sign-in"


def test_a_user_signs_in_and_out_and_both_are_in_the_trail(console: Console) -> None:
    visitor = console.signed_in("王敏", Role.ADMINISTRATOR)
    assert "王敏" in visitor.get("/users").text
    assert visitor.post("/sign-out").location == "/sign-in"
    assert visitor.get("/users").location == "/sign-in"
    assert trail(console.settings.home) == [
        ("sign-in", "王敏", "王敏"),
        ("sign-out", "王敏", "王敏"),
    ]


def test_the_cookie_is_hidden_from_scripts_and_other_sites(console: Console) -> None:
    console.user("王敏", Role.AUDITOR)
    cookie = console.visitor().sign_in("王敏").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


def test_a_wrong_password_and_a_wrong_name_are_told_alike(console: Console) -> None:
    console.user("王敏", Role.AUDITOR)
    wrong = console.visitor().sign_in("王敏", "something else")
    nobody = console.visitor().sign_in("nobody", "something else")
    assert wrong.status == nobody.status == 403
    assert wrong.text.replace("王敏", "") == nobody.text.replace("nobody", "")
    assert trail(console.settings.home) == [("sign-in refused", "王敏", "王敏")]


def test_what_was_typed_into_the_wrong_field_is_written_nowhere(console: Console) -> None:
    console.user("王敏", Role.AUDITOR)
    console.visitor().sign_in(PASSWORD, "王敏")
    home = console.settings.home
    assert not (home / "audit.jsonl").exists()
    assert PASSWORD.encode() not in (home / "users.sqlite").read_bytes()


def test_five_failures_lock_for_fifteen_minutes(settings: Settings) -> None:
    now = [1_000_000.0]
    users = Users(settings.home, clock=lambda: now[0])
    users.add("王敏", frozenset({Role.LEADER}))
    users.choose_password("王敏", Sensitive(PASSWORD))
    for _ in range(MOST_FAILURES):
        assert users.signed_in("王敏", Sensitive("wrong")) is None
    assert users.signed_in("王敏", Sensitive(PASSWORD)) is None
    now[0] += LOCK_SECONDS - 1
    assert users.signed_in("王敏", Sensitive(PASSWORD)) is None
    now[0] += 2
    assert users.signed_in("王敏", Sensitive(PASSWORD)) is not None


def test_failures_in_a_row_count_only(settings: Settings) -> None:
    users = Users(settings.home)
    users.add("王敏", frozenset({Role.LEADER}))
    users.choose_password("王敏", Sensitive(PASSWORD))
    for _ in range(2):
        for _ in range(MOST_FAILURES - 1):
            assert users.signed_in("王敏", Sensitive("wrong")) is None
        assert users.signed_in("王敏", Sensitive(PASSWORD)) is not None


def test_a_session_that_a_browser_brings_along_is_never_taken(console: Console) -> None:
    """Fixation: somebody plants a cookie, and waits for its owner to sign in."""
    console.user("王敏", Role.ADMINISTRATOR)
    planted = "planted-by-somebody"
    victim = console.visitor()
    name = f"ivr-{console.settings.console.port}"
    form = {"name": "王敏", "password": PASSWORD}
    answer = victim.post("/sign-in", form, Cookie=f"{name}={planted}")
    assert answer.status == 303
    assert planted not in answer.headers["Set-Cookie"]
    thief = console.visitor()
    assert thief.get("/users", Cookie=f"{name}={planted}").location == "/sign-in"


def test_each_sign_in_has_a_session_of_its_own_and_ends_the_one_before(console: Console) -> None:
    first = console.signed_in("王敏", Role.ADMINISTRATOR)
    (before,) = first.cookies.items()
    first.get("/users")
    first.sign_in("王敏")
    assert dict([before]) != first.cookies
    thief = console.visitor()
    assert thief.get("/users", Cookie="=".join(before)).location == "/sign-in"


def test_an_idle_session_ends_and_what_a_page_asks_by_itself_keeps_none_alive() -> None:
    now = [0.0]
    sessions = Sessions(1800, clock=lambda: now[0])
    user = User("王敏", frozenset({Role.LEADER}), False, False, 0, 0, None)
    secret = sessions.begin(user)
    now[0] = 1790
    assert sessions.find(secret, touch=False) is not None
    now[0] = 1810
    assert sessions.find(secret, touch=True) is None
    secret = sessions.begin(user)
    now[0] += 1790
    assert sessions.find(secret, touch=True) is not None
    now[0] += 1790
    assert sessions.find(secret, touch=True) is not None


def test_whoever_is_locked_or_gets_other_roles_is_out_at_once(console: Console) -> None:
    """Also when another program, such as `ivr users`, did it."""
    console.user("李强", Role.ADMINISTRATOR)
    visitor = console.signed_in("王敏", Role.ADMINISTRATOR)
    assert visitor.get("/users").status == 200
    Users(console.settings.home).set_roles("王敏", frozenset({Role.AUDITOR}))
    assert visitor.get("/users").location == "/sign-in"
    visitor.sign_in("王敏")
    assert visitor.get("/users").status == 403
    Users(console.settings.home).lock("王敏")
    assert visitor.get("/users").location == "/sign-in"
    assert visitor.sign_in("王敏").status == 403


# --- one-time passwords -----------------------------------------------------------------------


def test_a_one_time_password_opens_nothing_but_the_page_that_changes_it(console: Console) -> None:
    given = console.users.add("王敏", frozenset({Role.ADMINISTRATOR})).reveal()
    visitor = console.visitor()
    assert visitor.sign_in("王敏", given).location == "/"
    assert visitor.get("/").location == "/password"
    assert visitor.get("/users").location == "/password"
    assert "请先设定自己的口令" in visitor.get("/password").text
    chosen = {"before": given, "chosen": PASSWORD, "again": PASSWORD}
    assert visitor.post("/password", {**chosen, "again": "otherwise"}).status == 422
    assert visitor.post("/password", {**chosen, "before": "wrong"}).status == 422
    assert visitor.post("/password", chosen).location == "/"
    assert visitor.get("/users").status == 200
    assert console.visitor().sign_in("王敏", given).status == 403
    assert console.visitor().sign_in("王敏").location == "/"


@pytest.mark.parametrize("easy", ["short", "wangmin-2026", "aaaaaaaaaaaa", "1212121212", "x" * 201])
def test_passwords_that_are_easily_guessed_are_refused(settings: Settings, easy: str) -> None:
    users = Users(settings.home)
    users.add("wangmin", frozenset({Role.LEADER}))
    with pytest.raises(Refused):
        users.choose_password("wangmin", Sensitive(easy))


def test_the_first_administrator_has_a_new_one_time_password_until_it_was_used(
    settings: Settings,
) -> None:
    users = Users(settings.home)
    lost, given = users.first(), users.first()
    assert lost is not None
    assert given is not None
    assert users.signed_in("admin", lost) is None
    user = users.signed_in("admin", given)
    assert user is not None
    assert user.roles == {Role.ADMINISTRATOR}
    assert users.first() is None, "somebody has signed in"


def test_no_other_user_than_the_owner_can_read_the_file(settings: Settings) -> None:
    Users(settings.home).first()
    assert (settings.home / "users.sqlite").stat().st_mode & 0o077 == 0


def test_there_is_always_an_administrator(settings: Settings) -> None:
    users = Users(settings.home)
    users.first()
    with pytest.raises(Refused, match="管理员"):
        users.lock("admin")
    with pytest.raises(Refused, match="管理员"):
        users.set_roles("admin", frozenset({Role.AUDITOR}))
    assert users.find("admin") == users.all()[0]


@pytest.mark.parametrize("name", ["", "a b", "../x", "<b>", "x" * 33, "a\n"])
def test_names_are_plain(settings: Settings, name: str) -> None:
    with pytest.raises(Refused):
        Users(settings.home).add(name, frozenset({Role.LEADER}))


def test_a_locked_database_is_told_and_shows_nothing(console: Console) -> None:
    visitor = console.signed_in("王敏", Role.ADMINISTRATOR)
    held = sqlite3.connect(console.settings.home / "users.sqlite", isolation_level=None)
    held.execute("BEGIN EXCLUSIVE")
    answer = visitor.get("/users")
    held.execute("ROLLBACK")
    held.close()
    assert answer.status == 503
    assert "王敏" not in answer.text
    assert visitor.get("/users").status == 200


def test_a_broken_trail_lets_nobody_in(console: Console) -> None:
    console.user("王敏", Role.ADMINISTRATOR)
    (console.settings.home / "audit.jsonl").write_text('{"hash": "made up"}\n')
    visitor = console.visitor()
    assert visitor.sign_in("王敏").status == 503
    assert visitor.get("/users").location == "/sign-in"


def test_with_a_certificate_the_cookie_travels_encrypted_only(settings: Settings) -> None:
    secure = ConsoleSettings(certificate=Path("c.pem"), key=Path("k.pem"))
    assert cookie_name(settings.model_copy(update={"console": secure})).startswith("__Host-")
