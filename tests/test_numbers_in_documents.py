"""A document that states a number of the code names its source; the two must agree.

The way to write it: the number, its unit, and the source in brackets and backticks:
17 s (`ivr.upkeep.guardian.STRANDED_SECONDS`), 五分钟写作 300 秒（`recordings.most_seconds`）.
A name in capitals is a constant, one in small letters a setting, of which the default counts.
What was measured names its row of docs/measurements.md: 17.1 秒（`measured.stranded`）.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ivr.config import PROJECT, Settings

DOCUMENTS = [
    PROJECT / "README.md",
    *sorted(PROJECT.glob("docs/**/*.md")),
    *sorted(PROJECT.glob("deploy/**/*.md")),
]
IN_SECONDS = {
    "ms": 0.001,
    "毫秒": 0.001,
    "s": 1,
    "秒": 1,
    "min": 60,
    "分钟": 60,
    "h": 3600,
    "小时": 3600,
}
STATED = re.compile(
    r"(?P<number>\d+(?:[.,]\d+)*)\s*(?P<unit>[A-Za-z%]+|[\u4e00-\u9fff]{1,3})?"
    r"\s*[(（]`(?P<source>[a-z_]\w*(?:\.\w+)+)`[)）；]"
)
MEASUREMENTS = PROJECT / "docs" / "measurements.md"
MEASURED = "measured."
CONSTANT = re.compile(r"(?:ivr|analytics|prompt_build)(?:\.[a-z_]\w*)+\.[A-Z][A-Z0-9_]*\Z")


def value_of(source: str) -> Any:
    """What the code says; LookupError or ImportError where there is no such thing."""
    if source.startswith(MEASURED):
        return figure_of(source.removeprefix(MEASURED))
    if CONSTANT.match(source):
        module, _, name = source.rpartition(".")
        return vars(importlib.import_module(module))[name]
    value: Any = Settings()
    for name in source.split("."):
        if name not in type(value).model_fields:
            raise LookupError(source)
        value = getattr(value, name)
    return value


def rows() -> Iterator[tuple[str, ...]]:
    """The table of measurements, a tuple of its columns for each row."""
    for line in MEASUREMENTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            yield tuple(column.strip() for column in line.strip("|").split("|"))


def figure_of(name: str) -> frozenset[float]:
    """All the numbers that a row's figure has, times in seconds; LookupError without the row."""
    figures = {row[0].strip("`"): row[2] for row in rows()}
    found = re.finditer(r"(\d+(?:[.,]\d+)*)\s*([A-Za-z%]+)?", figures[name])
    return frozenset(
        float(number[1].replace(",", "")) * IN_SECONDS.get(number[2] or "", 1) for number in found
    )


def agrees(number: float, truth: Any) -> bool:
    """Whether a document says what the code says, or one of a measured row's figures."""
    allowed = truth if isinstance(truth, frozenset) else [float(truth)]
    return any(number == pytest.approx(each) for each in allowed)


def stated(text: str) -> Iterator[tuple[str, float, Any]]:
    """Each number with a source: as it stands there, its value, and that of the code."""
    for found in STATED.finditer(text):
        number = float(found["number"].replace(",", ""))
        seconds = IN_SECONDS.get(found["unit"] or "", 1)
        yield found[0], number * seconds, value_of(found["source"])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_number_that_names_its_source_is_that_number(document: Path) -> None:
    wrong = [
        f"{words} — the code says {truth}"
        for words, number, truth in stated(document.read_text(encoding="utf-8"))
        if not agrees(number, truth)
    ]
    assert not wrong, f"{document.relative_to(PROJECT)}: {wrong}"


def test_a_measurement_has_a_name_of_its_own_a_figure_a_command_and_a_date() -> None:
    names = [row[0] for row in rows()]
    assert len(names) == len(set(names))
    assert len(names) > 40
    for row in rows():
        assert len(row) == 6, row
        assert row[2], row
        assert row[4], row
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row[5]), row


def test_what_a_document_calls_a_measurement_is_one() -> None:
    """A row named without its figure, `soak_rounds` of measurements.md, is there too."""
    names = {row[0].strip("`") for row in rows()}
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        assert set(re.findall(r"`(\w+)` of \[measurements", text)) <= names, document.name


def test_the_times_of_the_line_name_their_source() -> None:
    asterisk = (PROJECT / "docs" / "decisions" / "asterisk.md").read_text(encoding="utf-8")
    assert len(list(stated(asterisk))) >= 8


def test_every_source_in_brackets_is_held() -> None:
    """One that the pattern does not read would be a number that nobody compares."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        held = {found["source"] for found in STATED.finditer(text)}
        named = set(re.findall(r"[(（]`([\w.]+)`[)）；]", text))
        constants = {name for name in named if CONSTANT.match(name) or name.startswith(MEASURED)}
        assert constants <= held, f"{document.name}: {constants - held}"


@pytest.mark.parametrize(
    "text",
    [
        "after 18 s (`ivr.upkeep.guardian.STRANDED_SECONDS`)",
        "17 分钟（`ivr.upkeep.guardian.STRANDED_SECONDS`）",
        "17000 s\n(`ivr.upkeep.guardian.STRANDED_SECONDS`)",
        "16.9 秒（`measured.stranded`）",
    ],
)
def test_a_wrong_number_is_found(text: str) -> None:
    ((_, number, truth),) = stated(text)
    assert not agrees(number, truth)


@pytest.mark.parametrize(
    "source", ["ivr.upkeep.guardian.NO_SUCH_SECONDS", "patience.no_such", "measured.no_such"]
)
def test_a_source_that_is_not_there_is_found(source: str) -> None:
    with pytest.raises(LookupError):
        list(stated(f"17 s (`{source}`)"))
