"""What agents write after calls: once, sealed, told to the records, and gone with its person."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.agents.notes import MOST_CHARACTERS, OWED_FOR, Notes, Owed, Talked
from ivr.agents.notes_file import FILE, NotKept
from ivr.cases.moves import Refused

ENDED = datetime(2026, 11, 27, 1, 0, tzinfo=UTC)
LATER = ENDED + timedelta(seconds=42)
CALL = Owed(Talked("agent.6001.aaaa.c1", "s1", "person", "caller", "loan"), "王敏", "6001", ENDED)
BACK = Owed(Talked("4f00", caller="other"), "王敏", "6001", ENDED + timedelta(minutes=5))
TEXT = "问提取要什么材料，已告知"


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    made = Notes(tmp_path, "node")
    made.owe(CALL)
    made.owe(BACK)
    return made


def write(notes: Notes, text: str = TEXT, *, subject: str = "提取", desk: str = "6001") -> None:
    notes.write(desk, CALL.talked.talk, subject, text, LATER)


def facts(home: Path) -> list[dict[str, object]]:
    return [
        json.loads(line)
        for path in sorted((home / "spool").glob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]


def test_written_once_and_told_once(notes: Notes, tmp_path: Path) -> None:
    assert notes.owed_by("6001", LATER) == (BACK, CALL)
    write(notes)
    assert notes.owed_by("6001", LATER) == (BACK,)
    (note,) = notes.about(["person"])
    assert (note.session, note.agent, note.at) == ("s1", "王敏", LATER)
    assert (note.subject, note.text) == ("提取", TEXT)
    (fact,) = facts(tmp_path)
    told = {name: fact[name] for name in ("fact", "session", "subject", "key", "agent", "ms")}
    assert told == {
        "fact": "CallNoted",
        "session": "s1",
        "subject": "提取",
        "key": "loan",
        "agent": "王敏",
        "ms": 42_000,
    }
    assert TEXT not in repr(note) + json.dumps(fact, ensure_ascii=False)


def test_an_answer_that_was_lost_is_asked_for_again_and_another_note_is_refused(
    notes: Notes, tmp_path: Path
) -> None:
    write(notes)
    write(notes)
    for other in ({"text": "别的"}, {"subject": "其他"}):
        with pytest.raises(Refused, match="已经写过"):
            write(notes, **other)
    notes.owe(CALL)
    assert notes.about(["person"])[0].text == TEXT, "told twice, it is the same conversation"
    assert len(facts(tmp_path)) == 1


@pytest.mark.parametrize("desk", ["6002", "", "6001' OR '1'='1"])
def test_nobody_writes_about_a_call_of_another_desk(notes: Notes, desk: str) -> None:
    with pytest.raises(Refused, match="不是您接的"):
        write(notes, desk=desk)
    assert notes.about(["person"]) == ()


@pytest.mark.parametrize(
    "text", ["字" * (MOST_CHARACTERS + 1), "证件号11010519491231002X", "13800138000"]
)
def test_no_numbers_and_no_novels(notes: Notes, text: str) -> None:
    with pytest.raises(Refused):
        write(notes, text)
    assert CALL in notes.owed_by("6001", LATER), "it can be written better"


def test_it_lies_sealed_and_for_this_user_only(notes: Notes, tmp_path: Path) -> None:
    write(notes)
    file = tmp_path / FILE
    assert TEXT.encode() not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    held = sqlite3.connect(file)
    held.execute("UPDATE note SET talk = 'x' || talk")
    held.commit()
    held.close()
    with pytest.raises(Exception, match=r"keys/cases\.key"):
        notes.about(["person"])


def test_records_that_cannot_be_written_are_told_the_next_time(
    notes: Notes, tmp_path: Path
) -> None:
    (tmp_path / "spool").write_bytes(b"")  # no folder
    write(notes)
    (tmp_path / "spool").unlink()
    Notes(tmp_path, "node").tell()
    Notes(tmp_path, "node").tell()
    assert [fact["subject"] for fact in facts(tmp_path)] == ["提取"]


def test_of_whom_and_about_which_calls(notes: Notes) -> None:
    write(notes)
    for people, sessions, found in (
        (["caller"], [], 1),
        (["person", "caller"], ["s1"], 1),
        ([], ["s1"], 1),
        (["nobody"], ["s2"], 0),
        ([], [], 0),
    ):
        assert len(notes.about(people, sessions)) == found


def test_goes_with_its_person(notes: Notes) -> None:
    write(notes)
    assert notes.forget(["nobody"]) == 0
    assert notes.forget(["caller"]) == 1
    assert notes.about(["person"]) == ()
    assert notes.owed_by("6001", LATER) == (BACK,)
    assert notes.forget(["other"]) == 1, "also what nobody has written about yet"


def test_goes_at_its_age_but_for_legal_hold(notes: Notes) -> None:
    write(notes)
    after = BACK.ended + timedelta(seconds=1)
    assert notes.forget_before(ENDED) == 0
    assert notes.forget_before(after, but=["s1"], only_count=True) == 1
    assert notes.forget_before(after, but=["s1"]) == 1
    assert len(notes.about(["person"])) == 1
    assert notes.forget_before(after) == 1
    assert notes.about(["person"]) == ()


def test_what_is_long_over_is_asked_for_no_more(notes: Notes) -> None:
    assert notes.owed_by("6001", ENDED + OWED_FOR) == (BACK, CALL)
    assert notes.owed_by("6001", BACK.ended + OWED_FOR + timedelta(seconds=1)) == ()
    write(notes)
    assert notes.written([CALL.talked.talk, BACK.talked.talk]) == {CALL.talked.talk}


def test_a_damaged_file_is_said_so(notes: Notes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database, and long enough to be read as one" * 40)
    with pytest.raises(NotKept, match="值班长"):
        write(notes)
