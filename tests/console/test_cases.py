"""工单: found by filters, moved by the table of rights, heard with a reason; two at once."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestServer

from console.pages import cases as pages
from console.rights import Role
from ivr.asterisk.configure import desk_secret
from ivr.cases.case import Filed
from ivr.cases.moves import Office
from ivr.cases.register import Register
from ivr.cases.store import Sought
from ivr.config import Settings
from ivr.config.settings import DepotSettings
from ivr.depot.depot import begin, depot
from ivr.lifecycle.setting import by, change
from ivr.people.audit import Audit
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.vault import Vault
from ivr.recordings.finding import FETCHED
from ivr.recordings.shipping import Shipping
from ivr.upkeep.courier import line_of
from tests.console.visiting import Console, Visitor
from tests.ports import free_port

SOUND = b"RIFF" + bytes(40) + b"\x10\x27" * 8000 + bytes(32_000)
"""A second that is loud, and two of silence."""
PERSON = "990102200012120127"
PATH = "2026-11-25/complaint/26112501001.wav"
FILED = Filed(
    "26112501001", "complaint", "session-1", "token", datetime(2026, 11, 25, 4, tzinfo=UTC), PATH,
    3000, hashlib.sha256(SOUND).hexdigest(),
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
    agent = console.signed_in("赵静", Role.AGENT)
    assert act(agent, "close") == 422, "not an agent's to do"
    assert act(agent, "follow_up", content="content") == 303
    shown = leader.get(CASE).text
    assert "已回访" in shown
    assert "已补缴&lt;script&gt;" in shown
    moves = [each for each in Audit.of(filed.home).entries() if each.action == "case moved"]
    assert [each.operator for each in moves[-3:]] == ["王敏", "赵静", "赵静"]


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


def test_a_note_stands_beside_what_others_did_meanwhile(filed: Settings, console: Console) -> None:
    leader = console.signed_in("王敏", Role.LEADER)
    leader.get(CASE)
    act(console.signed_in("周红", Role.LEADER), "accept")
    given = {"move": "note", "seen": "1", "text": "已和单位核对"}
    assert leader.post(f"{CASE}/moves", given).status == 303
    assert Register.of(filed).cases.case(FILED.number).events[-1].text == "已和单位核对"


def test_who_is_refused_has_what_was_written_in_the_form_still(
    filed: Settings, console: Console
) -> None:
    leader = console.signed_in("王敏", Role.LEADER)
    leader.get(CASE)
    act(console.signed_in("周红", Role.LEADER), "note", text="先看过")
    given = {"move": "reject", "seen": "1", "text": "不属于<本中心>"}
    outrun = leader.post(f"{CASE}/moves", given)
    assert outrun.status == 409
    assert outrun.text.count("不属于&lt;本中心&gt;</textarea>") == 1
    refused = leader.post(f"{CASE}/moves", {**given, "seen": "2", "text": "电话 13800138000"})
    assert refused.status == 422
    assert "电话 13800138000</textarea>" in refused.text
    assert "</textarea>" in leader.get(CASE).text
    assert "电话 13800138000" not in leader.get(CASE).text


def test_a_transcript_is_help_for_who_has_said_why_they_listen(
    filed: Settings, console: Console
) -> None:
    class Stenographer:
        name = "by hand"

        def write_down(self, sound: bytes) -> str:
            return "<b>窗口不受理</b>"

    Register.of(filed).transcripts.write_next(Stenographer())
    handler = console.signed_in("李强", Role.HANDLER)
    assert "窗口不受理" not in handler.get(CASE).text
    handler.post(f"{CASE}/why", {"reason": "核实投诉"})
    shown = handler.get(CASE).text
    assert "<summary>机器识别，仅供参考，不作依据</summary>" in shown
    assert "&lt;b&gt;窗口不受理" in shown
    assert "窗口不受理" not in handler.get(f"{CASE}/paper").text
    (filed.home / "keys" / "cases.key").write_bytes(bytes(32))
    assert handler.get(CASE).status == 200


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
    shape = json.loads(handler.get(f"{CASE}/shape").text)
    assert (shape["ms"], shape["silences"]) == (3000, [[1000, 3000]])
    assert max(shape["peaks"]) == 100
    (filed.recordings_folder / PATH).write_bytes(SOUND + b"x")
    assert handler.get(f"{CASE}/sound").status == 409
    changed = handler.get(CASE).text
    assert "不能作证据" in changed
    assert "<audio" not in changed, "it is said before anybody plays it"
    (filed.recordings_folder / PATH).unlink()
    assert "录音已经不在" in handler.get(CASE).text
    assert handler.get(f"{CASE}/sound").status == 404


def test_what_has_aged_out_here_is_heard_from_the_depot(filed: Settings, tmp_path: Path) -> None:
    mounted = DepotSettings(folder=tmp_path / "mounted")
    line = filed.model_copy(update={"depot": mounted})
    kept = depot(line)
    begin(kept, line_of(line))
    Shipping(line, kept).ship(datetime.now(UTC))
    (line.recordings_folder / PATH).unlink()
    console = Console(line)
    try:
        handler = console.signed_in("李强", Role.HANDLER)
        handler.get(CASE)
        assert handler.post(f"{CASE}/why", {"reason": "核实投诉"}).status == 303
        assert handler.take(f"{CASE}/sound")[1] == SOUND
        assert handler.get(f"{CASE}/shape").status == 200
        for fetched in (line.home / FETCHED).glob("*/*.wav"):
            fetched.unlink()
        (tmp_path / "mounted").rename(tmp_path / "unmounted")
        assert handler.get(f"{CASE}/sound").status == 503
        assert "现在取不到" in handler.get(CASE).text
    finally:
        console.close()


def test_an_agent_calls_back_and_hears_nothing(filed: Settings, console: Console) -> None:
    agent = console.signed_in("赵静", Role.AGENT)
    shown = agent.get(CASE)
    assert shown.status == 200
    assert "收听" not in shown.text
    assert agent.post(f"{CASE}/why", {"reason": "好奇"}).status == 403
    for path in ("sound", "shape", "files/x"):
        assert agent.get(f"{CASE}/{path}").status == 403
    assert agent.post(f"{CASE}/who", {"reason": "好奇"}).status == 403
    assert agent.post(f"{CASE}/zip", {"reason": "好奇"}).status == 403


def heard(console: Console, name: str, *roles: Role) -> Visitor:
    """Somebody who has said why."""
    visitor = console.signed_in(name, *roles)
    visitor.get(CASE)
    assert visitor.post(f"{CASE}/why", {"reason": "核实投诉"}).status == 303
    return visitor


def test_moments_are_marked_and_kept_with_the_case(filed: Settings, console: Console) -> None:
    handler = heard(console, "李强", Role.HANDLER)
    done = handler.post(f"{CASE}/marks", {"at": "0:01.5", "note": "报了<单位>名称"})
    assert done.location == f"{CASE}?at=1500#sound"
    for at, note in (("abc", "x"), ("9:00", "x"), ("1", ""), ("1", "电话 13800138000")):
        assert handler.post(f"{CASE}/marks", {"at": at, "note": note}).status == 422
    leader = heard(console, "王敏", Role.LEADER)
    shown = leader.get(CASE).text
    assert "报了&lt;单位&gt;名称" in shown
    (mark,) = Register.of(filed).marks.of(FILED.number)
    assert leader.post(f"{CASE}/unmark", {"mark": mark.id}).status == 422, "another's"
    assert handler.post(f"{CASE}/unmark", {"mark": mark.id}).status == 303
    assert Register.of(filed).marks.of(FILED.number) == ()


def test_who_has_called_is_told_once_with_a_reason(filed: Settings, console: Console) -> None:
    Vault(filed.home / "vault.sqlite", Keys.load(filed.home / "keys")).keep(
        "token", Sensitive(PERSON)
    )
    handler = console.signed_in("李强", Role.HANDLER)
    handler.get(CASE)
    assert handler.post(f"{CASE}/who", {"reason": " "}).status == 422
    assert PERSON in handler.post(f"{CASE}/who", {"reason": "核实身份"}).text
    assert PERSON not in handler.get(CASE).text
    last = Audit.of(filed.home).entries()[-1]
    assert (last.action, last.token) == ("who", "token")
    assert last.reason == f"{FILED.number} 核实身份"


def enclosed(visitor: Visitor, name: str, content: bytes) -> int:
    """As a browser sends a file."""

    async def send() -> int:
        form = FormData({"token": visitor.token}, quote_fields=False)
        form.add_field("file", content, filename=name, content_type="application/pdf")
        async with visitor.client.post(
            f"{CASE}/files", data=form, headers={"Origin": visitor.origin}, allow_redirects=False
        ) as answer:
            return answer.status

    return visitor.console.loop.run_until_complete(send())


def test_files_are_enclosed_taken_and_taken_out(filed: Settings, console: Console) -> None:
    leader = console.signed_in("王敏", Role.LEADER)
    leader.get(CASE)
    content = b"%PDF-1.7 <script>" + bytes(2_000_000)
    assert enclosed(leader, "回函<b>.pdf", content) == 303, "larger than other forms"
    assert enclosed(leader, "回函.pdf", b"MZ") == 422
    assert enclosed(leader, "大.pdf", b"%PDF-" + bytes(6_000_000)) == 413
    (file,) = Register.of(filed).enclosures.of(FILED.number)
    assert "回函&lt;b&gt;.pdf" in leader.get(CASE).text
    head, taken = leader.take(f"{CASE}/files/{file.id}")
    assert taken == content
    assert head["Content-Disposition"].startswith("attachment; filename*=UTF-8''%E5%9B%9E")
    assert head["Content-Type"] == "application/octet-stream"
    stranger = console.signed_in("周红", Role.HANDLER)
    stranger.get(CASE)
    assert enclosed(stranger, "回函.pdf", content) == 422, "not theirs"
    assert stranger.post(f"{CASE}/unfile", {"file": file.id, "reason": "x"}).status == 403
    assert leader.post(f"{CASE}/unfile", {"file": file.id, "reason": ""}).status == 422
    assert leader.post(f"{CASE}/unfile", {"file": file.id, "reason": "别人的"}).status == 303
    assert leader.get(f"{CASE}/files/{file.id}").status == 404
    actions = [each.action for each in Audit.of(filed.home).entries()]
    assert [each for each in actions if each.startswith("case file")] == [
        "case file added", "case file read", "case file removed",
    ]  # fmt: skip


def test_the_list_goes_into_a_spreadsheet_without_formulas(
    filed: Settings, console: Console
) -> None:
    leader = console.signed_in("王敏", Role.LEADER)
    act(leader, "accept")
    act(leader, "assign", handler='=HYPERLINK("http://x")')
    head, content = leader.take("/cases/cases.xlsx?kind=complaint")
    assert head["Content-Disposition"].endswith('.xlsx"')
    with ZipFile(BytesIO(content)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        words = "".join(
            book.read(name).decode() for name in book.namelist() if "sharedStrings" in name
        )
    assert "<f>" not in sheet, "no formula"
    assert "=HYPERLINK(" in sheet + words
    assert FILED.number in sheet + words
    assert "26112501002" not in sheet + words, "filtered as the list is"
    assert Audit.of(filed.home).entries()[-1].action == "cases exported"
    assert console.signed_in("李强", Role.HANDLER).get("/cases/cases.xlsx").status == 403


def test_all_of_a_case_is_taken_home_with_a_reason(filed: Settings, console: Console) -> None:
    leader = console.signed_in("王敏", Role.LEADER)
    leader.get(CASE)
    enclosed(leader, "回函.pdf", b"%PDF-1.7")
    assert leader.post(f"{CASE}/zip", {"reason": ""}).status == 422

    async def take() -> bytes:
        form = {"token": leader.token, "reason": "法院调取"}
        async with leader.client.post(
            f"{CASE}/zip", data=form, headers={"Origin": leader.origin}
        ) as answer:
            return await answer.read()

    with ZipFile(BytesIO(console.loop.run_until_complete(take()))) as archive:
        names = archive.namelist()
        sums = archive.read("SHA256SUMS").decode()
        assert archive.read("录音.wav") == SOUND
        paper = archive.read("处理单.html").decode()
    assert names == ["处理单.html", "录音.wav", "附件/01 回函.pdf", "SHA256SUMS"]
    assert f"{FILED.sha256}  录音.wav" in sums
    assert FILED.number in paper
    assert "/static/" not in paper, "it is read where there is no console"
    last = Audit.of(filed.home).entries()[-1]
    assert (last.action, last.reason) == ("case exported", "法院调取")
    (filed.recordings_folder / PATH).write_bytes(b"changed")
    assert "不能作证据" in leader.post(f"{CASE}/zip", {"reason": "法院调取"}).text


def test_the_paper_says_it_all_and_nobodys_data(filed: Settings, console: Console) -> None:
    leader = console.signed_in("王敏", Role.LEADER, Role.HANDLER)
    act(leader, "accept")
    act(leader, "take")
    act(leader, "answer", text="已补缴<b>")
    paper = leader.get(f"{CASE}/paper").text
    for part in (FILED.number, "投诉", "已答复", "已补缴&lt;b&gt;", FILED.sha256, "签字"):
        assert part in paper
    assert "token" not in re.sub(r"<[^>]*>", "", paper)
    assert Audit.of(filed.home).entries()[-1].action == "case printed"


def test_what_waits_is_counted_for_the_live_page(filed: Settings, console: Console) -> None:
    leader = console.signed_in("王敏", Role.LEADER)
    counted = re.findall(r'aria-label="(\S+) (\d+) 件"', leader.get("/cases/counts").text)
    assert dict(counted)["在办"] == "2"
    assert dict(counted)["待受理"] == "2"
    assert set(dict(counted)) == {"在办", "待受理", "将到期", "已超期"}
    assert "/cases/counts" in leader.get("/duty").text


def test_what_is_late_is_shown_first_however_old_it_is(
    filed: Settings, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_SHOWN", 1)
    old = replace(FILED, number="26010101001", at=datetime(2026, 1, 5, tzinfo=UTC))
    Register.of(filed).enter(old)
    shown = console.signed_in("王敏", Role.LEADER).get("/cases").text
    assert re.findall(r'href="/cases/(\d+)"', shown) == [old.number]
    assert "只列最急的 1 件" in shown


def test_templates_of_answers_are_offered_to_whoever_answers(
    filed: Settings, console: Console
) -> None:
    content = {"answers": {"templates": [{"name": "补缴", "text": "经核实，单位已补缴。"}]}}
    change(filed, lambda _: content, made=by("管理", "", datetime.now(UTC)))
    leader = console.signed_in("王敏", Role.LEADER, Role.HANDLER)
    act(leader, "accept")
    act(leader, "take")
    assert '<option value="经核实，单位已补缴。">补缴</option>' in leader.get(CASE).text


def test_legal_hold_is_set_and_lifted_with_a_reason(filed: Settings, console: Console) -> None:
    leader = console.signed_in("王敏", Role.LEADER)
    assert act(leader, "hold") == 422
    assert act(leader, "hold", text="法院来函") == 303
    assert "保全中" in leader.get(CASE).text
    assert act(leader, "hold", text="又一次") == 422
    assert act(console.signed_in("李强", Role.HANDLER), "release", text="x") == 422
    assert act(leader, "release", text="已结案") == 303
    assert "保全中" not in leader.get(CASE).text


def test_holidays_that_are_written_now_count_at_once(filed: Settings, console: Console) -> None:
    leader = console.signed_in("王敏", Role.LEADER)
    assert "暂定" in leader.get(CASE).text
    hours = {"agents": {"hours": {"holidays": ["2026-11-26", "2026-11-27"]}}}
    change(filed, lambda _: hours, made=by("管理", "", datetime.now(UTC)))
    shown = leader.get(CASE).text
    assert "暂定" not in shown
    assert "2026-11-30 前" in shown, "the working day after a Wednesday"


@pytest.mark.parametrize("given", [{"move": "fly"}, {"move": "open"}, {"seen": "x"}])
def test_what_is_no_move(filed: Settings, console: Console, given: dict) -> None:
    leader = console.signed_in("王敏", Role.LEADER)
    leader.get(CASE)
    form = {"move": "accept", "seen": "1", **given}
    assert leader.post(f"{CASE}/moves", form).status == 400


def test_a_database_that_is_away_is_told_on_every_page(filed: Settings, console: Console) -> None:
    leader = console.signed_in("王敏", Role.LEADER)
    leader.get(CASE)
    (filed.home / "cases.sqlite").write_bytes(b"no database at all" * 100)
    for path in ("/cases", CASE, "/cases/counts", "/cases/cases.xlsx", f"{CASE}/paper"):
        answer = leader.get(path)
        assert answer.status == 503, path
        assert "工单数据库现在用不了" in answer.text
    for path in ("moves", "why", "zip", "marks"):
        assert leader.post(f"{CASE}/{path}", {"move": "accept", "seen": "1"}).status == 503


def test_a_case_is_opened_by_hand_once(settings: Settings, console: Console) -> None:
    agent = console.signed_in("赵静", Role.AGENT)
    shown = agent.get("/cases/new?session=s-1").text
    once = re.search(r'name="once" value="(\w+)"', shown)
    assert once is not None
    form = {"session": "s-1", "once": once[1]}
    refused = agent.post("/cases/new", {**form, "text": f"我的证件号 {PERSON}"})
    assert refused.status == 422
    assert "不要写证件号码" in refused.text
    assert f'value="{once[1]}"' in refused.text
    done = agent.post("/cases/new", {**form, "text": "单位漏缴三个月"})
    assert agent.post("/cases/new", {**form, "text": "单位漏缴三个月"}).location == done.location
    (case,) = Register.of(settings).cases.search(Sought())
    assert done.location == f"/cases/{case.number}"
    assert (case.filed.kind, case.filed.session) == ("contact", "s-1")
    assert (case.events[0].by, case.events[0].office) == ("赵静", Office.AGENT)
    page = agent.get(done.location).text
    assert "来电登记" in page
    assert "单位漏缴三个月" in page
    leader = console.signed_in("王敏", Role.LEADER)
    assert "收听" not in leader.get(done.location).text
    assert leader.get(f"{done.location}/sound").status == 404
    assert leader.post(f"{done.location}/zip", {"reason": "交接"}).status == 200


def test_while_the_call_goes_on_the_service_opens_it(settings: Settings) -> None:
    """It alone knows who the caller is."""
    asked: list[dict[str, str]] = []

    async def opened(request: web.Request) -> web.Response:
        assert request.headers["X-Desk"] == desk_secret(settings)
        asked.append(json.loads(await request.text()))
        if len(asked) > 1:
            return web.Response(status=503, text="现在开不了工单")
        Register.of(settings).enter(FILED)
        return web.json_response({"number": FILED.number}, status=201)

    port = free_port()
    console = Console(settings.model_copy(update={"http_port": port}))
    app = web.Application()
    app.add_routes([web.post("/cases", opened)])
    server = TestServer(app, host="127.0.0.1", port=port)
    console.loop.run_until_complete(server.start_server())
    agent = console.signed_in("赵静", Role.AGENT)
    agent.get("/cases/new")
    form = {"session": "s-1", "once": "1", "text": "单位漏缴"}
    assert agent.post("/cases/new", form).location == CASE
    assert asked[0]["session"] == "s-1"
    assert (asked[0]["by"], asked[0]["office"]) == ("赵静", "坐席")
    refused = agent.post("/cases/new", form)
    assert refused.status == 422
    assert "现在开不了工单" in refused.text
    console.loop.run_until_complete(server.close())
    console.close()
