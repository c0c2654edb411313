"""The audit trail: whatever is done to a line of it is noticed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

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
