"""Two wordings of a sentence with the words marked that differ: what an editor looks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

_VALUE = re.compile(r"(\{[^{}]*\})")


def marked(before: str, after: str) -> tuple[str, str]:
    """Both, with 【…】 around what is in one of them only."""
    old, new = _words(before), _words(after)
    shown: tuple[list[str], list[str]] = ([], [])
    for kind, *ends in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        for words, side, (begin, end) in zip((old, new), shown, (ends[:2], ends[2:]), strict=True):
            side.append(_shown(words[begin:end], changed=kind != "equal"))
    return "".join(shown[0]).replace("】【", ""), "".join(shown[1]).replace("】【", "")


def _shown(words: Sequence[str], *, changed: bool) -> str:
    text = "".join(words)
    return f"【{text}】" if changed and text else text


def _words(text: str) -> list[str]:
    """In words, so that no mark stands within one; a value in braces is one."""
    from rjieba import cut  # noqa: PLC0415  only where somebody compares

    return [
        word
        for part in _VALUE.split(text)
        for word in ([part] if part.startswith("{") else cut(part))
    ]
