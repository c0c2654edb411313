"""The shape of a catalog's entries: what a file may say, as models and as the JSON schema of them.

The models check what is read; the schema, for editors' programs, is made of the same models and
of what is agreed with the code.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ivr.speech import numbers
from ivr.speech.contract import DTMF, Clause, Contract
from prompt_build.catalog.layers import REMOVED, Where

SLOWEST, FASTEST = 0.7, 1.3
TABLES = ("variables", "codes", "prompts", "information")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def _only_a_date(given: object) -> object:
    """A day as TOML has it or as text; no number (which pydantic takes for seconds), no time."""
    if isinstance(given, str) and _ISO.fullmatch(given):
        return given
    if isinstance(given, datetime) or not isinstance(given, date):
        raise ValueError("no date")  # noqa: TRY004  pydantic collects this one
    return given


Day = Annotated[date, BeforeValidator(_only_a_date)]


def _a_kind(given: str) -> str:
    if given not in numbers.KINDS:
        raise ValueError("no kind")
    return given


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Options(_Entry):
    """What may be said of any sentence."""

    hints: dict[str, str] = Field(default={}, description="词 → 拼音（chong2 ting1）或同音汉字")
    pace: float = Field(default=1.0, ge=SLOWEST, le=FASTEST, description="语速，1.0 为平常")
    recorded: str | None = Field(default=None, description="代替合成的录音文件，相对本文件所在目录")
    reviewed: Day | None = Field(default=None, strict=False, description="上次核对日期")
    expires: Day | None = Field(default=None, strict=False, description="到期须再核对")


class SentenceTable(Options):
    """A sentence of the code's, or a menu where it has keys."""

    text: str = Field(description="要说的话")
    keys: str = Field(default="", pattern=r"^[0-9*#]*$", description="菜单的按键，连着写")


class Branch(Options):
    """A branch of the information tree: a menu, or a text."""

    title: str = Field(min_length=1, description="给人看的名字，电话里不念")
    menu: str | None = Field(default=None, min_length=1, description="这一层的选择")
    text: str | None = Field(default=None, min_length=1, description="播报的内容")


class Reading(_Entry):
    """A variable whose value is read by a rule."""

    value: str
    read: Annotated[str, AfterValidator(_a_kind)] = Field(
        json_schema_extra={"enum": list(numbers.KINDS)}
    )


# --- faults -----------------------------------------------------------------------------------

_DATE = "日期写成 {0} = 2026-12-31 这样，不加引号", "{0} is a date: {0} = 2026-12-31"
_WORDS: Mapping[str, tuple[str, str]] = {
    "hints": (
        '注音写成 hints = {{ "词" = "拼音" }}，例如 {{ "重听" = "chong2 ting1" }}',
        'hints are {{ "word" = "pinyin" }}, e.g. "重听" = "chong2 ting1"',
    ),
    "pace": (
        f"语速 pace 是 {SLOWEST} 到 {FASTEST} 之间的数，平常是 1.0，不加引号",
        f"a pace is between {SLOWEST} and {FASTEST}; 1.0 is usual",
    ),
    "recorded": (
        'recorded 是录音文件的名字，加引号：recorded = "录音.wav"',
        'recorded is the name of a file: recorded = "file.wav"',
    ),
    "reviewed": _DATE,
    "expires": _DATE,
}


def faults(
    where: Where, model: type[_Entry], given: Mapping[str, Any]
) -> Iterator[tuple[Where, str, str]]:
    """What is wrong with one entry: where it stands, in Chinese and in English."""
    try:
        model.model_validate(dict(given))
    except ValidationError as refused:
        for error in refused.errors(include_url=False):
            yield _fault(where, model, given, error)


def _fault(
    where: Where, model: type[_Entry], given: Mapping[str, Any], error: Mapping[str, Any]
) -> tuple[Where, str, str]:
    option = str(error["loc"][0])
    name = ".".join(where if where[0] == "information" else where[1:])
    if error["type"] == "extra_forbidden":
        return ((*where, option), *_unknown(option, list(model.model_fields)))
    if option == "keys":
        return ((*where, option), *_keys(given[option]))
    if option in _WORDS:
        chinese, english = _WORDS[option]
        stands = _shown(given[option])
        return (
            (*where, option),
            f"{chinese.format(option)}（现在是 {stands}）",
            english.format(option),
        )
    return (
        where,
        f'{name} 要写 {option} = "…"，一句加引号的话',
        f'{name} needs a sentence: {option} = "…"'
        if option == "text"
        else f'{name} needs {option} = "…"',
    )


