"""The commands, as an analyst types them."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import time
import warnings
import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pytest
from matplotlib import font_manager
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from analytics.answering.asking import ResultSet
from analytics.answering.exporting import save_sheet
from analytics.answering.questioning import questions
from analytics.answering.words import Vocabulary
from analytics.loading.loader import run
from analytics.loading.store import FactsFolder
from ivr.cli.commands import app
from ivr.cli.failure import CommandFailure
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.vault import Vault
from ivr.speech import fonts
from tests.analytics.day import twenty_calls
from tests.analytics.spool import lines, spool_file


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IVR_HOME", str(tmp_path))
    return tmp_path


def ivr(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def failure(*words: str) -> CommandFailure:
    told = ivr(*words).exception
    assert isinstance(told, CommandFailure)
    return told


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of a line whose calls are loaded: once, for all who only ask."""
    home = tmp_path_factory.mktemp("published")
    spool_file(home).write_bytes(lines(twenty_calls()))
    run(FactsFolder(home), once=True)
    return home


@pytest.fixture
def loaded(home: Path, published: Path) -> Path:
    """A home folder of the test's own, with facts that nobody writes to."""
    (home / "facts").symlink_to(published / "facts")
    return home


def test_loading_once_publishes_what_the_spools_hold(home: Path) -> None:
    spool_file(home).write_bytes(lines(twenty_calls()))
    assert ivr("loader", "--once").exit_code == 0
    answer = ivr("sql", "SELECT count(*) AS calls FROM call_session", "--format", "json")
    assert json.loads(answer.stdout) == [{"calls": 21}]


def test_sql_before_any_publishing_says_what_to_do() -> None:
    told = failure("sql", "SELECT 1")
    assert told.exit_code == 3
    assert "ivr loader --once" in str(told)


def test_sql_that_is_wrong_or_writes_is_one_clear_failure(loaded: Path) -> None:
    assert "syntax error" in str(failure("sql", "SELEC 1"))
    assert "only questions" in str(failure("sql", "DROP TABLE call_step"))


def test_csv_has_a_header_and_nothing_for_null(loaded: Path) -> None:
    out = ivr("sql", "SELECT 1 AS a, NULL AS b, 'x,y' AS c", "--format", "csv").stdout
    assert list(csv.reader(io.StringIO(out))) == [["a", "b", "c"], ["1", "", "x,y"]]


def test_a_table_in_a_pipe_is_not_cut(loaded: Path) -> None:
    assert "z" * 300 in ivr("sql", "SELECT repeat('z', 300)").stdout


def test_reports_are_listed_and_answered_for_days(loaded: Path) -> None:
    assert "calls_by_day" in ivr("report").stdout
    words = ("report", "calls_by_day", "--from", "2026-11-23", "--to", "2026-11-24")
    assert ivr(*words, "--format", "csv").stdout.splitlines() == [
        "day,calls,answered,mean_seconds",
        "2026-11-23,1,1,4000.0",
        "2026-11-24,21,19,75.3",
    ]


def test_an_unknown_report_is_refused(loaded: Path) -> None:
    assert "no question 'weather'" in str(failure("report", "weather"))


def test_every_table_and_column_of_the_schema_says_what_it_is_for(loaded: Path) -> None:
    rows = json.loads(ivr("schema", "--format", "json").stdout)
    tables = {row["table"] for row in rows if not row["column"]}
    assert {"call_session", "call_step", "lookup", "survey_vote", "step_day"} <= tables
    assert [(row["table"], row["column"]) for row in rows if not row["meaning"]] == []


def test_who_names_the_person_and_writes_down_who_asked_and_why(home: Path) -> None:
    Vault(home / "vault.sqlite", Keys.load(home / "keys")).keep(
        "t1", Sensitive("11010519491231002X")
    )
    assert ivr("who", "t1", "--reason", "核实投诉 20261124001").stdout == "11010519491231002X\n"
    (entry,) = map(json.loads, (home / "audit.jsonl").read_text().splitlines())
    assert (entry["action"], entry["token"], entry["reason"]) == (
        "who",
        "t1",
        "核实投诉 20261124001",
    )
    assert "11010519491231002X" not in (home / "audit.jsonl").read_text()


def test_who_wants_a_reason(home: Path) -> None:
    assert "--reason" in str(failure("who", "t1", "--reason", " "))
    assert not (home / "audit.jsonl").exists()


def test_a_forgotten_person_stays_unknown(home: Path) -> None:
    Vault(home / "vault.sqlite", Keys.load(home / "keys")).keep("t1", Sensitive("x"))
    assert ivr("forget", "t1", "--reason", "本人要求").exit_code == 0
    assert "nobody is kept" in str(failure("who", "t1", "--reason", "试"))
    assert "nobody is kept" in str(failure("forget", "t1", "--reason", "试"))


