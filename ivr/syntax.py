"""A TOML file as a person wrote it: its text whatever the encoding, and what is no TOML in it.

Settings, catalog and lexicon are read by it. The parser stops at the first fault and speaks of
grammar. Here each faulty line is told with what stands there and what to write; then it is passed
over, and the rest is read.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ivr.positions import repeated

MOST_FAULTS = 30
"""Of one file's syntax: an editor mends some and looks again."""

Words = tuple[str, str]
"""A message in Chinese, and in English."""

_AT = re.compile(r"line (\d+), column (\d+)")
_HEADER = re.compile(r"\s*\[")
_QUOTES = "“”„‟＂〝〞「」『』‘’＇"
_WIDE = {"＝": "=", "［": "[", "］": "]", "【": "[", "】": "]", "｛": "{", "｝": "}", "，": ",",
         "、": ",", "：": "=", "＃": "#", "．": ".", "－": "-", "—": "-"}  # fmt: skip
_INVISIBLE = {"\u3000": "全角空格", "\u00a0": "不换行空格", "\u200b": "零宽空格", "\ufeff": "BOM",
              "\u200e": "方向符", "\u200f": "方向符", "\u2028": "换行符"}  # fmt: skip
_NOT_ISO = re.compile(
    r"=\s*(\d{4})\s*[-/.年－—]\s*(\d{1,2})\s*[-/.月－—]\s*(\d{1,2})\s*日?\s*(?:#|$|[,}])"
)


class Blemish(NamedTuple):
    """A place in a file that is no TOML, and what to write there."""

    line: int
    column: int
    chinese: str
    english: str


class Unreadable(Exception):
    """The file is there and cannot be read as text: why, and what to do."""

    def __init__(self, blemish: Blemish) -> None:
        self.blemish = blemish
        super().__init__(f"{blemish.chinese} · {blemish.english}")


# --- encoding ---------------------------------------------------------------------------------


def text_of(path: Path) -> str:
    """What the file says, UTF-8 with or without a BOM; raises FileNotFoundError or Unreadable."""
    try:
        coded = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as refused:
        why = refused.strerror
        raise Unreadable(
            Blemish(
                1,
                1,
                f"文件读不了：{why}；打这条命令、运行热线的用户要能读它",
                f"it cannot be read by this user: {why}",
            )
        ) from refused
    try:
        return coded.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as odd:
        raise Unreadable(_foreign(coded, coded[: odd.start].count(b"\n") + 1)) from None


def _foreign(coded: bytes, line: int) -> Blemish:
    coding = _coding(coded)
    return Blemish(
        line,
        1,
        f"文件是 {coding} 编码，请在编辑器里另存为 UTF-8",
        f"it is {coding}, not UTF-8; save it as UTF-8",
    )


def _coding(coded: bytes) -> str:
    if coded.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    try:
        coded.decode("gb18030")
    except UnicodeDecodeError:
        return "未知（unknown）"
    return "GBK"


# --- syntax -----------------------------------------------------------------------------------


def blemishes(text: str) -> list[Blemish]:
    """All that is no TOML, in order; whatever stands twice is told as that."""
    lines = text.split("\n")
    broken = list(_broken(lines))
    twice = [
        Blemish(
            line,
            column,
            f"{name} 写了两遍，第一遍在第 {first} 行：改成别的名字或号码，或者删去一处",
            f"{name} stands here and in line {first}: give it another key or name",
        )
        for name, first, line, column in repeated("\n".join(lines))
    ]
    return sorted({*twice, *(fault for fault in broken if not _told(fault, twice))})


def _told(fault: Blemish, twice: list[Blemish]) -> bool:
    """Whether the parser stumbled over what stands twice, or over nothing else than that."""
    return fault.line in {each.line for each in twice} or (
        bool(twice) and "写了两遍" in fault.chinese
    )


def _broken(headed: list[str]) -> Iterator[Blemish]:
    """Line after line that is no TOML; each is then taken out, so that the next is found.

    In `headed` a header that cannot be read becomes one that can: what follows is not the
    table's before.
    """
    lines = list(headed)
    for number in range(MOST_FAULTS):
        try:
            tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError as broken:
            at, column = _place(lines, broken)
            line = lines[at]
            lines[at] = ""
            if _HEADER.match(line):
                lines[at] = f"[passed_over.n{number}]"
                if _again(line, str(broken)) is None:
                    headed[at] = lines[at]
            if not line.strip():
                return
            found, words = _remedy(line, str(broken))
            yield Blemish(at + 1, found or column, *words)
        else:
            return


