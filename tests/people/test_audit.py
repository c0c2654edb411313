"""The audit trail: whatever is done to a line of it is noticed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pytest

from ivr.people.audit import Audit, AuditChanged, Entry

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


def trail(folder: Path, entries: int = 3, key: bytes = b"a" * 32) -> Audit:
    audit = Audit(folder / "audit.jsonl", key)
    for n in range(entries):
        audit.note(Entry(NOON, "who", f"t{n}", "operator", f"reason {n}"))
    return audit


def test_a_trail_as_it_was_written_is_whole_and_private(tmp_path: Path) -> None:
    trail(tmp_path).check()
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600
    assert len((tmp_path / "audit.jsonl").read_bytes().splitlines()) == 3


@pytest.mark.parametrize(
    ("change", "line"),
    [
        pytest.param(lambda lines: [lines[0].replace(b"t0", b"t9"), *lines[1:]], 1, id="changed"),
        pytest.param(lambda lines: [lines[0], lines[2]], 2, id="taken out"),
        pytest.param(lambda lines: [lines[0], lines[2], lines[1]], 2, id="exchanged"),
        pytest.param(lambda lines: [*lines, lines[2]], 4, id="repeated"),
        pytest.param(lambda lines: [lines[0], b"[]\n", *lines[1:]], 2, id="put in"),
        pytest.param(
            lambda lines: [lines[0], '{"hash": "·"}\n'.encode(), *lines[1:]], 2, id="no hash"
        ),
    ],
)
def test_a_change_is_noticed_at_its_line(
    tmp_path: Path, change: Callable[[list[bytes]], list[bytes]], line: int
) -> None:
    audit, path = trail(tmp_path), tmp_path / "audit.jsonl"
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(AuditChanged, match=f"line {line}:"):
        audit.check()
    with pytest.raises(AuditChanged):
        audit.note(Entry(NOON, "forget", "t", "operator", "reason"))


def test_a_chain_made_under_another_key_is_noticed(tmp_path: Path) -> None:
    trail(tmp_path, key=b"b" * 32)
    with pytest.raises(AuditChanged):
        trail(tmp_path, entries=0).check()


def test_an_entry_torn_by_a_power_cut_is_none_and_spoils_no_other(tmp_path: Path) -> None:
    audit, path = trail(tmp_path), tmp_path / "audit.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    audit.check()
    audit.note(Entry(NOON, "who", "t2", "operator", "reason 2"))
    assert path.read_bytes() == whole


def test_an_entry_is_added_without_following_a_chain_that_nobody_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by another program, which has never seen it."""
    walks: list[int] = []
    follow = Audit._checked

    def counted(audit: Audit, file: IO[bytes]) -> tuple[str, int]:
        walks.append(1)
        return follow(audit, file)

    monkeypatch.setattr(Audit, "_checked", counted)
    trail(tmp_path, entries=200)
    trail(tmp_path, entries=200)
    assert len(walks) == 1, "before the first entry, of which there is no note"
    trail(tmp_path, entries=0).check()
    assert len(walks) == 2, "whoever reads follows it"


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_change_that_keeps_length_and_times_is_noticed_by_the_next_entry(
    tmp_path: Path, line: int
) -> None:
    audit, path = trail(tmp_path), tmp_path / "audit.jsonl"
    lines, state = path.read_bytes().splitlines(keepends=True), path.stat()
    lines[line] = lines[line].replace(b"reason", b"season")
    time.sleep(0.02)  # the kernel's clock for files ticks every few milliseconds
    path.write_bytes(b"".join(lines))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(AuditChanged, match=f"line {line + 1}:"):
        audit.note(Entry(NOON, "forget", "t", "operator", "reason"))


def _made_up(note: Path) -> None:
    told = json.loads(note.read_bytes())
    note.write_text(json.dumps({**told, "last": "1" * 64}))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda note: note.unlink(), id="gone"),
        pytest.param(lambda note: note.write_bytes(b""), id="empty"),
        pytest.param(lambda note: note.write_bytes(b"[]"), id="odd"),
        pytest.param(_made_up, id="made up"),
    ],
)
def test_a_note_that_is_none_is_made_anew(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    audit, note = trail(tmp_path), tmp_path / "audit.last"
    spoil(note)
    audit.note(Entry(NOON, "who", "t3", "operator", "reason 3"))
    audit.check()
    assert note.stat().st_mode & 0o777 == 0o600
    assert len(audit.entries()) == 4


def test_a_note_that_cannot_be_left_keeps_no_entry_away(tmp_path: Path) -> None:
    (tmp_path / "audit.last").mkdir()
    audit = trail(tmp_path, entries=3)
    audit.check()
    assert len(audit.entries()) == 3


def test_a_trail_put_back_from_a_backup_goes_on(tmp_path: Path) -> None:
    audit, path = trail(tmp_path), tmp_path / "audit.jsonl"
    older = b"".join(path.read_bytes().splitlines(keepends=True)[:2])
    path.unlink()
    path.write_bytes(older)
    audit.note(Entry(NOON, "who", "t2", "operator", "reason 2"))
    audit.check()
    assert len(audit.entries()) == 3
