"""The words of a sentence: what a voice can say, the braces in it, its hints, its length."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ivr.speech import numbers
from prompt_build.catalog.content import Prompt, Slot, Spoken
from prompt_build.catalog.layers import Told, Where
from prompt_build.syllables import is_syllable

LONGEST_SENTENCE = 115
"""Hanzi up to a full stop: 30 s at the usual pace; nobody listens longer without a break."""
_VALUE = "零" * 12
"""Stands for a value of the call where a sentence's length is reckoned."""
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PART = re.compile(r"(\[[^\[\]]*\])")
_BRACKETS_TO_ASCII = str.maketrans("［］【】", "[][]")
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_ODD = re.compile(r"[^0-9一-鿿〇X，、。！？；：\s]+|[\t\u3000]+")
"""What no voice can say; digits have a fault of their own."""
_TO_ASCII = str.maketrans("｛｝：，．＿　", "{}:,._ ")
_TO_FULL_WIDTH = {",": "，", ".": "。", ";": "；", ":": "：", "!": "！", "?": "？"}
_BRACKETS = set("（）()《》<>〈〉【】[]「」『』“”‘’\"'…—-～~·")


@dataclass(frozen=True, slots=True)
class Known:
    """What braces may name."""

    variables: Mapping[str, str]
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Tables of codes: name → code → words."""


def pieces(
    told: Told, where: Where, text: str, known: Known, used: set[str]
) -> Iterator[Spoken | Slot]:
    """The sentence cut at the values of the call, the city's variables put in.

    What stands in brackets is said only where its values are known: `[，月缴存额{…}]`.
    """
    whole = _ascii_braces(told, where, text).translate(_BRACKETS_TO_ASCII)
    parts = 0
    for stretch in _PART.split(whole):
        optional = stretch[:1] == "[" and stretch[-1:] == "]"
        parts += optional
        inside = stretch[1:-1] if optional else stretch
        found = list(_stretch(told, where, inside, known, used))
        if not optional:
            _codes_are_optional(told, where, found)
        if optional and not any(isinstance(piece, Slot) for piece in found):
            told(
                where,
                f"方括号 {stretch} 里没有通话中的内容：方括号用来括住可有可无的 {{名字:读法}}",
                f"{stretch} has no value of the call: only such a part can fall away",
                within=inside,
            )
        yield from (replace(piece, part=parts if optional else 0) for piece in found)


def _codes_are_optional(told: Told, where: Where, found: Sequence[Spoken | Slot]) -> None:
    for slot in (piece for piece in found if isinstance(piece, Slot) and piece.codes):
        written = f"{{{slot.name}:{slot.read}}}"
        told(
            where,
            f"{written} 是代码表，要放进方括号：[，{written}]；表里没有的代码，这一段不说",
            f"{written} is a table of codes: write [，{written}], which falls away with a code"
            " that the table does not know",
            within=written,
        )


def _stretch(
    told: Told, where: Where, text: str, known: Known, used: set[str]
) -> Iterator[Spoken | Slot]:
    spoken = ""
    for position, part in enumerate(_PLACEHOLDER.split(text)):
        if position % 2 == 0:
            check_words(told, where, part)
            spoken += part
            continue
        name = _ascii_inside(told, where, part)
        if ":" not in name:
            used.add(name)
            spoken += _variable(told, where, name, known.variables)
            continue
        if spoken:
            yield _as_said(spoken)
        spoken = ""
        yield _slot(told, where, name, known.codes)
    if spoken:
        yield _as_said(spoken)


def _as_said(text: str) -> Spoken:
    """The year 二〇二六 is said, and found in a search, as 二零二六."""
    return Spoken(text.replace("〇", "零"))


def _ascii_braces(told: Told, where: Where, text: str) -> str:
    for wide, narrow in (("｛", "{"), ("｝", "}")):
        if wide in text:
            told(
                where,
                f"这里的花括号 {wide} 是全角的，改成英文的 {narrow}",
                f"{wide} is full-width: write {narrow}",
                within=wide,
            )
    return text.replace("｛", "{").replace("｝", "}")


def _ascii_inside(told: Told, where: Where, part: str) -> str:
    """What was meant between braces: an ASCII colon, no blanks."""
    meant = part.translate(_TO_ASCII).replace(" ", "")
    if meant != part:
        odd = next(character for character in part if character in "：，．＿　 ")
        name = "空格" if odd in " \u3000" else f"全角的 {odd}"
        told(
            where,
            f"{{{part}}} 花括号里有{name}，写成 {{{meant}}}",
            f"{{{part}}}: write {{{meant}}}, in ASCII characters without blanks",
            within="{" + part + "}",
        )
    return meant


def _variable(told: Told, where: Where, name: str, variables: Mapping[str, str]) -> str:
    if name not in variables:
        near = difflib.get_close_matches(name, variables, n=1)
        told(
            where,
            f"没有叫 {name} 的变量"
            + (f"，是不是 {{{near[0]}}}？" if near else "")
            + f"要用新的变量，先在 [variables] 里写上 {name} = …",
            f"unknown variable {{{name}}}: define it in [variables]"
            + (f", or did you mean {{{near[0]}}}?" if near else ""),
            within="{" + name + "}",
        )
    return variables.get(name, "")


def is_slot(name: str, kind: str) -> bool:
    """Whether this is written as a value of the call is."""
    return kind in numbers.SLOT_KINDS and is_name(name)


def is_name(text: str) -> bool:
    """Whether a value or a table may be called so."""
    return _NAME.match(text) is not None


def _slot(told: Told, where: Where, part: str, codes: Mapping[str, Mapping[str, str]]) -> Slot:
    name, _, kind = part.partition(":")
    if kind in codes and is_name(name):
        return Slot(name, kind, codes=codes[kind])
    if not is_slot(name, kind):
        kinds = ", ".join((*sorted(numbers.SLOT_KINDS), *codes))
        told(
            where,
            f"{{{part}}} 写法不对：通话中的内容写成 {{名字:读法}}，名字用小写英文，"
            f"读法可以是 {kinds}",
            f"{{{part}}}: a value of the call is {{name:kind}} with a kind of {kinds}",
            within="{" + part + "}",
        )
    return Slot(name, kind)


def check_words(told: Told, where: Where, text: str) -> None:
    """What stands in the file itself: can a voice say all of it?"""
    for digits in re.findall(r"[0-9]+", text):
        told(
            where,
            f'数字 {digits} 没有写明怎么读：写成汉字，或者设成变量，用 read = "…" 说明读法',
            f"nobody says how {digits} is read: write it in Hanzi, or make it a variable"
            ' with read = "…"',
            within=digits,
        )
    for odd in _ODD.findall(text):
        told(where, _unspeakable(odd), f"no voice can say {odd!r}: write it in Hanzi", within=odd)


def _unspeakable(odd: str) -> str:
    if odd.strip() == "":
        return "句子里有制表符或全角空格，删去"
    if (right := _TO_FULL_WIDTH.get(odd)) is not None:
        return f"这里的 {odd} 是半角标点，改成全角的 {right}"
    if "{" in odd or "}" in odd:
        return f"「{odd}」这里的花括号没有成对：{{名字}} 或 {{名字:读法}}"
    if set(odd) & set("[]"):
        return f"「{odd}」方括号没有成对，或者一对套着一对：[可有可无的话{{名字:读法}}]"
    if set(odd) <= _BRACKETS:
        return f"「{odd}」念不出来：删去，停顿用逗号"
    return f"「{odd}」念不出来：改写成汉字"


# --- hints ------------------------------------------------------------------------------------


def check_hints(told: Told, where: Where, hints: Mapping[str, str], text: str) -> None:
    """Each hint is for words of the sentence, and says every one of their syllables."""
    for word, said in hints.items():
        if word not in text:
            told(
                (*where, "hints"),
                f"句子里没有「{word}」：改成句子里的词，或者删去这条注音",
                f"the sentence does not say {word}: remove the hint",
                within=word,
            )
        if (wrong := misspelt(word, said)) is not None:
            told(
                (*where, "hints"),
                f"「{word}」的注音 {said} 不对：{wrong}",
                f"{said} is not how {word} is said: write {len(word)} syllables of pinyin with"
                " tone numbers and spaces (chong2 ting1), or as many Hanzi",
                within=said,
            )


def misspelt(word: str, said: str) -> str | None:
    """What of a hint or a lexicon's word is wrong, and what to write; None where it can be said."""
    if said and all(map(is_hanzi, said)):
        if len(said) == len(word):
            return None
        return f"「{word}」是 {len(word)} 个字，同音字也要写 {len(word)} 个（现在 {len(said)} 个）"
    spelt = said.split()
    for number, (character, syllable) in enumerate(zip(word, spelt, strict=False), 1):
        if not is_syllable(syllable):
            return f"第 {number} 个音节 {syllable}（{character}）{_remedy(syllable)}"
    if len(spelt) != len(word):
        needed = f"要写 {len(word)} 个音节，中间空一格（现在 {len(spelt)} 个）"
        return f"「{word}」是 {len(word)} 个字，{needed}"
    return None


