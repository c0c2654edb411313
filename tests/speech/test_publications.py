"""Which set is heard is worked out from the clock: nobody is awake when a moment comes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.speech import publications
from ivr.speech.contract import CONTRACT
from ivr.speech.prompts import Shelf, sentence
from ivr.speech.publications import LOG, MANIFEST, SETS, Publication, Timed, heard, in_words
from tests.speech.test_prompts import reword
from tests.textset import text_set

NOW = datetime(2026, 11, 27, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BYE = sentence("line.goodbye")


def at(hours: float) -> datetime:
    return NOW + hours * HOUR


def of(*timed: Timed, base: int = 1, begun: datetime = NOW) -> Publication:
    return Publication(base, begun, timed=timed)


def course(publication: Publication, *hours: float) -> list[int]:
    return [publication.in_force(at(hour)) for hour in hours]


def test_from_a_moment_on() -> None:
    assert course(of(Timed(2, at(2))), 0, 1.99, 2, 200) == [1, 1, 2, 2]


def test_until_a_moment_and_then_the_one_before() -> None:
    assert course(of(Timed(2, at(0), at(3))), 0, 2.99, 3) == [2, 2, 1]
    assert course(of(Timed(2, at(1), at(3)), Timed(3, at(2))), 1, 2, 3) == [2, 3, 3]


def test_one_within_another() -> None:
    whole, part = Timed(2, at(1), at(9)), Timed(3, at(3), at(5))
    for lying in (of(whole, part), of(part, whole)):
        assert course(lying, 0, 1, 3, 5, 9) == [1, 2, 3, 2, 1]


def test_what_begins_when_another_ends() -> None:
    assert course(of(Timed(2, at(1), at(3)), Timed(3, at(3), at(4))), 1, 3, 4) == [2, 3, 1]


def test_of_two_that_begin_at_once_the_one_that_was_planned_later() -> None:
    assert course(of(Timed(2, at(1)), Timed(3, at(1))), 1) == [3]


def test_a_clock_that_was_wrong_and_is_put_right() -> None:
    assert course(of(Timed(2, at(2))), 3, 1, 3) == [2, 1, 2]


def test_what_is_to_come_in_words() -> None:
    planned = of(Timed(2, at(1), at(9)), Timed(3, at(3), at(5)))
    assert [in_words(turn) for turn in planned.turns(NOW)] == [
        "2026-11-27 09:00 起播第 2 版，到 2026-11-27 17:00",
        "2026-11-27 11:00 起播第 3 版，到 2026-11-27 13:00",
        "2026-11-27 13:00 起播第 2 版，到 2026-11-27 17:00",
        "2026-11-27 17:00 起播第 1 版",
    ]
    assert list(planned.turns(at(9))) == []


def test_what_was_heard_tells_turns_and_what_cut_them_short() -> None:
    log = [
        of(Timed(2, at(1), at(3)), Timed(4, at(20))),
        replace(of(base=5, begun=at(2)), how="publish"),
        of(Timed(6, at(5)), base=5, begun=at(4)),
    ]
    assert [(each.set, each.at, each.how) for each in heard(log, at(6))] == [
        (1, at(0), "publish"),
        (2, at(1), "turn"),
        (5, at(2), "publish"),
        (5, at(4), "publish"),
        (6, at(5), "turn"),
    ]
    assert heard([], NOW) == []


def test_the_log_is_read_as_it_was_written(tmp_path: Path) -> None:
    words = {"line.goodbye": {"entry": "回见。", "before": None}}
    log = [of(), of(Timed(2, at(1), at(2), "编辑", "国庆", words), Timed(3, at(5)))]
    (tmp_path / LOG).write_bytes(publications.written(log))
    assert publications.read(tmp_path) == log
    (tmp_path / LOG).write_text('[[7, "2026-11-25T00:00:00+00:00"]]')
    assert publications.read(tmp_path) == [Publication(7, datetime(2026, 11, 25, tzinfo=UTC))]


# --- the line follows -------------------------------------------------------------------------


@pytest.fixture
def line(tmp_path: Path) -> Path:
    """Two sets, the first of them published for good, the second from one hour on for two."""
    text_set.__wrapped__(tmp_path)
    first = (tmp_path / MANIFEST).read_bytes()
    (tmp_path / SETS).mkdir()
    publish_as(tmp_path, 2, "过节好。")
    publish_as(tmp_path, 3, "三。")
    (tmp_path / MANIFEST).write_bytes(first)
    plan(tmp_path, Timed(2, at(1), at(3)))
    return tmp_path


def publish_as(audio: Path, number: int, text: str) -> None:
    manifest = json.loads((audio / MANIFEST).read_text(encoding="utf-8"))
    reword(text)(manifest)
    manifest["set"] = number
    publications.kept(audio, number).write_text(json.dumps(manifest), encoding="utf-8")


def plan(audio: Path, *timed: Timed) -> None:
    (audio / LOG).write_bytes(publications.written([of(*timed)]))


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def said(shelf: Shelf) -> str:
    return shelf.current().utterance(BYE).text


def test_the_line_follows_and_a_call_keeps_what_it_began_with(line: Path) -> None:
    clock = Clock()
    shelf = Shelf(line, CONTRACT, clock)
    usual = said(shelf)
    early = shelf.current()
    clock.now = at(1)
    assert said(shelf) == "过节好。"
    assert early.utterance(BYE).text == usual
    feast = shelf.current()
    assert shelf.current() is feast, "what has not turned is not read again"
    clock.now = at(3)
    assert said(shelf) == usual
    assert feast.utterance(BYE).text == "过节好。"


def test_a_service_that_slept_over_the_moments(line: Path) -> None:
    clock = Clock()
    shelf = Shelf(line, CONTRACT, clock)
    usual = said(shelf)
    clock.now = at(30)
    assert said(shelf) == usual
    clock.now = at(2)
    assert said(shelf) == "过节好。", "and one whose clock was ahead"


@pytest.mark.parametrize(("hour", "text"), [(0, None), (2, "过节好。"), (4, None)])
def test_a_start_at_any_moment(line: Path, hour: float, text: str | None) -> None:
    clock = Clock()
    usual = said(Shelf(line, CONTRACT, clock))
    clock.now = at(hour)
    assert said(Shelf(line, CONTRACT, clock)) == (text or usual)


def test_what_is_planned_while_it_runs(line: Path) -> None:
    clock = Clock()
    shelf = Shelf(line, CONTRACT, clock)
    usual = said(shelf)
    plan(line, Timed(3, at(2)))
    assert [(turn.at, turn.set) for turn in shelf.turns()] == [(at(2), 3)]
    clock.now = at(1.5)
    assert said(shelf) == usual
    clock.now = at(2)
    assert said(shelf) == "三。"
    assert shelf.turns() == []


def lose_the_file(line: Path) -> None:
    publications.kept(line, 2).unlink()


def lose_a_clip(line: Path) -> None:
    kept = publications.kept(line, 2)
    kept.write_text(kept.read_text("utf-8").replace("clips/", "gone/"), encoding="utf-8")


@pytest.mark.parametrize("damage", [lose_the_file, lose_a_clip])
def test_a_set_that_cannot_be_spoken_at_its_moment_is_told_and_the_known_one_kept(
    line: Path, damage: Callable[[Path], None]
) -> None:
    clock = Clock()
    shelf = Shelf(line, CONTRACT, clock)
    usual = said(shelf)
    damage(line)
    clock.now = at(1)
    assert said(shelf) == usual
    assert shelf.refused
    clock.now = at(3)
    assert said(shelf) == usual
    assert not shelf.refused, "its time is over"


def test_a_log_that_is_damaged_leaves_what_is_published(line: Path) -> None:
    usual = said(Shelf(line, CONTRACT, Clock()))
    (line / LOG).write_text('[{"set": 1, "at"', encoding="utf-8")
    clock = Clock()
    clock.now = at(2)
    assert said(Shelf(line, CONTRACT, clock)) == usual
