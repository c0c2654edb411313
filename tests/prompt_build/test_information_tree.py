"""What an editor may do with the tree of keys 3, 4 and 5, and how mistakes are told."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from ivr.config import PROJECT
from prompt_build.catalog.content import Catalog
from prompt_build.catalog.faults import CatalogError
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import Source
from tests.contracts import contract_of

TREE = """\
[prompts.main.menu]
text = "网点请按三，政策请按四，流程请按五，退出请按七。"
keys = "3457"

[information.3]
title = "网点"
text = "中心本部，在示范路一号。"

[information.4]
title = "政策"
menu = "缴存政策请按一，提取政策请按二，返回上层请按星号键。"

[information.4.1]
title = "缴存政策"
text = "每月由单位和职工各缴一部分。"
reviewed = 2026-11-24
expires = 2027-02-24

[information.4.2]
title = "提取政策"
menu = "租房请按一，返回上层请按星号键。"

[information.4.2.1]
title = "租房"
text = "无房职工可以提取。"
expires = 2026-12-20

[information.5]
title = "流程"
text = "请到网点办理。"
"""


def read(tmp_path: Path, source: str) -> Catalog:
    path = tmp_path / "scripts.zh.toml"
    path.write_text(source, encoding="utf-8")
    whole = replace(contract_of(TREE), branches=("3", "4", "5"))
    return load(Source(path, contract=whole))


def faults(tmp_path: Path, *edits: tuple[str, str]) -> str:
    source = TREE
    for before, after in edits:
        assert before in source
        source = source.replace(before, after, 1)
    with pytest.raises(CatalogError) as refused:
        read(tmp_path, source)
    return str(refused.value)


def line_of(text: str) -> int:
    return TREE[: TREE.index(text)].count("\n") + 1


def test_the_tree_is_read_to_any_depth(tmp_path: Path) -> None:
    catalog = read(tmp_path, TREE)
    assert catalog.prompts["information.4"].keys == "12*"
    assert catalog.prompts["information.4.2.1"].keys == ""
    leaf = catalog.information["4"]["children"]["2"]["children"]["1"]
    assert leaf == {"title": "租房", "prompt": "information.4.2.1", "expires": "2026-12-20"}


def test_a_branch_is_added_in_the_catalog_alone(tmp_path: Path) -> None:
    words = "租房请按一，返回"
    branch = '[information.4.2.2]\ntitle = "购房"\ntext = "凭合同提取。"\n'
    source = TREE.replace(words, "租房请按一，购房请按二，返回", 1) + branch
    assert read(tmp_path, source).prompts["information.4.2"].keys == "12*"


@pytest.mark.parametrize(
    ("silenced", "where", "told"),
    [
        ("提取政策请按二，", "menu = ", "the menu has key 2, but the sentence never says 请按二"),
        ("，返回上层请按星号键", "menu = ", "key *, but the sentence never says 请按星号"),
    ],
)
def test_a_menu_must_name_its_keys(tmp_path: Path, silenced: str, where: str, told: str) -> None:
    found = faults(tmp_path, (silenced, ""))
    assert re.search(rf"scripts.zh.toml:{line_of(where)}:1: .*{re.escape(told)}", found)


def test_a_menu_names_no_key_that_leads_nowhere(tmp_path: Path) -> None:
    found = faults(tmp_path, ("租房请按一，", "租房请按一，购房请按二，"))
    line = line_of("租房请按一")
    assert f"scripts.zh.toml:{line}:17: 句子里说了「请按二」，菜单却没有 2 这个键" in found
    assert "remove the words, or add the branch" in found


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("[information.4.2.1]", "[information.4.2.0]", "0 is no branch"),
        ("[information.3]", "[information.6]", "leads to 3, 4, 5 only"),
        ("[information.3]", "[information.6]", "leads to [information.3], which is missing"),
        ('title = "租房"\n', "", 'information.4.2.1 needs title = "…"'),
        ('text = "无房职工可以提取。"', "", 'information.4.2.1 needs text = "…"'),
        ('menu = "租房', 'text = "租房', 'information.4.2 needs menu = "…"'),
        ("expires = 2026-12-20", 'expires = "soon"', "expires is a date: expires = 2026-12-31"),
    ],
)
def test_mistakes_are_told_with_a_remedy(
    tmp_path: Path, before: str, after: str, told: str
) -> None:
    assert told in faults(tmp_path, (before, after))


def test_what_is_due_is_told_a_month_before(tmp_path: Path) -> None:
    catalog = read(tmp_path, TREE)
    assert catalog.due(date(2026, 11, 1)) == []
    assert catalog.due(date(2026, 12, 1)) == ["information.4.2.1: expires on 2026-12-20; review it"]
    assert catalog.due(date(2027, 3, 1)) == [
        "information.4.2.1: expired on 2026-12-20; review it",
        "information.4.1: expired on 2027-02-24; review it",
    ]


def test_every_text_of_the_real_catalog_says_when_it_was_reviewed_and_until_when() -> None:
    prompts = load(Source(PROJECT / "scripts.zh.toml")).prompts.values()
    texts = [each for each in prompts if each.name.startswith("information.") and not each.keys]
    assert len(texts) == 45
    for each in texts:
        assert each.reviewed, each.name
        assert each.expires, each.name
        assert each.reviewed < each.expires
