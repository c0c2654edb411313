"""Sets are numbered and kept; what is heard is chosen, compared, taken back; nothing is lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.speech import publications
from ivr.speech.publications import LOCK, MANIFEST, Timed
from prompt_build import sets
from prompt_build.locking import Busy, locked
from prompt_build.sets import Change, NoSuchSet, NoSuchTime

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def manifest(voice: str = "humming", **texts: str) -> dict[str, Any]:
    """A set of sentences without values, each of one clip; numbers sound like their voice."""
    prompts = {f"line.{name}": clip(text, voice) for name, text in texts.items()}
    return {
        "format": 1,
        "voice": {"name": voice},
        "prompts": {**prompts, "number.一元整": clip("一元整", voice)},
        "scripts": {name: [{"clip": name}] for name in prompts},
    }


def clip(text: str, voice: str) -> dict[str, Any]:
    recipe = f"{voice[0]}{abs(hash((voice, text))):022d}"
    return {"text": text, "recipe": recipe, "files": {"alaw": f"clips/h/{recipe}.alaw"}}


def keep(audio: Path, **texts: str) -> int:
    made = manifest(**texts)
    for entry in made["prompts"].values():
        for file in (
            *entry["files"].values(),
            f"clips/{entry['recipe'][:2]}/{entry['recipe']}.json",
        ):
            (audio / file).parent.mkdir(parents=True, exist_ok=True)
            (audio / file).touch()
    return sets.keep(audio, made)


def heard(audio: Path) -> int | None:
    found = sets.published(audio)
    return found and found["set"]


# --- numbering --------------------------------------------------------------------------------


def test_each_other_set_has_the_next_number(tmp_path: Path) -> None:
    assert [keep(tmp_path, bye="再见"), keep(tmp_path, bye="回见")] == [1, 2]
    assert keep(tmp_path, bye="回见") == 2, "the same as the newest is the newest"
    assert sets.numbers_of(tmp_path) == [1, 2]


def test_what_is_published_is_not_numbered_again(tmp_path: Path) -> None:
    sets.publish(tmp_path, keep(tmp_path, bye="再见"))
    keep(tmp_path, bye="回见")
    assert keep(tmp_path, bye="再见") == 1


def test_a_kept_set_does_not_change(tmp_path: Path) -> None:
    keep(tmp_path, bye="再见")
    before = (tmp_path / "sets/0001.json").read_bytes()
    sets.publish(tmp_path, 1)
    keep(tmp_path, bye="回见")
    sets.publish(tmp_path, 2)
    assert (tmp_path / "sets/0001.json").read_bytes() == before


def test_the_list_says_what_is_heard(tmp_path: Path) -> None:
    keep(tmp_path, bye="再见")
    sets.publish(tmp_path, keep(tmp_path, bye="回见"))
    listed = [
        (each.number, each.voice, each.prompts, each.published) for each in sets.listing(tmp_path)
    ]
    assert listed == [(1, "humming", 1, False), (2, "humming", 1, True)]


# --- publishing and taking back ---------------------------------------------------------------


def test_publishing_twice_changes_nothing(tmp_path: Path) -> None:
    keep(tmp_path, bye="再见")
    assert sets.publish(tmp_path, 1)
    before = (tmp_path / MANIFEST).stat()
    assert not sets.publish(tmp_path, 1)
    after = (tmp_path / MANIFEST).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_set_with_a_lost_file_is_not_published(tmp_path: Path) -> None:
    sets.publish(tmp_path, keep(tmp_path, bye="再见"))
    keep(tmp_path, bye="回见")
    lost = sets.load(tmp_path, 2)["prompts"]["line.bye"]["files"]["alaw"]
    (tmp_path / lost).unlink()
    with pytest.raises(NoSuchSet, match="set 2 lacks 1 files"):
        sets.publish(tmp_path, 2)
    assert heard(tmp_path) == 1


def test_a_set_that_nobody_made(tmp_path: Path) -> None:
    keep(tmp_path, bye="再见")
    with pytest.raises(NoSuchSet, match=r"no set 7 \(there are: 1\)"):
        sets.publish(tmp_path, 7)


def test_taking_back_goes_to_what_was_heard_and_further_the_next_time(tmp_path: Path) -> None:
    for text in ("一", "二", "三", "四"):
        keep(tmp_path, bye=text)
    for number in (1, 2, 4):  # the third was a draft
        sets.publish(tmp_path, number)
    assert sets.rollback(tmp_path) == heard(tmp_path) == 2
    assert sets.rollback(tmp_path) == heard(tmp_path) == 1
    with pytest.raises(NoSuchSet, match="no earlier set"):
        sets.rollback(tmp_path)


def test_taking_back_does_not_go_to_what_was_withdrawn_and_forward_again(tmp_path: Path) -> None:
    """1 and 2 are heard, 2 is taken back, 3 is heard, 3 is taken back: callers heard 1 before."""
    for text in ("一", "二", "三"):
        keep(tmp_path, bye=text)
    sets.publish(tmp_path, 1)
    sets.publish(tmp_path, 2)
    assert sets.rollback(tmp_path) == 1
    sets.publish(tmp_path, 3)
    assert sets.rollback(tmp_path) == heard(tmp_path) == 1
    assert sets.forward(tmp_path) == heard(tmp_path) == 3
    with pytest.raises(NoSuchSet, match="nothing was taken back"):
        sets.forward(tmp_path)


def test_what_was_heard_before_may_have_a_higher_number(tmp_path: Path) -> None:
    for text in ("一", "二", "三"):
        keep(tmp_path, bye=text)
    for number in (3, 1):
        sets.publish(tmp_path, number)
    assert sets.rollback(tmp_path) == 3


def test_two_steps_back_and_two_forward(tmp_path: Path) -> None:
    for number, text in enumerate(("一", "二", "三"), 1):
        keep(tmp_path, bye=text)
        sets.publish(tmp_path, number)
    assert [sets.rollback(tmp_path), sets.rollback(tmp_path)] == [2, 1]
    assert [sets.forward(tmp_path), sets.forward(tmp_path)] == [2, 3]


def test_sets_that_do_not_fit_are_neither_published_nor_gone_back_to(tmp_path: Path) -> None:
    for number, text in enumerate(("一", "二", "三"), 1):
        keep(tmp_path, bye=text)
        sets.publish(tmp_path, number)

    def breaches(manifest: sets.Manifest) -> list[str]:
        return ["prompt line.new is missing"] if manifest["set"] == 2 else []

    with pytest.raises(sets.Unfit, match=r"第 2 版和程序对不上.*line\.new is missing"):
        sets.publish(tmp_path, 2, breaches=breaches)
    assert sets.rollback(tmp_path, breaches=breaches) == 1


def test_the_log_says_who_and_why_and_reads_what_earlier_versions_wrote(tmp_path: Path) -> None:
    (tmp_path / "published.json").write_text('[[7, "2026-11-24T12:00:00+00:00"]]')
    keep(tmp_path, bye="一")
    sets.publish(tmp_path, 1, NOW, who="editor", why="新政策")
    assert [(each.set, each.who, each.why) for each in publications.read(tmp_path)] == [
        (7, "", ""),
        (1, "editor", "新政策"),
    ]


def test_before_the_first_there_is_nothing_to_take_back(tmp_path: Path) -> None:
    with pytest.raises(NoSuchSet, match="no earlier set"):
        sets.rollback(tmp_path)


# --- comparing --------------------------------------------------------------------------------


def test_what_callers_hear_otherwise_in_words() -> None:
    before = manifest(bye="再见", welcome="欢迎", old="旧")
    after = manifest(bye="回见", welcome="欢迎", new="新")
    assert sets.changes(before, after) == [
        Change("line.bye", "再见", "回见"),
        Change("line.old", "旧", None),
        Change("line.new", None, "新"),
    ]
    assert [change.kind for change in sets.changes(before, after)] == [
        "reworded",
        "removed",
        "added",
    ]


def test_another_voice_is_another_sound_and_numbers_are_one_change() -> None:
    found = sets.changes(manifest(bye="再见"), manifest("another", bye="再见"))
    assert [(change.prompt, change.kind) for change in found] == [
        ("line.bye", "resounded"),
        (sets.NUMBERS, "resounded"),
    ]


def test_values_stand_in_braces() -> None:
    before, after = manifest(a="您的余额"), manifest(a="余额")
    for each in (before, after):
        each["scripts"]["line.a"].append({"slot": "balance", "read": "amount", "ends": True})
    assert sets.changes(before, after) == [Change("line.a", "您的余额{balance}", "余额{balance}")]


# --- clearing away ----------------------------------------------------------------------------


def test_old_sets_go_with_the_clips_that_no_other_has(tmp_path: Path) -> None:
    for text in ("一", "二", "三"):
        keep(tmp_path, bye=text, welcome="欢迎")
    sets.publish(tmp_path, 3, NOW)
    gone, files = sets.collect(tmp_path, keep_sets=1, now=NOW)
    assert gone == [1, 2]
    assert len(files) == 4, "sound and measures of two words"
    assert sets.lost(tmp_path, sets.load(tmp_path, 3)) == []
    assert sets.collect(tmp_path, keep_sets=1, now=NOW) == ([], [])


def test_what_is_published_stays_however_old(tmp_path: Path) -> None:
    for text in ("一", "二", "三"):
        keep(tmp_path, bye=text)
    sets.publish(tmp_path, 1, NOW - 9 * DAY)
    assert sets.collect(tmp_path, keep_sets=1, now=NOW)[0] == [2]
    assert sets.lost(tmp_path, sets.load(tmp_path, 1)) == []


def test_a_call_in_progress_keeps_its_clips_for_a_day(tmp_path: Path) -> None:
    for number, text in enumerate(("一", "二", "三"), 1):
        sets.publish(tmp_path, keep(tmp_path, bye=text), NOW - DAY * (4 - number) / 2)
    assert sets.collect(tmp_path, keep_sets=1, now=NOW - DAY / 4)[0] == []
    assert sets.collect(tmp_path, keep_sets=1, now=NOW + DAY / 4)[0] == [1]
    assert sets.collect(tmp_path, keep_sets=1, now=NOW + DAY)[0] == [2]


def test_what_an_interrupted_build_left_goes(tmp_path: Path) -> None:
    sets.publish(tmp_path, keep(tmp_path, bye="再见"), NOW)
    left = tmp_path / "clips/h/.half.alaw.123"
    left.touch()
    assert sets.collect(tmp_path, keep_sets=1, now=NOW) == ([], ["clips/h/.half.alaw.123"])
    assert not left.exists()


def test_nothing_is_cleared_away_while_a_build_runs(tmp_path: Path) -> None:
    sets.publish(tmp_path, keep(tmp_path, bye="再见"))
    with locked(tmp_path / LOCK), pytest.raises(Busy):
        sets.collect(tmp_path, keep_sets=1)


def test_a_published_copy_that_is_damaged_counts_as_none(tmp_path: Path) -> None:
    sets.publish(tmp_path, keep(tmp_path, bye="再见"))
    (tmp_path / MANIFEST).write_text(json.dumps({})[:1])
    assert sets.published(tmp_path) is None
    assert sets.publish(tmp_path, 1)


# --- from a moment on, until a moment ---------------------------------------------------------


HOUR = timedelta(hours=1)


def told(audio: Path, *hours: float) -> list[int]:
    found = [sets.published(audio, NOW + hour * HOUR) for hour in hours]
    return [each["set"] for each in found if each]


def timed(number: int, since: float, until: float | None = None) -> Timed:
    return Timed(number, NOW + since * HOUR, None if until is None else NOW + until * HOUR)


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Three sets; the first is heard."""
    for text in ("一", "二", "三"):
        keep(tmp_path, bye=text)
    sets.publish(tmp_path, 1, NOW)
    return tmp_path


