"""工单: found by filters, moved by the table of rights, heard with a reason; two at once."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from console.rights import Role
from ivr.cases.case import Filed
from ivr.cases.register import Register
from ivr.config import Settings
from ivr.people.audit import Audit
from tests.console.visiting import Console, Visitor

SOUND = b"RIFF" + bytes(2000)
PATH = "2026-11-25/complaint/26112501001.wav"
FILED = Filed(
    "26112501001", "complaint", "session-1", "token", datetime(2026, 11, 25, 4, tzinfo=UTC), PATH,
    1000, hashlib.sha256(SOUND).hexdigest(),
)  # fmt: skip
CASE = f"/cases/{FILED.number}"


@pytest.fixture
def filed(settings: Settings) -> Settings:
    register = Register.of(settings)
    register.enter(FILED)
    register.enter(replace(FILED, number="26112501002", kind="suggestion"))
    file = settings.recordings_folder / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(SOUND)
    return settings


def act(visitor: Visitor, move: str, **given: str) -> int:
    """As the form on the page does it."""
    shown = visitor.get(CASE).text
    seen = re.search(r'name="seen" value="(\d+)"', shown)
    assert seen is not None
    return visitor.post(f"{CASE}/moves", {"move": move, "seen": seen[1], **given}).status


def test_three_people_bring_a_complaint_to_its_end(filed: Settings, console: Console) -> None:
    leader = console.signed_in("王敏", Role.LEADER)
    handler = console.signed_in("李强", Role.HANDLER)
    assert act(handler, "accept") == 422, "not a handler's to do"
    assert act(leader, "accept") == 303
    assert act(leader, "assign", handler="李强") == 303
    assert act(handler, "take") == 303
    assert act(handler, "answer", text="已补缴<script>") == 303
    assert act(leader, "close") == 303
    assert act(leader, "follow_up", content="content") == 303
    shown = leader.get(CASE).text
    assert "已回访" in shown
    assert "已补缴&lt;script&gt;" in shown
    moves = [each for each in Audit.of(filed.home).entries() if each.action == "case moved"]
    assert [each.operator for each in moves[-2:]] == ["王敏", "王敏"]


def test_two_who_take_it_at_once(filed: Settings, console: Console) -> None:
    leader = console.signed_in("王敏", Role.LEADER)
    first, second = (console.signed_in(name, Role.HANDLER) for name in ("李强", "周红"))
    act(leader, "accept")
    for each in (first, second):
        each.get(CASE)
    given = {"move": "take", "seen": "2"}
    assert first.post(f"{CASE}/moves", given).status == 303
    outrun = second.post(f"{CASE}/moves", given)
    assert outrun.status == 409
    assert "李强刚刚做了领办" in outrun.text


def test_filters_stay_in_the_address(filed: Settings, console: Console) -> None:
    leader = console.signed_in("王敏", Role.LEADER)

    def found(query: str) -> list[str]:
        return re.findall(r'href="/cases/(\d+)"', leader.get(f"/cases?{query}").text)

    assert set(found("")) == {FILED.number, "26112501002"}
    assert found("kind=suggestion") == ["26112501002"]
    assert found("number=26112501001") == [FILED.number]
    assert found("state=closed") == []
    assert found("light=nothing") == []
    assert 'value="suggestion" selected' in leader.get("/cases?kind=suggestion").text
    assert leader.get("/cases/99999999").status == 404


def test_nobody_hears_without_a_reason_and_it_is_in_the_trail_first(
    filed: Settings, console: Console
) -> None:
    handler = console.signed_in("李强", Role.HANDLER)
    handler.get(CASE)
    assert handler.get(f"{CASE}/sound").status == 403
    assert handler.post(f"{CASE}/why", {"reason": " "}).status == 422
    assert handler.get(f"{CASE}/sound").status == 403
    assert handler.post(f"{CASE}/why", {"reason": "核实投诉"}).status == 303
    last = Audit.of(filed.home).entries()[-1]
    assert (last.action, last.token, last.reason) == ("case heard", FILED.number, "核实投诉")
    head, content = handler.take(f"{CASE}/sound")
    assert content == SOUND
    assert head["Content-Type"] == "audio/wav"
    part = handler.get(f"{CASE}/sound", Range="bytes=4-13")
    assert (part.status, part.headers["Content-Length"]) == (206, "10")
    assert console.signed_in("周红", Role.HANDLER).get(f"{CASE}/sound").status == 403
    (filed.recordings_folder / PATH).write_bytes(SOUND + b"x")
    assert handler.get(f"{CASE}/sound").status == 409


@pytest.mark.parametrize("given", [{"move": "fly"}, {"move": "open"}, {"seen": "x"}])
def test_what_is_no_move(filed: Settings, console: Console, given: dict) -> None:
    leader = console.signed_in("王敏", Role.LEADER)
    leader.get(CASE)
    form = {"move": "accept", "seen": "1", **given}
    assert leader.post(f"{CASE}/moves", form).status == 400
