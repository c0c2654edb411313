"""SQL of one's own: what is answered, what is refused, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from analytics.answering.asking import CannotAnswer, ResultSet, opened
from analytics.answering.statements import PSEUDONYMS, described, first_rows, read, veil
from analytics.answering.views import ALL
from analytics.loading.store import FactsFolder
from console import apart, questions
from console.questions import Questions
from console.rights import Role
from ivr.config import Settings
from tests.console.test_signing import trail
from tests.console.visiting import Answer, Console, Visitor

ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 7"


def asked(analyst: Visitor, statement: str, **form: str) -> Answer:
    analyst.get("/sql")
    return analyst.post("/sql", {"sql": statement, **form})


def processes() -> set[str]:
    """Those that answer statements."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"console.apart" in path.read_bytes():
                found.add(path.parent.name)
        except OSError:
            continue
    return found


def environment(pid: str) -> bytes:
    """What one of them knows; nothing where it has gone."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110  processes tell nobody
        await asyncio.sleep(0.02)


def veiled_answer(facts: duckdb.DuckDBPyConnection, text: str) -> ResultSet:
    """As the process of its own answers."""
    statement = read(facts, text)
    veil(facts)
    return first_rows(facts, statement, {}, 10)[0]


@pytest.fixture
def alone() -> Iterator[None]:
    """Nothing of what a test starts is left, nor its folder."""
    before = processes()
    yield
    assert processes() <= before


# --- what is answered -------------------------------------------------------------------------


def test_a_question_is_answered_and_stands_in_the_trail(analyst: Visitor) -> None:
    answer = asked(analyst, "SELECT count(*) AS n, '<b>' AS b FROM call_session; -- all")
    assert answer.status == 200, answer.text
    assert '<td class="number">21</td>' in answer.text
    assert "&lt;b&gt;" in answer.text
    action, subject, who = trail(analyst.console.settings.home)[-1]
    assert (action, who) == ("sql", "统计员")
    assert "call_session" in subject


@pytest.mark.parametrize(
    "statement",
    [
        "WITH a AS (SELECT 1 AS x) SELECT x FROM a ORDER BY x",
        "SELECT day, count(*) FROM call_local GROUP BY ALL",
        "SELECT count(*) FROM call_session WHERE on_days(started, '2026-11-24', '2026-11-24')",
        "SELECT * FROM days_between('2026-11-01'::DATE, '2026-11-03'::DATE)",
        "SELECT percent(1, 3), local_time(started) FROM every_call",
        "SELECT grade, count(*) FROM counted_vote GROUP BY grade",
        "DESCRIBE call_session",
        "SUMMARIZE transfer",
        "FROM recording",
        "SELECT lag(ms) OVER (ORDER BY started) FROM call_session",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) FROM r",
        "SELECT 'hot.call_session', 'read_csv(x)'",
    ],
)
def test_what_analysts_write_is_answered(day: Path, statement: str) -> None:
    with opened(FactsFolder(day).published) as facts:
        assert veiled_answer(facts, statement).rows


def test_of_many_rows_the_first_are_shown(analyst: Visitor) -> None:
    answer = asked(analyst, "SELECT * FROM range(3000000000)")
    assert "后面还有" in answer.text
    assert answer.text.count('<td class="number">') == apart.MOST_ROWS[None]


def test_nothing_is_drawn_where_the_answer_is_written(day: Path) -> None:
    """DuckDB's bar for what takes more than two seconds, as on a full machine: the page said 500.

    It is drawn by programs that it takes for a person's, as those without a file.
    """
    program = (
        "import sys, pathlib; from analytics.answering.asking import ask;"
        "bar = \"SELECT current_setting('enable_progress_bar')\";"
        "print(ask(pathlib.Path(sys.argv[1]), bar).rows)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, str(FactsFolder(day).published)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "((False,),)\n"


@pytest.mark.parametrize(("ending", "begins"), [("csv", b"\xef\xbb\xbfnode,n"), ("xlsx", b"PK")])
def test_an_answer_is_taken_home_as_a_file(
    published: Settings, console: Console, ending: apart.Ending, begins: bytes
) -> None:
    statement = "SELECT node, count(*) AS n FROM call_session GROUP BY node"
    found = asyncio.run(apart.file(published, statement, {}, ending))
    assert found.body.startswith(begins)
    answer = asked(console.signed_in("统计员", Role.ANALYST), statement, **{"as": ending})
    assert answer.status == 200
    assert f".{ending}" in answer.headers["Content-Disposition"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_parameters_have_fields_and_days_may_be_said_in_words(analyst: Visitor) -> None:
    statement = (
        "SELECT count(*) AS calls FROM call_local WHERE day BETWEEN $from::DATE AND $to::DATE"
        " AND ms > $least::INTEGER"
    )
    lacking = asked(analyst, statement)
    assert lacking.status == 422
    assert "请填参数 from" in lacking.text
    assert lacking.text.count('name="value-') == 3
    given = {"value-from": "2026-11-24", "value-to": "今天", "value-least": "0"}
    answer = asked(analyst, statement, **given)
    assert answer.status == 200, answer.text
    assert re.search(r'<td class="number">\d+</td>', answer.text)
    wrong = asked(analyst, statement, **{**given, "value-from": "soon"})
    assert "不是日期" in wrong.text
    injected = asked(analyst, statement, **{**given, "value-least": "0; DROP TABLE x"})
    assert injected.status == 422


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("今天", "2026-03-02"),
        ("昨天", "2026-03-01"),
        ("7天前", "2026-02-23"),
        ("本周一", "2026-03-02"),
        ("上周一", "2026-02-23"),
        ("上周日", "2026-03-01"),
        ("本月初", "2026-03-01"),
        ("上月初", "2026-02-01"),
        ("上月末", "2026-02-28"),
        ("2026-11-24", "2026-11-24"),
    ],
)
def test_days_in_words(said: str, meant: str) -> None:
    assert str(questions.day(said, date(2026, 3, 2))) == meant


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd', header = false)",
        "SELECT * FROM '/etc/passwd'",
        'SELECT * FROM "/etc/passwd.csv"',
        'WITH "/etc/passwd.csv" AS (SELECT 1) SELECT * FROM "/etc/passwd.csv"',
        "SELECT * FROM read_blob('HOME/users.sqlite')",
        "SELECT * FROM read_text('HOME/keys/*')",
        "SELECT * FROM read_parquet('HOME/facts/pub/parquet/*')",
        "SELECT * FROM parquet_metadata('HOME/facts/pub/parquet/*')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT (SELECT content FROM read_text('/etc/passwd'))",
        "SELECT * FROM read_text('http://127.0.0.1:1/')",
        "COPY (SELECT 1) TO 'HOME/out.csv'",
        "COPY call_session TO 'HOME/facts/pub/out.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'HOME/out.csv'",
        "EXPLAIN SELECT caller FROM call_session",
        "ATTACH 'HOME/vault.sqlite' AS v",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "RESET memory_limit",
        "PRAGMA database_list",
        "CALL pragma_database_size()",
        "CREATE TABLE t (a INT)",
        "CREATE TEMP VIEW call_session AS SELECT 1",
        "DROP VIEW call_local",
        "INSERT INTO hot.call_session SELECT * FROM hot.call_session",
        "DELETE FROM hot.call_session",
        "UPDATE hot.call_session SET caller = ''",
        "SELECT 1; SELECT 2",
        "SELECT 1) UNION ALL (SELECT 2; DROP TABLE x",
        "EXPORT DATABASE 'HOME/out'",
        "CHECKPOINT",
        "SELECT getenv('PATH')",
        "SELECT current_setting('home_directory')",
        "SELECT CURRENT_SETTING('temp_directory')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM duckdb_views",
        "SELECT * FROM duckdb_views()",
        "SELECT * FROM duckdb_databases()",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM pg_catalog.pg_views",
        "SELECT caller FROM hot.call_session",
        "SELECT caller FROM main.call_session",
        "SELECT caller FROM ivr.main.call_session",
        "SELECT caller FROM system.main.call_session",
        "SELECT * FROM query('SELECT caller FROM hot.call_session')",
        "SELECT * FROM query_table('hot.call_session')",
        "FROM steps_by_day('hot.call_step')",
        "SELECT * FROM (WITH duckdb_views AS (SELECT 1) FROM duckdb_views), duckdb_views",
        "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
        "SELECT json_serialize_plan('SELECT caller FROM call_session')",
        "SELECT sleep_ms(100000)",
        "SHOW ALL TABLES",
        "SHOW TABLES",
        "SELECT ?",
        "SELECT $1::INTEGER",
        "",
        ";",
        "SELECT",
        "SELECT nothing FROM call_session",
        "SELECT now()",
    ],
)
def test_no_question_reaches_a_file_or_changes_anything(day: Path, statement: str) -> None:
    before = sorted(day.rglob("*"))
    with opened(FactsFolder(day).published) as facts, pytest.raises(CannotAnswer) as refused:
        veiled_answer(facts, statement.replace("HOME", str(day)))
    told = str(refused.value)
    assert re.search("[\u4e00-\u9fff]", told), "in Chinese"
    assert "root:" not in told
    assert sorted(day.rglob("*")) == before


def test_what_is_refused_is_told_on_the_page(analyst: Visitor) -> None:
    home = analyst.console.settings.home
    answer = asked(analyst, f"SELECT * FROM read_text('{home}/users.sqlite')")
    assert answer.status == 422
    assert "不能读文件" in answer.text
    assert "Argon2" not in answer.text


@pytest.mark.usefixtures("alone")
def test_a_question_without_end_is_stopped(
    analyst: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "MOST_SECONDS", 1.0)
    answer = asked(analyst, ENDLESS)
    assert answer.status == 422
    assert "已停止" in answer.text


@pytest.mark.parametrize(
    "greedy",
    [
        "SELECT length(repeat('ab', 2000000000))",
        "SELECT list(range) FROM range(200000000)",
        "SELECT string_agg(repeat('x', 1000000), '') FROM range(5000)",
    ],
)
@pytest.mark.usefixtures("alone")
def test_a_question_that_wants_all_memory_is_refused(analyst: Visitor, greedy: str) -> None:
    answer = asked(analyst, greedy)
    assert answer.status == 422
    assert "限额" in answer.text or "已停止" in answer.text


@pytest.mark.usefixtures("alone")
def test_who_leaves_the_page_stops_the_question(analyst: Visitor) -> None:
    """And the next one's turn comes at once, long before the time of the first was over."""
    analyst.get("/sql")
    form = {"sql": ENDLESS, "token": analyst.token}
    before = processes()

    async def story() -> None:
        leaving = asyncio.create_task(
            analyst.client.post("/sql", data=form, headers={"Origin": analyst.origin})
        )
        await until(lambda: bool(processes() - before))
        leaving.cancel()
        await until(lambda: not processes() - before)

    analyst.console.loop.run_until_complete(asyncio.wait_for(story(), apart.MOST_SECONDS - 5))
    assert asked(analyst, "SELECT 1 AS x").status == 200