def _place(lines: list[str], broken: tomllib.TOMLDecodeError) -> tuple[int, int]:
    """Index of the line, and the column; a text that is never closed counts where it began."""
    found = _AT.search(str(broken))
    at = int(found[1]) - 1 if found else len(lines) - 1
    column = int(found[2]) if found else 1
    if found is None or not lines[at].strip():
        at = next((n for n in range(at, -1, -1) if lines[n].strip()), at)
        if not found and (opened := _never_closed(lines)) is not None:
            at = opened
    return at, column


def _never_closed(lines: list[str]) -> int | None:
    marks = [n for n, line in enumerate(lines) for _ in re.findall("\"\"\"|'''", line)]
    return marks[-1] if len(marks) % 2 else None


def _remedy(line: str, said: str) -> tuple[int, Words]:
    """Column (0: as the parser says) and words for what is most probably wrong in a line."""
    for look in _LOOKS:
        if (found := look(line, said)) is not None:
            return found
    return 0, (
        "这一行不合 TOML 的写法：检查引号和括号是否成对",
        f"this is no TOML: {said}; quotes or brackets missing?",
    )


def _outside(line: str) -> str:
    """The line with whatever stands between ASCII quotes blanked out, and no comment."""
    blank = re.sub(
        r'"(?:[^"\\]|\\.)*"|\'[^\']*\'',
        lambda found: found[0][0] + " " * (len(found[0]) - 2) + found[0][0],
        line,
    )
    return blank.partition("#")[0]


def _typed_quotes(line: str, _: str) -> tuple[int, Words] | None:
    outside = _outside(line)
    at = next((n for n, character in enumerate(outside) if character in _QUOTES), None)
    if at is None:
        return None
    return at + 1, (
        f'这里的引号是 {outside[at]}，要用英文引号 "：名字 = "文字"',
        f'the quotation mark {outside[at]} must be an ASCII "',
    )


def _unseen(line: str, _: str) -> tuple[int, Words] | None:
    at = next((n for n, character in enumerate(line) if character in _INVISIBLE), None)
    if at is None or line[at] in line.partition('"')[2]:
        return None
    name = _INVISIBLE[line[at]]
    return at + 1, (
        f"这里有一个看不见的字符（{name}），删去，要空格就打英文空格",
        f"an invisible character U+{ord(line[at]):04X} stands here: remove it",
    )


def _control(line: str, _: str) -> tuple[int, Words] | None:
    at = next((n for n, c in enumerate(line) if (c < " " and c != "\t") or c == "\x7f"), None)
    if at is None:
        return None
    return at + 1, (
        "这里有一个看不见的控制字符，删去",
        f"a control character U+{ord(line[at]):04X} stands here: remove it",
    )


def _date(line: str, _: str) -> tuple[int, Words] | None:
    found = _NOT_ISO.search(_outside(line))
    if found is None:
        return None
    year, month, day = (int(part) for part in found.groups())
    column = found.start(1) + 1
    right = f"{year:04d}-{month:02d}-{day:02d}"
    return column, (
        f"日期写成 {right} 这样：四位年、两位月、两位日，中间用英文减号，而且这一天要存在",
        f"this is no date; a date is written like {right}, and the day must exist",
    )


def _wide_marks(line: str, _: str) -> tuple[int, Words] | None:
    outside = _outside(line)
    if (comment := re.match(r"\s*(//|；|;|--|＃)", outside)) is not None:
        return comment.start(1) + 1, (
            f"注释以英文 # 开头，这里是 {comment[1]}",
            f"a comment begins with #, not with {comment[1]}",
        )
    at = next((n for n, character in enumerate(outside) if character in _WIDE), None)
    if at is None:
        return None
    return at + 1, (
        f"这里的 {outside[at]} 是中文符号，改成英文的 {_WIDE[outside[at]]}",
        f"{outside[at]} is a full-width mark: write {_WIDE[outside[at]]}",
    )


def _header(line: str, _: str) -> tuple[int, Words] | None:
    bare = _outside(line).strip()
    if not bare.startswith("[") or "=" in bare:
        return None
    name = bare.strip("[] ") or "name"
    if re.fullmatch(r"\[[A-Za-z0-9_.\-]+\]", bare):
        return None
    return len(line) - len(line.lstrip()) + 1, (
        f"表头写成 [{name}]：一对英文方括号，里面只有英文字母、数字、下划线和点",
        f"a header is written [{name}], in ASCII letters",
    )


