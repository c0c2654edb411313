"""The settings read from where they stand; every fault of all of them is told at once."""

from __future__ import annotations

import codecs
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ivr.config import environment
from ivr.config.checks import clashes
from ivr.config.faults import Fault, fault_of
from ivr.config.faults import Path as Where
from ivr.config.settings import OWN, Settings, SettingsError
from ivr.positions import Positions, repeated

_FULL_WIDTH = {"“": '"', "”": '"', "＂": '"', "‘": "'", "’": "'", "＝": "=", "：": "=", "，": ",",
               "［": "[", "］": "]", "【": "[", "】": "]", "＃": "#"}  # fmt: skip


def home_folder() -> Path:
    """Where the line's own files lie, whether its settings are right or not."""
    return Path(os.environ.get("IVR_HOME") or OWN / "var")


def settings_file() -> Path:
    """The settings file: IVR_SETTINGS, else `settings.toml` under the home folder."""
    return Path(os.environ.get(environment.POINTER) or home_folder() / "settings.toml")


def load() -> Settings:
    """Read the settings; raises SettingsError that names every fault at once."""
    file = settings_file()
    source = _Source(file)
    given, faults = environment.read(os.environ, Settings)
    settings, wrong = _validated(_merged(source.content, given))
    if settings is not None:
        wrong += clashes(settings)
    told = [
        *source.faults,
        *(_line(fault, source, given) for fault in dict.fromkeys((*faults, *wrong))),
    ]
    if told or settings is None:
        raise SettingsError("\n".join(told))
    return settings


def _validated(given: dict[str, Any]) -> tuple[Settings | None, list[Fault]]:
    """The settings without what is wrong with them, so that the rest can be examined too."""
    known = tuple(environment.settings_of(Settings))
    faults: list[Fault] = []
    while True:
        try:
            return Settings.model_validate(given), faults
        except ValidationError as refused:
            errors = refused.errors(include_input=False, include_url=False)
            faults += [fault_of(error, known) for error in errors]
            culprits = {_culprit(error) for error in errors}
            if not all(_removed(given, where) for where in culprits):
                return None, faults


def _culprit(error: Mapping[str, Any]) -> Where:
    """What must go for the rest to hold: a list as a whole, and a table that lacks something."""
    where = error["loc"][:-1] if error["type"] == "missing" else error["loc"]
    names = takewhile(lambda step: isinstance(step, str), where)
    return tuple(map(str, names))


def _removed(given: dict[str, Any], where: Where) -> bool:
    """Take out what stands there; whether anything did."""
    table: Any = given
    for step in where[:-1]:
        table = table.get(step) if isinstance(table, dict) else None
    return isinstance(table, dict) and table.pop(where[-1], None) is not None


def _merged(file: Mapping[str, Any], environment: Mapping[str, Any]) -> dict[str, Any]:
    """Both, table by table; the environment goes before the file."""
    merged = dict(file)
    for name, value in environment.items():
        before = merged.get(name)
        both = isinstance(before, dict) and isinstance(value, dict)
        merged[name] = _merged(before or {}, value) if both else value
    return merged


def _line(fault: Fault, source: _Source, given: Mapping[str, Any]) -> str:
    """A fault with the place where it was written, or the places where it can be."""
    name = ".".join(fault.where)
    if name.startswith(environment.PREFIX):
        return f"环境变量 {name}：{fault.chinese} · {name}: {fault.english}"
    words = f"设置 {name}：{fault.chinese} · setting {name}: {fault.english}"
    if fault.chinese == fault.english:  # a check's own words, in both languages
        words = f"设置 {name}：{fault.chinese} · setting {name}"
    variable = environment.variable(fault.where)
    if _holds(given, fault.where):
        return f"环境变量 {variable}：{words}"
    if _holds(source.content, fault.where[:1]):
        line, column = source.positions.of(fault.where)
        return f"{source.file}:{line}:{column}: {words}"
    return f"{words}（{source.file} 或 {variable}）"


def _holds(tables: Mapping[str, Any], where: Where) -> bool:
    """Whether what stands at `where`, or the list that it is a part of, was set there."""
    inner: Any = tables
    for step in where:
        if not isinstance(inner, Mapping) or step not in inner:
            return isinstance(inner, list)
        inner = inner[step]
    return True


@dataclass(slots=True)
class _Source:
    """The settings file: what it sets, and where; or why it cannot be read."""

    file: Path
    content: dict[str, Any] = field(default_factory=dict)
    positions: Positions = field(default_factory=lambda: Positions(""))
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        try:
            self._read(_text(self.file))
        except _Unreadable as unreadable:
            self.faults.append(f"{self.file}: {unreadable}")

    def _read(self, text: str) -> None:
        self.positions = Positions(text)
        try:
            self.content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as broken:
            self.faults += [f"{self.file}:{fault}" for fault in _syntax_faults(text, broken)]


class _Unreadable(Exception):
    """Why nothing can be read, and what to do."""


def _text(file: Path) -> str:
    """What the file says; nothing where there is none and none was named."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        if os.environ.get(environment.POINTER):
            raise _Unreadable(
                f"没有这个文件，{environment.POINTER} 指错了地方"
                f" · there is no such file: {environment.POINTER} leads nowhere"
            ) from None
        return ""
    except OSError as refused:
        raise _Unreadable(
            f"读不了：{refused.strerror}；运行热线的用户要能读它"
            f" · cannot be read by this user: {refused.strerror}"
        ) from refused
    return _decoded(content)


def _decoded(content: bytes) -> str:
    """UTF-8 with or without a BOM; other encodings are named."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        name = _encoding(content)
        raise _Unreadable(
            f"文件是 {name} 编码，请另存为 UTF-8 · it is {name}: save it as UTF-8"
        ) from None


def _encoding(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    try:
        content.decode("gb18030")
    except UnicodeDecodeError:
        return "未知的 (unknown)"
    return "GBK"


def _syntax_faults(text: str, broken: tomllib.TOMLDecodeError) -> Iterator[str]:
    """Whatever stands twice; else where TOML ends, and what is probably wrong there."""
    twice = repeated(text)
    for name, first, line, column in twice:
        yield (
            f"{line}:{column}: {name} 写了两次，第一次在第 {first} 行，请删去一处"
            f" · {name} stands here and in line {first}: remove one"
        )
    if not twice:
        found = re.search(r"line (\d+), column (\d+)", str(broken))
        lines = text.splitlines() or [""]
        line, column = (int(found[1]), int(found[2])) if found else (len(lines), len(lines[-1]) + 1)
        chinese, english = _remedy(lines[min(line, len(lines)) - 1])
        yield f"{line}:{column}: {chinese} · {english} ({broken})"


def _remedy(line: str) -> tuple[str, str]:
    bare = re.sub(r"#.*|\"[^\"]*\"|'[^']*'", "", line)  # texts and comments may say anything
    full_width = [mark for mark in _FULL_WIDTH if mark in bare]
    if full_width:
        pairs = "，".join(f"{mark} 改成 {_FULL_WIDTH[mark]}" for mark in full_width)
        return f"这一行有全角符号：{pairs}", "full-width marks stand here: use ASCII ones"
    if "\\" in line:
        return (
            "反斜杠要写两个，或者整个值用单引号括起来",
            "write each backslash twice, or put the value into single quotes",
        )
    return (
        "这里不是合格的 TOML：引号或方括号没有成对，或文字没有加引号？",
        "this is no TOML: are quotes or brackets missing?",
    )
