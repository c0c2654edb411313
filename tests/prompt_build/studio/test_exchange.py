"""A table goes to a department and comes back: changes are understood whole, or refused by row."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr.config import Settings
from prompt_build.catalog.source import source_of
from prompt_build.studio import exchange, office
from prompt_build.studio.drafts import Drafts
from prompt_build.studio.office import Unreadable
from tests.prompt_build.smallset import write_catalog

BYE, NEW = "感谢您的来电，再见。", "感谢您的来电，祝您一切都好。"
READOUT = "您的住房公积金已缴至{paid_to:year_month}，您的余额为{balance:amount}。"
EDIT = Callable[[str], str]


@pytest.fixture(autouse=True)
def _speech(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agreed contract of the few sentences."""
    from ivr.speech import contract  # noqa: PLC0415
    from tests.contracts import contract_of  # noqa: PLC0415
    from tests.prompt_build.smallset import CATALOG  # noqa: PLC0415

    monkeypatch.setattr(contract, "CONTRACT", contract_of(CATALOG))


@pytest.fixture
def line(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path, catalog=write_catalog(tmp_path), audio=tmp_path / "audio")
    settings.words_file.write_text('[variables]\ncentre_name = "本市公积金中心"\n', "utf-8")
    return settings


def exported(line: Settings, ending: str) -> bytes:
    return exchange.document(exchange.table(source_of(line)), ending)