def _no_equals(line: str, _: str) -> tuple[int, Words] | None:
    found = re.match(r'\s*([^\s="\[{]+?)\s*(:?)\s*(")', line)
    if found is None or "=" in line[: found.start(3)]:
        return None
    what = "冒号" if found[2] else "缺少等号"
    return found.end(1) + 1, (
        f'这里要用等号：{found[1]} = "…"（现在{"是冒号" if found[2] else what}）',
        f'write {found[1]} = "…": the equals sign is missing',
    )


def _chinese_name(line: str, _: str) -> tuple[int, Words] | None:
    found = re.match(r"\s*([^\s=\"\[]*[^\x00-\x7f][^\s=\"]*)\s*=", _outside(line))
    if found is None:
        return None
    return found.start(1) + 1, (
        f"等号左边的名字 {found[1]} 只能用英文字母、数字和下划线；读音词表里的词要加英文引号",
        f"the name {found[1]} may have ASCII letters, digits and underscores only;"
        " a word of the lexicon stands between quotes",
    )


def _inner_quotes(line: str, _: str) -> tuple[int, Words] | None:
    """`"请在听到"请讲"时"`: the text ends at the second quote."""
    found = re.match(r'[^"=]*=\s*"[^"]*(")\s*[^\s,}\]#"]', line)
    if found is None:
        return None
    return found.start(1) + 1, (
        "文字里面不能再用英文引号：删去，或者整个值用单引号括起来（话里的引号念不出来）",
        "the text ends at this quotation mark: remove the quotation marks within it",
    )


def _open_quote(line: str, _: str) -> tuple[int, Words] | None:
    if re.sub(r"\\.", "", line).count('"') % 2 == 0:
        return None
    value = line.partition("=")[2].lstrip()
    opened = value.startswith(('"', "{"))
    at = len(line.rstrip()) + 1 if opened else line.index("=") + 2 if "=" in line else 1
    return at, (
        '这里少了一个引号：文字的两头各要一个英文引号 "',
        "a quotation mark is missing: quotes or brackets missing?",
    )


def _brackets(line: str, said: str) -> tuple[int, Words] | None:
    outside = _outside(line)
    if outside.count("{") > outside.count("}"):
        return len(line.rstrip()) + 1, (
            "花括号 { … } 要写在一行之内，末尾的 } 不能少",
            "a table { … } stands on one line and ends with }",
        )
    if re.search(r",\s*}", outside):
        return outside.rindex("}") + 1, (
            "花括号里最后一项后面不要逗号",
            "there is no comma before the closing }",
        )
    return None


def _unquoted(line: str, _: str) -> tuple[int, Words] | None:
    found = re.match(r"[^=]*=\s*(.*)$", _outside(line))
    if found is None:
        return None
    if not found[1].strip():
        return len(line.rstrip()) + 1, (
            "等号右边是空的：写上内容，文字的两头加英文引号",
            "nothing stands after the equals sign",
        )
    if not ("一" <= found[1][0] <= "鿿" or re.match(r"[A-Za-z]", found[1])):
        return None
    if (word := found[1].split()[0]).lower() in ("true", "false"):
        return None if word.islower() else _small(found.start(1) + 1, word.lower())
    return found.start(1) + 1, (
        f'等号右边的文字两头要加英文引号："{found[1].strip()[:12]}…"',
        "a text stands between quotes: quotes or brackets missing?",
    )


def _small(column: int, word: str) -> tuple[int, Words]:
    return column, (f"这里写成小写的 {word}，不加引号", f"write {word}, in small letters")


def _backslash(line: str, _: str) -> tuple[int, Words] | None:
    found = re.search(r'\\(?![btnfr"\\u])', line)
    if found is None:
        return None
    return found.start() + 1, (
        "反斜杠要写两个，或者整个值用单引号括起来，路径里用 /；话里的反斜杠念不出来，删去",
        "write each backslash twice, or put the value into single quotes, or a path with /;"
        " within a sentence remove it",
    )


def _again(line: str, said: str) -> tuple[int, Words] | None:
    if not any(word in said for word in ("twice", "overwrite", "redefine", "mutable")):
        return None
    return len(line) - len(line.lstrip()) + 1, (
        f"{line.strip()[:30]} 和前面重复，写了两遍：改成别的名字或号码，或者删去一处",
        f"this stands twice: {said}",
    )


_LOOKS: tuple[Callable[[str, str], tuple[int, Words] | None], ...] = (
    _again,
    _control,
    _typed_quotes,
    _unseen,
    _date,
    _inner_quotes,
    _open_quote,
    _unquoted,
    _wide_marks,
    _header,
    _no_equals,
    _chinese_name,
    _brackets,
    _backslash,
)
"""Tried in this order; the first that recognises the line speaks."""
