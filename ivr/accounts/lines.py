"""A file of any encoding as lines of UTF-8, each of them where an editor shows it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 22
_CONTROLS = bytes(each for each in range(32) if each not in b"\t\n\r") + b"\x7f"
_CONTROL = re.compile(f"[{re.escape(_CONTROLS.decode())}]")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CUT = {"unexpected end of data", "truncated data", "incomplete multibyte sequence"}
"""How decoders call an end in the midst of a character."""
_UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


class NoText(ValueError):
    """What stands at a line cannot be text; says where and what to do, never what stands there."""

    def __init__(self, line: int, told: str) -> None:
        self.line = line
        super().__init__(told)


@dataclass(frozen=True, slots=True)
class Lines:
    """What is known of a file that was copied as lines."""

    path: Path
    """The copy: UTF-8, each line ended by one newline character, no line empty."""
    quoted: bool
    """A double quote stands somewhere."""
    ended: bool
    """The last line had its end."""


def copied(export: Path, to: Path) -> Lines:
    """Copy `export` line by line; NoText where it cannot be read, OSError where there is none.

    An empty line becomes a space, so that the lines keep their numbers in a reader that skips
    empty ones.
    """
    failed: list[NoText] = []
    for encoding in _encodings(export):
        try:
            return _copy(export, to, encoding)
        except UnicodeDecodeError as undecodable:
            failed.append(_unreadable(export, encoding))
            if undecodable.reason in _CUT:
                break
    raise max(failed, key=lambda each: each.line)  # what was read furthest it is


def _encodings(export: Path) -> tuple[str, ...]:
    """What the file may be written in, by its first bytes; the likelier first."""
    with export.open("rb") as file:
        start = file.read(4)
    if start.startswith(_UTF32):
        raise NoText(1, "文件是 UTF-32 编码：请另存为 UTF-8 (save it as UTF-8)")
    for bom, encoding in _BOMS:
        if start.startswith(bom):
            return (encoding,)
    if start[1:2] == b"\0" != start[:1]:
        return ("utf-16-le",)
    if start[:1] == b"\0" != start[1:2]:
        return ("utf-16-be",)
    return ("utf-8", "gb18030")


def _copy(export: Path, to: Path, encoding: str) -> Lines:
    line, before, quoted = 1, "\n", False
    with export.open(encoding=encoding, newline=None) as read, to.open("wb") as write:
        while text := read.read(CHUNK):
            _refuse_controls(text, line)
            quoted = quoted or '"' in text
            line += text.count("\n")
            write.write(_none_empty(text, before).encode())
            before = text[-1]
        _end_last(write, before)
    return Lines(to, quoted, before == "\n")


def _none_empty(text: str, before: str) -> str:
    text = f" {text}" if before == text[0] == "\n" else text
    while "\n\n" in text:
        text = text.replace("\n\n", "\n \n")
    return text


def _end_last(write: BinaryIO, before: str) -> None:
    if before != "\n":
        write.write(b"\n")


def _refuse_controls(text: str, line: int) -> None:
    """NUL and its kind: a damaged file, or none of text. Counted in bytes, which is fast."""
    raw = text.encode()
    if len(raw.translate(None, _CONTROLS)) == len(raw):
        return
    found = _CONTROL.search(text)
    if found is not None:
        row, at = _place(text[: found.start()], line)
        raise NoText(
            row,
            f"第 {at} 个字符是控制字符 (0x{ord(found[0]):02x})：文件损坏，或者不是文本，请重新导出",
        )


def _place(before: str, line: int, at: int = 1) -> tuple[int, int]:
    """Line and character at which `before` ends, both from 1."""
    newest = before.rpartition("\n")[2]
    return line + before.count("\n"), (1 if "\n" in before else at) + len(newest)


def _unreadable(export: Path, encoding: str) -> NoText:
    """Where decoding stopped: read once more, in small steps."""
    line, at = 1, 1
    decode = codecs.getincrementaldecoder(encoding)().decode
    for chunk in _chunks(export):
        try:
            line, at = _place(_newlines(decode(chunk, final=not chunk)), line, at)
        except UnicodeDecodeError as undecodable:
            good = undecodable.object[: undecodable.start].decode(encoding, "ignore")
            line, at = _place(_newlines(good), line, at)
            return NoText(line, _told(undecodable, encoding, at))
    raise AssertionError("it was decodable after all")  # pragma: no cover


def _chunks(export: Path) -> Iterator[bytes]:
    """All of it, and at last the empty chunk that tells a decoder of the end."""
    with export.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
    yield b""


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _told(undecodable: UnicodeDecodeError, encoding: str, at: int) -> str:
    if undecodable.reason in _CUT:
        return f"文件在第 {at} 个字符的中间断了：没有传完，请重新传送 (the file is cut off)"
    name = encoding.removesuffix("-sig").upper()
    return f"第 {at} 个字符不是 {name}：请另存为 UTF-8 (save it as UTF-8)"
