"""Editors' programs check the file by a schema that ships and says what the reader says."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ivr.config import PROJECT
from ivr.speech.contract import CONTRACT
from prompt_build.catalog import shape

SHIPPED = PROJECT / "prompt_build" / "scripts.schema.json"


CHECKER = jsonschema.Draft202012Validator(
    shape.schema(CONTRACT), format_checker=jsonschema.FormatChecker()
)


def validate(content: dict[str, Any]) -> None:
    """As an editor's program does, to which a date is a text."""
    CHECKER.validate(json.loads(json.dumps(content, default=date.isoformat)))


def test_the_schema_that_ships_is_the_one_that_we_make() -> None:
    assert SHIPPED.read_text(encoding="utf-8") == shape.text(CONTRACT), (
        "ivr prompts schema > prompt_build/scripts.schema.json"
    )


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(shape.schema(CONTRACT))


def test_the_catalog_of_the_line_keeps_to_it() -> None:
    validate(tomllib.loads((PROJECT / "scripts.zh.toml").read_text(encoding="utf-8")))


def test_the_catalog_names_it_for_editors_programs() -> None:
    first = (PROJECT / "scripts.zh.toml").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("#:schema ")
    assert (PROJECT / Path(first.removeprefix("#:schema "))).resolve() == SHIPPED


@pytest.mark.parametrize(
    "wrong",
    [
        {"promts": {}},
        {"variables": {"rate": {"value": "5"}}},
        {"variables": {"rate": {"value": "5", "read": "percents"}}},
        {"prompts": {"main": "好。"}},
        {"prompts": {"main": {"menu": {"keys": "1"}}}},
        {"prompts": {"main": {"menu": {"text": "好。", "keys": "1a"}}}},
        {"prompts": {"main": {"menu": {"text": "好。", "pace": 2}}}},
        {"prompts": {"main": {"menu": {"text": "好。", "expires": "soon"}}}},
        {"prompts": {"main": {"menu": {"text": "好。", "sound": "a.wav"}}}},
        {"information": {"4": {"title": "甲"}}},
        {"information": {"4": {"title": "甲", "text": "好。", "menu": "好。"}}},
        {"information": {"a": {"title": "甲", "text": "好。"}}},
    ],
)
def test_what_the_reader_refuses_it_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate(wrong)
