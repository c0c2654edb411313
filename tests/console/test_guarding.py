"""Attacks on the pages: other sites, other names, other people's rights, other files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from aiohttp import web

from console import app
from console.pages import EVERY_PAGE
from console.rights import Action, Role
from ivr.config import ConsoleSettings, PhoneSettings, Settings
from tests.console.visiting import PASSWORD, Console


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "", "[", "a:b:c"]
)
def test_a_name_that_is_not_ours_is_refused(console: Console, host: str) -> None:
    """DNS rebinding: a foreign page's own name suddenly leads here."""
    visitor = console.signed_in("王敏", Role.ADMINISTRATOR)
    answer = visitor.get("/users", Host=host)
    assert answer.status in (400, 421)
    assert "王敏" not in answer.text


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8331", "localhost", "[::1]:8331", "192.168.1.7", "Console.Center.example"]
)
def test_addresses_and_names_that_are_ours_are_answered(settings: Settings, host: str) -> None:
    named = settings.model_copy(
        update={"console": ConsoleSettings(names=("console.center.example",))}
    )
    console = Console(named)
    assert console.visitor().get("/sign-in", Host=host).status == 200
    console.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
def test_what_another_site_sends_changes_nothing(console: Console, headers: dict[str, str]) -> None:
    visitor = console.signed_in("王敏", Role.ADMINISTRATOR)
    visitor.get("/users")
    assert visitor.post("/users", {"name": "mole", "role": "管理员"}, **headers).status == 403
    assert console.users.find("mole") is None
    assert visitor.post("/sign-in", {"name": "王敏", "password": PASSWORD}, **headers).status == 403


def test_a_websocket_of_another_site_is_refused(console: Console) -> None:
    visitor = console.visitor()
    answer = visitor.get(
        "/sign-in", Upgrade="websocket", Connection="Upgrade", Origin="https://evil.example"
    )
    assert answer.status == 403


@pytest.mark.parametrize("token", ["", "guessed", "é"])
def test_without_its_sessions_token_a_form_changes_nothing(console: Console, token: str) -> None:
    visitor = console.signed_in("王敏", Role.ADMINISTRATOR)
    visitor.token = token
    assert visitor.post("/users", {"name": "mole", "role": "管理员"}).status == 403
    assert console.users.find("mole") is None


def test_the_token_of_another_session_is_none(console: Console) -> None:
    one, other = (
        console.signed_in("王敏", Role.ADMINISTRATOR),
        console.signed_in("李强", Role.ADMINISTRATOR),
    )
    one.get("/users")
    other.token = one.token
    assert other.post("/users", {"name": "mole", "role": "管理员"}).status == 403


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/....//app.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/",
        "/static/..%5capp.py",
        "/static/console.css%00",
        "/lib/../../../../etc/passwd",
        "/lib/%2e%2e/package.json",
        "/.git/config",
        "/users.sqlite",
    ],
)
def test_no_path_leads_out_of_what_is_served(console: Console, path: str) -> None:
    visitor = console.visitor()
    answer = visitor.get(path)
    assert answer.status in (400, 403, 404)
    assert "root:" not in answer.text
    assert "aiohttp" not in answer.text


def test_every_answer_carries_the_policy_and_is_kept_by_no_browser(console: Console) -> None:
    visitor = console.signed_in("王敏", Role.ADMINISTRATOR)
    answers = [
        visitor.get(path) for path in ("/sign-in", "/users", "/nothing", "/static/console.css")
    ]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "aiohttp" not in answer.headers["Server"]
    assert [answer.headers["Cache-Control"] for answer in answers] == [
        *["no-store"] * 3,
        "no-cache",
    ]


def test_names_are_escaped(console: Console) -> None:
    answer = console.visitor().sign_in('"><script>alert(1)</script>', "x")
    assert "<script>alert" not in answer.text


def test_an_upload_of_anything_is_refused(console: Console) -> None:
    visitor = console.visitor()
    assert visitor.post("/sign-in", {"name": "x" * 1_100_000, "password": "x"}).status == 413


