"""Lines and columns of what stands in a TOML file."""

from __future__ import annotations

import pytest

from ivr.positions import Positions, repeated

SOURCE = '''a = 1
[accounts]
fund_query = """
SELECT x
balance = 2
"""
balance = 3
[[phones]]
name = "x"
[[phones]]
name = "y"
[phones.hours]
monday = []
'''


@pytest.mark.parametrize(
    ("where", "place"),
    [
        (("a",), (1, 1)),
        (("accounts", "balance"), (7, 1)),
        (("phones", "0", "name"), (9, 1)),
        (("phones", "1", "name"), (11, 1)),
        (("phones", "1", "hours", "monday"), (13, 1)),
        (("phones", "1", "extension"), (10, 1)),
        (("nowhere",), (1, 1)),
    ],
)
def test_every_entry_has_its_place(where: tuple[str, ...], place: tuple[int, int]) -> None:
    assert Positions(SOURCE).of(where) == place


def test_tables_of_a_list_and_lines_of_a_text_are_no_repetition() -> None:
    assert repeated(SOURCE) == []
    assert repeated(SOURCE + "[accounts]\n") == [("accounts", 2, 14, 1)]
