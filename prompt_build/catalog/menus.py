"""The keys of a menu against its words: said once, in order, and each of what it does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prompt_build.catalog.layers import Told, Where

KEY_WORDS = {
    **{key: f"请按{word}" for key, word in zip("0123456789", "零一二三四五六七八九", strict=True)},
    "*": "请按星号",
    "#": "请按井号",
}
"""How a sentence names each key."""
_SAID = re.compile(r"请按(?:([零一二三四五六七八九])|(星号)|(井号))键?")
_STOPS = re.compile(r"[，。；、！？]")
_HANZI = dict(zip("零一二三四五六七八九", "0123456789", strict=True))


@dataclass(frozen=True, slots=True)
class Offer:
    """What a sentence says of one of its keys."""

    key: str
    words: str


def offers(words: str) -> list[Offer]:
    """Every key that the sentence names, in its order, with the words that belong to it.

    They stand before it (查询余额请按一), or follow it at once (请按一查询余额).
    """
    found = list(_SAID.finditer(words))
    begins = [0, *(match.end() for match in found)]
    ends = [*(match.start() for match in found[1:]), len(words)]
    return [
        Offer(_key(match), _words(words[begin : match.start()], words[match.end() : end]))
        for match, begin, end in zip(found, begins, ends, strict=False)
    ]


def _key(match: re.Match[str]) -> str:
    return _HANZI[match[1]] if match[1] else "*" if match[2] else "#"


def _words(before: str, after: str) -> str:
    follows = _STOPS.split(after)[0]
    return follows or before


def check(told: Told, where: Where, keys: str, words: str) -> None:
    """`where` is the option that has the words."""
    _known(told, where, keys, words)
    _twice(told, where, keys, words)
    said = "".join(offer.key for offer in offers(words))
    if sorted(said) == sorted(keys) and said != keys and where[0] == "prompts":
        told(
            where,
            f"句子里按键的次序是 {said}，keys 写的是 {keys}："
            "核对每个「请按」，再把 keys 写成一样的次序",
            f"the sentence offers {said} in this order, keys say {keys}: compare them",
            within=KEY_WORDS[said[0]],
        )


def _known(told: Told, where: Where, keys: str, words: str) -> None:
    for key in dict.fromkeys(keys):
        if keys.count(key) > 1:
            told(
                where,
                f"keys 里的 {key} 写了两遍，删去一个",
                f"key {key} stands twice in keys: remove one",
            )
        wanted = KEY_WORDS.get(key)
        if wanted is not None and wanted not in words:
            told(
                where,
                f"菜单有 {key} 这个键，句子里却没有说「{wanted}」：补上这句，或者去掉这个键",
                f"the menu has key {key}, but the sentence never says {wanted}: say it, or remove"
                " the key",
            )


def _twice(told: Told, where: Where, keys: str, words: str) -> None:
    for key, said in KEY_WORDS.items():
        if words.count(said) > 1:
            told(
                where,
                f"句子里「{said}」说了两遍：两个选择不能用同一个键",
                f"the sentence says {said} twice: give one of the two choices another key",
                within=said,
            )
        if said in words and key not in keys:
            told(
                where,
                f"句子里说了「{said}」，菜单却没有 {key} 这个键："
                "去掉这几个字，或者补上这个键（分支）",
                f"the sentence says {said}, but the menu has no key {key}: remove the words, or"
                " add the branch",
                within=said,
            )


def check_meaning(
    told: Told, where: Where, words: str, meaning: Mapping[str, Sequence[str]]
) -> None:
    """Each key stands with what the code does on it, and not with what it does on another."""
    for offer in offers(words):
        own = meaning.get(offer.key, ())
        others = [key for key in meaning if key != offer.key]
        if not own or any(word in offer.words for word in own):
            continue
        for other in others:
            if (met := _met(offer.words, meaning[other])) is not None:
                told(
                    where,
                    f"句子把「{met}」说成{KEY_WORDS[offer.key]}，程序里按 {offer.key} 是"
                    f"「{own[0]}」，「{met}」是按 {other}：把两处按键对调回来",
                    f"the sentence offers {met} by key {offer.key}, which leads to {own[0]}; {met}"
                    f" is key {other}",
                    within=KEY_WORDS[offer.key],
                )
                break


def _met(words: str, meaning: Sequence[str]) -> str | None:
    return next((word for word in meaning if word in words), None)


def check_titles(told: Told, where: Where, words: str, titles: Mapping[str, str]) -> None:
    """In the tree: two branches whose keys were exchanged sound like each other's title."""
    said = {offer.key: offer.words for offer in offers(words) if offer.key in titles}
    for one, other in _pairs(list(said)):
        if _exchanged(said, titles, one, other):
            told(
                where,
                f"句子里请按 {one} 说的是「{titles[other]}」，请按 {other} 说的是"
                f"「{titles[one]}」，和下面的分支正好相反：把两处按键对调回来",
                f"keys {one} and {other} are exchanged: compare them with the branches' titles",
                within=KEY_WORDS[one],
            )


def _pairs(keys: list[str]) -> Iterator[tuple[str, str]]:
    for at, one in enumerate(keys):
        yield from ((one, other) for other in keys[at + 1 :])


def _exchanged(said: Mapping[str, str], titles: Mapping[str, str], one: str, other: str) -> bool:
    straight = min(_alike(said[one], titles[one]), _alike(said[other], titles[other]))
    crossed = min(_alike(said[one], titles[other]), _alike(said[other], titles[one]))
    return crossed > straight


def _alike(words: str, title: str) -> float:
    """The share of the title's pairs of characters that the words have."""
    pairs = {title[at : at + 2] for at in range(len(title) - 1)}
    return sum(pair in words for pair in pairs) / len(pairs) if pairs else 0.0
