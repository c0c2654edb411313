"""报表: every question answers, as a table and as files."""

from __future__ import annotations

import json
import re

import pytest

from analytics.answering.questioning import questions
from console.rights import Role
from tests.console.visiting import Console, Visitor

DAY = "from=2026-11-24&to=2026-11-24"


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
    assert '<th class="number">平均时长（秒）</th>' in shown, "whose first hours have no value"


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


def test_without_facts_it_is_said_what_to_do(console: Console) -> None:
    visitor = console.signed_in("统计员", Role.ANALYST)
    answer = visitor.get("/reports/summary")
    assert answer.status == 422
    assert "ivr loader" in answer.text
