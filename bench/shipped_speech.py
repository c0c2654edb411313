"""What Opus takes from the speech that ships: is it understood as well, is it as natural?

`python -m bench.shipped_speech [--utterances 40]`: a random handful of utterances as the voice says
them and as they ship, each mastered and coded as a telephone gets it (A-law, G.722). Printed for
each coding are the share of syllables that a recogniser mishears (bench.intelligibility) and the
quality by ITU-T P.862, the coded voice compared with the voice: 4.5 is no difference to be heard.

Needs the extra `proof`, for the quality the package `pesq`, and for utterances that are not in the
user's cache the offline voice.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from pesq import pesq

from bench.intelligibility import Heard, Listener, compare
from prompt_build import opus
from prompt_build.kokoro import KOKORO, SHIPPED
from prompt_build.mastering import RATES, decode, encode, master
from prompt_build.recipe import Recipe
from prompt_build.shipped import wanted
from prompt_build.synthesis import utterance
from prompt_build.voices import Audio

CODINGS = {"alaw": "nb", "g722": "wb"}
"""The telephone's codings, and P.862's mode for each."""
LEAST_SYLLABLES = 6
ORIGINAL, SHIPS = "voice", "shipped"


def handful(count: int) -> list[Recipe]:
    """Sentences, the same ones in each run."""
    long = [each for each in wanted() if sum(map(str.isalpha, each.text)) >= LEAST_SYLLABLES]
    return random.Random(12329).sample(long, min(count, len(long)))


def both(recipe: Recipe) -> dict[str, Audio]:
    """As the voice says it, and as it ships."""
    said, _, _ = utterance(recipe, replace(KOKORO, shipped=None))
    ships = opus.read(SHIPPED, recipe, KOKORO.rate)
    if ships is None:
        raise SystemExit(f"{recipe.name} does not ship: make voice")
    return {ORIGINAL: said, SHIPS: ships}


def heard_by_telephone(speech: Audio, coding: str) -> tuple[Audio, Audio]:
    """The mastered samples, and what is left of them after the coding."""
    mastered = master(speech, KOKORO.rate, RATES[coding])
    return mastered, decode(encode(mastered, coding), coding)


def main() -> None:
    """Print what became of each way; a line for each utterance that is heard in two ways."""
    parser = argparse.ArgumentParser(prog="python -m bench.shipped_speech")
    parser.add_argument("--utterances", type=int, default=40)
    chosen = handful(parser.parse_args().utterances)
    listener = Listener()
    heard: dict[tuple[str, str], list[Heard]] = defaultdict(list)
    quality: dict[tuple[str, str], list[float]] = defaultdict(list)
    for recipe in chosen:
        for coding, mode in CODINGS.items():
            reference = None
            for way, speech in both(recipe).items():
                mastered, coded = heard_by_telephone(speech, coding)
                reference = mastered if reference is None else reference
                written = listener.hear((coded, RATES[coding]))
                heard[coding, way].append(compare(recipe.name, recipe.text, written))
                quality[coding, way].append(_quality(reference, coded, RATES[coding], mode))
    print(*_lines(heard, quality), sep="\n")


def _quality(reference: Audio, coded: Audio, rate: int, mode: str) -> float:
    common = min(len(reference), len(coded))
    return float(pesq(rate, reference[:common], coded[:common], mode))


def _lines(
    heard: dict[tuple[str, str], list[Heard]], quality: dict[tuple[str, str], list[float]]
) -> Iterator[str]:
    for (coding, way), each in heard.items():
        wrong, of = sum(one.wrong for one in each), sum(one.syllables for one in each)
        marks = np.array(quality[coding, way])
        yield (
            f"{coding} {way}: {len(each)} utterances, {wrong} of {of} syllables misheard"
            f" ({wrong / of:.1%}); P.862 {marks.mean():.2f} (least {marks.min():.2f})"
        )
    for coding in CODINGS:
        for one, other in zip(heard[coding, ORIGINAL], heard[coding, SHIPS], strict=True):
            if one.wrong != other.wrong:
                yield f"{coding} {one.said}: {one.wrong} {one.heard} | {other.wrong} {other.heard}"


if __name__ == "__main__":
    main()
