"""The words as a table for the departments that answer for them, and what they sent back.

A department edits in Word or Excel what it may edit: the sentence and its pronunciation. Each row
carries a mark of the words as they were exported, so that a table that lay on a desk for a month
takes back nothing of what others have changed since.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ivr.config import Settings
from prompt_build.catalog.layers import laid
from prompt_build.catalog.source import Source
from prompt_build.studio import entries, office
from prompt_build.studio.checking import check
from prompt_build.studio.drafts import MOST_CHARACTERS, Drafts
from prompt_build.studio.entries import Entry
from prompt_build.studio.office import Row

HEADS: Final = ("名字", "位置", "句子", "注音", "备注", "核对码")
_WIDTHS: Final = (22, 24, 60, 18, 24, 10)
ABOVE: Final = (
    "12329 热线话术",
    "只改“句子”和“注音”两栏；意见写在“备注”里，不要写批注。",
    "花括号里的内容（如 {centre_phone}）和方括号原样留着，位置可以动。"
    "注音一行一个，写成 重听=chong2 ting1。",
    "不要加行、合并格子，“名字”“位置”“核对码”不要动；可以只留要改的行。",
)
PARTS: Final[Mapping[str, str]] = {
    "": "全部",
    "information.3": "业务网点（3）",
    "information.4": "政策（4）",
    "information.5": "办理流程（5）",
    "variables": "本市的变量",
}
"""Beginnings of names, as one chooses what to export."""
_HELD: Final = re.compile(r"\{[^{}]*\}")
_WIDE: Final = str.maketrans("｛｝：［］", "{}:[]")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One sentence as a department wants it."""

    row: int
    name: str
    before: str
    after: str
    hints_before: str
    hints: str
    note: str
    """What the department wrote beside it; it is shown once and kept nowhere."""
    cells: tuple[str, ...]
    """Its row as it was sent."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that was not understood, and why; 0: the whole file."""

    row: int
    why: str


@dataclass(frozen=True, slots=True)
class Returned:
    """What a table asks for: changes, or all faults at once."""

    wanted: tuple[Wanted, ...]
    faults: tuple[Fault, ...]
    rows: int


# --- out --------------------------------------------------------------------------------------


def table(source: Source, part: str = "") -> list[tuple[str, ...]]:
    """Every sentence whose name begins with `part`, in the order of the files."""
    every = entries.every(laid(source))
    chosen = [each for name, each in every.items() if not part or f"{name}.".startswith(f"{part}.")]
    return [_cells(each, every) for each in chosen if not each.options.get("removed")]


def _cells(entry: Entry, every: Mapping[str, Entry]) -> tuple[str, ...]:
    return (
        entry.name,
        _place(entry, every),
        entry.said,
        _hints(entry),
        _note(entry),
        _mark(entry),
    )


def document(rows: Sequence[Sequence[str]], ending: str) -> bytes:
    """As `docx` or `xlsx`."""
    if ending == "docx":
        return office.word(HEADS, rows, _WIDTHS, ABOVE)
    return office.excel(HEADS, rows, _WIDTHS)


def _place(entry: Entry, every: Mapping[str, Entry]) -> str:
    """`按 4-1-2：缴存政策 › 缴存基数`; elsewhere the kind."""
    if not entry.name.startswith("information."):
        return entry.kind
    keys = entry.name.split(".")[1:]
    above = (every.get(".".join(("information", *keys[: n + 1]))) for n in range(len(keys)))
    titles = [str(each.options["title"]) for each in above if each and "title" in each.options]
    return f"按 {'-'.join(keys)}：{' › '.join(titles)}"


def _hints(entry: Entry) -> str:
    return "\n".join(f"{word}={said}" for word, said in entry.options.get("hints", {}).items())


def _note(entry: Entry) -> str:
    days = (("核对", entry.options.get("reviewed")), ("到期", entry.options.get("expires")))
    told = [f"{word} {day}" for word, day in days if day]
    if entry.options.get("keys"):
        told.append(f"菜单，按键 {' '.join(str(entry.options['keys']))}")
    return "；".join(told)


def _mark(entry: Entry) -> str:
    """Of its words as they are."""
    words = "\0".join((entry.name, entry.said, _hints(entry)))
    return hashlib.sha256(words.encode()).hexdigest()[:8]


# --- and back ---------------------------------------------------------------------------------


def returned(settings: Settings, content: bytes) -> Returned:
    """What a file asks for; Unreadable where it is no table at all."""
    sent = office.read(content)
    if sent.heads[: len(HEADS)] != HEADS or any(sent.heads[len(HEADS) :]):
        raise office.Unreadable(f"第一行不是导出时的栏目（{'、'.join(HEADS)}）：请在导出的表里改")
    beside = [each for each in sent.beside if each not in ABOVE]
    outside = [Fault(0, f"表外的文字“{each[:40]}”没有处理：写进备注栏") for each in beside]
    found = judged(settings, sent.rows)
    return Returned(found.wanted, (*outside, *found.faults), len(sent.rows))


