"""审计: read by auditors only, whole or not at all, and each reading is written down."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from console.rights import Role
from tests.console.test_signing import trail
from tests.console.visiting import Console


def test_what_others_did_is_found_by_who_what_when_and_about_what(console: Console) -> None:
    leader = console.signed_in("王敏", Role.LEADER)
    leader.get("/duty")
    leader.post("/duty/close", {"reason": "机房<断电>"})
    auditor = console.signed_in("审计", Role.AUDITOR)
    shown = auditor.get("/audit").text
    assert "校验完好" in shown
    assert "机房&lt;断电&gt;" in shown
    assert "停开热线" in shown
    assert "看审计记录" in shown, "this very reading"

    def rows(query: str) -> int:
        return auditor.get(f"/audit?{quote(query, safe='=&')}").text.count("<tr><td")

    assert rows("who=王敏") == 2
    assert rows("who=王敏&action=line closed") == 1
    assert rows("about=断电&action=line closed") == 1
    assert rows("to=2000-01-01") == 0
    assert auditor.get("/audit?from=soon").status == 422
    readings = [each for each in trail(console.settings.home) if each[0] == "trail"]
    assert len(readings) == 6
    assert readings[-1] == ("trail", "from=soon", "审计")


@pytest.mark.parametrize("change", ["one", "moved", "out"])
def test_a_trail_that_was_changed_is_told_and_not_shown(console: Console, change: str) -> None:
    auditor = console.signed_in("审计", Role.AUDITOR)
    auditor.get("/audit")
    auditor.get("/audit")
    path = console.settings.home / "audit.jsonl"
    first, second, third = path.read_text(encoding="utf-8").splitlines(keepends=True)
    changed = {
        "one": [first, second.replace("审计", "王敏"), third],
        "moved": [first, third, second],
        "out": [first, third],
    }
    path.write_text("".join(changed[change]), encoding="utf-8")
    answer = auditor.get("/audit")
    assert answer.status == 503
    assert "line 2" in answer.text
    assert "校验完好" not in answer.text