def _keys(given: object) -> tuple[str, str]:
    if not isinstance(given, str):
        return (
            f'按键连着写，加引号：keys = "12*"（现在是 {_shown(given)}）',
            'keys are written together, as a text: keys = "12*"',
        )
    odd = next(key for key in given if key not in DTMF)
    return (
        f"电话上没有「{odd}」这个键，keys 里只能写 0 到 9、* 和 #",
        f"there is no key {odd!r} on a telephone: use 0 to 9, * and #",
    )


def _unknown(option: str, known: list[str]) -> tuple[str, str]:
    near = difflib.get_close_matches(option, known, n=1)
    guess = f"，是不是 {near[0]}？" if near else ""
    listed = ", ".join(sorted(known))
    return (
        f"没有 {option} 这个选项{guess}（可以写 {listed}）",
        f"there is no option {option}; known: {listed}",
    )


def _shown(given: object) -> str:
    return f'"{given}"' if isinstance(given, str) else str(given)


# --- the schema -------------------------------------------------------------------------------


def schema(contract: Contract, *, words: bool = False) -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of the shipped catalog, or of a city's own words over it."""
    groups: dict[str, dict[str, Clause]] = {}
    for name, clause in contract.clauses.items():
        group, _, own = name.partition(".")
        groups.setdefault(group, {})[own] = clause
    roots = {key: {"$ref": "#/$defs/branch"} for key in contract.branches}
    title = "words.zh.toml：本市的话术" if words else "scripts.zh.toml：12329 热线的话术"
    return {
        "$schema": _DRAFT,
        "title": title,
        **_table(
            {
                "variables": {"type": "object", "additionalProperties": _variable()},
                "codes": _codes(),
                "prompts": _table(
                    {group: _group(each, words=words) for group, each in groups.items()},
                    all_of_them=not words,
                ),
                "information": _table(roots, all_of_them=not words),
            }
        ),
        "$defs": {"branch": _branch(words=words)},
    }


def _table(properties: dict[str, Any], *, all_of_them: bool = False) -> dict[str, Any]:
    needed = {"required": list(properties)} if all_of_them else {}
    return {"type": "object", "additionalProperties": False, "properties": properties, **needed}


def _group(clauses: Mapping[str, Clause], *, words: bool) -> dict[str, Any]:
    entries = {name: _sentence(clause, words=words) for name, clause in clauses.items()}
    return _table(entries, all_of_them=not words)


def _sentence(clause: Clause, *, words: bool) -> dict[str, Any]:
    """A text, or a table; a menu has the keys that the code knows."""
    table = _plain(SentenceTable)
    if words:
        table.pop("required")
    if clause.menu:
        known = "".join(clause.keys)
        table["properties"]["keys"]["pattern"] = f"^[{re.escape(known)}]+$"
        table["required"] = [*table.get("required", []), *(() if words else ("keys",))]
        return {"anyOf": [{"type": "string"}, table]} if words else table
    del table["properties"]["keys"]
    said = "".join(f"{{{name}:{kind}}}" for name, kind in clause.slots.items())
    noted = {"description": f"可以说 {said}"} if said else {}
    return {"anyOf": [{"type": "string", **noted}, table]}


def _branch(*, words: bool) -> dict[str, Any]:
    table = _plain(Branch)
    table["patternProperties"] = {"^[1-9]$": {"$ref": "#/$defs/branch"}}
    if words:
        table.pop("required")
        table["properties"][REMOVED] = {"const": True, "description": "去掉这个分支"}
    else:
        table["oneOf"] = [{"required": ["menu"]}, {"required": ["text"]}]
    return table


def _variable() -> dict[str, Any]:
    return {"anyOf": [{"type": "string"}, _plain(Reading)]}


def _codes() -> dict[str, Any]:
    """Tables of what is said for the codes of a column."""
    table = {"type": "object", "additionalProperties": {"type": "string"}}
    noted = {"description": "代码表：代码 → 要说的话，空的不说"}
    return {"type": "object", "additionalProperties": {**table, **noted}}


def _plain(model: type[_Entry]) -> dict[str, Any]:
    """A model's schema, as an editor's program needs it: what is absent is not written as null."""
    made = model.model_json_schema()
    made.pop("title")
    made.pop("description", None)
    made["properties"] = {name: _written(each) for name, each in made["properties"].items()}
    return made


def _written(option: dict[str, Any]) -> dict[str, Any]:
    choices = [each for each in option.pop("anyOf", ()) if each != {"type": "null"}]
    for each in choices:
        option |= each
    option.pop("title", None)
    option.pop("default", None)
    return option


def text(contract: Contract, *, words: bool = False) -> str:
    """As `ivr prompts schema` prints it, and as it ships."""
    return json.dumps(schema(contract, words=words), ensure_ascii=False, indent=2) + "\n"
