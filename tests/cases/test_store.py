"""The store: events are added, never changed; who comes second is told; nobody else reads it."""

from __future__ import annotations

import stat
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from threading import Barrier
from zipfile import ZipFile

import pytest
from sqlalchemy import create_engine, select, text, update

from ivr.cases import enclosures, store
from ivr.cases.enclosures import Enclosures
from ivr.cases.marks import Marks
from ivr.cases.moves import Move, Refused, State
from ivr.cases.opening import CannotReach
from ivr.cases.sealing import Unreadable
from ivr.cases.store import Cases, NoCase, Outrun, Sought
from tests.analytics.postgres import made_database
from tests.cases.conftest import on_sqlite
from tests.cases.test_moves import FILED, NOON, handle, lead
from tests.state.conftest import stopped

OTHER = replace(FILED, number="01000026", kind="suggestion", at=NOON + timedelta(days=1))


@pytest.fixture
def cases(url: str) -> Iterator[Cases]:
    opened = Cases(url, clock=lambda: NOON)
    yield opened
    opened.close()


def test_a_case_is_opened_once(cases: Cases) -> None:
    assert cases.open(FILED)
    assert not cases.open(FILED)
    assert cases.open(OTHER)
    assert cases.case(FILED.number).filed == FILED
    assert cases.case(FILED.number).state is State.PENDING
    with pytest.raises(NoCase):
        cases.case("01000034")


def test_the_history_is_kept_in_order_and_outlives_the_program(cases: Cases, url: str) -> None:
    cases.open(FILED)
    cases.act(FILED.number, lead("accept"))
    cases.act(FILED.number, lead("note", text="来电人'; DROP TABLE case_event; --"))
    cases.act(FILED.number, handle("take"))
    again = Cases(url).case(FILED.number)
    assert [event.move for event in again.events] == ["open", "accept", "note", "take"]
    assert (again.state, again.handler) == (State.WORKING, "李强")
    assert again.events[2].text.endswith("--")


def test_two_take_the_same_case_at_once(cases: Cases, url: str) -> None:
    cases.open(FILED)
    seen = cases.act(FILED.number, lead("accept")).version
    together = Barrier(2)

    def take(name: str) -> str:
        mine = Cases(url, clock=lambda: NOON)
        together.wait(30)
        try:
            return mine.act(FILED.number, handle("take", by=name), seen=seen).handler
        except Outrun as told:
            return str(told)

    with ThreadPoolExecutor(2) as people:
        outcomes = list(people.map(take, ("李强", "周红")))
    winner = cases.case(FILED.number).handler
    assert outcomes.count(winner) == 1
    (other,) = [each for each in outcomes if each != winner]
    assert other.startswith(f"{winner}刚刚做了领办")
    assert cases.case(FILED.number).version == 3


def test_who_has_not_seen_the_last_event_is_told(cases: Cases) -> None:
    cases.open(FILED)
    seen = cases.case(FILED.number).version
    cases.act(FILED.number, lead("accept"), seen=seen)
    with pytest.raises(Outrun, match="王敏刚刚做了受理"):
        cases.act(FILED.number, lead("reject", text="重复"), seen=seen)
    assert cases.case(FILED.number).state is State.ACCEPTED


def test_what_is_refused_leaves_nothing(cases: Cases) -> None:
    cases.open(FILED)
    with pytest.raises(Refused):
        cases.act(FILED.number, handle("answer", text="好"))
    assert cases.case(FILED.number).version == 1


def test_into_which_case_another_may_be_merged(cases: Cases) -> None:
    third = replace(FILED, number="01000034")
    for each in (FILED, OTHER, third):
        cases.open(each)
    with pytest.raises(Refused, match="没有编号"):
        cases.act(FILED.number, lead("merge", number="99"))
    cases.act(FILED.number, lead("merge", number=OTHER.number))
    assert cases.case(FILED.number).into == OTHER.number
    with pytest.raises(Refused, match="已并单"):
        cases.act(OTHER.number, lead("merge", number=FILED.number))
    with pytest.raises(Refused, match="已并单"):
        cases.act(third.number, lead("merge", number=FILED.number))