def edited(content: bytes, edit: EDIT, only: str = r"document\.xml$|sharedStrings") -> bytes:
    """As a department edits it: the text within its parts."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            text = old.read(name).decode()
            new.writestr(name, edit(text) if re.search(only, name) else text)
    return made.getvalue()


def swap(before: str, after: str) -> EDIT:
    def edit(text: str) -> str:
        assert before in text
        return text.replace(before, after)

    return edit


def faults(line: Settings, content: bytes) -> list[tuple[int, str]]:
    return [(each.row, each.why) for each in exchange.returned(line, content).faults]


@pytest.fixture(params=["docx", "xlsx"])
def ending(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_what_was_not_touched_changes_nothing(line: Settings, ending: str) -> None:
    found = exchange.returned(line, exported(line, ending))
    assert (found.wanted, found.faults) == ((), ())
    assert found.rows == 6


def test_the_table_says_what_it_is_about(line: Settings) -> None:
    rows = {row[0]: row for row in exchange.table(source_of(line))}
    assert rows["information.4.1"][1] == "按 4-1：政策 › 缴存<政策>"
    assert rows["information.4.1"][4] == "核对 2026-11-01；到期 2027-05-01"
    assert rows["main.menu"][4] == "菜单，按键 1 4 7"
    assert rows["variables.centre_name"][2] == "本市公积金中心"
    assert [row[0] for row in exchange.table(source_of(line), "information.4")] == [
        "information.4",
        "information.4.1",
    ]


def test_a_sentence_comes_back_and_becomes_a_draft_like_any_other(
    line: Settings, ending: str
) -> None:
    found = exchange.returned(line, edited(exported(line, ending), swap(BYE, NEW)))
    (wanted,) = found.wanted
    assert (wanted.name, wanted.before, wanted.after) == ("line.goodbye", BYE, NEW)
    assert found.faults == ()
    assert exchange.changes(line, found) == {"line.goodbye": NEW}


def test_a_branch_and_its_pronunciation(line: Settings) -> None:
    rows = [list(row) for row in exchange.table(source_of(line))]
    (branch,) = (row for row in rows if row[0] == "information.4.1")
    branch[2], branch[3], branch[4] = "缴存比例都不低于百分之六。", "缴存=jiao3 cun2", "省里来文"
    found = exchange.returned(line, exchange.document(rows, "docx"))
    assert found.faults == ()
    assert found.wanted[0].note == "省里来文"
    changed = exchange.changes(line, found)["information.4.1"]
    assert changed["text"] == "缴存比例都不低于百分之六。"
    assert changed["hints"] == {"缴存": "jiao3 cun2"}


WORD = (
    '<w:p><w:r><w:t>感谢您的来</w:t></w:r><w:proofErr w:type="spellStart"/>'
    "<w:del><w:r><w:delText>电，再见</w:delText></w:r></w:del>"
    "<w:ins><w:r><w:rPr><w:b/></w:rPr><w:t>电，</w:t></w:r></w:ins></w:p>"
    '<w:p><w:r><w:t xml:space="preserve">祝您一切都好。\u200b\xa0</w:t></w:r></w:p>'
)


def test_word_cuts_a_sentence_into_runs_and_tracks_changes(line: Settings) -> None:
    whole = f'<w:p><w:r><w:t xml:space="preserve">{BYE}</w:t></w:r></w:p>'
    found = exchange.returned(line, edited(exported(line, "docx"), swap(whole, WORD)))
    assert [each.after for each in found.wanted] == [NEW]


def test_braces_that_word_made_wide_are_narrow_again(line: Settings, ending: str) -> None:
    wide = READOUT.replace("{balance:amount}", "｛balance：amount｝").replace("您的余额", "余额")
    found = exchange.returned(line, edited(exported(line, ending), swap(READOUT, wide)))
    assert [each.after for each in found.wanted] == [READOUT.replace("您的余额", "余额")]
    assert found.faults == ()


def test_all_that_is_not_understood_is_told_at_once_with_its_row(
    line: Settings, ending: str
) -> None:
    rows = [list(row) for row in exchange.table(source_of(line))]
    by_name = {row[0]: (number, row) for number, row in enumerate(rows, 2)}
    by_name["account.readout"][1][2] = "您的余额为{balance:amount}。"
    by_name["main.menu"][1][2] = "查询公积金余额请按一。"
    by_name["line.goodbye"][1][2] = ""
    by_name["information.4.1"][1][1] = "按 4-2"
    by_name["information.4"][1][3] = "没有等号"
    by_name["information.4"][1][2] = "公积金缴存政策请按一，返回上层查询请按星号键。"
    by_name["variables.centre_name"][1][3] = "中心=zhong1 xin1"
    rows += [["line.nobody", "句子", "谁", "", "", ""], ["", "", "新的一句。", "", "", ""]]
    told = faults(line, exchange.document(rows, ending))
    expected = {
        "account.readout": "丢了 {paid_to:year_month}",
        "line.goodbye": "句子是空的",
        "information.4.1": "位置",
        "information.4": "缺等号",
        "variables.centre_name": "没有注音",
        "main.menu": "按",
    }
    for name, why in expected.items():
        assert any(row == by_name[name][0] and why in each for row, each in told), (name, told)
    assert (8, "没有“line.nobody”这一句") in told
    assert (9, "没有名字：不能在表里增加句子") in told
    assert Drafts(line).now().changes == {}


def test_a_name_twice(line: Settings, ending: str) -> None:
    rows = exchange.table(source_of(line))
    told = faults(line, exchange.document([*rows, rows[0]], ending))
    assert [row for row, _ in told] == [2, 8]
    assert all("出现了 2 次" in why for _, why in told)


def test_a_table_that_lay_on_a_desk_takes_nothing_back(line: Settings, ending: str) -> None:
    old = exported(line, ending)
    line.words_file.write_text('[prompts.line]\ngoodbye = "回见。"\n', encoding="utf-8")
    rows = exchange.returned(line, old)
    assert not [each for each in rows.wanted if each.name == "line.goodbye"]
    told = [why for _, why in faults(line, edited(old, swap(BYE, NEW)))]
    assert any("导出以后这一句改过，现在是“回见。”" in why for why in told)


def test_what_stands_beside_the_table_is_not_passed_over(line: Settings) -> None:
    content = edited(
        exported(line, "docx"),
        swap("</w:tbl>", "</w:tbl><w:p><w:r><w:t>第三条请删掉</w:t></w:r></w:p>"),
    )
    assert faults(line, content) == [(0, "表外的文字“第三条请删掉”没有处理：写进备注栏")]


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("<w:tc><w:tcPr>", '<w:tc><w:tcPr><w:gridSpan w:val="2"/>', "合并"),
        ("<w:tc><w:tcPr>", "<w:tc><w:tcPr><w:vMerge/>", "合并"),
        (f">{BYE}</w:t>", f'>{BYE}</w:t></w:r><w:r><w:commentReference w:id="1"/>', "批注"),
        (f">{BYE}</w:t>", f">{BYE}</w:t><w:drawing/>", "图片"),
        (f">{BYE}</w:t></w:r></w:p>", f">{BYE}</w:t></w:r></w:p><w:tbl><w:tr/></w:tbl>", "表格"),
    ],
)
def test_what_a_cell_of_word_must_not_hold(
    line: Settings, before: str, after: str, why: str
) -> None:
    told = faults(line, edited(exported(line, "docx"), swap(before, after)))
    assert told
    assert any(why in each for _, each in told)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ('<c r="C2"', '<c r="C2"><f>A1</f></c><c r="C2"', "公式"),
        ("</sheetData>", '</sheetData><mergeCells><mergeCell ref="C2:D3"/></mergeCells>', "合并"),
        ('<c r="C2" s="1" t="s"><v>', '<c r="C2" s="1" t="e"><v>', "不是文字"),
    ],
)
def test_what_a_cell_of_excel_must_not_hold(
    line: Settings, before: str, after: str, why: str
) -> None:
    told = faults(line, edited(exported(line, "xlsx"), swap(before, after), "sheet1.xml$"))
    assert [row for row, each in told if why in each][:1] == [2]


def test_other_heads_are_no_table_of_ours(line: Settings, ending: str) -> None:
    with pytest.raises(Unreadable, match="第一行不是"):
        exchange.returned(line, edited(exported(line, ending), swap("句子", "内容")))


# --- files that are none ----------------------------------------------------------------------


def packed(**parts: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return made.getvalue()


ENTITY = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "x">]><a>&b;</a>'


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "打不开"),
        (b"PK\x03\x04 nothing", "打不开"),
        (b"\xd0\xcf\x11\xe0" + bytes(2000), "旧格式"),
        (bytes(office.MOST_BYTES + 1), "太大"),
        (packed(**{"a.xml": b"<a/>"}), "不是 Word"),
        (packed(**{"word/document.xml": b"<a", "b.xml": b""}), "坏了"),
        (packed(**{"word/document.xml": ENTITY}), "DOCTYPE"),
        (packed(**{"word/document.xml": b" " * 30_000_000}), "展开以后太大"),
        (packed(**{f"word/{n}.xml": b" " * 9_000_000 for n in range(9)}), "展开以后太大"),
        (packed(**{f"word/{n}.xml": b"" for n in range(300)}), "300 个部分"),
        (packed(**{"word/document.xml": b"<a/>", "word/vbaProject.bin": b""}), "宏"),
        (packed(**{"xl/workbook.xml": b"<a/>", "xl/macrosheets/sheet1.xml": b""}), "宏"),
        (packed(**{"[Content_Types].xml": b"macroEnabled", "word/document.xml": b"<a/>"}), "宏"),
        (packed(**{"word/document.xml": b"<a/>", "word/embeddings/a.bin": b""}), "嵌了"),
        (packed(**{"word/document.xml": b"<a/>"}), "没有表格"),
    ],
)
def test_what_is_no_table(line: Settings, content: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        exchange.returned(line, content)


def test_a_zip_that_lies_about_its_sizes(line: Settings) -> None:
    """The head of a part says 10 bytes; it unfolds to thirty million."""
    content = packed(**{"word/document.xml": b" " * 30_000_000})
    told = (30_000_000).to_bytes(4, "little")
    with pytest.raises(Unreadable):
        exchange.returned(line, content.replace(told, (10).to_bytes(4, "little")))
