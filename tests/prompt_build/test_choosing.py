"""Which voice speaks: as the settings say, as it was, or who is there."""

from __future__ import annotations

import pytest

from ivr.config import SpeechSettings
from prompt_build.choosing import choose, speaking
from prompt_build.kokoro import KOKORO
from prompt_build.lexicon import EMPTY

ONLINE = "edge-tts/zh-CN-XiaoxiaoNeural"


def test_at_first_the_voice_whose_speech_ships() -> None:
    assert choose(SpeechSettings(), None).name == KOKORO.name


@pytest.mark.parametrize("before", [ONLINE, KOKORO.name])
def test_a_rebuild_keeps_the_voice_of_the_set(before: str) -> None:
    """One reworded sentence does not change the voice of the line."""
    assert choose(SpeechSettings(), before).name == before


@pytest.mark.parametrize("before", [None, ONLINE, KOKORO.name])
def test_the_settings_come_first(before: str | None) -> None:
    assert choose(SpeechSettings(voice="edge"), before).name == ONLINE
    assert choose(SpeechSettings(voice="kokoro"), before).name == KOKORO.name


def test_the_online_voice_by_its_name() -> None:
    settings = SpeechSettings(voice="edge", edge_voice="zh-CN-YunxiNeural")
    assert choose(settings, ONLINE).name == "edge-tts/zh-CN-YunxiNeural"


def test_the_pace_of_the_settings_is_on_top_of_the_voices_own() -> None:
    spoken = speaking(SpeechSettings(pace=1.1, one="一", formats=("g722",)), KOKORO, EMPTY)
    assert spoken.pace == pytest.approx(1.1 * KOKORO.pace)
    assert spoken.number_pace == pytest.approx(1.1)
    assert (spoken.one, spoken.formats, spoken.voice) == ("一", ("g722",), KOKORO.name)