def test_keys_are_renewed_with_a_reason_and_everybody_is_still_found(home: Path) -> None:
    Vault(home / "vault.sqlite", Keys.load(home / "keys")).keep("t1", Sensitive("x"))
    before = Keys.load(home / "keys")
    for key in ("tokens", "vault"):
        assert ivr("keys", "rotate", key, "--reason", "每年更换").exit_code == 0
    after = Keys.load(home / "keys")
    assert (before.tokens != after.tokens, before.vault != after.vault) == (True, True)
    assert ivr("who", "t1", "--reason", "试").stdout == "x\n"
    trail = [json.loads(line) for line in (home / "audit.jsonl").read_text().splitlines()]
    assert [(entry["action"], entry["token"]) for entry in trail] == [
        ("rotate", "tokens"),
        ("rotate", "vault"),
        ("who", "t1"),
    ]


def test_nothing_is_revealed_over_a_changed_trail(home: Path) -> None:
    Vault(home / "vault.sqlite", Keys.load(home / "keys")).keep("t1", Sensitive("x"))
    ivr("who", "t1", "--reason", "first")
    trail = home / "audit.jsonl"
    trail.write_text(trail.read_text().replace("first", "other"))
    assert "line 1: the trail was changed" in str(failure("who", "t1", "--reason", "second"))


DAY = ("--from", "2026-11-24", "--to", "2026-11-24")


@pytest.mark.parametrize("name", ["calls.parquet", "calls.csv", "calls.xlsx"])
def test_an_export_has_the_days_asked_for_and_no_others(loaded: Path, name: str) -> None:
    assert "20 rows" in ivr("export", "call_session", str(loaded / name), *DAY).stdout
    if name.endswith(".xlsx"):
        header, *cells = sheet_rows(loaded / name)
        assert len(cells) == 20
        assert header[:2] == ["通话", "机器"]
        assert header[6] == "开始（北京时间）"
        return
    with duckdb.connect() as other:
        rows = other.execute(f"SELECT count(*), sum(ms) FROM '{loaded / name}'").fetchall()
    assert rows == [(20, 1430000)]


def sheet_rows(path: Path) -> list[list[str]]:
    """The text of each cell of a spreadsheet, read from its XML."""
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(path) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    return [
        ["".join(cell.itertext()) for cell in row.iter(f"{space}c")]
        for row in sheet.iter(f"{space}row")
    ]


def test_a_report_as_a_file_of_its_own_name(loaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(loaded)
    assert ivr("report", "survey", *DAY, "--format", "xlsx").exit_code == 0
    rows = sheet_rows(loaded / "survey-2026-11-24-2026-11-24.xlsx")
    assert rows[0] == ["分值", "评价", "票数", "占比（%）"]
    assert rows[2] == ["2", "满意", "1", "50"]
    assert ivr("report", "calls_by_hour", *DAY, "--format", "parquet").exit_code == 0
    with duckdb.connect() as other:
        assert other.execute("SELECT sum(calls) FROM 'calls_by_hour-*.parquet'").fetchall() == [
            (21,)
        ]


@pytest.mark.parametrize(
    "words",
    [("export", "call_session"), ("report", "calls_by_day", "-o")],
    ids=["export", "report"],
)
def test_csv_as_a_file_opens_in_excel_as_what_it_is(loaded: Path, words: tuple[str, ...]) -> None:
    target = loaded / "来电.csv"
    assert ivr(*words, str(target), *DAY).exit_code == 0
    content = target.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    assert not content[3:].startswith(b"\xef\xbb\xbf")
    assert len(list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))) > 1
    assert {path.name for path in loaded.iterdir() if path.suffix == ".csv"} == {"来电.csv"}


def test_a_spreadsheet_shows_whole_columns_and_the_centres_own_time(loaded: Path) -> None:
    target = loaded / "calls.xlsx"
    assert ivr("export", "call_session", str(target), *DAY).exit_code == 0
    header, first, *_ = sheet_rows(target)
    with zipfile.ZipFile(target) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    widths = [
        float(each.get("width", "0"))
        for each in sheet.iter()
        if each.tag.endswith("}col")
        for _ in range(int(each.get("min", "0")), int(each.get("max", "0")) + 1)
    ]
    assert len(widths) == len(header)
    assert all(width >= cell_len(head) for width, head in zip(widths, header, strict=True))
    at = header.index("开始（北京时间）")
    assert widths[at] >= len("2026-11-24 09:00:00")
    utc = ivr("sql", "SELECT min(started) AS t FROM call_local WHERE day = '2026-11-24'",
              "--format", "json").stdout  # fmt: skip
    began = datetime.fromisoformat(json.loads(utc)[0]["t"]) + timedelta(hours=8)
    days = (began - datetime.fromisoformat("1899-12-30")) / timedelta(days=1)
    assert float(first[at]) == pytest.approx(days, abs=1e-6)