def judged(settings: Settings, rows: Sequence[Row]) -> Returned:
    """What rows ask for, over file and draft as they are now; pure but for reading those."""
    source = Drafts(settings).proposal().source
    every = entries.every(laid(source))
    counted = Counter(_cell(row, 0) for row in rows)
    wanted: list[Wanted] = []
    faults: list[Fault] = []
    for row in rows:
        entry = every.get(_cell(row, 0))
        told = [*row.faults, *_shape(row, entry, counted)]
        if entry is not None and not told and (change := _change(row, entry)):
            told += _told_of(change, row, entry, every)
            wanted.append(change)
        elif entry is not None and not told and _cell(row, 1) != _place(entry, every):
            told.append("“位置”不能在表里改：菜单的结构在话术文件里改")
        faults += [Fault(row.number, why) for why in told]
    refused = {each.row for each in faults}
    sound = [each for each in wanted if each.row not in refused]
    faults += _of_catalog(settings, every, sound)
    return Returned(tuple(sound), tuple(sorted(faults, key=lambda each: each.row)), len(rows))


def _cell(row: Row, column: int) -> str:
    return row.cells[column] if column < len(row.cells) else ""


def _shape(row: Row, entry: Entry | None, counted: Mapping[str, int]) -> Iterator[str]:
    name = _cell(row, 0)
    if not name:
        yield "没有名字：不能在表里增加句子"
    elif entry is None:
        yield f"没有“{name[:40]}”这一句"
    elif counted[name] > 1:
        yield f"“{name}”出现了 {counted[name]} 次：只留一行"
    if any(row.cells[len(HEADS) :]):
        yield "最后一栏后面还有内容"


def _change(row: Row, entry: Entry) -> Wanted | None:
    """None where the department left it as it was exported, or wants what is there."""
    after, hints = _sentence(row, entry), _cell(row, 3).replace("＝", "=")
    as_it_was = hashlib.sha256("\0".join((entry.name, after, hints)).encode()).hexdigest()[:8]
    if as_it_was in (_cell(row, 5), _mark(entry)):
        return None
    note = _cell(row, 4)
    return Wanted(
        row.number,
        entry.name,
        entry.said,
        after,
        _hints(entry),
        hints,
        "" if note == _note(entry) else note[:200],
        row.cells,
    )


def _sentence(row: Row, entry: Entry) -> str:
    """With what Word makes wide by itself narrow again where it was narrow."""
    text = "".join(each.strip() for each in _cell(row, 2).splitlines())
    narrow = text.translate(_WIDE)
    held = Counter(_HELD.findall(entry.said))
    return narrow if Counter(_HELD.findall(narrow)) >= held > Counter(_HELD.findall(text)) else text


def _told_of(change: Wanted, row: Row, entry: Entry, every: Mapping[str, Entry]) -> Iterator[str]:
    """Why this change is not understood."""
    if not change.after:
        yield "句子是空的：不要的句子不能在表里删"
        return
    if len(change.after) > MOST_CHARACTERS or len(change.hints) > MOST_CHARACTERS:
        yield f"太长了：最多 {MOST_CHARACTERS} 个字"
    if _cell(row, 1) != _place(entry, every):
        yield "“位置”不能在表里改：菜单的结构在话术文件里改"
    if _cell(row, 5) != _mark(entry):
        yield f"导出以后这一句改过，现在是“{entry.said[:60]}”：重新导出，在新的表里改"
    lost = Counter(_HELD.findall(entry.said)) - Counter(_HELD.findall(change.after))
    if lost:
        yield f"丢了 {'、'.join(lost)}：原样放回去，位置可以动"
    if change.hints and entry.kind not in ("句子", "分支"):
        yield f"{entry.kind}没有注音：清空这一格"


def _of_catalog(
    settings: Settings, every: Mapping[str, Entry], wanted: Sequence[Wanted]
) -> Iterator[Fault]:
    """What the catalog says of all changes together, each at its row."""
    sound: dict[str, Any] = {}
    for each in wanted:
        try:
            sound[each.name] = changed(every[each.name], each)
        except ValueError as odd:
            yield Fault(each.row, str(odd))
    if not _faults(settings, sound):
        return
    told: set[str] = set(_faults(settings, {}))
    for each in wanted:
        alone = {name: entry for name, entry in sound.items() if name == each.name}
        for why in _faults(settings, alone):
            if why not in told:
                told.add(why)
                yield Fault(each.row, why)
    yield from (Fault(0, why) for why in _faults(settings, sound) if why not in told)


def _faults(settings: Settings, wanted: Mapping[str, Any]) -> tuple[str, ...]:
    return check(settings, Drafts(settings).proposal(wanted).source, ()).faults


def changed(entry: Entry, wanted: Wanted) -> Any:
    """The entry as the city's file has to have it; ValueError, in words, for odd hints."""
    form = {entry.field: wanted.after}
    if entry.kind in ("句子", "分支"):
        form["hints"] = wanted.hints
    return entries.citys(entry, entries.fields(entry, form))


def changes(settings: Settings, found: Returned) -> dict[str, Any]:
    """For a draft."""
    every = entries.every(laid(Drafts(settings).proposal().source))
    return {each.name: changed(every[each.name], each) for each in found.wanted}
