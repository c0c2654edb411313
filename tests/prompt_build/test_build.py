"""A build makes what is missing and nothing else, and leaves a whole set whatever happens."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr.speech import prompts
from ivr.speech.publications import LOCK
from prompt_build import sets
from prompt_build.build import MOST_FAILED, BuildFailed, Built, build
from prompt_build.catalog.faults import CatalogError
from prompt_build.locking import Busy, locked
from prompt_build.synthesis import ATTEMPTS
from prompt_build.voices import Audio, VoiceUnavailable
from tests.contracts import contract_of, source_of
from tests.prompt_build import humming

pytestmark = pytest.mark.usefixtures("few_numbers")

CATALOG = """
[prompts.line]
welcome = "欢迎致电住房公积金热线。"
goodbye = "感谢您的来电，再见。"

[prompts.account]
readout = "您的余额为{balance:amount}。"
"""
SPOKEN_CLIPS = 5
"""Two sentences, what stands before the balance, and both forms of one number."""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "scripts.zh.toml"
    path.write_text(CATALOG, encoding="utf-8")
    return path


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    return tmp_path / "audio"


def built(catalog: Path, audio: Path, voice: str = "humming") -> Built:
    return build(source_of(catalog), audio, humming.engine(voice), humming.speaking(voice))


def reword(catalog: Path, before: str, after: str) -> None:
    text = catalog.read_text(encoding="utf-8")
    assert before in text
    catalog.write_text(text.replace(before, after), encoding="utf-8")


def test_the_set_is_whole_and_can_be_loaded(catalog: Path, audio: Path) -> None:
    done = built(catalog, audio)
    assert sets.publish(audio, done.number)
    loaded = prompts.load(audio, contract_of(CATALOG))
    said = loaded.utterance(prompts.sentence("account.readout", balance=1))
    assert said.text == "您的余额为一元整"
    assert said.seconds > 1


def test_nothing_changed_nothing_done(catalog: Path, audio: Path) -> None:
    first = built(catalog, audio)
    asked = humming.utterances()
    again = built(catalog, audio)
    assert (again.made, again.kept, again.number) == (0, first.made, first.number)
    assert humming.utterances() == asked
    assert sets.numbers_of(audio) == [1]


def test_a_clip_that_is_lost_is_made_again_without_the_voice(catalog: Path, audio: Path) -> None:
    built(catalog, audio)
    asked = humming.utterances()
    next(audio.glob("clips/*/*.alaw")).unlink()
    assert built(catalog, audio).made == 1
    assert humming.utterances() == asked
    assert built(catalog, audio).made == 0


def test_one_sentence_changed_one_synthesis(catalog: Path, audio: Path) -> None:
    built(catalog, audio)
    before = humming.utterances()
    reword(catalog, "再见", "祝您愉快")
    done = built(catalog, audio)
    assert (done.made, done.number) == (1, 2)
    assert humming.utterances()[len(before) :] == ["感谢您的来电，祝您愉快。"]


def test_a_sentence_taken_back_costs_nothing(catalog: Path, audio: Path) -> None:
    built(catalog, audio)
    reword(catalog, "再见", "祝您愉快")
    built(catalog, audio)
    reword(catalog, "祝您愉快", "再见")
    assert built(catalog, audio).made == 0


def test_another_voice_speaks_all_of_it(catalog: Path, audio: Path) -> None:
    built(catalog, audio)
    done = built(catalog, audio, "another")
    recipes = {entry["recipe"] for entry in sets.load(audio, done.number)["prompts"].values()}
    shared = recipes & {entry["recipe"] for entry in sets.load(audio, 1)["prompts"].values()}
    spoken = len(humming.utterances())
    assert spoken == 2 * SPOKEN_CLIPS
    assert len(shared) == len(recipes) - SPOKEN_CLIPS, "only tones and pauses are nobody's"


def test_the_set_remembers_its_voice(catalog: Path, audio: Path) -> None:
    done = built(catalog, audio)
    assert sets.load(audio, done.number)["voice"]["name"] == "humming"


def test_another_checkout_takes_what_was_spoken(catalog: Path, tmp_path: Path) -> None:
    built(catalog, tmp_path / "one")
    asked = humming.utterances()
    assert built(catalog, tmp_path / "two").made > 0
    assert humming.utterances() == asked


def test_a_damaged_utterance_in_the_cache_is_spoken_again(
    catalog: Path, tmp_path: Path, own_cache: Path
) -> None:
    built(catalog, tmp_path / "one")
    for kept in own_cache.rglob("*.npy"):
        kept.write_bytes(kept.read_bytes()[:50])
    built(catalog, tmp_path / "two")
    assert len(humming.utterances()) == 2 * SPOKEN_CLIPS


def test_a_bad_clip_is_made_again(catalog: Path, audio: Path) -> None:
    reword(catalog, "再见", humming.ONCE_MUTE)
    built(catalog, audio)
    assert humming.utterances().count(f"感谢您的来电，{humming.ONCE_MUTE}。") == 2


def test_clips_that_stay_bad_are_all_named_and_nothing_is_numbered(
    catalog: Path, audio: Path
) -> None:
    first = built(catalog, audio)
    sets.publish(audio, first.number)
    reword(catalog, "再见", humming.MUTE)
    reword(catalog, "欢迎", f"欢迎{humming.MUTE}")
    with pytest.raises(BuildFailed) as failed:
        built(catalog, audio)
    assert str(failed.value).splitlines() == [
        "line.goodbye: there is no sound in it",
        "line.welcome: there is no sound in it",
    ]
    attempts = [said for said in humming.utterances() if humming.MUTE in said]
    assert len(attempts) == 2 * ATTEMPTS
    assert sets.numbers_of(audio) == [1]
    prompts.load(audio, contract_of(CATALOG))


def test_a_voice_that_fails_again_and_again_is_not_asked_to_the_end(
    catalog: Path, audio: Path
) -> None:
    words = [first + second for first in NUMERALS for second in NUMERALS]
    more = "\n".join(f'x{at} = "{humming.MUTE}{word}。"' for at, word in enumerate(words))
    catalog.write_text(f"[prompts.more]\n{more}\n", encoding="utf-8")
    with pytest.raises(BuildFailed) as failed:
        built(catalog, audio)
    *named, last = str(failed.value).splitlines()
    assert (len(named), last) == (MOST_FAILED, "and so on: stopped there")
    assert len(humming.utterances()) < len(words) * ATTEMPTS


def test_a_faulty_catalog_makes_nothing(catalog: Path, audio: Path) -> None:
    reword(catalog, "再见", "bye")
    with pytest.raises(CatalogError):
        built(catalog, audio)
    assert not humming.utterances()


def test_an_absent_voice_is_not_missed_while_nothing_is_to_be_said(
    catalog: Path, audio: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(catalog, audio)
    monkeypatch.setenv("HOTLINE_TEST_VOICE_ABSENT", "1")
    assert built(catalog, audio).made == 0
    reword(catalog, "再见", "祝您愉快")
    with pytest.raises(VoiceUnavailable):
        built(catalog, audio)


def test_two_builds_do_not_share_a_folder(catalog: Path, audio: Path) -> None:
    with locked(audio / LOCK), pytest.raises(Busy, match="another build"):
        built(catalog, audio)


def test_progress_says_how_many_of_how_many(catalog: Path, audio: Path) -> None:
    told: list[tuple[int, int]] = []
    build(
        source_of(catalog),
        audio,
        humming.engine(),
        humming.speaking(),
        lambda made, of, _: told.append((made, of)),
    )
    assert told == [(at, len(told)) for at in range(1, len(told) + 1)]


NUMERALS = "一二三四五六七八九"


# --- interrupted ------------------------------------------------------------------------------

BUILDER = """
import signal
import sys
from pathlib import Path
from ivr.speech import numbers
from prompt_build import build, sets
from tests.contracts import source_of
from tests.prompt_build import humming
from tests.prompt_build.conftest import FEW

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background
    numbers.inventory = lambda: FEW
    catalog, audio = map(Path, sys.argv[1:])
    done = build.build(source_of(catalog), audio, humming.engine(), humming.speaking())
    sets.publish(audio, done.number)
