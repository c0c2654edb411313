"""The settings read from where they stand; every fault of all of them is told at once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ivr import syntax
from ivr.config import environment
from ivr.config.checks import clashes
from ivr.config.faults import Fault, fault_of
from ivr.config.faults import Path as Where
from ivr.config.settings import OWN, Settings, SettingsError
from ivr.config.table import OF_THE_MACHINE, SCOPE, Table, TableDamaged, Version, flat, over
from ivr.positions import Positions


def home_folder() -> Path:
    """Where the line's own files lie, whether its settings are right or not."""
    return Path(os.environ.get("IVR_HOME") or OWN / "var")


def settings_file() -> Path:
    """The settings file: IVR_SETTINGS, else `settings.toml` under the home folder."""
    return Path(os.environ.get(environment.POINTER) or home_folder() / "settings.toml")


def load() -> Settings:
    """The settings as they stand now; raises SettingsError that names every fault at once."""
    return standing(starting())


def standing(settings: Settings) -> Settings:
    """The same settings as administrators have set them by now; raises SettingsError."""
    try:
        return laid(settings, Table(settings.home).newest())
    except (TableDamaged, OSError) as damaged:
        raise SettingsError(f"设置表：{damaged} · the table of settings") from damaged


def laid(settings: Settings, version: Version) -> Settings:
    """One version of the table over the starting values; SettingsError with all that is wrong."""
    if not version.content:
        return settings.starting
    _check_scope(version)
    base = settings.starting
    below = {name: getattr(base, name).model_dump() for name in SCOPE}
    parts = over(below, deepcopy(version.content))
    _keep_passwords(base, parts)
    checked, faults = _validated({**{name: getattr(base, name) for name in _FIELDS}, **parts})
    if checked is not None:
        faults += clashes(checked)
    told = [_line_of(fault, version) for fault in faults if fault.where[:1][0] in SCOPE]
    if told or checked is None:
        raise SettingsError("\n".join(dict.fromkeys(told)))
    return settings.with_set(**{name: getattr(checked, name) for name in SCOPE})


def _check_scope(version: Version) -> None:
    """The table has its own parts, and no passwords: these are the machine's."""
    foreign = sorted(
        {*set(version.content) - set(SCOPE), *OF_THE_MACHINE & {*flat(version.content)}}
    )
    phones = version.content.get("agents", {}).get("phones", ())
    told = [f"设置 {name}：写在 settings.toml 里 · belongs into settings.toml" for name in foreign]
    if any("password" in phone for phone in phones if isinstance(phone, dict)):
        told.append(
            "设置 agents.phones 的 password：写在 settings.toml 里，或不写，自动生成"
            " · belongs into settings.toml, or is made"
        )
    if told:
        raise SettingsError("\n".join(told))


def _keep_passwords(base: Settings, parts: dict[str, Any]) -> None:
    """The table holds no password: a phone keeps the one that the settings file gives it."""
    known = {phone.extension: phone.password for phone in base.agents.phones}
    for phone in parts["agents"]["phones"]:
        if isinstance(phone, dict) and phone.get("extension") in known:
            phone["password"] = known[phone["extension"]]


def _line_of(fault: Fault, version: Version) -> str:
    name = ".".join(fault.where)
    if version.number:
        name = f"{name}（设置表第 {version.number} 版）"
    if fault.chinese == fault.english:  # a check's own words, in both languages
        return f"设置 {name}：{fault.chinese}"
    return f"设置 {name}：{fault.chinese} · {fault.english}"


def origins() -> Iterator[tuple[str, str]]:
    """Every setting's name, and where its value comes from: the table, a variable, the file."""
    file = settings_file()
    source, (given, _) = _Source(file), environment.read(os.environ, Settings)
    version = Table(starting().home).newest()
    for name in environment.settings_of(Settings):
        where = tuple(name.split("."))
        if environment.table_of(environment.kind_of(Settings, where)) is not None:
            continue
        if _holds(version.content, where):
            yield name, f"设置表第 {version.number} 版"
        elif _holds(given, where):
            yield name, f"环境变量 {environment.variable(where)}"
        elif _holds(source.content, where):
            yield name, f"{file}:{source.positions.of(where)[0]}"
        else:
            yield name, "默认"


_FIELDS = tuple(Settings.model_fields)


def starting() -> Settings:
    """The machine's own: environment, file, defaults; raises SettingsError with every fault."""
    file = settings_file()
    source = _Source(file)
    given, faults = environment.read(os.environ, Settings)
    settings, wrong = _validated(over(source.content, given))
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
        except syntax.Unreadable as refused:
            self._refuse(refused.blemish)

    def _read(self, text: str) -> None:
        self.positions = Positions(text)
        if blemishes := syntax.blemishes(text):
            self._refuse(*blemishes)
        else:
            self.content = tomllib.loads(text)

    def _refuse(self, *blemishes: syntax.Blemish) -> None:
        self.faults += [
            f"{self.file}:{line}:{column}: {chinese} · {english}"
            for line, column, chinese, english in blemishes
        ]


def _text(file: Path) -> str:
    """What the file says; nothing where there is none and none was named."""
    try:
        return syntax.text_of(file)
    except FileNotFoundError:
        if not os.environ.get(environment.POINTER):
            return ""
        raise syntax.Unreadable(
            syntax.Blemish(
                1,
                1,
                f"没有这个文件，{environment.POINTER} 指错了地方",
                f"there is no such file: {environment.POINTER} leads nowhere",
            )
        ) from None
