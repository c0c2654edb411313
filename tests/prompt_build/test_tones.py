"""What nobody speaks: pauses, the beep, the music while waiting."""

from __future__ import annotations

import numpy as np
import pytest

from prompt_build.mastering import CEILING, RATES, TARGET_DBOV, active_level
from prompt_build.recipe import BEEP, MUSIC, PAUSES, TONES
from prompt_build.tones import tone


@pytest.mark.parametrize("rate", sorted(set(RATES.values())))
@pytest.mark.parametrize("name", TONES)
def test_each_is_made_at_every_rate_below_the_ceiling(name: str, rate: int) -> None:
    sound = tone(name, rate)
    assert sound.dtype == np.float32
    assert np.abs(sound).max(initial=0) <= CEILING


@pytest.mark.parametrize(("name", "seconds"), PAUSES.items())
def test_a_pause_is_silence_of_its_length(name: str, seconds: float) -> None:
    sound = tone(name, 8000)
    assert len(sound) == seconds * 8000
    assert not sound.any()


def test_the_beep_is_one_kilohertz_with_soft_ends() -> None:
    sound = tone(BEEP, 8000)
    loudest = np.argmax(np.abs(np.fft.rfft(sound))) * 8000 / len(sound)
    assert loudest == pytest.approx(1000, abs=5)
    assert abs(sound[0]) < 0.01
    assert abs(sound[-1]) < 0.01


def test_the_music_loops_and_lies_below_speech() -> None:
    """Whoever waits should hear the agent's first word over it."""
    sound = tone(MUSIC, 8000)
    assert 30 < len(sound) / 8000 < 60
    assert active_level(sound, 8000) < TARGET_DBOV - 3
    assert np.abs(sound[:8]).max() < 0.01
    assert np.abs(sound[-80:]).max() < 0.03
