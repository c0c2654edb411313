"""The report's picture: a sheet of what the clips look like, legible with and without Hanzi."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from ivr.speech import fonts
from prompt_build import report, sets
from tests.prompt_build.smallset import build_set, write_catalog


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    sets.publish(tmp_path, build_set(write_catalog(tmp_path), tmp_path))
    return tmp_path


def test_the_picture_shows_a_dozen_clips(audio: Path, tmp_path: Path) -> None:
    clips = report.lines(audio)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = report.draw(audio, clips, tmp_path / "sheet.png")
    assert shown == report.PER_SHEET < len(clips)
    sheet = imread(tmp_path / "sheet.png")
    assert sheet.shape[0] > 100 * shown
    assert np.ptp(sheet[:, :, :3]) > 0.9, "there is something on it"


def test_silence_and_short_clips_can_be_drawn(audio: Path, tmp_path: Path) -> None:
    pauses = report.lines(audio, ("pause.",))
    assert report.draw(audio, pauses, tmp_path / "pauses.png") == 2


def test_without_a_chinese_font_titles_are_in_pinyin(
    audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "CHINESE", ())
    clips = report.lines(audio, ("line.", "number."))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing glyph is a warning
        report.draw(audio, clips[:2], tmp_path / "sheet.png")
    assert report._title(clips[0], in_hanzi=False) == (
        "line.goodbye gan3 xie4 nin2 de lai2 dian4 , zai4 jian4 ."
    )