def _remedy(syllable: str) -> str:
    plain = _without_marks(syllable)
    if plain != syllable and is_syllable(plain):
        return f"的声调要写成数字：{plain}"
    if syllable.lower() != syllable and is_syllable(syllable.lower()):
        return f"要用小写：{syllable.lower()}"
    if any(is_syllable(f"{syllable}{tone}") for tone in "12345"):
        return f"没有声调：在后面加 1 到 5，例如 {syllable}4（5 是轻声）"
    if syllable[-1:].isdigit() and is_syllable(f"{syllable[:-1]}1"):
        return "的声调只有 1 到 5（5 是轻声）"
    if any(mark in syllable for mark in ("ü", "u:")):
        return f"里的 ü 写成 v：{syllable.replace('u:', 'v').replace('ü', 'v')}"
    return "不是普通话里有的音节"


_TONES = {"\u0304": "1", "\u0301": "2", "\u030c": "3", "\u0300": "4"}


def _without_marks(syllable: str) -> str:
    """`chóng` as `chong2`."""
    tone, letters = "", ""
    for character in unicodedata.normalize("NFD", syllable):
        if character in _TONES:
            tone = _TONES[character]
        else:
            letters += character
    return unicodedata.normalize("NFC", letters).replace("ü", "v") + tone


# --- length -----------------------------------------------------------------------------------


def check_length(told: Told, where: Where, prompt: Prompt) -> None:
    """Values are reckoned as a dozen Hanzi each."""
    whole = "".join(piece.text if isinstance(piece, Spoken) else _VALUE for piece in prompt.pieces)
    most = int(LONGEST_SENTENCE * prompt.pace)
    for sentence in re.split("[。！？]", whole):
        if (length := sum(map(is_hanzi, sentence))) > most:
            told(
                where,
                f"这一句 {length} 个字才有句号，要念 30 秒以上（最多 {most} 个字）：分成几句",
                f"{length} Hanzi without a full stop take over 30 s (at most {most}): split"
                " the sentence",
                within=sentence[:6],
            )


def is_hanzi(character: str) -> bool:
    """Whether it is spoken as a syllable."""
    return "一" <= character <= "鿿"


def nearest(name: str, known: Collection[str]) -> str:
    """In Chinese, what was probably meant; empty where nothing is near."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"，是不是 {near[0]}" if near else ""
