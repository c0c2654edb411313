"""An editor's mistakes are answered in her language: where, what stands there, what to write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.config import PROJECT
from prompt_build.catalog.faults import CatalogError
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import Source

SHIPPED = (PROJECT / "scripts.zh.toml").read_text(encoding="utf-8")


def faults(folder: Path, text: str | bytes) -> list[str]:
    """Of the shipped catalog with one mistake, against the real contract."""
    path = folder / "scripts.zh.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        load(Source(path))
    except CatalogError as refused:
        return str(refused).splitlines()
    return []


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def mistakes() -> Iterator[tuple[str, str, str]]:
    """What stands there, the mistake, and a part of the answer."""
    for line in (PROJECT / "tests/data/mistakes.tsv").read_text("utf-8").split("\n"):
        if line and not line.startswith("#"):
            right, wrong, told = (
                part.replace("⏎", "\n").replace("⇥", "\t") for part in line.split("\t")
            )
            yield right, wrong, told


@pytest.mark.parametrize(("right", "wrong", "told"), list(mistakes()))
def test_a_mistake_is_told_in_chinese_where_it_stands(
    right: str, wrong: str, told: str, tmp_path: Path
) -> None:
    assert right in SHIPPED
    text = SHIPPED.replace(right, wrong, 1)
    found = faults(tmp_path, text)
    about = [fault for fault in found if told in fault]
    assert about, "\n".join(found) or "no fault"
    assert all(re.match(r"scripts\.zh\.toml:\d+:\d+: .*[一-鿿]", fault) for fault in found)
    assert len(found) <= 3, "one mistake is told once: " + "\n".join(found)


@pytest.mark.parametrize(
    ("right", "wrong", "place"),
    [
        ('goodbye = "感谢您的来电，再见。"', "goodbye = “感谢您的来电，再见。”", 11),
        ("您的余额为{balance:amount}", "您的余额为{balance：amount}", 121),
        ("expires = 2027-05-24", "expires = 2027/05/24", 11),
        ('"额为" = "e2 wei2" }', '"额为" = "e2 wei" }', 39),
    ],
)
def test_line_and_column_are_those_of_the_mistake(
    right: str, wrong: str, place: int, tmp_path: Path
) -> None:
    text = SHIPPED.replace(right, wrong, 1)
    (fault, *_) = faults(tmp_path, text)
    assert fault.startswith(f"scripts.zh.toml:{line_of(text, wrong)}:{place}: "), fault


def test_all_lines_that_are_no_toml_are_told_at_once(tmp_path: Path) -> None:
    text = SHIPPED
    for right, wrong in (
        ('goodbye = "感谢您的来电，再见。"', "goodbye = “感谢您的来电，再见。”"),
        ("[prompts.nav.replay_or_back]", "[prompts.nav.replay_or_back"),
        ("expires = 2027-05-24", "expires = 2027/05/24"),
        ('title = "政策"', "title = 政策"),
    ):
        text = text.replace(right, wrong, 1)
    assert len(faults(tmp_path, text)) == 4


def test_an_empty_file_is_no_catalog(tmp_path: Path) -> None:
    for empty in ("", "\n\n", "# 话术\n", "[prompts]\n"):
        (fault,) = faults(tmp_path, empty)
        assert "一句话也没有" in fault


@pytest.mark.parametrize(
    ("coding", "named"), [("gb18030", "GBK"), ("utf-16", "UTF-16"), ("utf-16-be", "编码")]
)
def test_another_encoding_is_named(coding: str, named: str, tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, SHIPPED.encode(coding))
    assert named in fault
    assert "另存为 UTF-8" in fault


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_windows_and_its_marks_are_no_fault(end: str, tmp_path: Path) -> None:
    text = SHIPPED.replace("\n", end).replace("goodbye = ", "\tgoodbye\t=\t")
    assert faults(tmp_path, b"\xef\xbb\xbf" + text.encode()) == []


def test_the_agent_may_be_offered_first(tmp_path: Path) -> None:
    """人工前置: another order is the city's affair, as long as words and keys agree."""
    text = SHIPPED.replace("人工服务请按零，退出查询请按七", "退出查询请按七")
    text = text.replace(
        "查询公积金余额请按一，查询公积金贷", "人工请按零，查询公积金余额请按一，查询公积金贷"
    )
    text = text.replace('keys = "12345607"', 'keys = "01234567"')
    assert faults(tmp_path, text) == []


def test_a_key_may_be_left_unsaid_and_words_may_be_others(tmp_path: Path) -> None:
    text = SHIPPED.replace("互动交流请按六，", "").replace('keys = "12345607"', 'keys = "1234507"')
    text = text.replace("重听请按一，返回上层请按星号键。", "再播一遍请按一，不听了请按星号键。")
    assert faults(tmp_path, text) == []


def test_keys_may_stand_before_their_words(tmp_path: Path) -> None:
    text = SHIPPED.replace(
        "查询公积金余额请按一，查询公积金余额帮助请按二，返回上层查询请按星号键。",
        "请按一查询公积金余额，请按二听查询帮助，请按星号键返回上层。",
    )
    assert faults(tmp_path, text) == []
