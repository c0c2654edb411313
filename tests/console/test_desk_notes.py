"""小结: written on the page 坐席 by whoever had the call, before real desks; shown to who may."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from console.pages import desk
from console.rights import Role
from ivr.agents.desks import Moved, Remembered
from ivr.agents.notes import Notes, Owed, Talked
from ivr.agents.notes_file import FILE
from ivr.agents.presence import UNWRITTEN, Event, Presence, State
from ivr.config import AgentsSettings, Settings
from ivr.line.desking import wished
from ivr.line.noting import go_on_noting, noted
from tests.agents.test_notes import facts
from tests.console.test_desk import PHONES, Service, agent
from tests.console.visiting import Console
from tests.ports import free_port

CALL = Talked("agent.6001.aaaa.c1", "s1", "person", "caller", "loan")
FIRST = PHONES[0]
NOTE = {"talk": CALL.talk, "subject": "提取", "text": "问要什么材料，已告知"}


class Centre(Service):
    """Its desks tell the notes what is to be written."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.desks.told = self.hear

    def hear(self, moved: Moved) -> None:
        if moved.ends_a_talk and moved.talked is not None:
            now = datetime.now(UTC)
            self.notes.owe(Owed(moved.talked, moved.agent.name, moved.agent.extension, now))

    def talk(self, talked: Talked = CALL) -> None:
        with self.desks.talks(FIRST, talked):
            pass
        self.desks.hung_up(FIRST)

    @property
    def state(self) -> str:
        return str(self.desks.of(FIRST).state)


@pytest.fixture
def office(settings: Settings, request: pytest.FixtureRequest) -> Iterator[tuple[Console, Centre]]:
    agents = AgentsSettings(phones=PHONES, notes_required=getattr(request, "param", True))
    chosen = settings.model_copy(update={"http_port": free_port(), "agents": agents})
    console, centre = Console(chosen), Centre(chosen)
    app = web.Application()
    app.add_routes([wished(centre, centre.notes), noted(centre, centre.notes)])  # type: ignore[arg-type]
    server = TestServer(app, port=chosen.http_port)
    console.loop.run_until_complete(server.start_server())
    yield console, centre
    console.loop.run_until_complete(server.close())
    console.close()


def test_written_after_the_call_and_then_free(office: tuple[Console, Centre]) -> None:
    console, centre = office
    visitor = agent(console, "王敏")
    assert "没有要写的小结" in visitor.get("/desk/notes").text
    centre.talk()
    shown = visitor.get("/desk/notes").text
    assert "走到 贷款" in shown
    assert "写完才算整理好" in shown
    assert centre.state == "wrap_up"
    done = visitor.post("/desk/notes", NOTE, **{"HX-Request": "true"})
    assert "小结已写好" in done.text
    assert NOTE["text"] not in done.text
    assert centre.state == "free"
    (note,) = centre.notes.about(["person"])
    assert (note.agent, note.subject, note.text) == ("王敏", "提取", NOTE["text"])


def test_nobody_takes_calls_again_who_must_write_first(office: tuple[Console, Centre]) -> None:
    """By the page; the phone lets them, for the page may be away."""
    console, centre = office
    visitor = agent(console, "王敏")
    centre.talk()
    assert "先写完上一通的小结" in visitor.post("/desk", {"wish": "ready"}).text
    assert centre.state == "wrap_up"
    visitor.post("/desk", {"wish": "not_ready", "reason": "休息"})
    assert centre.state == "not_ready"
    assert visitor.post("/desk", {"wish": "ready"}).status == 422
    visitor.post("/desk/notes", NOTE)
    assert centre.state == "not_ready", "as the agent wished"
    visitor.post("/desk", {"wish": "ready"})
    assert centre.state == "free"
    centre.talk(Talked("agent.6001.bbbb.c2", "s2"))
    centre.desks.wishes(FIRST, Event.READY, "phone")
    assert centre.state == "free"
    assert "bbbb" in visitor.get("/desk/notes").text, "it is asked for still"


@pytest.mark.parametrize("lost", ["too old", "never kept", "damaged"])
def test_a_note_that_cannot_be_written_keeps_nobody_from_taking_calls(
    office: tuple[Console, Centre], lost: str
) -> None:
    """After a week of holidays nobody remembers; after a full disk there is nothing to write in."""
    console, centre = office
    centre.talk()
    file = console.settings.home / FILE
    if lost == "too old":
        with closing(sqlite3.connect(file)) as rows, rows:
            rows.execute("UPDATE note SET ended = '2026-01-01T00:00:00.000+00:00'")
    elif lost == "never kept":
        file.unlink()
    else:
        file.write_bytes(b"damaged, and long enough for a header" * 20)
    visitor = agent(console, "王敏")
    assert "已示闲" in visitor.post("/desk", {"wish": "ready"}).text
    assert centre.state == "free"


