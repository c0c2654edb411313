"""报表 and SQL: every question answers, as a table and as files; no question leaves its bounds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from analytics.answering.questioning import questions
from analytics.loading.loader import run
from analytics.loading.store import FactsFolder
from console import facts
from console.rights import Role
from tests.analytics.day import twenty_calls
from tests.analytics.spool import lines, spool_file
from tests.console.test_signing import trail
from tests.console.visiting import Console, Visitor

DAY = "from=2026-11-24&to=2026-11-24"


@pytest.fixture
def analyst(console: Console) -> Visitor:
    home = console.settings.home
    spool_file(home).write_bytes(lines(twenty_calls()))
    run(FactsFolder(home), once=True)
    return console.signed_in("统计员", Role.ANALYST)


def test_every_question_is_listed_and_answers(analyst: Visitor) -> None:
    listed = analyst.get("/reports").text
    for name, question in questions().items():
        assert f'href="/reports/{name}"' in listed
        answer = analyst.get(f"/reports/{name}?{DAY}")
        assert answer.status == 200, (name, answer.text)
        assert question.chinese in answer.text
        assert "notice" not in answer.text, name
        drawn = "data-chart" in answer.text
        assert drawn == (question.chart is not None and "<tbody>" in answer.text), name


def test_a_chart_has_the_numbers_of_its_table(analyst: Visitor) -> None:
    shown = analyst.get(f"/reports/calls_by_hour?{DAY}").text
    found = re.search(r'data-chart="([^"]+)"', shown)
    assert found
    chart = json.loads(found[1].replace("&#34;", '"'))
    assert chart["kind"] == "bars"
    calls = dict(zip(chart["along"], chart["series"][0]["values"], strict=True))
    assert calls["9"] == 7
    assert calls["14"] == 5, "with the one that was refused unseen"


@pytest.mark.parametrize(
    ("ending", "begins"), [("csv", "\ufeff".encode()), ("xlsx", b"PK"), ("png", b"\x89PNG")]
)
def test_an_answer_is_taken_home_as_a_file(analyst: Visitor, ending: str, begins: bytes) -> None:
    path = f"/reports/calls_by_hour/file.{ending}?{DAY}"
    head, body = analyst.take(path)
    assert body.startswith(begins)
    assert head["Content-Disposition"].startswith("attachment")
    assert f"calls_by_hour-2026-11-24-2026-11-24.{ending}" in head["Content-Disposition"]


def test_the_page_of_a_day(analyst: Visitor) -> None:
    head, body = analyst.take("/reports/daily.html?day=2026-11-24")
    assert head["Content-Disposition"] == 'attachment; filename="daily-2026-11-24.html"'
    assert "自助率" in body.decode()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/reports/nothing", 404),
        ("/reports/..%2f..%2fetc%2fpasswd", 404),
        ("/reports/calls_by_hour/file.html", 404),
        ("/reports/calls_by_hour/file.csv%2f..", 404),
        ("/reports/summary/file.png", 404),
        ("/reports/summary?from=soon", 422),
        ("/reports/summary?from=2026-11-25&to=2026-11-24", 422),
        ("/reports/summary/file.csv?from=soon", 503),
        ("/reports/daily.html?day=soon", 503),
    ],
)
def test_what_is_no_report(analyst: Visitor, path: str, status: int) -> None:
    assert analyst.get(path).status == status


# --- SQL --------------------------------------------------------------------------------------


def asked(analyst: Visitor, statement: str) -> tuple[int, str]:
    analyst.get("/sql")
    answer = analyst.post("/sql", {"sql": statement})
    return answer.status, answer.text


def test_a_question_is_answered_and_stands_in_the_trail(analyst: Visitor) -> None:
    status, shown = asked(analyst, "SELECT count(*) AS n, '<b>' AS b FROM call_session; -- all")
    assert status == 200
    assert re.search(r'<td class="number">21</td>', shown)
    assert "&lt;b&gt;" in shown
    assert trail(analyst.console.settings.home)[-1][0] == "sql"
    assert "call_session" in trail(analyst.console.settings.home)[-1][1]


def test_of_many_rows_the_first_are_shown(analyst: Visitor) -> None:
    status, shown = asked(analyst, "SELECT * FROM range(3000000000)")
    assert status == 200
    assert "后面还有" in shown
    assert shown.count('<td class="number">') == 1000
    assert asked(analyst, "WITH a AS (SELECT 1 AS x) SELECT x FROM a ORDER BY x")[0] == 200
    assert asked(analyst, "EXPLAIN SELECT 1")[0] == 200


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd', header = false)",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_blob('HOME/users.sqlite')",
        "SELECT * FROM read_text('HOME/keys/*')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_text('http://127.0.0.1:1/')",
        "COPY (SELECT 1) TO 'HOME/out.csv'",
        "COPY call_session TO 'HOME/facts/pub/out.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'HOME/out.csv'",
        "ATTACH 'HOME/vault.sqlite' AS v",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "PRAGMA database_list",
        "CREATE TABLE t (a INT)",
        "DROP VIEW call_local",
        "DELETE FROM hot.call_session",
        "UPDATE hot.call_session SET caller = ''",
        "SELECT 1; SELECT 2",
        "SELECT 1) UNION ALL (SELECT 2; DROP TABLE x",
        "EXPORT DATABASE 'HOME/out'",
        "SELECT getenv('PATH')",
        "CHECKPOINT",
        "",
    ],
)
def test_no_question_reaches_a_file_or_changes_anything(analyst: Visitor, statement: str) -> None:
    home = analyst.console.settings.home
    (home / "keys").mkdir(mode=0o700, exist_ok=True)
    before = sorted(path for path in home.rglob("*") if path.is_file())
    status, shown = asked(analyst, statement.replace("HOME", str(home)))
    assert status == 422, shown
    assert "root:" not in shown
    assert "notice bad" in shown
    assert sorted(path for path in home.rglob("*") if path.is_file()) == before


def test_a_question_without_end_is_stopped(
    analyst: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts.asked, "__kwdefaults__", {"seconds": 0.5, "reach": None})
    endless = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 7"
    status, shown = asked(analyst, endless)
    assert status == 422
    assert "已停止" in shown


def test_a_question_that_wants_all_memory_is_refused(analyst: Visitor) -> None:
    greedy = "SELECT count(DISTINCT hash(range)::VARCHAR || range) FROM range(200000000)"
    status, shown = asked(analyst, greedy)
    assert status == 422
    assert "限额" in shown or "已停止" in shown


def test_without_facts_it_is_said_what_to_do(console: Console, tmp_path: Path) -> None:
    visitor = console.signed_in("统计员", Role.ANALYST)
    for path in ("/reports/summary", "/sql"):
        answer = visitor.get(path)
        assert answer.status == 422
        assert "ivr loader" in answer.text
