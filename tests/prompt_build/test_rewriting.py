"""The city's file changed by the studio: comments and order stay, nothing is lost."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from ivr.config import PROJECT
from prompt_build.catalog.layers import Where, entries
from prompt_build.catalog.rewriting import CannotRewrite, rewritten

FILE = """\
#:schema x
# 本市的话术

[variables]
base_year = "二零二六年度"   # 每年七月改
base_ceiling = { value = "27900", read = "amount" }

# 先说再见
[prompts.line]
goodbye = "再见。"     # 短一点好
busy = "忙。"

[information.4]
title = "政策"
menu = "缴存请按一。"

[prompts.main.menu]
text = "人工请按零。"
pace = 0.9  # 慢一点
keys = "0"

[information.4.1]
title = "缴存"
text = "百分之五。"
expires = 2027-05-01
"""


def lines_that_differ(before: str, after: str) -> tuple[list[str], list[str]]:
    old, new = before.splitlines(), after.splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


@pytest.mark.parametrize(
    ("where", "entry", "gone", "new"),
    [
        (
            ("variables", "base_year"),
            "二零二七年度",
            'base_year = "二零二六年度"   # 每年七月改',
            'base_year = "二零二七年度"   # 每年七月改',
        ),
        (
            ("variables", "base_ceiling"),
            {"value": "30000", "read": "amount"},
            'base_ceiling = { value = "27900", read = "amount" }',
            'base_ceiling = { value = "30000", read = "amount" }',
        ),
        (
            ("prompts", "line", "goodbye"),
            "谢谢，再见。",
            'goodbye = "再见。"     # 短一点好',
            'goodbye = "谢谢，再见。"     # 短一点好',
        ),
        (
            ("prompts", "line", "goodbye"),
            {"text": "谢谢，再见。", "pace": 0.9},
            'goodbye = "再见。"     # 短一点好',
            'goodbye = { text = "谢谢，再见。", pace = 0.9 }     # 短一点好',
        ),
        (
            ("prompts", "main", "menu"),
            {"text": "人工，请按零。", "pace": 0.9, "keys": "0"},
            'text = "人工请按零。"',
            'text = "人工，请按零。"',
        ),
        (
            ("information", "4"),
            {"title": "政策", "menu": "缴存政策请按一。"},
            'menu = "缴存请按一。"',
            'menu = "缴存政策请按一。"',
        ),
        (
            ("information", "4", "1"),
            {"title": "缴存", "text": "百分之五。", "expires": "2027-06-01"},
            "expires = 2027-05-01",
            "expires = 2027-06-01",
        ),
    ],
)
def test_one_line_differs_and_its_comment_stays(
    where: Where, entry: Any, gone: str, new: str
) -> None:
    assert lines_that_differ(FILE, rewritten(FILE, {where: entry})) == ([gone], [new])


@pytest.mark.parametrize(
    ("where", "entry"),
    [
        (("variables", "hotline"), "一二三二九"),
        (("prompts", "line", "closed"), "暂停服务。"),
        (("prompts", "main", "greeting"), "您好。"),
        (("prompts", "account", "readout"), {"text": "余额。", "hints": {"余额": "yu2 e2"}}),
        (("information", "5", "1"), {"title": "流程", "text": "一步。"}),
        (("information", "4", "2"), {"title": "提取", "text": '引号"和\\反斜杠。'}),
        (("codes", "account_status", "02"), "封存"),
    ],
)
@pytest.mark.parametrize("file", [FILE, "", "# 只有注释\n", "\ufeff# 带记号\n[variables]\n"[1:]])
def test_what_is_new_finds_its_place(file: str, where: Where, entry: Any) -> None:
    written = rewritten(file, {where: entry})
    assert dict(entries(tomllib.loads(written)))[where] == entry
    assert all(line in written.splitlines() for line in file.splitlines())


def test_an_entry_is_taken_out_and_its_branches_stay() -> None:
    without = rewritten(FILE, {("information", "4"): None, ("prompts", "line", "goodbye"): None})
    found = dict(entries(tomllib.loads(without)))
    assert ("information", "4") not in found
    assert ("prompts", "line", "goodbye") not in found
    assert found["information", "4", "1"]["title"] == "缴存"
    assert "# 先说再见" in without


def test_all_sentences_of_the_shipped_catalog_can_be_changed_there() -> None:
    text = (PROJECT / "scripts.zh.toml").read_text(encoding="utf-8")
    before = dict(entries(tomllib.loads(text)))
    changes = {
        where: f"{entry}改" if isinstance(entry, str) else {**entry, "text": "改过。"}
        for where, entry in before.items()
        if where[0] in ("prompts", "variables") and (isinstance(entry, str) or "text" in entry)
    }
    written = rewritten(text, changes)
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert [line for line in written.splitlines() if line.startswith("#")] == comments
    assert list(dict(entries(tomllib.loads(written)))) == list(before)


def test_what_cannot_be_changed_whole_is_left_alone() -> None:
    odd = 'prompts = { line = { goodbye = "再见。" } }\n'
    try:
        written = rewritten(odd, {("information", "4"): {"title": "政策", "menu": "一。"}})
    except CannotRewrite:
        return
    assert dict(entries(tomllib.loads(written)))["prompts", "line", "goodbye"] == "再见。"