def test_the_process_knows_no_secret_of_ours(
    published: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_ARI_PASSWORD", "not-for-analysts")
    seen: list[bytes] = []

    async def story() -> None:
        before = processes()
        asking = asyncio.create_task(apart.table(published, ENDLESS, {}))
        await until(lambda: bool(processes() - before))
        seen.extend(environment(pid) for pid in processes() - before)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    asyncio.run(story())
    assert any(b"PYTHONPATH" in each for each in seen)
    assert not any(b"not-for-analysts" in each for each in seen)


# --- what is personal -------------------------------------------------------------------------


def test_no_view_tells_a_token_and_callers_can_be_told_apart_within_an_answer(day: Path) -> None:
    """By every view, and every way that it may be joined."""
    path = FactsFolder(day).published
    with opened(path) as plain:
        sources = [
            f"SELECT {name} FROM {view}"
            for view, name in plain.execute(
                "SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = 'hot'"
                " AND column_name IN ('caller', 'person')"
            ).fetchall()
            if view in ALL
        ]
        tokens = {one for (one,) in plain.execute(" UNION ".join(sources)).fetchall() if one}
        same = "SELECT count(*) FROM call_local JOIN every_call USING (caller)"
        joined = plain.execute(same).fetchall()
        columns = plain.execute(
            "SELECT column_name FROM duckdb_columns() WHERE comment LIKE '%token%'"
        ).fetchall()
    assert len(tokens) > 5
    assert {name for (name,) in columns} <= {*PSEUDONYMS}, "each column of tokens is covered"
    with opened(path) as covered:
        veil(covered)
        views = {str(row[0]) for row in described(covered).rows}
        assert views >= {*ALL, "recording", "call_local", "every_call"}
        shown = {
            cell
            for view in views
            for row in covered.execute(f"FROM {view}").fetchall()
            for cell in row
        }
        assert not shown & tokens
        assert covered.execute(same).fetchall() == joined
        first = {str(one) for (one,) in covered.execute("SELECT caller FROM call_local").fetchall()}
    with opened(path) as again:
        veil(again)
        second = {str(one) for (one,) in again.execute("SELECT caller FROM call_local").fetchall()}
    assert first & second <= {"None"}, "another pseudonym in each answer"


@pytest.mark.parametrize("number", ["11010519491231002X", "110105491231002", "13800138000"])
def test_a_number_of_somebody_is_refused_and_noted_nowhere(analyst: Visitor, number: str) -> None:
    answer = asked(analyst, f"SELECT * FROM lookup WHERE person = '{number}'")
    assert answer.status == 422
    assert "请不要写证件号" in answer.text
    statement = "SELECT * FROM lookup WHERE person = $who::VARCHAR"
    assert asked(analyst, statement, **{"value-who": number}).status == 422
    kept = {"sql": f"SELECT '{number}'", "name": "他"}
    assert analyst.post("/sql/keep", kept).status == 422
    home = analyst.console.settings.home
    assert not [
        path for path in home.rglob("*") if path.is_file() and number.encode() in path.read_bytes()
    ]


# --- kept questions ---------------------------------------------------------------------------

DAILY = "SELECT count(*) AS n FROM call_local WHERE day = $day::DATE"


def test_a_question_is_kept_asked_again_and_dropped(analyst: Visitor) -> None:
    analyst.get("/sql")
    form = {"sql": DAILY, "name": "每天几次", "value-day": "昨天"}
    kept = analyst.post("/sql/keep", form)
    assert kept.location == "/sql/1"
    shown = analyst.get("/sql/1").text
    assert "每天几次" in shown
    assert 'name="value-day" value="昨天"' in shown
    again = analyst.post("/sql/keep", {**form, "value-day": "2026-11-24"})
    assert again.location == "/sql/1", "the same name is the same question"
    assert analyst.post("/sql/1/drop").location == "/sql"
    assert analyst.get("/sql/1").status == 404
    home = analyst.console.settings.home
    assert [each[:2] for each in trail(home)[-3:]] == [
        ("question kept", "每天几次"),
        ("question kept", "每天几次"),
        ("question dropped", "每天几次"),
    ]


def test_others_see_what_is_shared_and_change_nothing_of_it(
    analyst: Visitor, console: Console
) -> None:
    other = console.signed_in("另一个", Role.ANALYST)
    analyst.get("/sql")
    analyst.post("/sql/keep", {"sql": DAILY, "name": "自己的", "value-day": "昨天"})
    analyst.post("/sql/keep", {"sql": DAILY, "name": "大家的", "value-day": "昨天", "shared": "on"})
    shown = other.get("/sql").text
    assert "大家的" in shown
    assert "自己的" not in shown
    assert other.get("/sql/1").status == 404
    assert other.get("/sql/2").status == 200
    assert other.post("/sql/2/drop").status == 403
    assert other.post("/sql/1/drop").status == 404
    copied = other.post("/sql/keep", {"sql": DAILY, "name": "大家的", "value-day": "今天"})
    assert copied.location == "/sql/3", "a copy of one's own"
    assert Questions(console.settings.home).find(2, "统计员") is not None


@pytest.mark.parametrize("name", ["", "x" * 61, "a\nb"])
def test_a_question_without_a_proper_name_is_not_kept(settings: Settings, name: str) -> None:
    with pytest.raises(CannotAnswer, match="名字"):
        Questions(settings.home).keep(name, "统计员", DAILY, {}, shared=False)


def test_without_facts_it_is_said_what_to_do(console: Console) -> None:
    answer = console.signed_in("统计员", Role.ANALYST).get("/sql")
    assert answer.status == 422
    assert "ivr loader" in answer.text


@pytest.mark.parametrize("number", ["0", "-1", "1e3", "99999999999999999999", "..%2f1", "x"])
def test_what_is_no_question_is_not_found(console: Console, number: str) -> None:
    visitor = console.signed_in("统计员", Role.ANALYST)
    assert visitor.get(f"/sql/{number}").status == 404
