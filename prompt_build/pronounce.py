"""Hanzi to the phonemes that Kokoro was trained on (pinyin, tone sandhi, IPA); pure.

The mapping is that of misaki's first Mandarin front end: IPA by syllable, the tone as an arrow
after the nucleus (→ 1, ↗ 2, ↓ 3, ↘ 4, none for the neutral tone).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

HANZI = r"一-鿿"
_INITIALS = {
    "b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t", "t": "tʰ", "n": "n", "l": "l",
    "g": "k", "k": "kʰ", "h": "x", "j": "ʨ", "q": "ʨʰ", "x": "ɕ",
    "zh": "ꭧ", "ch": "ꭧʰ", "sh": "ʂ", "r": "ɻ", "z": "ʦ", "c": "ʦʰ", "s": "s", "": "",
}  # fmt: skip
# `0` marks where the tone goes.
_FINALS = {
    "a": "a0", "ai": "ai0", "an": "a0n", "ang": "a0ŋ", "ao": "au0",
    "e": "ɤ0", "ei": "ei0", "en": "ə0n", "eng": "ə0ŋ", "er": "ɚ0", "ê": "ɛ0",
    "i": "i0", "ia": "ja0", "ian": "jɛ0n", "iang": "ja0ŋ", "iao": "jau0", "ie": "je0",
    "in": "i0n", "ing": "i0ŋ", "iong": "jʊ0ŋ", "iou": "jou0", "ong": "ʊ0ŋ", "ou": "ou0",
    "o": "wo0", "u": "u0", "ua": "wa0", "uai": "wai0", "uan": "wa0n", "uang": "wa0ŋ",
    "uei": "wei0", "uen": "wə0n", "ueng": "wə0ŋ", "uo": "wo0",
    "v": "y0", "ve": "ɥe0", "van": "ɥɛ0n", "vn": "y0n",
}  # fmt: skip
_TONES = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}
_APICAL = {"zh", "ch", "sh", "r", "z", "c", "s"}
_PUNCTUATION = {"，": ", ", "、": ", ", "。": ". ", "！": "! ", "？": "? ", "；": "; ", "：": ": "}
_SPELT_LETTERS = {"X": "ˈɛks"}

# Words whose usual reading is not the one that the dictionary prefers.
_WORDS = {
    "重听": "chong2 ting1",
    "重录": "chong2 lu4",
    "重新": "chong2 xin1",
    "缴存": "jiao3 cun2",
    "缴至": "jiao3 zhi4",
    "月缴": "yue4 jiao3",
    "还款": "huan2 kuan3",
    "还贷": "huan2 dai4",
    "还清": "huan2 qing1",
    "行号": "hang2 hao4",
    "银行": "yin2 hang2",
    "调查": "diao4 cha2",
    "请稍候": "qing3 shao1 hou4",
    "幺": "yao1",
    "号为": "hao4 wei2",
    "额为": "e2 wei2",
}
# Pinyin as it is spelt, with its tone number; v is ü.
_SYLLABLE = re.compile(
    r"(?!(?:[jqx]u(?:a|ai|ang|i|o)|iu|u[in])[1-5])"
    r"(?:[bpmfdtnlgkhjqxryw]|[zcs]h?)?"
    r"(?:a|ai|an|ang|ao|e|ei|en|eng|er|i|ia|ian|iang|iao|ie|in|ing|iong|iu|o|ong|ou"
    r"|u|ua|uai|uan|uang|(?<=[jqxy])ue|ui|un|uo|v|ve|van|vn)[1-5]"
)
_DIGIT = "零幺一二三四五六七八九十"
_NUMERALS = set("零幺一二两三四五六七八九十百千万亿点")
_UNITS = set("负元角分整年月日期位个")
_DATES = ("月", "日", "号")
_YI_STAYS_BEFORE = set(_DATES) | set("，。、；：！？") | set("零幺一二三四五六七八九点")
_YI_STAYS_AFTER = set("第十零幺二三四五六七八九点按统唯之周期其")


@dataclass(frozen=True, slots=True)
class Unspeakable(ValueError):
    """A character that the voice has no sound for."""

    character: str

    def __str__(self) -> str:
        return f"no voice can say {self.character!r}"


def phonemes(text: str, hints: Mapping[str, str] | None = None) -> str:
    """What Kokoro is given for `text`; always ends with a full stop (design, speech).

    `hints`: word → pinyin with tone numbers (`chong2 ting1`) or a Hanzi respelling.
    """
    sounds = []
    for found in re.finditer(rf"(?P<words>[{HANZI}]+)|[^{HANZI}]", text):
        words = found["words"]
        sounds.append(_run(words, hints or {}) if words else _mark(found[0]))
    spoken = "".join(sounds).lstrip(",.;:!? ").rstrip()  # a mark in front is heard as a syllable
    return spoken if spoken.endswith((".", "!", "?")) else spoken.rstrip(",;: ") + "."


def is_syllable(pinyin: str) -> bool:
    """Whether this is one syllable as hints are written: `chong2`, `lv4`."""
    return _SYLLABLE.fullmatch(pinyin) is not None


def _mark(character: str) -> str:
    if character in _PUNCTUATION:
        return _PUNCTUATION[character]
    if character in _SPELT_LETTERS:
        return f" {_SPELT_LETTERS[character]} "
    if character.isspace():
        return ""
    raise Unspeakable(character)


def _run(run: str, hints: Mapping[str, str]) -> str:
    sounds = map(_ipa, _sandhi(run, pinyin(run, hints)))
    return " ".join("".join(islice(sounds, len(word))) for word in _cut(run))


def _cut(run: str) -> list[str]:
    """Into words, which the model knows by the spaces between them; a number stays whole."""
    from rjieba import cut  # noqa: PLC0415  a build with nothing to do is spared

    if set(run) <= _NUMERALS | _UNITS:
        return [run]
    words: list[str] = []
    for word in cut(run):
        if words and words[-1][-1] in _NUMERALS and word[0] in _NUMERALS:
            words[-1] += word
        else:
            words.append(word)
    return words


def pinyin(run: str, hints: Mapping[str, str] | None = None) -> list[str]:
    """One syllable with its tone number for each Hanzi of `run`, before sandhi."""
    syllables = _read(run)
    for word, said in {**_WORDS, **(hints or {})}.items():
        spelt = said.split() if said.isascii() else _read(said)
        if len(spelt) != len(word):
            raise ValueError(f"{word} has {len(word)} syllables, its reading {said} {len(spelt)}")
        for found in re.finditer(re.escape(word), run):
            syllables[found.start() : found.end()] = spelt
    return syllables


def _read(hanzi: str) -> list[str]:
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415  a build with nothing to do is spared

    return lazy_pinyin(hanzi, style=Style.TONE3, neutral_tone_with_five=True)


def _sandhi(run: str, syllables: Sequence[str]) -> list[str]:
    """The tones of 一 and 不 as they are spoken (rules, 4.1.10).

    Two third tones in a row stay as they are written: the model learnt their change from speech.
    """
    spoken = list(syllables)
    for at, character in enumerate(run):
        after = spoken[at + 1] if at + 1 < len(run) else ""
        if character == "一" and _yi_changes(run, at):
            spoken[at] = "yi2" if after.endswith("4") else "yi4"
        elif character == "一" and run[at + 1 : at + 2] in _DATES:
            spoken[at] = "yi1"  # the dictionary has 一月 as a word, with the tone of 一个月
        elif character == "不" and after.endswith("4"):
            spoken[at] = "bu2"
    return spoken


def _yi_changes(run: str, at: int) -> bool:
    if at + 1 == len(run) or run[at + 1] in _YI_STAYS_BEFORE:
        return False
    return at == 0 or run[at - 1] not in _YI_STAYS_AFTER


def _ipa(syllable: str) -> str:
    from pypinyin.contrib.tone_convert import to_finals, to_initials  # noqa: PLC0415  as above

    plain, tone = syllable[:-1], syllable[-1]
    initial = to_initials(plain, strict=True)
    final = to_finals(plain, strict=True, v_to_u=False)
    sound = "ɨ0" if initial in _APICAL and final == "i" else _FINALS[final]
    return _INITIALS[initial] + sound.replace("0", _TONES[tone])