@pytest.mark.parametrize(
    "words",
    [
        ("export", "lookup", "x.csv"),
        ("export", "lookup", "x.xlsx"),
        ("report", "survey", "-o", "x.parquet"),
        ("report", "calls_by_hour", "-o", "x.svg"),
        ("report", "daily", "-o", "x.html"),
    ],
)
def test_a_file_is_replaced_when_that_is_asked_for_and_else_kept(
    loaded: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(loaded)
    target = next(Path(word) for word in words if word.startswith("x."))
    target.write_text("mine")
    days = DAY[2:] if "daily" in words else DAY
    assert "--force" in str(failure(*words, *days))
    assert target.read_text() == "mine"
    assert ivr(*words, *days, "--force").exit_code == 0
    assert target.read_bytes() != b"mine"
    assert [path.name for path in loaded.glob("*x.*")] == [target.name]


@pytest.mark.parametrize("nothing", ["", "   ", ";", "-- 只有注释", "SELECT 1; SELECT 2"])
def test_sql_that_is_not_one_statement_is_told_what_to_write(loaded: Path, nothing: str) -> None:
    assert "请写一句 SQL" in str(failure("sql", "--", nothing))


def test_text_in_a_spreadsheet_is_never_a_formula(loaded: Path) -> None:
    save_sheet(
        ResultSet(("a",), (("=1+1",), (None,), (date(2026, 11, 24),))),
        loaded / "x.xlsx",
        Vocabulary(),
    )
    with zipfile.ZipFile(loaded / "x.xlsx") as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")


def test_an_export_refuses_what_it_cannot_do_well(loaded: Path) -> None:
    (loaded / "here.csv").write_text("mine")
    assert "exists already" in str(failure("export", "lookup", str(loaded / "here.csv")))
    assert (loaded / "here.csv").read_text() == "mine"
    assert ".parquet、.csv" in str(failure("export", "lookup", str(loaded / "x.doc")))
    assert "call_session" in str(failure("export", "weather", str(loaded / "x.csv")))
    assert "No such file" in str(failure("export", "lookup", str(loaded / "none" / "x.csv")))


@pytest.mark.parametrize(
    "statement", ["SELECT * FROM '/etc/passwd'", "COPY call_session TO 'x.csv'", "SET threads = 1"]
)
def test_sql_reaches_nothing_but_the_facts(loaded: Path, statement: str) -> None:
    assert failure("sql", statement).exit_code == 1


def test_a_chart_on_the_terminal_has_a_bar_for_each_value(loaded: Path) -> None:
    drawn = ivr("report", "survey", *DAY, "--format", "chart").stdout.splitlines()
    bars = {line.split()[0]: line.count("█") for line in drawn[2:]}
    assert bars == {
        "非常满意": 0,
        "满意": 48,
        "一般": 48,
        "不满意": 0,
        "非常不满意": 0,
        "不表态": 0,
    }


def test_a_heat_map_on_the_terminal_shades_the_hours(loaded: Path) -> None:
    words = ("report", "calls_by_weekday_and_hour", *DAY, "--format", "chart")
    tuesday = next(line for line in ivr(*words).stdout.splitlines() if line.startswith("周二"))
    assert "".join(tuesday.split()[1:]) == "██▒▒░░▓▓▒▒░░"


def test_a_report_that_is_no_chart_names_those_that_are(loaded: Path) -> None:
    assert "calls_by_hour" in str(failure("report", "lookups", *DAY, "--format", "chart"))


NOTHING_TO_DRAW = {"contentment", "callbacks"}
"""Of what nothing happened on the day of the twenty calls."""


@pytest.mark.parametrize(
    "name",
    sorted({each.name for each in questions().values() if each.chart} - NOTHING_TO_DRAW),
)
def test_every_chart_is_drawn(loaded: Path, name: str) -> None:
    for suffix, magic in ((".svg", b"<?xml"), (".png", b"\x89PNG")):
        target = loaded / f"{name}{suffix}"
        assert ivr("report", name, *DAY, "-o", str(target)).exit_code == 0
        assert target.read_bytes().startswith(magic)


def test_a_machine_without_a_chinese_font_draws_readable_svg_and_warns_of_png(
    loaded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "CHINESE", ())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = ivr("report", "calls_by_hour", *DAY, "-o", str(loaded / "hours.svg"))
        boxes = ivr("report", "calls_by_hour", *DAY, "-o", str(loaded / "hours.png"))
    assert "<text" in (loaded / "hours.svg").read_text()
    assert (drawn.exit_code, drawn.stderr) == (0, "")
    assert boxes.exit_code == 0
    assert "fonts-wqy-microhei" in boxes.stderr


def test_a_font_that_was_installed_after_matplotlibs_list_was_made_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The list is a file in the user's cache that nobody renews."""
    manager = font_manager.fontManager
    there = fonts.chinese_fonts()
    if not there:
        pytest.skip("this machine has no Chinese font")
    files = {font.fname for font in manager.ttflist if font.name in fonts.CHINESE}
    old = [font for font in manager.ttflist if font.fname not in files]
    monkeypatch.setattr(manager, "ttflist", old)
    fonts._look_again.cache_clear()
    try:
        assert fonts.chinese_fonts() == there
    finally:
        fonts._look_again.cache_clear()


def test_the_daily_page_says_until_when_its_data_reach(loaded: Path) -> None:
    ivr("report", "daily", "--html", str(loaded / "day.html"), "--to", "2026-11-24")
    asked = ("sql", "SELECT max(newest) AS t FROM hot.spool", "--format", "json")
    newest = json.loads(ivr(*asked).stdout)
    reach = datetime.fromisoformat(newest[0]["t"]) + timedelta(hours=8)
    assert f"{reach:%Y-%m-%d %H:%M}" in (loaded / "day.html").read_text()


@pytest.mark.parametrize("day", ["2026-11-22", "2026-12-24"])
def test_the_daily_page_of_a_day_without_data_says_that_there_are_none(
    loaded: Path, day: str
) -> None:
    """Before the first call, and after the last one that was loaded."""
    ivr("report", "daily", "--html", str(loaded / "day.html"), "--to", day)
    text = (loaded / "day.html").read_text()
    assert "没有数据" in text
    assert "没有异常" not in text


def test_the_daily_page_has_its_figures_and_needs_nothing_else(loaded: Path) -> None:
    told = ivr("report", "daily", "--html", str(loaded / "day.html"), "--to", "2026-11-24")
    assert "2026-11-24" in told.stdout
    text = (loaded / "day.html").read_text()
    tiles = re.findall(r'<div class="tile"><span>(.*?)</span><b>(.*?)</b>', text)
    assert dict(tiles) == {
        "来电": "21",
        "接通": "19",
        "自助率": "57.9%",
        "要求人工": "4",
        "15 秒内接通": "25%",
        "20 秒内接通": "50%",
        "满意度（2 票，1 最好）": "2.5",
        "未处理的投诉、建议与留言": "1",
        "工单将到期": "0",
        "工单已超期": "0",
    }
    assert "20261124001" in text
    assert text.count("<svg") == 3
    assert not re.search(r'(src|href)="(?!#)', text.replace("xlink:href", "href"))


@pytest.mark.parametrize(
    ("since", "until", "title", "calls"),
    [
        ("2026-11-23", "2026-11-29", "周报", "22"),
        ("2026-11-01", "2026-11-30", "月报", "22"),
        ("2026-11-23", "2026-11-25", "报表", "22"),
        ("2026-12-01", "2026-12-31", "月报", "0"),
        ("2026-02-01", "2026-03-31", "报表", "0"),
    ],
)
def test_the_same_page_is_of_a_week_or_a_month(
    loaded: Path, since: str, until: str, title: str, calls: str
) -> None:
    ivr("report", "daily", "--html", str(loaded / "page.html"), "--from", since, "--to", until)
    text = (loaded / "page.html").read_text()
    assert f"热线 · {title}</h1>" in text
    assert f"{since} 至 {until}" in text
    tiles = dict(re.findall(r'<div class="tile"><span>(.*?)</span><b>(.*?)</b>', text))
    assert tiles["来电"] == calls
    assert ("前一段 22" in text) == (since == "2026-12-01"), "compared with the month before"
    assert "异常" not in text


def test_the_daily_page_of_a_quiet_day_says_so(loaded: Path) -> None:
    ivr("report", "daily", "--html", str(loaded / "day.html"), "--to", "2026-11-22")
    text = (loaded / "day.html").read_text()
    assert "没有人要求人工" in text
    assert "<svg" not in text
    assert "--html FILE" in str(failure("report", "daily"))


def test_the_loader_ends_when_told_and_has_published_everything(home: Path) -> None:
    path = spool_file(home)
    loader = subprocess.Popen([sys.executable, "-m", "ivr.cli", "loader"])
    try:
        while not FactsFolder(home).published.exists():
            assert loader.poll() is None
            time.sleep(0.01)
        path.write_bytes(lines(twenty_calls()))
    finally:
        loader.terminate()
    assert loader.wait(30) == 0
    answer = ivr("sql", "SELECT count(*) AS calls FROM call_session", "--format", "json")
    assert json.loads(answer.stdout) == [{"calls": 21}]