def test_a_set_comes_by_itself_and_goes_by_itself(three: Path) -> None:
    sets.schedule(three, timed(2, 1, 3), NOW)
    assert told(three, 0, 1, 3) == [1, 2, 1]
    assert (sets.underneath(three, NOW + 2 * HOUR) or {})["set"] == 1
    sets.schedule(three, timed(3, 5), NOW)
    assert told(three, 0, 1, 3, 5) == [1, 2, 1, 3]
    assert (sets.underneath(three, NOW + 6 * HOUR) or {})["set"] == 3


def test_what_is_published_at_once_ends_what_is_for_a_time_and_no_plan(three: Path) -> None:
    sets.schedule(three, timed(2, 0, 3), NOW)
    sets.schedule(three, timed(2, 9), NOW)
    assert sets.publish(three, 3, NOW + HOUR)
    assert told(three, 1, 4, 9) == [3, 3, 2]
    assert not sets.publish(three, 3, NOW + 2 * HOUR), "callers hear it already"


def test_what_is_for_a_time_can_be_published_for_good(three: Path) -> None:
    sets.schedule(three, timed(2, 0, 3), NOW)
    assert sets.publish(three, 2, NOW + HOUR)
    assert told(three, 1, 9) == [2, 2]


@pytest.mark.parametrize(
    ("since", "until", "why"), [(-1, None, "已经过了"), (2, 2, "不在开始"), (2, 1, "不在开始")]
)
def test_times_that_make_no_sense(three: Path, since: int, until: int | None, why: str) -> None:
    with pytest.raises(NoSuchTime, match=why):
        sets.schedule(three, timed(2, since, until), NOW)
    assert told(three, 9) == [1]