@pytest.mark.parametrize("office", [False], indirect=True)
def test_where_nobody_must_one_may(office: tuple[Console, Centre]) -> None:
    console, centre = office
    visitor = agent(console, "王敏")
    centre.talk()
    assert centre.state == "free"
    assert "可以不写" in visitor.get("/desk/notes").text
    visitor.post("/desk/notes", {**NOTE, "text": ""})
    assert [note.text for note in centre.notes.about(["person"])] == [""]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"subject": "天气"}, "请选一个主题"),
        ({"subject": ""}, "请选一个主题"),
        ({"text": "   "}, "写几个字"),
        ({"text": "身份证 11010519491231002X"}, "不要写证件号码"),
        ({"talk": "agent.6002.cccc.c9"}, "不是您接的"),
        ({"talk": ""}, "不是您接的"),
    ],
)
def test_what_is_refused_is_told_and_what_was_typed_stays(
    office: tuple[Console, Centre], wrong: dict[str, str], why: str
) -> None:
    console, centre = office
    visitor = agent(console, "王敏")
    centre.talk()
    refused = visitor.post("/desk/notes", {**NOTE, **wrong})
    assert (refused.status, why in refused.text) == (422, True)
    if "talk" not in wrong and "text" not in wrong:
        assert NOTE["text"] in refused.text
    assert centre.state == "wrap_up"
    assert centre.notes.about(["person"]) == ()


def test_sent_twice_it_is_written_once(office: tuple[Console, Centre]) -> None:
    console, centre = office
    visitor = agent(console, "王敏")
    centre.talk()
    for _ in range(2):
        assert visitor.post("/desk/notes", NOTE).status == 303
    assert visitor.post("/desk/notes", {**NOTE, "text": "另一个"}).status == 422
    assert len(facts(console.settings.home)) == 1


def test_only_whose_call_it_was_and_only_the_console(office: tuple[Console, Centre]) -> None:
    console, centre = office
    centre.talk()
    other = agent(console, "liqiang")
    assert "没有要写的小结" in other.get("/desk/notes").text
    assert "不是您接的" in other.post("/desk/notes", NOTE).text
    leader = console.signed_in("值班", Role.LEADER)
    assert leader.post("/desk/notes", NOTE).status == 403

    async def without_secret() -> int:
        url = f"http://127.0.0.1:{console.settings.http_port}/desks/6001/notes"
        async with other.client.session.post(url, json=NOTE) as answer:
            return answer.status

    assert console.loop.run_until_complete(without_secret()) == 403
    assert centre.state == "wrap_up"


def test_a_service_that_is_away_loses_nothing_that_was_typed(
    settings: Settings, tmp_path: Path
) -> None:
    agents = AgentsSettings(phones=PHONES)
    console = Console(settings.model_copy(update={"http_port": free_port(), "agents": agents}))
    notes = Notes(console.settings.home, console.settings.node)
    notes.owe(Owed(CALL, "王敏", "6001", datetime.now(UTC)))
    answer = agent(console, "王敏").post("/desk/notes", NOTE)
    assert "小结还没有写下" in answer.text
    assert NOTE["text"] in answer.text
    assert notes.about(["person"]) == ()
    console.close()


def test_a_service_that_was_killed_in_the_midst_of_it_goes_on(
    office: tuple[Console, Centre],
) -> None:
    """Killed before it had the call to write about, or after the note and before its state."""
    console, centre = office
    other = Talked("agent.6002.dddd.c4", "s4", "other")
    held = (
        Remembered("6001", Presence(State.WRAP_UP), datetime.now(UTC), CALL),
        Remembered("6002", Presence(State.WRAP_UP), datetime.now(UTC), other),
    )
    centre.notes.owe(Owed(other, "李强", "6002", datetime.now(UTC)))
    centre.notes.write("6002", other.talk, "其他", "打错了", datetime.now(UTC))
    centre.desks.remember(held)
    asyncio.run(go_on_noting(centre.notes, centre.desks, held))
    assert [str(centre.desks.of(each).state) for each in PHONES] == ["wrap_up", "free"]
    assert CALL.talk in agent(console, "王敏").get("/desk/notes").text


@pytest.mark.parametrize(("reason", "told"), [(UNWRITTEN, True), ("会议", False)])
def test_who_did_not_write_in_time_is_told_why(reason: str, told: bool) -> None:
    state = {"name": "王敏", "state": "not_ready", "since": None, "reason": reason}
    shown = desk._shown({"6001": state}, FIRST)
    assert ("写完小结，请按“接听来电”" in shown) is told
    assert f"示忙（{reason}）" in shown


def test_nothing_new_takes_nothing_away_from_who_writes(office: tuple[Console, Centre]) -> None:
    console, centre = office
    visitor = agent(console, "王敏")
    centre.talk()
    first = visitor.get("/desk/notes").text
    (seen,) = re.findall(r"seen=(\w+)", first)
    assert visitor.get(f"/desk/notes?seen={seen}").status == 204
    centre.talk(Talked("agent.6001.bbbb.c2", "s2"))
    assert visitor.get(f"/desk/notes?seen={seen}").status == 200
