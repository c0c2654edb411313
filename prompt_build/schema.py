"""The JSON schema of `scripts.zh.toml`, so that editors' programs complete and check the file."""

from __future__ import annotations

import json
from typing import Any

from ivr.speech import numbers

_DATE = {"anyOf": [{"type": "string", "format": "date"}, {"type": "object"}]}
_COMMON: dict[str, Any] = {
    "hints": {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "词 → 拼音（chong2 ting1）或同音汉字",
    },
    "pace": {"type": "number", "minimum": 0.7, "maximum": 1.3, "description": "语速，1.0 为平常"},
    "recorded": {"type": "string", "description": "代替合成的录音文件，相对本目录"},
    "reviewed": {**_DATE, "description": "上次核对日期"},
    "expires": {**_DATE, "description": "到期须再核对"},
}


def schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "scripts.zh.toml：12329 热线的话术",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "variables": {"type": "object", "additionalProperties": _variable()},
            "prompts": {
                "type": "object",
                "additionalProperties": {"type": "object", "additionalProperties": _prompt()},
            },
            "information": {
                "type": "object",
                "additionalProperties": False,
                "patternProperties": {"^[0-9]$": {"$ref": "#/$defs/branch"}},
            },
        },
        "$defs": {"branch": _branch()},
    }


def _variable() -> dict[str, Any]:
    read = {
        "type": "object",
        "additionalProperties": False,
        "required": ["value", "read"],
        "properties": {"value": {"type": "string"}, "read": {"enum": list(numbers.KINDS)}},
    }
    return {"anyOf": [{"type": "string"}, read]}


def _prompt() -> dict[str, Any]:
    table = {
        "type": "object",
        "additionalProperties": False,
        "required": ["text"],
        "properties": {
            "text": {"type": "string"},
            "keys": {"type": "string", "pattern": "^[0-9*#]+$"},
            **_COMMON,
        },
    }
    return {"anyOf": [{"type": "string"}, table]}


def _branch() -> dict[str, Any]:
    said = {name: {"type": "string"} for name in ("title", "menu", "text")}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["title"],
        "properties": {**said, **_COMMON},
        "patternProperties": {"^[0-9]$": {"$ref": "#/$defs/branch"}},
        "oneOf": [{"required": ["menu"]}, {"required": ["text"]}],
    }


def text() -> str:
    """As `ivr prompts schema` prints it, and as it ships."""
    return json.dumps(schema(), ensure_ascii=False, indent=2) + "\n"
