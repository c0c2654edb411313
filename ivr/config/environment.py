"""Settings from the environment: `IVR_SIP_PORT`, `IVR_ACCOUNTS__URL`, lists as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from ivr.config.faults import Fault, Path, nearest

PREFIX = "IVR_"
POINTER = "IVR_SETTINGS"
"""Names another settings file; itself no setting."""


def variable(where: Path) -> str:
    """The environment's name of a setting; for a part of a list, of the whole list."""
    names: list[str] = []
    for step in where:
        if step.isdecimal():
            break
        names.append(step)
    return PREFIX + "__".join(names).upper()


def read(
    environment: Mapping[str, str], model: type[BaseModel]
) -> tuple[dict[str, Any], list[Fault]]:
    """What the environment sets, as nested tables; variables that set nothing are faults.

    An empty variable sets nothing: service units and compose files cannot leave one out.
    """
    known = {variable(tuple(name.split("."))): name for name in settings_of(model)}
    found: dict[str, Any] = {}
    faults = []
    for name, text in sorted(environment.items()):
        if not name.startswith(PREFIX) or name == POINTER or not text:
            continue
        if name not in known:
            faults.append(_unknown(name, known))
            continue
        where = tuple(known[name].split("."))
        try:
            _put(found, where, _value(text, kind_of(model, where)))
        except ValueError:
            faults.append(_no_json(name))
    return found, faults


def _unknown(name: str, known: Mapping[str, str]) -> Fault:
    written = name.removeprefix(PREFIX).lower().replace("__", ".")
    near = nearest(written, known.values())
    meant = variable(tuple(near.split("."))) if near else None
    return Fault(
        (name,),
        "没有这个环境变量" + (f"，是不是 {meant}？" if meant else ""),
        "there is no such variable" + (f"; did you mean {meant}?" if meant else ""),
    )


def _no_json(name: str) -> Fault:
    return Fault(
        (name,),
        '列表和表要写成 JSON，如 ["alaw","ulaw"]',
        'lists and tables are written as JSON, such as ["alaw","ulaw"]',
    )


def _value(text: str, kind: Any) -> Any:
    """Numbers and texts as they are; what is more than one value is JSON."""
    several = _is_table(kind) or any(
        getattr(each, "__origin__", None) is tuple or _is_table(each)
        for each in (kind, *get_args(kind))
    )
    return json.loads(text) if several else text


def _put(tables: dict[str, Any], where: Path, value: Any) -> None:
    for step in where[:-1]:
        tables = tables.setdefault(step, {})
    if isinstance(value, dict):  # a table as JSON, beside variables of single settings of it
        value = value | tables.get(where[-1], {})
    tables[where[-1]] = value


def settings_of(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """Dotted names of all tables and settings; what stands in lists has no name of its own."""
    for name, field in model.model_fields.items():
        yield f"{above}{name}"
        table = table_of(field.annotation)
        if table is not None:
            yield from settings_of(table, f"{above}{name}.")


def kind_of(model: type[BaseModel], where: Path) -> Any:
    """The type of a setting."""
    field = model.model_fields[where[0]]
    table = table_of(field.annotation)
    return field.annotation if len(where) == 1 or table is None else kind_of(table, where[1:])


def table_of(kind: Any) -> type[BaseModel] | None:
    """The table that a setting is, or may be."""
    return next((each for each in (kind, *_choices(kind)) if _is_table(each)), None)


def _choices(kind: Any) -> tuple[Any, ...]:
    return () if getattr(kind, "__origin__", None) is tuple else get_args(kind)


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
