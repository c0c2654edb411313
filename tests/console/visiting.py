"""A console and the browsers that visit it, driven step by step without a browser."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import CookieJar, FormData
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from yarl import URL

from console.app import application
from console.rights import Role
from console.users import Users
from ivr.config import Settings
from ivr.people.sensitive import Sensitive

PASSWORD = "correct horse battery"

Form = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")


class Console:
    """The application on a port of loopback; it lives while one of its visitors asks."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.users = Users(settings.home)
        self.loop = asyncio.new_event_loop()
        self.server = TestServer(application(settings))
        self.visitors: list[Visitor] = []
        self.loop.run_until_complete(self.server.start_server())

    def visitor(self) -> Visitor:
        """A browser with no cookie yet."""
        visitor = Visitor(self)
        self.visitors.append(visitor)
        return visitor

    def user(self, name: str, *roles: Role) -> None:
        """One who has chosen a password."""
        self.users.add(name, frozenset(roles))
        self.users.choose_password(name, Sensitive(PASSWORD))

    def signed_in(self, name: str, *roles: Role) -> Visitor:
        """Their browser, once they have signed in."""
        self.user(name, *roles)
        visitor = self.visitor()
        assert visitor.sign_in(name).location == "/"
        return visitor

    def close(self) -> None:
        for visitor in self.visitors:
            self.loop.run_until_complete(visitor.client.close())
        self.loop.run_until_complete(self.server.close())
        self.loop.close()


class Visitor:
    """One browser: it keeps cookies, says where its requests come from, and fills in tokens."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.token = ""
        jar = CookieJar(unsafe=True, loop=console.loop)
        self.client: TestClient[Request, Application] = TestClient(
            console.server, cookie_jar=jar, loop=console.loop
        )

    @property
    def origin(self) -> str:
        return str(self.client.make_url("/")).rstrip("/")

    @property
    def cookies(self) -> dict[str, str]:
        jar = self.client.session.cookie_jar
        return {cookie.key: cookie.value for cookie in jar}

    def get(self, path: str, **headers: str) -> Answer:
        answer = self._ask("GET", path, headers=headers)
        found = re.search(r'name="token" (?:value|content)="([^"]+)"', answer.text)
        self.token = found[1] if found else self.token
        return answer

    def take(self, path: str) -> tuple[Mapping[str, str], bytes]:
        """A file: its head, and its bytes."""

        async def fetch() -> tuple[Mapping[str, str], bytes]:
            async with self.client.get(URL(path, encoded=True)) as answer:
                assert answer.status == 200, await answer.text()
                return answer.headers, await answer.read()

        return self.console.loop.run_until_complete(fetch())

    def post(self, path: str, form: Form | None = None, **headers: str) -> Answer:
        """From a page of the console's own, with its session's token."""
        given = {"token": self.token, **(form or {})}
        return self._ask("POST", path, headers={"Origin": self.origin, **headers}, form=given)

    def upload(self, path: str, field: str, name: str, content: bytes, *more: str) -> Answer:
        """A form with a file, in more fields too, from a page of the console's own."""
        form = FormData({"token": self.token})
        for each in (field, *more):
            form.add_field(each, content, filename=name, content_type="application/octet-stream")
        return self._ask("POST", path, headers={"Origin": self.origin}, form=form)

    def sign_in(self, name: str, password: str = PASSWORD) -> Answer:
        return self.post("/sign-in", {"name": name, "password": password})

    def _ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        form: Form | FormData | None = None,
    ) -> Answer:
        async def ask() -> Answer:
            pairs = form if isinstance(form, FormData) else _pairs(form or {})
            async with self.client.request(
                method,
                URL(path, encoded=True),
                headers=headers,
                data=pairs or None,
                allow_redirects=False,
            ) as answer:
                streams = answer.content_type == "text/event-stream"
                body = b"" if streams else await answer.read()
                return Answer(answer.status, body.decode("utf-8", "replace"), answer.headers)

        return self.console.loop.run_until_complete(ask())


def _pairs(form: Form) -> list[tuple[str, str]]:
    return [
        (name, each)
        for name, value in form.items()
        for each in ([value] if isinstance(value, str) else value)
    ]
