"""What is wrong with a setting, in words for the operator: Chinese first, and never the value."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str, ...]
"""A setting's place among the others, such as ("agents", "phones", "0", "extension")."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and what would be right."""

    where: Path
    chinese: str
    english: str


def fault_of(error: Mapping[str, Any], known: Iterable[str]) -> Fault:
    """A fault that pydantic found, with its own kind of words; `known` are all settings' names."""
    where = tuple(str(step) for step in error["loc"])
    kind, context = str(error["type"]), error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(where, known)
    chinese, english = _WORDS.get(kind) or _words_for_family(kind)
    if kind == "value_error":
        context = {"error": context["error"]}
    return Fault(where, chinese.format(**context), english.format(**context))


def _unknown(where: Path, known: Iterable[str]) -> Fault:
    """No such setting; the one that was meant has a like name, or this name in another table."""
    near = nearest(".".join(where), known)
    if near is None:
        return Fault(where, "没有这项设置", "there is no such setting")
    return Fault(
        where,
        f"没有这项设置，是不是 {near}？",
        f"there is no such setting; did you mean {near}?",
    )


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant: spelt nearly so, or of the same last word."""
    names = list(known)
    last = name.rpartition(".")[2]
    homes = [each for each in names if each.rpartition(".")[2] == last]
    spelt = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.75)
    lasts = {each.rpartition(".")[2]: each for each in names}
    alike = difflib.get_close_matches(last.lower(), lasts, n=1, cutoff=0.75)
    return next(iter([*homes, *spelt, *(lasts[each] for each in alike)]), None)


_WORDS: Mapping[str, tuple[str, str]] = {
    "missing": ("这一项必须填写", "this must be set"),
    "greater_than": ("应大于 {gt}", "must be more than {gt}"),
    "greater_than_equal": ("不能小于 {ge}", "must be at least {ge}"),
    "less_than": ("应小于 {lt}", "must be less than {lt}"),
    "less_than_equal": ("不能大于 {le}", "must be at most {le}"),
    "literal_error": ("只能是 {expected}", "must be {expected}"),
    "string_pattern_mismatch": ("写法不对，应符合 {pattern}", "must look like {pattern}"),
    "too_short": ("至少要有 {min_length} 项", "needs at least {min_length}"),
    "too_long": ("最多 {max_length} 项", "takes at most {max_length}"),
    "finite_number": ("应是一个有限的数", "must be a finite number"),
    "value_error": ("{error}", "{error}"),
}
_FAMILIES: Mapping[str, tuple[str, str]] = {
    "int": ("应是整数，不加引号", "must be a whole number, without quotes"),
    "float": ("应是数字，不加引号", "must be a number, without quotes"),
    "bool": ("应是 true 或 false", "must be true or false"),
    "string": ("应是加引号的文字", "must be a text in quotes"),
    "path": ("应是加引号的路径", "must be a path in quotes"),
    "date": ("应是日期，如 2026-10-01", "must be a date such as 2026-10-01"),
    "tuple": ("应是列表，如 [甲, 乙]", "must be a list, such as [one, two]"),
    "model": ("应是一节设置，如 [agents.hours]", "must be a table, such as [agents.hours]"),
}


def _words_for_family(kind: str) -> tuple[str, str]:
    family = kind.partition("_")[0]
    return _FAMILIES.get(family, ("写法不对", "is not written as it should be"))
