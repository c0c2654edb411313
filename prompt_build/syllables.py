"""Hanzi to the syllables that are spoken, and whose word each follows; pure.

A sentence's hints come first, then the lexicon, then the dictionary (pypinyin). The tones of 一 and
不 are worked out here wherever nobody has written them down (rules, 4.1.10).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from types import MappingProxyType
from typing import Literal

Source = Literal["hint", "lexicon", "dictionary"]
Words = Mapping[str, str]
"""Word → pinyin with tone numbers as it is spoken (`chong2 ting1`), or a Hanzi respelling."""

NOTHING: Words = MappingProxyType({})
REMEMBERED = 16_384
"""Runs of Hanzi whose reading is known: of a catalog and its numbers each is asked for again, by
every page and every build of a program that stays."""
HANZI = r"一-鿿"
"""Of a regular expression's brackets."""
# Pinyin as it is spelt, with its tone number; v is ü.
_SYLLABLE = re.compile(
    r"(?!(?:[jqx]u(?:a|ai|ang|i|o)|iu|u[in])[1-5])"
    r"(?:[bpmfdtnlgkhjqxryw]|[zcs]h?)?"
    r"(?:a|ai|an|ang|ao|e|ei|en|eng|er|i|ia|ian|iang|iao|ie|in|ing|iong|iu|o|ong|ou"
    r"|u|ua|uai|uan|uang|(?<=[jqxy])ue|ui|un|uo|v|ve|van|vn)[1-5]"
)
NUMERALS = frozenset("零幺一二两三四五六七八九十百千万亿点")
"""What numbers are written with."""
_DATES = set("月日号")
_STAYS_BEFORE = _DATES | set("零幺一二三四五六七八九点")
"""Before these 一 keeps its tone, and after those below."""
_STAYS_AFTER = set("第十零幺二三四五六七八九点按周之期其")


@dataclass(frozen=True, slots=True)
class Syllable:
    """One Hanzi as it is spoken."""

    character: str
    pinyin: str
    """With its tone number: `lv4`."""
    source: Source
    word: str
    """That decides: the hint's, the lexicon's, or the character alone."""


def is_syllable(pinyin: str) -> bool:
    """Whether this is one syllable as hints are written: `chong2`, `lv4`."""
    return _SYLLABLE.fullmatch(pinyin) is not None


def syllables(run: str, hints: Words, lexicon: Words) -> list[Syllable]:
    """One for each Hanzi of `run`, which has nothing but Hanzi."""
    found = [Syllable(c, p, "dictionary", c) for c, p in zip(run, _read(run), strict=True)]
    for source, words in (("lexicon", lexicon), ("hint", hints)):
        for at, word in words_in(run, words):
            spelt = _spelt(word, words[word])
            for place, (character, said) in enumerate(zip(word, spelt, strict=True), at):
                found[place] = Syllable(character, said, source, word)  # type: ignore[arg-type]
    return _sandhi(found)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some Hanzi that one source has decided: a word, or what no word has touched."""

    text: str
    pinyin: str
    source: Source


def stretches(text: str, hints: Words, lexicon: Words) -> Iterator[Stretch]:
    """How `text` is said, and by whose word; what is not Hanzi is left out."""
    for run in re.findall(f"[{HANZI}]+", text):
        read, at = syllables(run, hints, lexicon), 0
        while at < len(read):
            end = at + (len(read[at].word) if read[at].source != "dictionary" else 1)
            while read[at].source == "dictionary" and read[end : end + 1]:
                if read[end].source != "dictionary":
                    break
                end += 1
            said = " ".join(each.pinyin for each in read[at:end])
            yield Stretch(run[at:end], said, read[at].source)
            at = end


def words_in(run: str, words: Words) -> list[tuple[int, str]]:
    """The words that `run` is made of, with their places: as many of its Hanzi as can be.

    A word that keeps the dictionary's cuts counts twice: 网上调查 has 调查, not 上调; 归还款项 has
    归还, not 还款.
    """
    places = _places(run, words)
    if not places:
        return []
    cuts = set(accumulate(map(len, cut(run)), initial=0))
    best: list[tuple[int, tuple[tuple[int, str], ...]]] = [(0, ())] * (len(run) + 1)
    for at in reversed(range(len(run))):
        best[at] = best[at + 1]
        for word in places.get(at, ()):
            end = at + len(word)
            weight = len(word) * (1 + ({at, end} <= cuts))
            if weight + best[end][0] > best[at][0]:
                best[at] = (weight + best[end][0], ((at, word), *best[end][1]))
    return list(best[0][1])


def _places(run: str, words: Words) -> dict[int, list[str]]:
    """Where words stand in `run`, also in each other; the longest first."""
    found: dict[int, list[str]] = {}
    for at in range(len(run)):
        for end in range(len(run), at, -1):
            if run[at:end] in words:
                found.setdefault(at, []).append(run[at:end])
    return found


@lru_cache(REMEMBERED)
def cut(run: str) -> tuple[str, ...]:
    """Into words, by the dictionary of jieba."""
    from rjieba import cut as cut_words  # noqa: PLC0415  a build with nothing to do is spared

    return tuple(cut_words(run))


def _spelt(word: str, said: str) -> Sequence[str]:
    spelt = said.split() if said.isascii() else _read(said)
    if len(spelt) != len(word):
        raise ValueError(f"{word} has {len(word)} syllables, its reading {said} {len(spelt)}")
    return spelt


@lru_cache(REMEMBERED)
def _read(hanzi: str) -> tuple[str, ...]:
    """By the dictionary, which knows words; 一 and 不 as they stand alone, for its tones vary."""
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415  a build with nothing to do is spared

    alone = {"一": "yi1", "不": "bu4"}
    read = lazy_pinyin(hanzi, style=Style.TONE3, neutral_tone_with_five=True)
    return tuple(alone.get(character, said) for character, said in zip(hanzi, read, strict=True))


def _sandhi(found: Sequence[Syllable]) -> list[Syllable]:
    """The tones of 一 and 不 where nobody has written them down.

    Two third tones in a row stay as they are written: the voice learnt their change from speech.
    """
    spoken = list(found)
    for at, each in enumerate(found):
        if each.source == "dictionary" and each.character in "一不":
            before = "".join(other.character for other in found[max(0, at - 2) : at])
            after = found[at + 1] if at + 1 < len(found) else None
            spoken[at] = replace(each, pinyin=_tone(each.character, before, after))
    return spoken


def _tone(character: str, before: str, after: Syllable | None) -> str:
    plain = "yi" if character == "一" else "bu"
    if after is None:
        return "yi1" if character == "一" else "bu4"
    if before.endswith(after.character) and not set(before) & NUMERALS:
        return f"{plain}5"  # 看一看, 是不是; but 一位一位
    if character == "一" and (after.character in _STAYS_BEFORE or before[-1:] in _STAYS_AFTER):
        return "yi1"
    return f"{plain}2" if after.pinyin.endswith("4") else f"{plain}4"
