"""What a voice makes when it stumbles is found, and what it makes when all is well is not."""

from __future__ import annotations

import numpy as np
import pytest

from prompt_build.acceptance import faults
from prompt_build.voices import Audio
from tests.prompt_build.humming import RATE, hum

TEXT = "您的余额查询请按一。"
SPOKEN = hum(len("您的余额查询请按一") * 0.2)


def test_an_utterance_without_fault() -> None:
    assert faults(SPOKEN, RATE, TEXT) == ()


@pytest.mark.parametrize(
    ("speech", "fault"),
    [
        (np.zeros(0, np.float32), "there is no sound in it"),
        (np.zeros(RATE, np.float32), "there is no sound in it"),
        (np.full(RATE, np.nan, np.float32), "there is no sound in it"),
        (hum(0.5), "it takes 0.6 s; 9 syllables take 0.8 to 5.9 s"),
        (hum(9.0), "it takes 9.1 s; 9 syllables take"),
        (SPOKEN * 0.005, "its level is -6"),
        (np.clip(SPOKEN * 60, -1, 1), "its level is -"),
        (SPOKEN[: len(SPOKEN) * 3 // 4], "its end is cut off"),
        (SPOKEN[len(SPOKEN) // 4 :], "its start is cut off"),
        (
            np.concatenate([hum(0.9), np.zeros(RATE * 3 // 2, np.float32), hum(0.9)]),
            "1.7 s of silence within it",
        ),
    ],
)
def test_each_fault_is_named(speech: Audio, fault: str) -> None:
    assert any(named.startswith(fault) for named in faults(speech, RATE, TEXT)), faults(
        speech, RATE, TEXT
    )


def test_a_slower_pace_is_expected_to_take_longer() -> None:
    slow = hum(len("您的余额查询请按一") * 0.2 / 0.7)
    assert faults(slow, RATE, TEXT, pace=0.7) == ()


def test_several_faults_are_named_together() -> None:
    cut = SPOKEN[RATE // 2 : RATE]
    assert len(faults(cut, RATE, TEXT)) == 3
