"""Syllables to the phonemes that Kokoro was trained on (IPA); pure.

The mapping is that of misaki's first Mandarin front end: IPA by syllable, the tone as an arrow
after the nucleus (→ 1, ↗ 2, ↓ 3, ↘ 4, none for the neutral tone).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import islice

from prompt_build.syllables import HANZI, NOTHING, NUMERALS, Words, cut, syllables

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

_UNITS = set("负元角分整年月日期位个")


@dataclass(frozen=True, slots=True)
class Unspeakable(ValueError):
    """A character that the voice has no sound for."""

    character: str

    def __str__(self) -> str:
        return f"no voice can say {self.character!r}"


def phonemes(text: str, hints: Words = NOTHING, lexicon: Words = NOTHING) -> str:
    """What Kokoro is given for `text`; always ends with a full stop (design, speech)."""
    sounds = []
    for found in re.finditer(rf"(?P<words>[{HANZI}]+)|[^{HANZI}]", text):
        words = found["words"]
        sounds.append(_run(words, hints, lexicon) if words else _mark(found[0]))
    spoken = "".join(sounds).lstrip(",.;:!? ").rstrip()  # a mark in front is heard as a syllable
    return spoken if spoken.endswith((".", "!", "?")) else spoken.rstrip(",;: ") + "."


def _mark(character: str) -> str:
    if character in _PUNCTUATION:
        return _PUNCTUATION[character]
    if character in _SPELT_LETTERS:
        return f" {_SPELT_LETTERS[character]} "
    if character.isspace():
        return ""
    raise Unspeakable(character)


def _run(run: str, hints: Words, lexicon: Words) -> str:
    sounds = (_ipa(each.pinyin) for each in syllables(run, hints, lexicon))
    return " ".join("".join(islice(sounds, len(word))) for word in _cut(run))


def _cut(run: str) -> list[str]:
    """Into words, which the model knows by the spaces between them; a number stays whole."""
    if set(run) <= NUMERALS | _UNITS:
        return [run]
    words: list[str] = []
    for word in cut(run):
        if words and words[-1][-1] in NUMERALS and word[0] in NUMERALS:
            words[-1] += word
        else:
            words.append(word)
    return words


@cache
def _ipa(syllable: str) -> str:
    from pypinyin.contrib.tone_convert import to_finals, to_initials  # noqa: PLC0415  as above

    plain, tone = syllable[:-1], syllable[-1]
    initial = to_initials(plain, strict=True)
    final = to_finals(plain, strict=True, v_to_u=False)
    sound = "ɨ0" if initial in _APICAL and final == "i" else _FINALS[final]
    return _INITIALS[initial] + sound.replace("0", _TONES[tone])