# --- roles ------------------------------------------------------------------------------------

TABLE = """
                 值班长 坐席 承办人 话术编辑 统计 管理员 审计员
登录              ✓     ✓     ✓     ✓     ✓     ✓     ✓
拨打              ✓     ✓     ✓     ✓     ✓     ✓     ✓
改自己的口令        ✓     ✓     ✓     ✓     ✓     ✓     ✓
管理用户           ·     ·     ·     ·     ·     ✓     ·
改设置            ·     ·     ·     ·     ·     ✓     ·
看值班            ✓     ·     ·     ·     ·     ·     ·
开关热线           ✓     ·     ·     ·     ·     ·     ·
发紧急公告          ✓     ·     ·     ·     ·     ·     ·
确认告警           ✓     ·     ·     ·     ·     ·     ·
接来电            ·     ✓     ·     ·     ·     ·     ·
看来电人查询的结果  ✓     ✓     ·     ·     ·     ·     ·
监听坐席          ✓     ·     ·     ·     ·     ·     ·
办工单             ✓     ✓     ✓     ·     ·     ·     ·
听工单的录音       ✓     ·     ✓     ·     ·     ·     ·
听通话录音         ✓     ·     ·     ·     ·     ·     ·
看来电人的证件号    ✓     ·     ✓     ·     ·     ·     ·
导出工单           ✓     ·     ·     ·     ·     ·     ·
回拨              ✓     ✓     ✓     ·     ·     ·     ·
回电              ✓     ✓     ·     ·     ·     ·     ·
看通话            ✓     ·     ·     ·     ✓     ·     ·
看报表            ·     ·     ·     ·     ✓     ·     ·
看话术            ✓     ·     ·     ✓     ·     ·     ·
改话术            ·     ·     ·     ✓     ·     ·     ·
批准话术          ✓     ·     ·     ✓     ·     ·     ·
发布和退回话术    ✓     ·     ·     ✓     ·     ·     ·
写查询            ·     ·     ·     ·     ✓     ·     ·
定时报表          ·     ·     ·     ·     ✓     ·     ·
看审计            ·     ·     ·     ·     ·     ·     ✓
"""
"""Written by hand from the design: the program's own table is not asked."""


def address(path: str) -> str:
    """One that the path fits: `{ending:csv|png}` is csv, `{name}` is any name, digits are 1."""
    path = path.replace("{number:\\d+}", "1")
    return re.sub(r"\{\w+\}", "nobody", re.sub(r"\{\w+:(\w+)[^}]*\}", r"\1", path))


def table() -> dict[tuple[Role, Action], bool]:
    head, *lines = TABLE.strip("\n").splitlines()
    roles = [Role(name) for name in head.split()]
    return {
        (role, Action(line.split()[0])): mark == "✓"
        for line in lines
        for role, mark in zip(roles, line.split()[1:], strict=True)
    }


def test_the_table_has_a_cell_for_every_role_and_action() -> None:
    assert table().keys() == {(role, action) for role in Role for action in Action}


async def _done(_: web.Request) -> web.Response:
    """In place of what a page does: here it is asked who comes so far."""
    return web.Response(text="done")


