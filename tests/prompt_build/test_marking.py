"""What differs between two wordings is marked in whole words."""

from __future__ import annotations

import pytest

from prompt_build.marking import marked


@pytest.mark.parametrize(
    ("before", "after", "old", "new"),
    [
        ("来电，再见。", "来电，祝您愉快。", "来电，【再见】。", "来电，【祝您愉快】。"),
        ("请稍候。", "请您稍候。", "请稍候。", "请【您】稍候。"),
        ("余额为{balance}。", "余额为{id}。", "余额为【{balance}】。", "余额为【{id}】。"),
        ("一样。", "一样。", "一样。", "一样。"),
    ],
)  # fmt: skip
def test_the_words_that_differ_are_marked(before: str, after: str, old: str, new: str) -> None:
    assert marked(before, after) == (old, new)