@pytest.mark.parametrize(
    ("sought", "found"),
    [
        (Sought(), [OTHER.number, FILED.number]),
        (Sought(kind="complaint"), [FILED.number]),
        (Sought(states=frozenset({State.ACCEPTED})), [FILED.number]),
        (Sought(states=frozenset()), []),
        (Sought(handler="李强"), []),
        (Sought(begins="010000"), [OTHER.number, FILED.number]),
        (Sought(begins="%"), []),
        (Sought(since=NOON + timedelta(hours=1)), [OTHER.number]),
        (Sought(until=NOON + timedelta(hours=1)), [FILED.number]),
    ],
)
def test_cases_are_found(tmp_path: Path, sought: Sought, found: list[str]) -> None:
    cases = Cases(on_sqlite(tmp_path), clock=lambda: NOON)
    cases.open(FILED)
    cases.open(OTHER)
    cases.act(FILED.number, lead("accept"))
    assert [each.number for each in cases.search(sought)] == found


def test_each_event_is_told_once_with_the_case_as_it_was(cases: Cases) -> None:
    cases.open(FILED)
    cases.act(FILED.number, lead("accept"))
    waiting = cases.untold()
    assert [(case.state, event.move) for case, event in waiting] == [
        (State.PENDING, Move.OPEN),
        (State.ACCEPTED, Move.ACCEPT),
    ]
    cases.mark_told(waiting)
    assert cases.untold() == ()


def test_cases_past_their_age_go_with_their_history(cases: Cases) -> None:
    cases.open(FILED)
    cases.open(OTHER)
    moment = NOON + timedelta(hours=1)
    assert cases.forget_before(moment, only_count=True) == 1
    assert cases.forget_before(moment) == 1
    assert [each.number for each in cases.search(Sought())] == [OTHER.number]
    assert [case.number for case, _ in cases.untold()] == [OTHER.number]


def test_asking_what_is_past_its_age_makes_no_database(tmp_path: Path) -> None:
    assert Cases(on_sqlite(tmp_path)).forget_before(NOON, only_count=True) == 0
    assert list(tmp_path.iterdir()) == []


def test_the_schema_is_applied_once_and_is_what_the_code_asks_for(url: str) -> None:
    engine = create_engine(url)
    newest = len(list(store.SCHEMA.glob("*.sql")))
    assert [store.migrate(engine) for _ in range(2)] == [newest, newest]
    made = store.columns(engine)
    engine.dispose()
    for table in store.META.tables.values():
        assert made[table.name] == {column.name for column in table.columns}


def test_a_database_that_a_later_program_has_changed_is_left_alone(url: str) -> None:
    engine = create_engine(url)
    at = store.migrate(engine)
    with engine.begin() as rows:
        rows.execute(text("INSERT INTO schema_version VALUES (900)"))
    engine.dispose()
    later = Cases(url)
    with pytest.raises(CannotReach, match=f"第 900 版.*第 {at} 版"):
        later.open(FILED)
    later.close()


def test_many_who_open_it_for_the_first_time_at_once(url: str) -> None:
    together = Barrier(4)

    def first(_: int) -> bool:
        together.wait(30)
        return Cases(url).open(FILED)

    with ThreadPoolExecutor(4) as people:
        assert sorted(people.map(first, range(4))) == [False, False, False, True]


def test_the_file_is_readable_by_this_user_only(tmp_path: Path) -> None:
    Cases(on_sqlite(tmp_path)).open(FILED)
    assert stat.S_IMODE((tmp_path / "cases.sqlite").stat().st_mode) == 0o600


@pytest.mark.live
@pytest.mark.timeout(60)
def test_a_server_that_does_not_answer_keeps_nobody(server: Path) -> None:
    """SIGSTOP: it takes connections and says nothing. What was filed is opened later, once."""
    made_database(server, "held")
    cases = Cases(f"postgresql+psycopg://ivr@/held?host={server}")
    assert cases.open(FILED)
    with stopped(server), pytest.raises(CannotReach):
        cases.open(OTHER)
    assert cases.open(OTHER)
    assert not cases.open(OTHER)
    cases.close()