def test_what_cannot_be_spoken_is_refused_when_it_is_planned(three: Path) -> None:
    with pytest.raises(NoSuchSet):
        sets.schedule(three, timed(9, 1), NOW)
    with pytest.raises(sets.Unfit):
        sets.schedule(three, timed(2, 1), NOW, breaches=lambda each: ["x"] * (each["set"] == 2))
    (three / sets.load(three, 2)["prompts"]["line.bye"]["files"]["alaw"]).unlink()
    with pytest.raises(NoSuchSet, match="lacks"):
        sets.schedule(three, timed(2, 1), NOW)
    assert told(three, 9) == [1]


def test_a_plan_is_taken_back_before_it_begins_and_while_it_lasts(three: Path) -> None:
    sets.schedule(three, timed(2, 1, 3), NOW)
    assert [each.set for each in sets.withdraw(three, 2, NOW)] == [2]
    assert told(three, 2) == [1]
    sets.schedule(three, timed(3, 0, 3), NOW)
    sets.withdraw(three, 3, NOW + HOUR)
    assert told(three, 0, 1) == [1, 1]
    with pytest.raises(NoSuchSet, match="没有排"):
        sets.withdraw(three, 3, NOW + HOUR)


def test_one_goes_back_from_what_has_come_by_itself(three: Path) -> None:
    sets.schedule(three, timed(2, 1), NOW)
    assert sets.rollback(three, now=NOW + 2 * HOUR) == 1
    assert told(three, 2, 9) == [1, 1]
    assert sets.forward(three, now=NOW + 3 * HOUR) == 2
    assert told(three, 3, 9) == [2, 2]


