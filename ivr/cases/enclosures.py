"""What is enclosed with a case (附件): bounded, of a few known types, sealed before it is stored.

A type is known by the end of a file's name and by its content, and both must agree. It is sealed
under the line's own key and bound to its case, so that none can be exchanged.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import delete, func, insert, select

from ivr.cases.moves import NO_NUMBERS, Refused, names_somebody
from ivr.cases.sealing import Unreadable, seal, unseal
from ivr.cases.store import CASE, ENCLOSURE, Cases, stamp

MOST: Final = 10
"""Of one case."""
MOST_BYTES: Final = 5_000_000
"""Of one file."""
MOST_CHARACTERS: Final = 100
"""Of a file's name."""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """One file, without its content."""

    id: str
    name: str
    bytes: int
    sha256: str
    by: str
    at: datetime


class Enclosures:
    """What is enclosed with the cases of a line. All of it blocks."""

    def __init__(self, cases: Cases, keys: Path) -> None:
        """`keys`: the folder of the line's keys."""
        self._cases = cases
        self._keys = keys

    def of(self, number: str) -> tuple[Enclosure, ...]:
        """Of one case, the oldest first."""
        columns = [each for each in ENCLOSURE.c if each.name != "sealed"]
        query = select(*columns).where(ENCLOSURE.c.number == number).order_by(ENCLOSURE.c.at)
        with self._cases.reading() as rows:
            return tuple(_enclosure(row) for row in rows.execute(query))

    def add(self, number: str, name: str, content: bytes, *, by: str, now: datetime) -> Enclosure:
        """Enclose a file; raises Refused with what is wrong with it, and NoCase."""
        name = Path(name.replace("\\", "/")).name.strip()
        check(name, content)
        self._cases.case(number)
        new = Enclosure(
            uuid4().hex, name, len(content), hashlib.sha256(content).hexdigest(), by, now
        )
        counted = select(func.count()).select_from(ENCLOSURE).where(ENCLOSURE.c.number == number)
        with self._cases.writing() as rows:
            if rows.execute(counted).scalar_one() >= MOST:
                raise Refused(f"一件工单最多 {MOST} 个附件 · too many files")
            rows.execute(
                insert(ENCLOSURE).values(
                    id=new.id,
                    number=number,
                    name=name,
                    bytes=new.bytes,
                    sha256=new.sha256,
                    made_by=by,
                    at=stamp(now),
                    sealed=seal(self._keys, f"{number}/{new.id}", content),
                )
            )
        return new

    def content(self, number: str, file: str) -> tuple[Enclosure, bytes]:
        """One, as it was given; raises Refused where there is none, and Unreadable."""
        query = select(ENCLOSURE).where(ENCLOSURE.c.number == number, ENCLOSURE.c.id == file)
        with self._cases.reading() as rows:
            row = rows.execute(query).first()
        if row is None:
            raise Refused("没有这个附件 · no such file")
        content = unseal(self._keys, f"{number}/{file}", row.sealed)
        if hashlib.sha256(content).hexdigest() != row.sha256:
            raise Unreadable("附件和存档时不一样 · not as it was filed")
        return _enclosure(row), content

    def remove(self, number: str, file: str) -> None:
        """Take one out that does not belong there; raises Refused: from legal hold nothing goes."""
        with self._cases.writing() as rows:
            held = rows.execute(select(CASE.c.held).where(CASE.c.number == number)).scalar()
            if held:
                raise Refused("这件工单已保全，什么也不能删 · the case is in legal hold")
            mine = (ENCLOSURE.c.number == number, ENCLOSURE.c.id == file)
            if rows.execute(delete(ENCLOSURE).where(*mine)).rowcount == 0:
                raise Refused("没有这个附件 · no such file")


def _enclosure(row: Any) -> Enclosure:
    at = datetime.fromisoformat(row.at)
    return Enclosure(row.id, row.name, row.bytes, row.sha256, row.made_by, at)


# --- what may be enclosed -----------------------------------------------------------------------


def check(name: str, content: bytes) -> None:
    """Raises Refused, in words for whoever has chosen the file."""
    if not name or len(name) > MOST_CHARACTERS or any(ord(each) < 32 for each in name):
        raise Refused(f"文件名要有，最多 {MOST_CHARACTERS} 字 · a name of at most so many letters")
    if names_somebody(name):
        raise Refused(NO_NUMBERS)
    if not content:
        raise Refused("这是空文件 · the file is empty")
    if len(content) > MOST_BYTES:
        raise Refused(f"一个附件最多 {MOST_BYTES // 1_000_000} MB · the file is too large")
    ending = Path(name).suffix.lower().removeprefix(".")
    known = _TYPES.get(ending)
    if known is None:
        raise Refused(f"附件只收 {'、'.join(_TYPES)} · only files of these types")
    if not known(content):
        raise Refused(
            f"内容不是 {ending}：文件名和内容要一致，带宏的也不收 · the content is not what the"
            " name says"
        )


def _begins(*magic: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(magic)


def _is_office(part: str) -> Callable[[bytes], bool]:
    """Office Open XML with this part, and without macros."""

    def is_one(content: bytes) -> bool:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as parts:
                names = parts.namelist()
        except (zipfile.BadZipFile, ValueError, OSError):
            return False
        has_macros = any(name.lower().endswith(("vbaproject.bin", ".exe", ".js")) for name in names)
        return part in names and "[Content_Types].xml" in names and not has_macros

    return is_one


def _is_text(content: bytes) -> bool:
    """In UTF-8 or GB 18030, without control characters."""
    for coding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(coding)
        except UnicodeDecodeError:
            continue
        return all(each.isprintable() or each in "\r\n\t" for each in text)
    return False


_TYPES: Final[Mapping[str, Callable[[bytes], bool]]] = {
    "pdf": _begins(b"%PDF-"),
    "jpg": _begins(b"\xff\xd8\xff"),
    "jpeg": _begins(b"\xff\xd8\xff"),
    "png": _begins(b"\x89PNG\r\n\x1a\n"),
    "docx": _is_office("word/document.xml"),
    "xlsx": _is_office("xl/workbook.xml"),
    "txt": _is_text,
    "wav": lambda content: content[:4] == b"RIFF" and content[8:12] == b"WAVE",
}