"""


@pytest.fixture
def builder(tmp_path: Path) -> Path:
    script = tmp_path / "builder.py"
    script.write_text(BUILDER, encoding="utf-8")
    return script


def start(builder: Path, catalog: Path, audio: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(builder), str(catalog), str(audio)],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        start_new_session=True,
        stderr=subprocess.PIPE,
    )


def many_slow(catalog: Path) -> None:
    sentences = [f'said_{at} = "这一句{humming.SLOW}{word}。"' for at, word in enumerate(NUMERALS)]
    more = "\n".join(sentences)
    catalog.write_text(f"{CATALOG}\n[prompts.more]\n{more}\n", encoding="utf-8")


def test_builds_side_by_side_say_nothing_twice(
    builder: Path, catalog: Path, tmp_path: Path
) -> None:
    many_slow(catalog)
    running = [start(builder, catalog, tmp_path / name) for name in ("one", "two")]
    assert [each.wait(200) for each in running] == [0, 0]
    said = humming.utterances()
    assert len(said) == len(set(said)) == SPOKEN_CLIPS + len(NUMERALS)


def test_ctrl_c_keeps_what_was_made(builder: Path, catalog: Path, audio: Path) -> None:
    many_slow(catalog)
    running = start(builder, catalog, audio)
    wait_for(lambda: len(humming.utterances()) >= 4 and [*audio.glob("clips/*/*.json")])
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=200)
    assert running.returncode != 0
    assert b"KeyboardInterrupt" in said
    assert said.count(b"Traceback") == 1, "the workers leave Ctrl-C to their parent"
    before = humming.utterances()
    done = built(catalog, audio)
    assert done.made < SPOKEN_CLIPS + len(NUMERALS)
    assert len(set(humming.utterances())) == len(humming.utterances()), "nothing is said twice"
    assert len(humming.utterances()) > len(before)


def test_a_killed_build_leaves_no_worker_and_the_published_set(
    builder: Path, catalog: Path, audio: Path
) -> None:
    sets.publish(audio, built(catalog, audio).number)
    many_slow(catalog)
    running = start(builder, catalog, audio)
    begun = len(humming.utterances())
    wait_for(lambda: len(humming.utterances()) >= begun + 2)
    workers = group(running.pid)
    assert len(workers) > 1
    running.kill()
    running.wait(200)
    wait_for(lambda: not group(running.pid))
    assert (sets.published(audio) or {})["set"] == 1
    prompts.load(audio, contract_of(CATALOG))


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_moment_the_published_set_is_whole(
    seed: int, builder: Path, catalog: Path, audio: Path
) -> None:
    """The second set is built and published by a process group that is killed on the way."""
    sets.publish(audio, built(catalog, audio).number)
    chance = random.Random(seed)
    for word in NUMERALS[:3]:
        reword(catalog, "欢迎", f"欢迎{word}")
        running = start(builder, catalog, audio)
        time.sleep(chance.uniform(0.2, 2.5))
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate(timeout=200)
        prompts.load(audio, contract_of(CATALOG))
    assert sets.publish(audio, built(catalog, audio).number) in {True, False}
    prompts.load(audio, contract_of(CATALOG))


def group(leader: int) -> list[str]:
    """The processes of a session that are alive."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,stat=", "-g", str(leader)], capture_output=True, text=True, check=False
    ).stdout.splitlines()
    return [line for line in listed if "Z" not in line.split()[1]]