@pytest.fixture
def doors(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """The console with all of its routes, and behind each one nothing but that it was reached."""
    stays = (Action.SIGN_IN, Action.OWN_PASSWORD)
    pages = tuple(
        replace(
            page,
            routes=tuple(
                each if each.action in stays else replace(each, handler=_done)
                for each in page.routes
            ),
        )
        for page in EVERY_PAGE
    )
    monkeypatch.setattr(app, "EVERY_PAGE", pages)
    console = Console(settings)
    yield console
    console.close()


@pytest.mark.parametrize("role", list(Role))
def test_a_role_sees_its_own_and_nothing_else(doors: Console, role: Role) -> None:
    """Every route of every page, asked by each role."""
    visitor = doors.signed_in("某人", role)
    visitor.get("/password")
    rights = table()
    for page in EVERY_PAGE:
        for route in page.routes:
            if route.action in (Action.SIGN_IN, Action.OWN_PASSWORD):
                continue
            path = address(route.path)
            answer = visitor.get(path) if route.method == "GET" else visitor.post(path)
            reached = (answer.status, answer.text) == (200, "done")
            refused = answer.status == 403 and ("权限" in answer.text or route.background)
            assert (reached, refused) == (
                rights[role, route.action],
                not rights[role, route.action],
            ), (role, route.method, path, answer.status)


@pytest.mark.parametrize("role", list(Role))
def test_everybody_signs_in_and_has_a_password_of_their_own(console: Console, role: Role) -> None:
    visitor = console.signed_in("某人", role)
    for path in ("/password", "/second-factor", "/phone"):
        assert visitor.get(path).status == 200


@pytest.mark.parametrize("first", ["/password", "/second-factor"])
def test_who_has_something_to_do_first_opens_nothing_else(settings: Settings, first: str) -> None:
    """A one-time password is to be changed, an authenticator to be set: whatever the roles."""
    wanted = ConsoleSettings.model_validate({"second_factor": "everybody"})
    console = Console(settings.model_copy(update={"console": wanted}))
    if first == "/password":
        given = console.users.add("某人", frozenset(Role)).reveal()
        visitor = console.visitor()
        visitor.sign_in("某人", given)
    else:
        visitor = console.signed_in("某人", *Role)
    visitor.get(first)
    for page in EVERY_PAGE:
        for route in page.routes:
            if route.action in (Action.SIGN_IN, Action.OWN_PASSWORD):
                continue
            path = address(route.path)
            answer = visitor.get(path) if route.method == "GET" else visitor.post(path)
            led = answer.status == 303 and answer.location == first
            assert led or (answer.status == 403 and route.background), (route.path, answer.status)
    console.close()


@pytest.mark.parametrize("role", list(Role))
def test_the_menu_names_only_what_the_role_may_open(console: Console, role: Role) -> None:
    rights = table()
    shown = console.signed_in("某人", role).get("/password").text
    for page in EVERY_PAGE:
        if page.in_menu:
            assert (f'href="{page.path}"' in shown) == rights[role, page.action], page.title


def phone_open_to(settings: Settings, whom: str) -> Settings:
    phone = PhoneSettings.model_validate({"open_to": whom})
    return settings.model_copy(update={"console": ConsoleSettings(phone=phone)})


def test_a_stranger_sees_the_sign_in_and_where_it_is_open_the_phone(settings: Settings) -> None:
    for whom in ("this_machine", "everybody", "nobody"):
        console, calls = Console(phone_open_to(settings, whom)), whom != "nobody"
        visitor = console.visitor()
        for page in EVERY_PAGE:
            for route in page.routes:
                if route.method == "POST":
                    continue
                answer = visitor.get(address(route.path))
                open_ = route.action is Action.SIGN_IN or (route.action is Action.PHONE and calls)
                closed = answer.status == 401 or (
                    answer.status == 303 and answer.location == "/sign-in"
                )
                assert closed == (not open_) or route.path == "/", (route.path, answer.status)
        console.close()


@pytest.mark.parametrize(
    ("headers", "open_to_all"),
    [
        ({}, False),
        ({"Host": "localhost:8331"}, False),
        ({"X-Forwarded-For": "192.0.2.7"}, True),  # a proxy of this machine
        ({"Forwarded": "for=192.0.2.7"}, True),
        ({"Host": "192.0.2.2:8331"}, True),  # the same, or somebody beside it
    ],
)
def test_a_stranger_calls_from_this_machine_only(
    settings: Settings, headers: dict[str, str], open_to_all: bool
) -> None:
    for whom, refused in (("this_machine", open_to_all), ("everybody", False), ("nobody", True)):
        console = Console(phone_open_to(settings, whom))
        answer = console.visitor().get("/phone", **headers)
        assert (answer.location == "/sign-in") is refused, (whom, headers)
        console.close()
