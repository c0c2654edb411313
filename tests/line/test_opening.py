"""The door by which a case is opened from a call that goes on: by whom, of whom, and never else."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from ivr.asterisk.configure import desk_secret
from ivr.cases.moves import Refused
from ivr.cases.opening import NewCase
from ivr.config import Settings
from ivr.line.opening import opened_by_hand
from ivr.people.sensitive import Sensitive
from ivr.recordings.archive import CannotKeep

NUMBER: Sensitive[str] = Sensitive("13800138000")
TOLD = {"session": "s-1", "text": "单位漏缴", "by": "赵静", "office": "坐席", "origin": "hand 1"}


@dataclass
class Desk:
    """Opens what it is asked to."""

    fault: Exception | None = None
    opened: list[tuple[NewCase, Sensitive[str] | None]] = field(default_factory=list)

    async def open_case(self, new: NewCase, caller: Sensitive[str] | None) -> str:
        if self.fault is not None:
            raise self.fault
        self.opened.append((new, caller))
        return "01000018"


def asked(
    home: Path, desk: Desk, told: dict[str, Any], *, secret: str | None = None
) -> tuple[int, str]:
    """Status and answer, while one call goes on."""
    settings = Settings(home=home)
    call = SimpleNamespace(
        session="s-1",
        number=NUMBER,
        trail=SimpleNamespace(person="a person's token"),
        means=SimpleNamespace(desk=desk),
    )
    reception: Any = SimpleNamespace(means=SimpleNamespace(settings=settings))
    live: Any = SimpleNamespace(call=call)

    async def story() -> tuple[int, str]:
        app = web.Application()
        app.add_routes([opened_by_hand(reception, lambda: (live,))])
        shown = desk_secret(settings) if secret is None else secret
        async with TestClient(TestServer(app)) as client:
            answer = await client.post("/cases", json=told, headers={"X-Desk": shown})
            return answer.status, await answer.text()

    return asyncio.run(story())


def test_with_the_caller_of_the_talk(tmp_path: Path) -> None:
    desk = Desk()
    status, answer = asked(tmp_path, desk, TOLD)
    assert (status, answer) == (201, '{"number": "01000018"}')
    ((new, caller),) = desk.opened
    assert caller == NUMBER
    assert (new.kind, new.person, new.session) == ("contact", "a person's token", "s-1")
    assert (new.by, new.office, new.text, new.origin) == ("赵静", "坐席", "单位漏缴", "hand 1")


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({**TOLD, "session": "another"}, 404),
        ({**TOLD, "office": "谁"}, 400),
        ({"session": "s-1"}, 400),
    ],
)
def test_what_opens_nothing(tmp_path: Path, told: dict[str, str], status: int) -> None:
    desk = Desk()
    assert asked(tmp_path, desk, told)[0] == status
    assert desk.opened == []


@pytest.mark.parametrize(
    ("fault", "status"), [(Refused("写明内容"), 422), (CannotKeep("数据库不通"), 503)]
)
def test_what_is_refused_is_told(tmp_path: Path, fault: Exception, status: int) -> None:
    answer = asked(tmp_path, Desk(fault), TOLD)
    assert answer[0] == status
    assert str(fault) in answer[1]


def test_nobody_else_is_answered(tmp_path: Path) -> None:
    desk = Desk()
    assert asked(tmp_path, desk, TOLD, secret="guess")[0] == 403
    assert desk.opened == []
