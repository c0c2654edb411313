"""A database of each earlier version comes forward with all that is in it, or stays as it was."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Engine, create_engine, text

from ivr.cases import store
from ivr.cases.case import Filed
from ivr.cases.enclosures import Enclosures
from ivr.cases.marks import Marks
from ivr.cases.moves import State
from ivr.cases.opening import CannotReach
from ivr.cases.store import Cases, Sought
from ivr.people.keys import Keys
from tests.cases.test_moves import handle, lead

STEPS = sorted(store.SCHEMA.glob("[0-9]*.sql"))
NOW = datetime(2026, 11, 25, 4, tzinfo=UTC)
STAMPS = [f"2026-11-2{day}T04:00:00.000000+00:00" for day in (3, 4, 5)]
LETTER = b"%PDF-1.7 what the bank wrote"
SOUND = "a" * 64
ROWS = {
    1: [
        f"""INSERT INTO case_file (number, kind, session, person, filed_at, path, ms, sha256,
        version, state, handler) VALUES
        ('01000017', 'complaint', 's1', 'anna', '{STAMPS[0]}', 'a.wav', 9000, '{SOUND}',
        3, 'working', '李强'),
        ('01000025', 'message', 's2', NULL, '{STAMPS[1]}', 'b.wav', 4000, '{SOUND}',
        1, 'pending', '')""",
        f"""INSERT INTO case_event (number, n, at, move, made_by, office, text, handler, days,
        into_number, content, told) VALUES
        ('01000017', 1, '{STAMPS[0]}', 'open', '热线', '热线', '', '', 0, '', '', 1),
        ('01000017', 2, '{STAMPS[1]}', 'accept', '王敏', '值班长', '', '', 0, '', '', 1),
        ('01000017', 3, '{STAMPS[2]}', 'take', '李强', '承办人', '', '', 0, '', '', 0),
        ('01000025', 1, '{STAMPS[1]}', 'open', '热线', '热线', '', '', 0, '', '', 1)""",
    ],
    2: [
        "UPDATE case_file SET held = 0",
        f"""INSERT INTO case_mark VALUES
        ('m1', '01000017', 1500, '在这里', '李强', '{STAMPS[2]}')""",
        f"""INSERT INTO case_notice VALUES ('01000017', 'answer warns', '{STAMPS[2]}', 1)""",
    ],
    3: ["UPDATE case_file SET caller = 'number-of-anna' WHERE number = '01000017'"],
    4: ["UPDATE case_file SET spared = 1 WHERE number = '01000025'"],
    5: ["UPDATE case_file SET origin = 'vote/s2' WHERE number = '01000025'"],
    6: [f"INSERT INTO case_transcript VALUES ('01000025', 'whisper', '{STAMPS[2]}', 3, '')"],
}
"""What a program of that step had written, in the words of its own schema."""


def test_each_step_has_rows_of_its_own() -> None:
    assert sorted(ROWS) == [int(path.name[:4]) for path in STEPS], "write rows for the new step"


@pytest.fixture(params=range(1, len(STEPS) + 1))
def step(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def old(url: str, step: int, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a database as the program of that step left it."""
    engine = create_engine(url)
    with monkeypatch.context() as earlier:
        earlier.setattr(store, "SCHEMA", copied(tmp_path / "schema", STEPS[:step]))
        assert store.migrate(engine) == step
    with engine.begin() as rows:
        for each in range(1, step + 1):
            for statement in ROWS[each]:
                rows.execute(text(statement))
    if step >= 2:
        enclosed(engine, keys)
    engine.dispose()
    return url


def copied(folder: Path, steps: list[Path]) -> Path:
    folder.mkdir()
    for path in steps:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def enclosed(engine: Engine, keys: Path) -> None:
    """Sealed as step 2 did it: nonce, then AES-256-GCM bound to the case and the file."""
    nonce = bytes(range(12))
    sealed = nonce + AESGCM(Keys.load(keys).cases).encrypt(nonce, LETTER, b"01000017/f1")
    values = {"sealed": b64encode(sealed).decode(), "sha": hashlib.sha256(LETTER).hexdigest()}
    with engine.begin() as rows:
        rows.execute(
            text(
                "INSERT INTO case_enclosure VALUES ('f1', '01000017', '回函.pdf',"
                f" {len(LETTER)}, :sha, '李强', '{STAMPS[2]}', :sealed)"
            ),
            values,
        )


def test_all_that_was_in_it_is_there(old: str, step: int, keys: Path) -> None:
    cases = Cases(old, clock=lambda: NOW)
    case = cases.case("01000017")
    assert case.filed == Filed(
        "01000017", "complaint", "s1", "anna", NOW - timedelta(days=2), "a.wav", 9000, SOUND,
        "number-of-anna" if step >= 3 else None,
    )  # fmt: skip
    assert (case.state, case.handler, case.held) == (State.WORKING, "李强", False)
    assert [(each.n, each.move, each.by) for each in case.events] == [
        (1, "open", "热线"), (2, "accept", "王敏"), (3, "take", "李强"),
    ]  # fmt: skip
    assert [each.number for each in cases.search(Sought())] == ["01000025", "01000017"]
    assert [(told.number, event.n) for told, event in cases.untold()] == [("01000017", 3)]
    if step >= 2:
        (mark,), (file,) = Marks(cases).of(case.number), Enclosures(cases, keys).of(case.number)
        assert (mark.at_ms, mark.note, file.name) == (1500, "在这里", "回函.pdf")
        assert Enclosures(cases, keys).content(case.number, file.id)[1] == LETTER
    assert cases.made_of("vote/s2") == ("01000025" if step >= 5 else None)


def test_it_is_worked_with_as_with_a_new_one(old: str, keys: Path) -> None:
    cases = Cases(old, clock=lambda: NOW)
    assert cases.act("01000017", handle("answer", text="已补缴")).state is State.ANSWERED
    assert cases.act("01000017", lead("hold", text="诉讼")).held
    Marks(cases).add("01000025", 1, "这里", by="李强", now=NOW)
    Enclosures(cases, keys).add("01000025", "来函.pdf", LETTER, by="李强", now=NOW)
    vote = Filed("01000033", "vote", "s3", "bert", NOW, "", 0, "", None, "vote/s3")
    assert cases.open(vote)
    assert not cases.open(vote)
    assert cases.to_call("01") == ()
    assert cases.forget_before(NOW + timedelta(days=1)) == 2
    assert [each.number for each in cases.held()] == ["01000017"]
    assert Enclosures(cases, keys).of("01000025") == ()


def test_many_who_bring_it_forward_at_once(old: str) -> None:
    together = Barrier(4)

    def first(_: int) -> int:
        together.wait(30)
        return Cases(old).case("01000017").version

    with ThreadPoolExecutor(4) as people:
        assert list(people.map(first, range(4))) == [3, 3, 3, 3]


def test_a_step_that_fails_leaves_all_as_it_was(
    old: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(tmp_path / "broken", STEPS)
    made, torn = (
        "CREATE TABLE half (n INTEGER)",
        "DELETE FROM case_event;\nALTER TABLE none ADD n INT",
    )
    (folder / "9999_torn.sql").write_text(f"{made};\n{torn}")
    engine = create_engine(old)
    before = store.columns(engine)
    with monkeypatch.context() as newer:
        newer.setattr(store, "SCHEMA", folder)
        with pytest.raises(CannotReach):
            Cases(old).case("01000017")
    assert store.columns(engine) == before
    engine.dispose()
    assert Cases(old).case("01000017").version == 3
