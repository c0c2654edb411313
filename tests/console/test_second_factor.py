"""The second factor: the figures of RFC 6238, each good once; who must have it gets no further."""

from __future__ import annotations

import base64
import re
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from typer.testing import CliRunner

from console.authenticator import STEP_SECONDS, figures, step_of
from console.rights import Role
from console.users import MOST_FAILURES, Users
from ivr.cli.commands import app
from ivr.config import Settings
from ivr.people.sensitive import Sensitive
from tests.console.test_signing import trail
from tests.console.visiting import PASSWORD, Answer, Console, Visitor

RFC = Sensitive(b"12345678901234567890")


@pytest.mark.parametrize(
    ("now", "shown"),
    [
        (1234567890, "005924"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_figures_are_those_of_the_standard(now: int, shown: str) -> None:
    """RFC 6238, appendix B; of its eight figures the last six."""
    assert figures(RFC, now // STEP_SECONDS) == shown
    assert figures(RFC, 1) == "287082", "at 59 seconds"
    assert step_of(RFC, f" {shown[:3]} {shown[3:]} ", now) == now // STEP_SECONDS
    for off, step in ((STEP_SECONDS, True), (-STEP_SECONDS, True), (95, False), (-95, False)):
        assert (step_of(RFC, shown, now + off) is not None) is step


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "abcdef", "１２３４５６", "287082x", "-1"]
)
def test_what_is_no_figures_is_never_right(typed: str) -> None:
    assert step_of(RFC, typed, 59) is None


# --- at the console ---------------------------------------------------------------------------


def demanding(settings: Settings, whom: str) -> Console:
    wanted = settings.console.model_copy(update={"second_factor": whom})
    return Console(settings.model_copy(update={"console": wanted}))


def shown_now(page: Answer, steps: int = 0) -> str:
    """What an authenticator shows that was given the key of this page."""
    (text,) = re.findall(r"密钥是 <code>([A-Z2-7 ]+)</code>", page.text)
    secret = Sensitive(base64.b32decode(text.replace(" ", "")))
    return figures(secret, int(time.time() // STEP_SECONDS) + steps)


def with_figures(visitor: Visitor, name: str, typed: str) -> Answer:
    return visitor.post("/sign-in", {"name": name, "password": PASSWORD, "figures": typed})


def test_an_administrator_sets_it_before_any_other_page(settings: Settings) -> None:
    console = demanding(settings, "administrators")
    visitor = console.signed_in("管", Role.ADMINISTRATOR)
    assert visitor.get("/").location == "/second-factor"
    assert visitor.get("/users").location == "/second-factor"
    page = visitor.get("/second-factor")
    assert page.headers["Cache-Control"] == "no-store"
    assert visitor.get("/second-factor").text == page.text, "looking again changes no key"
    assert visitor.post("/second-factor", {"figures": "000000"}).status == 422
    assert visitor.post("/second-factor", {"figures": shown_now(page)}).location == "/"
    assert visitor.get("/users").status == 200
    assert "密钥是" not in visitor.get("/second-factor").text, "it is shown no more"
    others = console.signed_in("长", Role.LEADER)
    assert others.get("/duty").status == 200, "who need none go on as before"
    console.close()


def test_from_then_on_the_password_alone_opens_nothing(settings: Settings) -> None:
    console = demanding(settings, "everybody")
    visitor = console.signed_in("统", Role.ANALYST)
    page = visitor.get("/second-factor")
    now = shown_now(page)
    visitor.post("/second-factor", {"figures": now})
    again = console.visitor()
    assert "验证码" in again.get("/sign-in").text
    assert again.sign_in("统").status == 403
    assert with_figures(again, "统", now).status == 403, "figures are good once"
    assert with_figures(again, "统", shown_now(page, 1)).location == "/"
    assert with_figures(console.visitor(), "统", shown_now(page, -1)).status == 403, "older ones"
    assert again.get("/reports").status == 200
    chosen = {"before": PASSWORD, "chosen": "another password", "again": "another password"}
    assert again.post("/password", chosen).location == "/", "one's own password needs no figures"
    console.close()


def test_guessing_figures_locks_as_guessing_passwords_does(settings: Settings) -> None:
    console = demanding(settings, "nobody")
    visitor = console.signed_in("统", Role.ANALYST)
    page = visitor.get("/second-factor")
    visitor.post("/second-factor", {"figures": shown_now(page)})
    guesser = console.visitor()
    for n in range(MOST_FAILURES):
        assert with_figures(guesser, "统", f"{n:06}").status == 403
    assert with_figures(guesser, "统", shown_now(page, 1)).status == 403
    console.close()


def test_whoever_lost_the_phone_is_helped_by_an_administrator_or_a_command(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = demanding(settings, "nobody")
    visitor = console.signed_in("统", Role.ANALYST)
    administrator = console.signed_in("管", Role.ADMINISTRATOR)
    monkeypatch.setenv("IVR_HOME", str(settings.home))

    def by_page() -> None:
        administrator.get("/users")
        administrator.post(f"/users/{quote('统')}/second-factor")

    def by_command() -> None:
        done = CliRunner().invoke(app, ["users", "no-second-factor", "统"])
        assert done.exit_code == 0, done.output

    before = ""
    for help_ in (by_page, by_command):
        page = visitor.get("/second-factor")
        assert page.text != before, "another key than before"
        before = page.text
        assert visitor.post("/second-factor", {"figures": shown_now(page)}).location == "/"
        assert "有验证器" in administrator.get("/users").text
        help_()
        assert visitor.get("/reports").location == "/sign-in", "sessions have ended"
        assert visitor.sign_in("统").location == "/"
    assert [each[:2] for each in trail(settings.home)].count(("second factor reset", "统")) == 2
    console.close()


def test_the_key_of_an_authenticator_lies_nowhere(settings: Settings) -> None:
    """Neither in the database, nor in the trail: a copy of the data shows no figures."""
    users = Users(settings.home)
    users.add("统", frozenset({Role.ANALYST}))
    secret = users.offered("统").reveal()
    assert users.confirm_factor("统", figures(Sensitive(secret), int(time.time() // 30)))
    kept = {secret, secret.hex().encode(), base64.b32encode(secret)}
    files = [path for path in settings.home.rglob("*") if path.is_file()]
    assert Path(settings.home / "users.sqlite") in files
    assert not [path for path in files if any(each in path.read_bytes() for each in kept)]