def wait_for(true: Callable[[], object], within: float = 200.0) -> None:
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


# --- a full disk ------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 2, 4, 6])
def test_a_disk_that_fills_up_while_publishing(
    after: int, catalog: Path, audio: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set, note of the build, history, published copy: whichever write fails, the old one stays."""
    sets.publish(audio, built(catalog, audio).number)
    reword(catalog, "再见", "祝您愉快")
    left = iter([True] * after)

    def full(descriptor: int) -> None:
        if not next(left, False):
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as filling:
        filling.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            sets.publish(audio, built(catalog, audio).number)
    assert (sets.published(audio) or {})["set"] == 1
    prompts.load(audio, contract_of(CATALOG))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_a_disk_that_is_full_is_named(catalog: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)], check=False
    )
    if mounted.returncode:
        pytest.skip("this machine mounts nothing")
    try:
        sets.publish(small, built(catalog, small).number)
        many_slow(catalog)
        (small / "ballast").write_bytes(bytes(room_left(small) - 20_000))
        with pytest.raises(BuildFailed, match="No space left on device"):
            built(catalog, small)
        assert (sets.published(small) or {})["set"] == 1
        prompts.load(small, contract_of(CATALOG))
    finally:
        subprocess.run(["umount", str(small)], check=True)


def room_left(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def test_a_worker_that_is_killed_is_no_riddle(catalog: Path, audio: Path) -> None:
    """What was being said is named."""
    deadly = humming.engine(opened=os.abort)
    with pytest.raises(BuildFailed, match=r"ended from outside .*「.*(感谢您的来电|欢迎致电).*」"):
        build(source_of(catalog), audio, deadly, humming.speaking())


class Broken(humming.Humming):
    """Fails in a way of its own, as a library does."""

    def speak(self, sounds: str, *, pace: float = 1.0) -> Audio:
        raise ZeroDivisionError("no sample rate")


class Gone(humming.Humming):
    def speak(self, sounds: str, *, pace: float = 1.0) -> Audio:
        raise VoiceUnavailable("this voice was withdrawn")


def test_a_voice_that_fails_in_a_worker_is_named_with_its_sentence(
    catalog: Path, audio: Path
) -> None:
    broken = humming.engine(opened=Broken)
    with pytest.raises(BuildFailed) as failed:
        build(source_of(catalog), audio, broken, humming.speaking())
    assert (
        "line.goodbye: the voice failed (ZeroDivisionError: no sample rate)「感谢您的来电，再见。」"
        in str(failed.value)
    )


def test_a_voice_that_is_gone_while_others_are_made_is_told_once(
    catalog: Path, audio: Path
) -> None:
    gone = humming.engine(opened=Gone)
    with pytest.raises(BuildFailed, match=r"line\..*「.*」: this voice was withdrawn") as failed:
        build(source_of(catalog), audio, gone, humming.speaking())
    assert len(str(failed.value).splitlines()) == 1
