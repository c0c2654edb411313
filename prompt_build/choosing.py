"""Which voice speaks a set: the one asked for, the one of the published set, or who is there."""

from __future__ import annotations

from ivr.config import SpeechSettings
from prompt_build import edge
from prompt_build.kokoro import KOKORO
from prompt_build.lexicon import Lexicon
from prompt_build.recipe import Speaking
from prompt_build.voices import Engine


def choose(settings: SpeechSettings, remembered: str | None) -> Engine:
    """The engine for this build.

    `remembered`: the voice of the published set. With `auto` it stays, so that one reworded
    sentence does not change the voice of the line; without one Kokoro speaks, whose speech ships.
    """
    online = edge.engine(settings.edge_voice, settings.edge_proxy)
    if settings.voice == "edge":
        return online
    if settings.voice == "kokoro" or remembered == KOKORO.name:
        return KOKORO
    return online if remembered == online.name else KOKORO


def speaking(settings: SpeechSettings, engine: Engine, lexicon: Lexicon) -> Speaking:
    """How the engine speaks this line's set."""
    return Speaking(
        voice=engine.name,
        rate=engine.rate,
        spell=engine.spell,
        lexicon=lexicon,
        pace=settings.pace * engine.pace,
        number_pace=settings.pace,
        one=settings.one,
        formats=settings.formats,
    )
