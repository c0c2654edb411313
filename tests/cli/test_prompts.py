"""An editor's week at the command line: check, build, compare, hear, publish, take back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from ivr.cli.commands import app
from ivr.cli.failure import CommandFailure
from ivr.people.operator import operator_name
from ivr.speech import contract, numbers
from prompt_build import choosing, kokoro, opus, sets
from prompt_build.catalog.reading import load
from prompt_build.recipe import recipes
from prompt_build.voices import Audio, SpeechFailed
from tests.contracts import contract_of, source_of
from tests.prompt_build import humming
from tests.prompt_build.conftest import FEW

CATALOG = """
[prompts.line]
goodbye = "感谢您的来电，再见。"

[prompts.account]
readout = "您的余额为{balance:amount}。"
"""
ALL_NUMBERS = numbers.inventory
Ivr = Callable[..., str]


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "scripts.zh.toml"
    path.write_text(CATALOG, encoding="utf-8")
    return path


@pytest.fixture
def ivr(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ivr:
    """The command with a humming voice; its output, or its failure as an exception."""
    monkeypatch.setenv("IVR_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("IVR_CATALOG", str(catalog))
    monkeypatch.setenv("IVR_AUDIO", str(tmp_path / "audio"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(humming.SPOKEN, str(tmp_path / "spoken.txt"))
    monkeypatch.setattr(choosing, "choose", lambda settings, remembered: humming.engine())
    monkeypatch.setattr(kokoro, "KOKORO", humming.engine())
    monkeypatch.setattr(numbers, "inventory", lambda: FEW)
    monkeypatch.setattr(contract, "CONTRACT", contract_of(CATALOG))

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, words)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.output

    return run


def reword(catalog: Path, before: str, after: str) -> None:
    catalog.write_text(catalog.read_text("utf-8").replace(before, after), encoding="utf-8")


def test_a_week(ivr: Ivr, catalog: Path, tmp_path: Path) -> None:
    assert "2 prompts, no fault" in ivr("build-prompts", "--check")
    assert "set 1: published" in ivr("build-prompts")
    assert "set 1: nothing changed" in ivr("build-prompts")

    reword(catalog, "再见", "祝您愉快")
    said = ivr("build-prompts", "--draft")
    assert "1 clips made" in said
    assert "draft: see `ivr prompts diff 2`" in said
    assert (sets.published(tmp_path / "audio") or {})["set"] == 1

    assert ivr("prompts", "diff").splitlines() == [
        "reworded  line.goodbye",
        "  - 感谢您的来电，【再见】。",
        "  + 感谢您的来电，【祝您愉快】。",
        "set 1 → 2: 1 changes for callers",
    ]
    assert ivr("prompts", "publish") == "set 2: published\n"
    assert "published" in ivr("prompts", "list")
    assert ivr("prompts", "rollback") == "set 1: published\n"
    assert ivr("prompts", "forward", "--why", "改错了") == "set 2: published\n"
    told = ivr("prompts", "log")
    assert [row.split("│")[2].strip() for row in told.splitlines() if "│" in row] == [
        "1",
        "2",
        "1",
        "2",
    ]
    assert "改错了" in told
    assert operator_name() in told
    assert ivr("prompts", "gc", "--keep", "1") == "0 sets and 0 files removed\n"


def test_the_report(ivr: Ivr, tmp_path: Path) -> None:
    ivr("build-prompts")
    rows = [line.split("\t") for line in ivr("prompts", "report").splitlines() if "\t" in line]
    assert rows[0][:3] == ["clip", "seconds", "level_dbov"]
    assert {row[0] for row in rows} >= {"line.goodbye", "account.readout.1", "number.一元整。"}
    picture = tmp_path / "sheet.png"
    ivr("prompts", "report", "--prompt", "line.", "--picture", str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_prompt_and_a_number_are_heard(ivr: Ivr, tmp_path: Path) -> None:
    ivr("build-prompts")
    wav = tmp_path / "heard.wav"
    assert ivr("hear", "amount", "1", "--out", str(wav)).startswith("一元整\n")
    assert soundfile.info(wav).samplerate == 8000
    assert ivr("hear", "prompt", "line.goodbye", "--out", str(wav)).startswith("感谢您的来电")


def test_drafts_and_edited_sentences_are_heard_and_nothing_is_written_but_the_sound(
    ivr: Ivr, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ivr("build-prompts")
    reword(catalog, "再见", "祝您愉快")
    ivr("build-prompts", "--draft")
    reword(catalog, "祝您愉快", "回头见")
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    monkeypatch.chdir(checkout)
    before = sorted(path for path in (tmp_path / "audio").rglob("*"))
    assert ivr("hear", "prompt", "line.goodbye").startswith("感谢您的来电，回头见。\n")
    assert ivr("hear", "prompt", "line.goodbye", "--set", "2").startswith(
        "感谢您的来电，祝您愉快。"
    )
    assert ivr("hear", "prompt", "line.goodbye", "--published").startswith("感谢您的来电，再见。")
    told = ivr("hear", "prompt", "line.goodbye", "--set", "1")
    assert Path(told.splitlines()[1].partition(":")[0]).is_file()
    assert list(checkout.iterdir()) == []
    assert sorted(path for path in (tmp_path / "audio").rglob("*")) == before
    with pytest.raises(CommandFailure, match=r"no prompt line\.nowhere"):
        ivr("hear", "prompt", "line.nowhere")


def test_a_number_is_read(ivr: Ivr, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ivr("read", "amount", "1") == "一元整\nnumber.一元整。\n"
    assert ivr("read", "percent", "3.075") == "百分之三点零七五\n(spoken within a sentence)\n"
    monkeypatch.setattr(numbers, "inventory", ALL_NUMBERS)
    monkeypatch.setenv("IVR_SPEECH__ONE", "一")
    assert ivr("read", "hotline", "12329").startswith("一二三二九\n")


def test_a_file_of_numbers_is_read(ivr: Ivr, tmp_path: Path) -> None:
    file = tmp_path / "values.tsv"
    file.write_text("kind\tvalue\n# a comment\namount\t0.05\nperiods\t2\n", encoding="utf-8")
    assert ivr("read", "--file", str(file)) == "amount\t0.05\t五分\nperiods\t2\t两期\n"
    file.write_text("amount\tx\nperiods\t-1\n", encoding="utf-8")
    with pytest.raises(CommandFailure) as failed:
        ivr("read", "--file", str(file))
    assert str(failed.value).splitlines() == [
        "values.tsv:1: not a number",
        "values.tsv:2: not a whole number",
    ]


def test_the_schema_is_printed(ivr: Ivr) -> None:
    assert ivr("prompts", "schema").startswith("{")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("prompts", "publish", "7"), 2, "there is no set 7 (there are: none)"),
        (("prompts", "rollback"), 2, "no earlier set to go back to"),
        (("prompts", "diff"), 2, "there is no set 0"),
        (("prompts", "report"), 2, "nothing is published yet: run `ivr build-prompts`"),
        (("hear", "amount", "1"), 2, "nothing is published yet"),
        (("read", "amount", "much"), 2, "amount: not a number"),
        (("read",), 2, "give KIND and VALUE, or --file"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_code(
    words: tuple[str, ...], code: int, message: str, ivr: Ivr
) -> None:
    with pytest.raises(CommandFailure) as failed:
        ivr(*words)
    assert message in str(failed.value)
    assert failed.value.exit_code == code


def test_faults_and_failures_are_listed(ivr: Ivr, catalog: Path) -> None:
    reword(catalog, "再见", "ABC")
    with pytest.raises(CommandFailure, match=r"scripts.zh.toml:3:\d+: 「ABC」念不出来"):
        ivr("build-prompts", "--check")
    reword(catalog, "ABC", humming.MUTE)
    with pytest.raises(
        CommandFailure, match=r"could not be made:\nline.goodbye: there is no sound"
    ):
        ivr("build-prompts")


def test_a_voice_that_refuses_is_not_replaced_by_another(
    ivr: Ivr, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers would hear another voice without anyone's choice."""
    monkeypatch.setattr(
        choosing, "choose", lambda settings, remembered: humming.engine("online", opened=Refusing)
    )
    with pytest.raises(CommandFailure, match="the service refuses"):
        ivr("build-prompts")