def test_a_database_that_cannot_be_reached_says_so_without_its_url(tmp_path: Path) -> None:
    (tmp_path / "cases.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(CannotReach) as told:
        Cases(on_sqlite(tmp_path)).open(FILED)
    assert str(tmp_path) not in str(told.value)


# --- legal hold, marks, enclosures --------------------------------------------------------------

PDF = b"%PDF-1.7\n..."


def test_what_is_in_legal_hold_outlives_its_age_until_it_is_lifted(
    cases: Cases, tmp_path: Path
) -> None:
    cases.open(FILED)
    cases.open(OTHER)
    cases.act(FILED.number, lead("hold", text="诉讼，法院来函"))
    late = NOON + timedelta(days=4000)
    assert [each.number for each in cases.held()] == [FILED.number]
    assert cases.forget_before(late, only_count=True) == 1
    assert cases.forget_before(late) == 1
    assert cases.case(FILED.number).held
    cases.act(FILED.number, lead("release", text="已结案"))
    assert cases.held() == ()
    assert cases.forget_before(late) == 1
    with pytest.raises(NoCase):
        cases.case(FILED.number)


def test_with_a_case_goes_all_that_was_written_and_enclosed(cases: Cases, tmp_path: Path) -> None:
    cases.open(FILED)
    cases.open(OTHER)
    files, marks = Enclosures(cases, tmp_path / "keys"), Marks(cases)
    for number in (FILED.number, OTHER.number):
        files.add(number, "回函.pdf", PDF, by="李强", now=NOON)
        marks.add(number, 1, "这里", by="李强", now=NOON)
    cases.forget_before(NOON + timedelta(hours=1))
    assert (files.of(FILED.number), marks.of(FILED.number)) == ((), ())
    assert len(files.of(OTHER.number)) == len(marks.of(OTHER.number)) == 1


def test_what_is_enclosed_comes_back_as_it_was_and_is_sealed_meanwhile(
    cases: Cases, tmp_path: Path
) -> None:
    cases.open(FILED)
    files = Enclosures(cases, tmp_path / "keys")
    made = files.add(FILED.number, "C:\\来函\\回函.PDF", PDF, by="李强", now=NOON)
    assert (made.name, made.bytes) == ("回函.PDF", len(PDF))
    assert files.of(FILED.number) == (made,)
    assert files.content(FILED.number, made.id) == (made, PDF)
    with pytest.raises(Refused):
        files.content(OTHER.number, made.id)
    with cases.reading() as rows:
        (sealed,) = rows.execute(select(store.ENCLOSURE.c.sealed)).scalars()
    assert PDF not in b64decode(sealed)
    with pytest.raises(Unreadable, match=r"keys/cases\.key"):
        Enclosures(cases, tmp_path / "other").content(FILED.number, made.id)


def test_a_sealed_file_cannot_be_put_into_another_case(cases: Cases, tmp_path: Path) -> None:
    cases.open(FILED)
    cases.open(OTHER)
    files = Enclosures(cases, tmp_path / "keys")
    made = files.add(FILED.number, "回函.pdf", PDF, by="李强", now=NOON)
    with cases.writing() as rows:
        rows.execute(update(store.ENCLOSURE).values(number=OTHER.number))
    with pytest.raises(Unreadable):
        files.content(OTHER.number, made.id)


def test_from_legal_hold_nothing_is_taken_out(cases: Cases, tmp_path: Path) -> None:
    cases.open(FILED)
    files = Enclosures(cases, tmp_path / "keys")
    made = files.add(FILED.number, "回函.pdf", PDF, by="李强", now=NOON)
    cases.act(FILED.number, lead("hold", text="诉讼"))
    with pytest.raises(Refused, match="保全"):
        files.remove(FILED.number, made.id)
    cases.act(FILED.number, lead("release", text="结案"))
    files.remove(FILED.number, made.id)
    assert files.of(FILED.number) == ()
    with pytest.raises(Refused):
        files.remove(FILED.number, made.id)


def test_how_much_may_be_enclosed(cases: Cases, tmp_path: Path) -> None:
    cases.open(FILED)
    files = Enclosures(cases, tmp_path / "keys")
    for n in range(enclosures.MOST):
        files.add(FILED.number, f"{n}.pdf", PDF, by="李强", now=NOON)
    with pytest.raises(Refused, match="最多 10 个"):
        files.add(FILED.number, "more.pdf", PDF, by="李强", now=NOON)
    with pytest.raises(NoCase):
        files.add(OTHER.number, "x.pdf", PDF, by="李强", now=NOON)


def office(part: str, *more: str) -> bytes:
    content = BytesIO()
    with ZipFile(content, "w") as parts:
        for name in ("[Content_Types].xml", part, *more):
            parts.writestr(name, "x")
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pdf", PDF), ("a.JPG", b"\xff\xd8\xff\xe0"), ("a.jpeg", b"\xff\xd8\xff\xe1"),
        ("a.png", b"\x89PNG\r\n\x1a\n"), ("a.docx", office("word/document.xml")),
        ("a.xlsx", office("xl/workbook.xml")), ("a.txt", "来函。\n".encode()),
        ("a.txt", "来函。".encode("gb18030")), ("a.wav", b"RIFF\0\0\0\0WAVEfmt "),
    ],
)  # fmt: skip
def test_files_that_are_what_they_are_called(name: str, content: bytes) -> None:
    enclosures.check(name, content)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("", PDF, "文件名"), ("长" * 101 + ".pdf", PDF, "文件名"), ("a\n.pdf", PDF, "文件名"),
        ("11010519491231002X.pdf", PDF, "证件号码"), ("13800138000 来电.pdf", PDF, "手机号码"),
        ("a.pdf", b"", "空文件"), ("a.pdf", b"%PDF-" + bytes(5_000_000), "5 MB"),
        ("a.exe", b"MZ", "只收"), ("a", PDF, "只收"), ("a.pdf.exe", PDF, "只收"),
        ("a.svg", b"<svg onload=alert(1)>", "只收"), ("a.html", b"<p>", "只收"),
        ("a.pdf", b"MZ\x90", "内容不是"), ("a.png", b"\xff\xd8\xff", "内容不是"),
        ("a.jpg", PDF, "内容不是"), ("a.docx", office("xl/workbook.xml"), "内容不是"),
        ("a.docx", PDF, "内容不是"), ("a.docx", b"PK\x03\x04 torn", "内容不是"),
        ("a.docx", office("word/document.xml", "word/vbaProject.bin"), "带宏"),
        ("a.xlsx", office("xl/workbook.xml", "xl/vbaProject.BIN"), "带宏"),
        ("a.txt", b"MZ\0\1", "内容不是"), ("a.txt", b"\xff\xff", "内容不是"),
        ("a.wav", b"RIFF\0\0\0\0AVI ", "内容不是"),
    ],
)  # fmt: skip
def test_files_that_are_refused_with_words(name: str, content: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        enclosures.check(name, content)


def test_marks_are_in_the_order_of_the_sound_and_ones_own_to_drop(cases: Cases) -> None:
    cases.open(replace(FILED, ms=90_000))
    marks = Marks(cases)
    for at, by in ((60_000, "李强"), (1_500, "王敏")):
        marks.add(FILED.number, at, "在这里骂人", by=by, now=NOON)
    first, second = marks.of(FILED.number)
    assert (first.at_ms, first.by, second.at_ms) == (1_500, "王敏", 60_000)
    with pytest.raises(Refused):
        marks.drop(FILED.number, first.id, by="李强")
    marks.drop(FILED.number, second.id, by="李强")
    assert marks.of(FILED.number) == (first,)


@pytest.mark.parametrize(
    ("at", "note"), [(-1, "x"), (2, "x"), (0, " "), (0, "长" * 201), (0, "电话 13800138000")]
)
def test_marks_that_are_refused(cases: Cases, at: int, note: str) -> None:
    cases.open(FILED)
    with pytest.raises(Refused):
        Marks(cases).add(FILED.number, at, note, by="李强", now=NOON)
    assert Marks(cases).of(FILED.number) == ()
