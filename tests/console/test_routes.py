"""Every route of every page, asked from the table of routes itself: none is forgotten here.

What must hold for all: nothing is fetched from elsewhere, nothing is kept by browsers, and no
number of anybody's stands in an address, a log or an answer to whoever may not see it.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from analytics.loading.loader import run
from analytics.loading.store import FactsFolder
from console.app import application, serve, serve_preview
from console.guarding import HEADERS
from console.pages import EVERY_PAGE
from console.rights import Role
from console.routes import Route
from console.studio import Studio
from console.ways import Ways
from ivr.config import PROJECT, Settings
from tests.analytics.day import twenty_calls
from tests.analytics.spool import lines, spool_file
from tests.console.test_guarding import address
from tests.console.visiting import Answer, Console, Visitor

pytestmark = pytest.mark.timeout(600)

NUMBER = "990102200012120127"
"""Of an invented person: looked for in whatever the console leaves behind."""
ROUTES = [route for page in EVERY_PAGE for route in page.routes]
READ = [each for each in ROUTES if each.method == "GET" and each.path not in {"/phone/ws"}]
CHANGED = [each for each in ROUTES if each.method == "POST" and each.path != "/sign-out"]
BROWSER = PROJECT / "console"
_LOADED = re.compile(
    r"""(?:src|href|action|srcset|poster|data-stream|hx-get|hx-post|formaction)="([^"]*)\""""
)
_ABROAD = re.compile(r"""(?:https?:|wss?:)?//[\w[]|@import|url\((?!['"]?data:)""")
_NAMES = re.compile(r"""name="([^"]+)\"""")
_CHOSEN = r'type="(?:date|time|datetime-local|checkbox|radio|hidden|range)"'
STAYS = ("data:,", "#", "otpauth:")


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


@dataclass(frozen=True)
class Opened:
    """A console, one who holds every role, so that each page shows all that it can, and each."""

    visitor: Visitor
    read: dict[Route, Answer]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    spool_file(settings.home).write_bytes(lines(twenty_calls()))
    run(FactsFolder(settings.home), once=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Studio, "ways", no_walk)
        console = Console(settings)
        visitor = console.signed_in("全能", *Role)
        yield Opened(visitor, {each: visitor.get(address(each.path)) for each in READ})
        console.close()


async def no_walk(_: Studio) -> Ways:
    """To find where all keys lead takes a processor for a minute."""
    return {}


# --- nothing from elsewhere -------------------------------------------------------------------


def test_no_page_loads_or_sends_anything_elsewhere(opened: Opened) -> None:
    """Links lead to our own paths only; the policy would stop whatever is missed here."""
    for route, answer in opened.read.items():
        assert answer.status < 500 or answer.status in (502, 503), (named(route), answer.text)
        if not answer.headers.get("Content-Type", "").startswith("text/html"):
            continue
        for target in _LOADED.findall(answer.text):
            split = urlsplit(target)
            ours = (not split.scheme and not split.netloc) or target.startswith(STAYS)
            assert ours, f"{named(route)} leads to {target}"


@pytest.mark.parametrize("folder", ["static", "templates"])
def test_no_script_style_or_template_names_an_address_elsewhere(folder: str) -> None:
    for path in (BROWSER / folder).iterdir():
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"(?m)^\s*(//|\*|/\*).*$", "", text)  # remarks
        text = text.replace("${scheme}://${location.host}", "")  # our own, as a WebSocket
        text = re.sub(r"<code>https?://</code>|<code>http://localhost[^<]*</code>", "", text)
        found = _ABROAD.search(re.sub(r"(?<=\s)//.*$", "", text, flags=re.MULTILINE))
        assert found is None, (
            f"{path.name}: {found and text[found.start() - 40 : found.end() + 40]}"
        )


def test_the_policy_admits_our_own_origin_only() -> None:
    parts = dict(
        each.strip().split(" ", 1) for each in HEADERS["Content-Security-Policy"].split(";")
    )
    assert parts["default-src"] == "'none'"
    for name, sources in parts.items():
        assert set(sources.split()) <= {"'self'", "'none'", "data:", "blob:"}, name
    assert "data:" not in parts["script-src"]
    assert parts["form-action"] == "'self'"


# --- nothing is kept --------------------------------------------------------------------------


