"""Two wordings of a sentence with the words marked that differ: what an editor looks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

_VALUE = re.compile(r"(\{[^{}]*\})")


@dataclass(frozen=True, slots=True)
class Part:
    """Words that both have, or one of them only."""

    words: str
    side: Literal["both", "before", "after"]


def parts(before: str, after: str) -> tuple[Part, ...]:
    """Both wordings as one text: what went stands before what came."""
    old, new = _words(before), _words(after)
    found: list[Part] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            found.append(Part("".join(old[a:b]), "both"))
            continue
        found += [Part("".join(old[a:b]), "before")] * (b > a)
        found += [Part("".join(new[c:d]), "after")] * (d > c)
    return tuple(found)


def marked(before: str, after: str) -> tuple[str, str]:
    """Both, with 【…】 around what is in one of them only."""
    found = parts(before, after)
    return _one_side(found, "before"), _one_side(found, "after")


def _one_side(found: Sequence[Part], side: str) -> str:
    shown = (
        f"【{each.words}】" if each.side == side else each.words
        for each in found
        if each.side in ("both", side)
    )
    return "".join(shown).replace("】【", "")


def _words(text: str) -> list[str]:
    """In words, so that no mark stands within one; a value in braces is one."""
    from rjieba import cut  # noqa: PLC0415  only where somebody compares

    return [
        word
        for part in _VALUE.split(text)
        for word in ([part] if part.startswith("{") else cut(part))
    ]
