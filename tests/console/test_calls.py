"""通话: found by time, end and place; one call as a timeline, on the page as in the terminal."""

from __future__ import annotations

import html
import re

import pytest
from typer.testing import CliRunner

from console.rights import Role
from ivr.cli.commands import app
from tests.console.visiting import Console, Visitor

DAY = "from=2026-11-24&to=2026-11-24"


def found(visitor: Visitor, query: str) -> list[str]:
    """The sessions that a search lists."""
    answer = visitor.get(f"/calls?{query}")
    assert answer.status == 200, answer.text
    return re.findall(r'href="/calls/([^"]+)"', answer.text)


def test_calls_are_found_by_day_clock_end_and_place(analyst: Visitor) -> None:
    every = found(analyst, DAY)
    assert len(every) == 20
    assert len(found(analyst, "from=2026-11-23&to=2026-11-23")) == 1, "the evening before"
    assert found(analyst, "from=2026-11-20&to=2026-11-20") == []
    assert len(found(analyst, f"{DAY}&from_clock=14:00&to_clock=14:59")) == 4
    assert len(found(analyst, f"{DAY}&disposition=gave_up")) == 1
    assert len(found(analyst, f"{DAY}&place=agent")) == 4
    assert found(analyst, f"{DAY}&session={every[3]}") == [every[3]]
    assert found(analyst, f"{DAY}&disposition='%20OR%201=1%20--") == []


@pytest.mark.parametrize(
    "query",
    ["from=yesterday", "from=2026-11-25&to=2026-11-24", f"{DAY}&from_clock=25:00", "to=2026-13-01"],
)
def test_what_is_no_day_is_told(analyst: Visitor, query: str) -> None:
    answer = analyst.get(f"/calls?{query}")
    assert answer.status == 422
    assert "notice" in answer.text


def test_one_call_is_the_same_on_the_page_and_in_the_terminal(
    analyst: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    (session,) = found(analyst, f"{DAY}&from_clock=14:00&to_clock=14:01")
    shown = html.unescape(re.sub(r"<[^>]+>", " ", analyst.get(f"/calls/{session}").text))
    for told in ("来电", "接起", "转人工", "一号坐席", "接通", "130000", "来电人挂机", "结束"):
        assert told in shown, told
    monkeypatch.setenv("IVR_HOME", str(analyst.console.settings.home))
    printed = CliRunner().invoke(app, ["call", session]).output
    rows = [line for line in printed.splitlines() if line.startswith("│")]
    words = [cell.strip() for row in rows for cell in row.split("│")[3:5] if cell.strip()]
    assert len(words) > 8
    page = re.sub(r"\s+", "", shown)
    assert [cell for cell in words if re.sub(r"\s+", "", cell) not in page] == []


def test_a_wrong_entry_shows_how_many_keys_and_none_of_them(analyst: Visitor) -> None:
    (session,) = found(analyst, f"{DAY}&from_clock=09:06&to_clock=09:06")
    shown = analyst.get(f"/calls/{session}").text
    assert "按了 18 个键" in shown
    assert "输入有误" in shown


@pytest.mark.parametrize(
    "session", ["nothing-like-it", "x", "%25%25%25%25", "..%2f..%2fetc", "s'%20OR%20'1'='1"]
)
def test_a_call_that_is_not_there(analyst: Visitor, session: str) -> None:
    answer = analyst.get(f"/calls/{session}")
    assert answer.status == 404
    assert "root:" not in answer.text


def test_without_facts_the_search_says_what_to_do(console: Console) -> None:
    answer = console.signed_in("王敏", Role.LEADER).get("/calls")
    assert answer.status == 422
    assert "ivr loader" in answer.text
