"""The published set is loaded whole or refused, and a new one is taken for new calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ivr.speech import prompts
from ivr.speech.prompts import MANIFEST, PromptSetError, Shelf, sentence
from tests.textset import text_set

BYE = sentence("line.goodbye")
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    text_set.__wrapped__(tmp_path)
    return tmp_path


def publish(audio: Path, change: Change) -> None:
    """As a build does: another file under the same name."""
    manifest = json.loads((audio / MANIFEST).read_text(encoding="utf-8"))
    change(manifest)
    fresh = audio / "new"
    fresh.write_text(json.dumps(manifest), encoding="utf-8")
    fresh.replace(audio / MANIFEST)


def reword(text: str) -> Change:
    def change(manifest: dict[str, Any]) -> None:
        manifest["prompts"]["line.goodbye"]["text"] = text

    return change


def lose_a_file(manifest: dict[str, Any]) -> None:
    manifest["prompts"]["line.goodbye"]["files"]["alaw"] = "clips/00/gone.alaw"


def test_a_call_keeps_its_set_and_the_next_has_the_new_one(audio: Path) -> None:
    shelf = Shelf(audio, ["line.goodbye"])
    in_progress = shelf.current()
    before = in_progress.utterance(BYE).text
    publish(audio, reword("回见。"))
    assert shelf.current().utterance(BYE).text == "回见。"
    assert in_progress.utterance(BYE).text == before


def test_what_did_not_change_is_not_read_again(audio: Path) -> None:
    shelf = Shelf(audio, [])
    assert shelf.current() is shelf.current()


def test_a_new_set_with_a_lost_file_is_left_alone_until_it_is_whole(
    audio: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf(audio, ["line.goodbye"])
    known = shelf.current()
    publish(audio, lose_a_file)
    assert shelf.current() is known
    assert "the old ones stay" in caplog.text
    publish(audio, reword("回见。"))
    assert shelf.current() is known, "the file is still lost"
    (audio / "clips/00").mkdir(exist_ok=True)
    (audio / "clips/00/gone.alaw").touch()
    publish(audio, reword("改日见。"))
    assert shelf.current().utterance(BYE).text == "改日见。"


def test_a_set_that_disappears_is_not_missed_by_who_has_it(audio: Path) -> None:
    shelf = Shelf(audio, [])
    known = shelf.current()
    (audio / MANIFEST).unlink()
    assert shelf.current() is known


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lose_a_file, "clip line.goodbye: file clips/00/gone.alaw is missing"),
        (
            lambda manifest: manifest["scripts"].pop("line.goodbye"),
            "prompt line.goodbye is missing",
        ),
        (
            lambda manifest: manifest["prompts"].pop("number.一元整"),
            "clip number.一元整 is missing",
        ),
        (
            lambda made: made["prompts"].pop("line.goodbye"),
            "prompt line.goodbye needs clip line.goodbye, which is missing",
        ),
        (lambda made: made.update(format=99), "not of format 1: run `ivr build-prompts`"),
    ],
)
def test_what_cannot_be_spoken_is_refused_before_the_first_call(
    change: Change, fault: str, audio: Path
) -> None:
    publish(audio, change)
    with pytest.raises(PromptSetError) as refused:
        Shelf(audio, ["line.goodbye"])
    assert fault in str(refused.value)
    assert "ivr build-prompts" in str(refused.value)


def test_before_the_first_build(tmp_path: Path) -> None:
    with pytest.raises(PromptSetError, match="run `ivr build-prompts`"):
        prompts.load(tmp_path)


def test_a_value_is_read_as_the_middle_or_the_end_of_its_sentence(audio: Path) -> None:
    readout = sentence(
        "account.readout",
        id="11010519491231002X",
        paid_to="202610",
        monthly_deposit="1200",
        balance="1200",
    )
    names = [clip.name for clip in Shelf(audio, []).current().utterance(readout).clips]
    assert names.count("number.二百元整") == 1, "of the deposit, more words follow"
    assert names.count("number.二百元整。") == 1, "the balance ends the sentence"
