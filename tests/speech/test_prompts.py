"""The published set is loaded whole or refused, and a new one is taken for new calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ivr.speech import prompts
from ivr.speech.contract import CONTRACT
from ivr.speech.prompts import PromptSetError, Shelf, sentence
from ivr.speech.publications import LOG, MANIFEST
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


def rename_a_slot(manifest: dict[str, Any]) -> None:
    """Of a sentence that only the code fills in; a readout is open to the query's columns."""
    (slot,) = [p for p in manifest["scripts"]["identity.missing"] if "slot" in p]
    slot["slot"] = "account"


def read_otherwise(manifest: dict[str, Any]) -> None:
    (slot,) = [p for p in manifest["scripts"]["account.readout"] if p.get("slot") == "balance"]
    slot["read"] = "digits"


def test_a_call_keeps_its_set_and_the_next_has_the_new_one(audio: Path) -> None:
    shelf = Shelf(audio, CONTRACT)
    in_progress = shelf.current()
    before = in_progress.utterance(BYE).text
    publish(audio, reword("回见。"))
    assert shelf.current().utterance(BYE).text == "回见。"
    assert in_progress.utterance(BYE).text == before


def test_what_did_not_change_is_not_read_again(audio: Path) -> None:
    shelf = Shelf(audio, CONTRACT)
    assert shelf.current() is shelf.current()


def test_a_new_set_with_a_lost_file_is_left_alone_until_it_is_whole(
    audio: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf(audio, CONTRACT)
    known = shelf.current()
    publish(audio, lose_a_file)
    assert shelf.current() is known
    assert "is spoken instead of the published one" in caplog.text
    assert "clips/00/gone.alaw is missing" in shelf.refused
    publish(audio, reword("回见。"))
    assert shelf.current() is known, "the file is still lost"
    (audio / "clips/00").mkdir(exist_ok=True)
    (audio / "clips/00/gone.alaw").touch()
    publish(audio, reword("改日见。"))
    assert shelf.current().utterance(BYE).text == "改日见。"
    assert not shelf.refused


def test_a_set_that_disappears_is_not_missed_by_who_has_it(audio: Path) -> None:
    shelf = Shelf(audio, CONTRACT)
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
        (rename_a_slot, "prompt identity.missing has a value {account:persons}"),
        (read_otherwise, "prompt account.readout has a value {balance:digits}"),
        (
            lambda made: made["keys"].update({"main.menu": "123456079"}),
            "prompt main.menu offers key 9",
        ),
        (
            lambda made: made["keys"].update({"line.goodbye": "1"}),
            "prompt line.goodbye offers key 1",
        ),
        (lambda made: made["information"].pop("5"), "branch 5 is missing"),
        (lambda made: made.update(format=99), "not of format 1: run `ivr build-prompts`"),
    ],
)
def test_what_cannot_be_spoken_is_refused_before_the_first_call(
    change: Change, fault: str, audio: Path
) -> None:
    publish(audio, change)
    with pytest.raises(PromptSetError) as refused:
        Shelf(audio, CONTRACT)
    assert fault in str(refused.value)
    assert "ivr build-prompts" in str(refused.value)


def test_before_the_first_build(tmp_path: Path) -> None:
    with pytest.raises(PromptSetError, match="run `ivr build-prompts`"):
        prompts.load(tmp_path, CONTRACT)


def test_a_value_is_read_as_the_middle_or_the_end_of_its_sentence(audio: Path) -> None:
    readout = sentence(
        "account.readout",
        id="11010519491231002X",
        paid_to="202610",
        monthly_deposit="1200",
        balance="1200",
    )
    names = [clip.name for clip in Shelf(audio, CONTRACT).current().utterance(readout).clips]
    assert names.count("number.二百元整") == 1, "of the deposit, more words follow"
    assert names.count("number.二百元整。") == 1, "the balance ends the sentence"


# --- a start with a refused set ---------------------------------------------------------------


def keep(audio: Path, number: int, change: Change) -> None:
    """As a build numbers a set."""
    manifest = json.loads((audio / MANIFEST).read_text(encoding="utf-8"))
    change(manifest)
    (audio / prompts.SETS).mkdir(exist_ok=True)
    file = audio / prompts.SETS / f"{number:04d}.json"
    file.write_text(json.dumps({**manifest, "set": number}), encoding="utf-8")


def test_a_start_takes_the_newest_set_that_fits_and_says_so(
    audio: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep(audio, 1, reword("一。"))
    keep(audio, 2, reword("二。"))
    keep(audio, 3, rename_a_slot)
    whole = (audio / MANIFEST).read_bytes()
    publish(audio, rename_a_slot)
    shelf = Shelf(audio, CONTRACT)
    assert shelf.current().utterance(BYE).text == "二。"
    assert shelf.current().number == 2
    assert "{account:persons}" in shelf.refused
    assert "set 2 is spoken instead of the published one" in caplog.text
    (audio / MANIFEST).write_bytes(whole)
    publish(audio, reword("三。"))
    assert shelf.current().utterance(BYE).text == "三。"
    assert not shelf.refused


def test_what_was_heard_goes_before_a_newer_draft(audio: Path) -> None:
    for number, text in enumerate(("一。", "二。", "三。"), 1):
        keep(audio, number, reword(text))
    heard = [
        {"set": 2, "at": "2026-11-26T00:00:00+00:00"},
        {"set": 1, "at": "2026-11-27T00:00:00+00:00"},
    ]
    (audio / LOG).write_text(json.dumps(heard), encoding="utf-8")
    publish(audio, lose_a_file)
    assert Shelf(audio, CONTRACT).current().utterance(BYE).text == "一。"


def test_a_published_copy_that_is_damaged_is_no_end_either(audio: Path) -> None:
    keep(audio, 1, reword("一。"))
    (audio / MANIFEST).write_text("{", encoding="utf-8")
    assert Shelf(audio, CONTRACT).current().number == 1