def test_speech_that_ships_is_taken_unless_it_is_made_from_scratch(
    ivr: Ivr, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipping = replace(humming.engine(), shipped=tmp_path / "speech")
    monkeypatch.setattr(choosing, "choose", lambda settings, remembered: shipping)
    known = load(source_of(catalog))
    goodbye = next(r for r in recipes(known, humming.speaking()) if r.name == "line.goodbye")
    opus.keep(tmp_path / "speech", goodbye, np.full(24000, 0.1, np.float32), 24000)
    ivr("build-prompts")
    assert "感谢您的来电，再见。" not in humming.utterances()
    assert "您的余额为" in "".join(humming.utterances())
    ivr("build-prompts", "--from-scratch", "--audio", str(tmp_path / "another"))
    assert "感谢您的来电，再见。" in humming.utterances()


class Refusing(humming.Humming):
    def speak(self, sounds: str, *, pace: float = 1.0) -> Audio:
        raise SpeechFailed("the service refuses")


def test_what_is_due_is_told(ivr: Ivr, catalog: Path) -> None:
    reword(
        catalog, '"感谢您的来电，再见。"', '{ text = "感谢您的来电，再见。", expires = 2020-01-01 }'
    )
    assert "due: line.goodbye: expired on 2020-01-01; review it" in ivr("build-prompts")
    assert "due: line.goodbye" in ivr("build-prompts"), "also where nothing is to do"