def test_one_goes_back_to_what_was_planned_then(three: Path) -> None:
    """What was published at once was wrong; the feast comes and goes all the same."""
    sets.schedule(three, timed(2, 5, 7), NOW)
    sets.publish(three, 3, NOW + HOUR)
    assert sets.rollback(three, now=NOW + 2 * HOUR) == 1
    assert told(three, 2, 5, 7) == [1, 2, 1]


def test_one_goes_back_to_what_is_for_a_time_and_it_still_ends(three: Path) -> None:
    sets.schedule(three, timed(2, 0, 5), NOW)
    sets.publish(three, 3, NOW + HOUR)
    assert sets.rollback(three, now=NOW + 2 * HOUR) == 2
    assert told(three, 2, 5) == [2, 1]


def test_what_was_for_a_time_that_is_over_is_not_gone_back_to(three: Path) -> None:
    sets.publish(three, 3, NOW + HOUR)
    sets.schedule(three, timed(2, 2, 3), NOW + HOUR)
    with pytest.raises(NoSuchTime, match="限时"):
        sets.go_back(three, 2, NOW + 4 * HOUR)
    assert sets.rollback(three, now=NOW + 4 * HOUR) == 1


def test_what_will_be_heard_is_not_cleared_away_nor_numbered_again(three: Path) -> None:
    sets.schedule(three, timed(2, 100, 200), NOW)
    late = NOW + 50 * HOUR
    for text in ("四", "五"):
        keep(three, bye=text)
    assert sets.collect(three, 1, late)[0] == [3, 4]
    assert sets.lost(three, sets.load(three, 2)) == []
    assert keep(three, bye="二") == 2
    assert sets.collect(three, 1, NOW + 300 * HOUR)[0] == [2]
