"""A catalog of a few sentences, and sets of it whose clips hum as long as their words are."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np

from ivr.config import PROJECT, SpeechSettings
from ivr.speech import numbers
from prompt_build import hearing, lexicon, sets
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import Source
from prompt_build.choosing import speaking
from prompt_build.kokoro import KOKORO
from prompt_build.mastering import TELEPHONE_RATE, Measured, encode, measure
from prompt_build.recipe import Recipe, recipes, script
from tests.contracts import source_of

TRADE = lexicon.load([PROJECT / "lexicon.zh.toml"])
SPEAKING = speaking(SpeechSettings(formats=("alaw",)), KOKORO, TRADE)
HUM_HERTZ = 220
HUM_PEAK = 0.1414
"""A sine at −20 dBov, as speech is mastered."""
SECONDS_A_HANZI = 0.1

CATALOG = """
[prompts.line]
goodbye = "感谢您的来电，再见。"

[prompts.main.menu]
text = "查询公积金余额请按一，公积金政策查询请按四，退出查询请按七。"
keys = "147"

[prompts.account]
readout = "您的住房公积金已缴至{paid_to:year_month}，您的余额为{balance:amount}。"

[information.4]
title = "政策"
menu = "公积金缴存政策查询请按一，返回上层查询请按星号键。"

[information.4.1]
title = "缴存<政策>"
text = "单位和职工的缴存比例都不低于百分之五。"
reviewed = 2026-11-01
expires = 2027-05-01
"""


def write_catalog(folder: Path, text: str = CATALOG) -> Path:
    path = folder / "scripts.zh.toml"
    path.write_text(text, encoding="utf-8")
    return path


def build_set(path: Path, audio: Path) -> int:
    """Number a set of this catalog, as a build does; returns its number."""
    return set_of(source_of(path), audio)


def set_of(source: Source, audio: Path) -> int:
    """Of a catalog that may stand in no file."""
    content = load(source)
    wanted = [each for each in recipes(content, SPEAKING) if not _idle(each)]
    manifest = {
        "format": 1,
        "catalog": content.version,
        "voice": {"name": SPEAKING.voice, "pace": SPEAKING.pace, "one": SPEAKING.one},
        "prompts": {each.name: _made(each, audio) for each in wanted},
        "scripts": {name: script(prompt) for name, prompt in content.prompts.items()},
        "keys": {name: prompt.keys for name, prompt in content.prompts.items() if prompt.keys},
        "information": dict(content.information),
    }
    return sets.keep(audio, manifest)


def _idle(recipe: Recipe) -> bool:
    """Whether it is a number that no example says: a thousand clips would take too long."""
    return recipe.name.startswith("number.") and recipe.name not in EXAMPLES


_READINGS = [numbers.read(kind, value) for kind, value in hearing.EXAMPLES.items()]
EXAMPLES = {clip for said in _READINGS for clip in (*said.clips, *said.clips_within)}


def _made(recipe: Recipe, audio: Path) -> dict[str, object]:
    coded, measured = _hum(max(2, len(recipe.text)))
    file = audio / recipe.file("alaw")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(coded)
    (audio / recipe.file("json")).write_text(json.dumps(asdict(measured)))
    return {
        "text": recipe.text,
        "files": {"alaw": recipe.file("alaw")},
        "seconds": measured.seconds,
        "recipe": recipe.id,
    }


@cache
def _hum(syllables: int) -> tuple[bytes, Measured]:
    time = np.arange(int(syllables * SECONDS_A_HANZI * TELEPHONE_RATE)) / TELEPHONE_RATE
    samples = (HUM_PEAK * np.sin(2 * np.pi * HUM_HERTZ * time)).astype(np.float32)
    return encode(samples, "alaw"), measure(samples)
