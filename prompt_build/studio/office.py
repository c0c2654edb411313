"""One table as a Word document or an Excel workbook, written and read again.

Both are a zip of XML (ECMA-376). Reading them by hand is two hundred lines and no dependency, and
what comes from outside meets nothing that could run or unfold: every size is bounded, and whatever
is no plain table is refused with its row.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET
from xml.parsers import expat
from xml.sax.saxutils import escape

MOST_BYTES: Final = 1_000_000
"""Of a file as it is sent; the whole catalog takes a tenth."""
_MOST_UNFOLDED: Final = 20_000_000
_MOST_PARTS: Final = 200
_MOST_ROWS: Final = 5_000
_OLD: Final = b"\xd0\xcf\x11\xe0"
"""How Office files before 2007 begin, and all that have a password."""
_W: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_S: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_R: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_UNSEEN: Final = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad]")


class Unreadable(Exception):
    """This file is no table that can be taken; says in words why, and what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row below the heads, as a person counts: the heads stand in row 1."""

    number: int
    cells: tuple[str, ...]
    faults: tuple[str, ...] = ()
    """What in it is no text of its own, in words."""


@dataclass(frozen=True, slots=True)
class Table:
    """What somebody sent back."""

    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    beside: tuple[str, ...]
    """Words that stand outside the table."""


def read(content: bytes) -> Table:
    """A .docx or .xlsx, told apart by what is in it. Raises Unreadable."""
    parts = _parts(content)
    if "word/document.xml" in parts:
        return _word(parts)
    if "xl/workbook.xml" in parts:
        return _excel(parts)
    raise Unreadable("不是 Word（.docx）或 Excel（.xlsx）文件")


# --- the zip ----------------------------------------------------------------------------------


def _parts(content: bytes) -> dict[str, bytes]:
    """What is read of it, unfolded; refused where it is too large, has macros or holds files."""
    if len(content) > MOST_BYTES:
        raise Unreadable(f"文件太大：最多 {MOST_BYTES // 1000} KB")
    if content.startswith(_OLD):
        raise Unreadable("是旧格式（.doc、.xls）或者加了密码：另存为没有密码的 .docx 或 .xlsx")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_names([each.filename for each in archive.infolist()])
            return _unfolded(archive)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as broken:
        raise Unreadable("文件打不开：重新保存一份再来") from broken
    except (zipfile.LargeZipFile, ValueError) as broken:
        raise Unreadable("文件打不开：重新保存一份再来") from broken


def _check_names(names: Sequence[str]) -> None:
    if len(names) > _MOST_PARTS:
        raise Unreadable(f"文件里有 {len(names)} 个部分，不像一张表")
    for name in map(str.lower, names):
        if "vbaproject" in name or "macrosheets" in name or "/activex" in name:
            raise Unreadable("文件里有宏：另存为不带宏的 .docx 或 .xlsx")
        if "/embeddings/" in name or "/externallinks/" in name:
            raise Unreadable("文件里嵌了别的文件或链接：只留表格，另存一份")


def _unfolded(archive: zipfile.ZipFile) -> dict[str, bytes]:
    """Read in pieces, since what a zip says of its own sizes may be a lie."""
    left = _MOST_UNFOLDED
    found: dict[str, bytes] = {}
    for each in archive.infolist():
        if not each.filename.endswith((".xml", ".rels")):
            continue
        with archive.open(each) as file:
            found[each.filename] = file.read(left + 1)
        left -= len(found[each.filename])
        if left < 0:
            raise Unreadable("文件展开以后太大，不像一张表")
    if b"macroEnabled" in found.get("[Content_Types].xml", b""):
        raise Unreadable("文件里有宏：另存为不带宏的 .docx 或 .xlsx")
    return found


def _xml(parts: dict[str, bytes], name: str) -> ET.Element:
    """Raises Unreadable for what declares entities, and for what is no XML."""
    content = parts.get(name, b"")
    guard = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise Unreadable("文件里有不该有的声明（DOCTYPE）")

    guard.StartDoctypeDeclHandler = refuse
    try:
        guard.Parse(content, True)
        return ET.fromstring(content)  # noqa: S314  without a DOCTYPE nothing can unfold
    except (expat.ExpatError, ET.ParseError, ValueError, LookupError) as broken:
        raise Unreadable("文件坏了：重新保存一份再来") from broken


def _plain(text: str) -> str:
    """Without what Office adds and nobody sees."""
    return _UNSEEN.sub("", text).replace("\xa0", " ").strip()


# --- Word -------------------------------------------------------------------------------------


def _word(parts: dict[str, bytes]) -> Table:
    body = _xml(parts, "word/document.xml").find(f"{_W}body")
    tables = [] if body is None else body.findall(f"{_W}tbl")
    if body is None or not tables:
        raise Unreadable("文件里没有表格")
    beside = tuple(filter(None, (_plain(_said(each)) for each in body if each.tag == f"{_W}p")))
    rows = [row for table in tables for row in table.iter(f"{_W}tr")][: _MOST_ROWS + 2]
    heads, *rest = [_word_row(number, row) for number, row in enumerate(rows, 1)]
    kept = [each for each in rest if each.cells != heads.cells]
    return _table(heads.cells, kept, beside)


def _word_row(number: int, row: ET.Element) -> Row:
    cells = row.findall(f"{_W}tc")
    faults = [*_odd_in(row)]
    if any(cell.find(f"{_W}tcPr/{_W}gridSpan") is not None for cell in cells) or any(
        cell.find(f"{_W}tcPr/{_W}vMerge") is not None for cell in cells
    ):
        faults.append("有合并的格子：拆开")
    return Row(number, tuple(_plain(_said(cell)) for cell in cells), tuple(faults))


def _odd_in(row: ET.Element) -> Iterator[str]:
    if next(row.iter(f"{_W}commentReference"), None) is not None:
        yield "有批注：把意见改进句子里，删掉批注"
    if any(next(row.iter(f"{_W}{tag}"), None) is not None for tag in ("drawing", "pict", "object")):
        yield "有图片或别的东西：只留文字"
    if any(next(cell.iter(f"{_W}tbl"), None) is not None for cell in row.iter(f"{_W}tc")):
        yield "格子里还有表格：只留文字"


def _said(element: ET.Element) -> str:
    """Its words, tracked changes accepted; paragraphs one below the other."""
    if element.tag in (f"{_W}del", f"{_W}moveFrom"):
        return ""
    if element.tag == f"{_W}t":
        return element.text or ""
    if element.tag in (f"{_W}br", f"{_W}cr", f"{_W}tab"):
        return "\n" if element.tag != f"{_W}tab" else " "
    said = "".join(map(_said, element))
    return f"{said}\n" if element.tag == f"{_W}p" else said


# --- Excel ------------------------------------------------------------------------------------


def _excel(parts: dict[str, bytes]) -> Table:
    sheets = _sheets(parts)
    filled = [(name, rows) for name, part in sheets if (rows := _sheet(parts, part))]
    if not filled:
        raise Unreadable("表里没有内容")
    heads, *rest = filled[0][1]
    beside = tuple(f"工作表“{name}”里的内容" for name, _ in filled[1:])
    return _table(heads.cells, rest, beside)


def _sheets(parts: dict[str, bytes]) -> list[tuple[str, str]]:
    relations = {
        each.get("Id"): str(each.get("Target")).removeprefix("/xl/")
        for each in _xml(parts, "xl/_rels/workbook.xml.rels")
    }
    return [
        (str(each.get("name")), f"xl/{relations.get(each.get(f'{_R}id'), '')}")
        for each in _xml(parts, "xl/workbook.xml").iter(f"{_S}sheet")
    ]


def _sheet(parts: dict[str, bytes], name: str) -> list[Row]:
    if name not in parts:
        return []
    sheet = _xml(parts, name)
    shared = _shared(parts)
    merged = {
        row for each in sheet.iter(f"{_S}mergeCell") for row in _rows_of(str(each.get("ref", "")))
    }
    found = []
    for at, each in enumerate(sheet.iter(f"{_S}row"), 1):
        row = _excel_row(int(each.get("r") or at), each, shared)
        if row.number in merged:
            row = Row(row.number, row.cells, (*row.faults, "有合并的格子：拆开"))
        if any(row.cells) or row.faults:
            found.append(row)
        if len(found) > _MOST_ROWS + 1:
            break
    return found


def _rows_of(reference: str) -> range:
    ends = [int(each) for each in re.findall(r"[A-Z]+([0-9]{1,7})", reference)]
    return range(min(ends), min(max(ends), _MOST_ROWS) + 1) if ends else range(0)


def _shared(parts: dict[str, bytes]) -> list[str]:
    if "xl/sharedStrings.xml" not in parts:
        return []
    return [_text(each) for each in _xml(parts, "xl/sharedStrings.xml").iter(f"{_S}si")]


def _text(item: ET.Element) -> str:
    """Its runs; without the readings that stand above them in Japanese."""
    runs = [item, *item.findall(f"{_S}r")]
    return "".join(each.text or "" for run in runs for each in run.findall(f"{_S}t"))


def _excel_row(number: int, row: ET.Element, shared: Sequence[str]) -> Row:
    cells: dict[int, str] = {}
    faults = []
    for at, cell in enumerate(row.findall(f"{_S}c")):
        column = _column(cell.get("r", ""), at)
        if cell.find(f"{_S}f") is not None:
            faults.append("有公式：改成文字")
        elif cell.get("t") in ("b", "e"):
            faults.append("有不是文字的格子")
        cells[column] = _plain(_value(cell, shared))
    width = max(cells, default=-1) + 1
    return Row(number, tuple(cells.get(n, "") for n in range(width)), tuple(dict.fromkeys(faults)))


def _column(reference: str, otherwise: int) -> int:
    letters = re.match(r"[A-Z]{1,3}", reference)
    if letters is None:
        return otherwise
    number = 0
    for letter in letters[0]:
        number = number * 26 + ord(letter) - 64
    if number > 50:
        raise Unreadable("表太宽：只用导出时有的几栏")
    return number - 1


def _value(cell: ET.Element, shared: Sequence[str]) -> str:
    if cell.get("t") == "inlineStr":
        inline = cell.find(f"{_S}is")
        return "" if inline is None else _text(inline)
    value = cell.findtext(f"{_S}v") or ""
    if cell.get("t") == "s":
        return shared[int(value)] if value.isdecimal() and int(value) < len(shared) else ""
    return value


def _table(heads: tuple[str, ...], rows: Sequence[Row], beside: tuple[str, ...]) -> Table:
    if len(rows) > _MOST_ROWS:
        raise Unreadable(f"超过 {_MOST_ROWS} 行，不像话术表")
    return Table(heads, tuple(each for each in rows if any(each.cells) or each.faults), beside)


# --- writing ----------------------------------------------------------------------------------


def excel(heads: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> bytes:
    """A workbook with one sheet; every cell is text, as it stands."""
    import xlsxwriter  # noqa: PLC0415  only where somebody exports

    made = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(made, options) as book:
        sheet = book.add_worksheet("话术")
        sheet.freeze_panes(1, 1)
        text = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
        bold = book.add_format({"bold": True, "bg_color": "#e8eef7"})
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width, text)
        sheet.write_row(0, 0, heads, bold)
        for n, row in enumerate(rows, 1):
            for column, each in enumerate(row):
                sheet.write_string(n, column, each, text)
    return made.getvalue()


def word(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
    above: Sequence[str],
) -> bytes:
    """A document with some lines `above` and one table, its heads again on every page."""
    grid = "".join(f'<w:gridCol w:w="{_twips(width)}"/>' for width in widths)
    lines = [_row(heads, widths, head=True), *(_row(row, widths) for row in rows)]
    body = (
        "".join(map(_paragraph, above))
        + "<w:tbl><w:tblPr><w:tblBorders>"
        + "".join(
            f'<w:{side} w:val="single" w:sz="4" w:space="0" w:color="808080"/>'
            for side in ("top", "left", "bottom", "right", "insideH", "insideV")
        )
        + f'</w:tblBorders><w:tblLayout w:type="fixed"/></w:tblPr><w:tblGrid>{grid}</w:tblGrid>'
        + "".join(lines)
        + '</w:tbl><w:p/><w:sectPr><w:pgSz w:w="16838" w:h="11906" w:orient="landscape"/>'
        '<w:pgMar w:top="850" w:right="850" w:bottom="850" w:left="850" w:header="500"'
        ' w:footer="500" w:gutter="0"/></w:sectPr>'
    )
    return _zipped({**_WORD_PARTS, "word/document.xml": f"{_HEAD}{_DOCUMENT}{body}{_DOCUMENT_END}"})


def _twips(width: int) -> int:
    return width * 110


def _row(cells: Sequence[str], widths: Sequence[int], *, head: bool = False) -> str:
    made = "".join(
        f'<w:tc><w:tcPr><w:tcW w:w="{_twips(width)}" w:type="dxa"/></w:tcPr>'
        f"{''.join(_paragraph(line, bold=head) for line in each.split(chr(10)))}</w:tc>"
        for each, width in zip(cells, widths, strict=True)
    )
    shape = "<w:cantSplit/><w:tblHeader/>" if head else "<w:cantSplit/>"
    return f"<w:tr><w:trPr>{shape}</w:trPr>{made}</w:tr>"


def _paragraph(text: str, *, bold: bool = False) -> str:
    shape = "<w:rPr><w:b/></w:rPr>" if bold else ""
    said = f'<w:r>{shape}<w:t xml:space="preserve">{escape(text)}</w:t></w:r>' if text else ""
    return f"<w:p>{said}</w:p>"


def _zipped(parts: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return made.getvalue()


_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_DOCUMENT: Final = f'<w:document xmlns:w="{_W[1:-1]}"><w:body>'
_DOCUMENT_END: Final = "</w:body></w:document>"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_OFFICE: Final = _R[1:-1]
_TYPE: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_WORD_PARTS: Final = {
    "[Content_Types].xml": (
        f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels"'
        f' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{_TYPE}.document.main+xml"/>'
        f'<Override PartName="/word/styles.xml" ContentType="{_TYPE}.styles+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
        f' Type="{_OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>'
    ),
    "word/_rels/document.xml.rels": (
        f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
        f' Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>'
    ),
    "word/styles.xml": (
        f'{_HEAD}<w:styles xmlns:w="{_W[1:-1]}"><w:docDefaults><w:rPrDefault><w:rPr>'
        '<w:rFonts w:ascii="Calibri" w:hAnsi="Calibri" w:eastAsia="微软雅黑"/><w:sz w:val="20"/>'
        '<w:lang w:val="en-US" w:eastAsia="zh-CN"/></w:rPr></w:rPrDefault></w:docDefaults>'
        "</w:styles>"
    ),
}