def test_no_answer_of_any_route_is_kept_by_a_browser(opened: Opened) -> None:
    stranger = opened.visitor.console.visitor()
    stranger.get("/sign-in")
    answers = [*opened.read.items()]
    answers += [(each, stranger.get(address(each.path))) for each in READ]
    answers += [(each, stranger.post(address(each.path))) for each in CHANGED]
    for route, answer in answers:
        assert answer.headers["Cache-Control"] == "no-store", named(route)
        assert answer.headers["Referrer-Policy"] == "same-origin", named(route)


def test_every_route_of_the_application_is_one_of_a_page(settings: Settings) -> None:
    """Or is written down here: it shows nothing that is anybody's, and asks for no right."""
    known = {(each.method, each.path) for each in ROUTES}
    known |= {("HEAD", path) for method, path in known if method == "GET"}
    free = {"/livez", "/static", "/lib"}
    for route in application(settings).router.routes():
        path = route.resource.canonical if route.resource else ""
        path = re.sub(r":[^}]*", "", path)
        plain = {(method, re.sub(r":[^}]*", "", each)) for method, each in known}
        assert (route.method, path) in plain or path in free, (route.method, path)


# --- no number of anybody's -------------------------------------------------------------------


SOUGHT = {"session", "who", "about", "number", "q", "value"}
"""What people may write into a form that is sent in an address: what is looked for (a call's or a
case's name, who and what in the trail, a word of the catalog), and a figure to be read out."""


def test_a_form_that_may_hold_a_number_is_never_sent_in_an_address(opened: Opened) -> None:
    """All else is chosen from a list, or is a day; and no token travels so."""
    for route, answer in opened.read.items():
        for form in re.findall(r"<form\b.*?</form>", answer.text, re.DOTALL):
            if 'method="post"' in form:
                continue
            inputs = re.findall(r"<input\b[^>]*>", form)
            free = [each for each in inputs if not re.search(_CHOSEN, each)]
            written = {name for each in free for name in _NAMES.findall(each)}
            assert written <= SOUGHT, f"{named(route)}: {form[:200]}"
            assert "<textarea" not in form, named(route)
            assert 'name="token"' not in form, named(route)


FIELDS = (
    "name", "password", "reason", "text", "sql", "why", "who", "mail", "folder", "about",
    "extension", "handler", "into", "until", "hours", "key", "number", "figures", "note",
    "before", "chosen", "again", "what", "notice", "due", "role", "value-from",
)  # fmt: skip
"""Of all forms."""
UPLOADS = {"/words/exchange", "/cases/{number}/files"}
"""Which take files, and say themselves which ones."""


def test_a_file_that_is_sent_to_any_form_is_written_nowhere(opened: Opened) -> None:
    marker = b"#!/bin/sh of somebody"
    for route in CHANGED:
        if route.path in UPLOADS:
            continue
        answer = opened.visitor.upload(
            address(route.path), "file", "../../evil.sh", marker, *FIELDS
        )
        assert answer.status < 500 or answer.status == 503, (named(route), answer.text)
    files = [path for path in opened.visitor.console.settings.home.rglob("*") if path.is_file()]
    assert not [path for path in files if path.name == "evil.sh" or marker in path.read_bytes()]


def test_what_people_type_into_any_field_stands_in_no_address_and_no_log(
    opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    """An ID number in each field of each form and in each place of each address."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    handler.addFilter(lambda record: record.name != "aiohttp.access")  # see the next test
    logging.getLogger().addHandler(handler)
    caplog.set_level(logging.DEBUG)
    try:
        for route in CHANGED:
            if route.path in {"/sign-in", "/password"}:
                continue
            path = re.sub(r"\{\w+(:[^}]*)?\}", NUMBER, route.path)
            answer = opened.visitor.post(path, dict.fromkeys(FIELDS, NUMBER))
            assert NUMBER not in answer.location, named(route)
        for route in (each for each in READ if "{" in each.path):
            path = re.sub(r"\{\w+\}", NUMBER, route.path)
            answer = opened.visitor.get(address(path))
            assert NUMBER not in answer.location, named(route)
    finally:
        logging.getLogger().removeHandler(handler)
    assert NUMBER not in heard.getvalue()


def test_addresses_that_are_asked_for_are_logged_nowhere(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[dict[str, object]] = []
    monkeypatch.setattr(web, "run_app", lambda _, **how: served.append(how))
    serve(settings, str)
    serve_preview(settings, 8330, str)
    assert [each["access_log"] for each in served] == [None, None]
