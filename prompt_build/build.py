"""`ivr build-prompts`: make what is missing, then number the set."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from datetime import date
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from ivr.records.durable import write_all
from ivr.speech.publications import LOCK
from prompt_build import sets, unchanged
from prompt_build.catalog.content import Catalog
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import Source
from prompt_build.locking import locked
from prompt_build.mastering import RATES, clipped_samples, encode, master, measure
from prompt_build.recipe import TONES, Recipe, Speaking, missing, recipes, script
from prompt_build.recorded import read_recording
from prompt_build.synthesis import needs_voice, utterance
from prompt_build.tones import tone
from prompt_build.voices import Audio, Engine, SpeechFailed, VoiceUnavailable

FORMAT = 1
MOST_FAILED = 20

Progress = Callable[[int, int, str], None]
"""Called with how many clips are made, of how many, and what the last one says."""


class BuildFailed(Exception):
    """Some clips could not be made; names each and why. The published set stays as it was."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did."""

    made: int
    spoken: int
    """Of those: what the voice had to say; the rest ships, was kept, or is no speech."""
    kept: int
    audio_seconds: float
    """Of the clips that were made."""
    wall_seconds: float
    engine_share: float | None
    """Of the time of all workers: what the voice itself took; None when it was not asked."""
    number: int
    """Of the set; callers hear it once it is published."""
    due: tuple[str, ...]
    """Texts to be reviewed, in words."""


@dataclass(frozen=True, slots=True)
class Made:
    """One finished clip."""

    audio_seconds: float
    engine_seconds: float


def build(
    words: Source,
    audio: Path,
    engine: Engine,
    speaking: Speaking,
    progress: Progress | None = None,
) -> Built:
    """Make the set that the catalog asks for, in one voice; `sets.publish` lets it be heard.

    Only clips whose recipe has no files are made; what was made survives an interruption. Raises
    CatalogError before anything is made, VoiceUnavailable when the voice is needed and absent,
    BuildFailed when a clip does not come out right, Busy while another build works here.
    """
    began = time.monotonic()
    catalog = load(words)
    with locked(audio / LOCK, wait=False):
        asked = unchanged.asked(catalog, speaking)
        if (before := unchanged.same(audio, asked)) is not None:
            return _nothing_new(catalog, before, time.monotonic() - began)
        wanted = recipes(catalog, speaking)
        todo = missing(wanted, sets.present(audio))
        made = make_all(todo, audio, engine, progress)
        number = sets.keep(audio, _manifest(catalog, wanted, audio, speaking))
        unchanged.remember(audio, asked, number)
    wall = time.monotonic() - began
    return Built(
        made=len(todo),
        spoken=sum(each.engine_seconds > 0 for each in made),
        kept=len({recipe.id for recipe in wanted}) - len(todo),
        audio_seconds=sum(each.audio_seconds for each in made),
        wall_seconds=wall,
        engine_share=_share(made, wall, min(engine.workers, len(todo))),
        number=number,
        due=_due(catalog),
    )


def _nothing_new(catalog: Catalog, before: unchanged.Before, wall: float) -> Built:
    return Built(0, 0, before.clips, 0.0, wall, None, before.number, _due(catalog))


def _due(catalog: Catalog) -> tuple[str, ...]:
    return tuple(catalog.due(date.today()))  # noqa: DTZ011  the editor's own calendar


def _share(made: list[Made], wall: float, workers: int) -> float | None:
    spoken = sum(each.engine_seconds for each in made)
    return spoken / (wall * workers) if spoken else None


def make_all(
    todo: tuple[Recipe, ...], audio: Path, engine: Engine, progress: Progress | None = None
) -> list[Made]:
    """Make all of them and report; BuildFailed names the clips that failed together.

    Not much is to be hoped for after MOST_FAILED of them: a service that refuses, say.
    """
    made, failed = [], []
    for number, (recipe, outcome) in enumerate(_make(todo, audio, engine), 1):
        if isinstance(outcome, Made):
            made.append(outcome)
        else:
            failed.append(f"{recipe.name}: {outcome}")
            if len(failed) == MOST_FAILED:
                raise BuildFailed("\n".join(sorted(failed)) + "\nand so on: stopped there")
        if progress is not None:
            progress(number, len(todo), recipe.text)
    if failed:
        raise BuildFailed("\n".join(sorted(failed)))
    return made


# --- making -----------------------------------------------------------------------------------


def _make(
    todo: tuple[Recipe, ...], audio: Path, engine: Engine
) -> Iterator[tuple[Recipe, Made | str]]:
    """Make all of them, over the engine's processes; as they are done."""
    if not todo:
        return
    if any(needs_voice(recipe, engine) for recipe in todo):
        engine.prepare()
    with ProcessPoolExecutor(
        min(engine.workers, len(todo)),
        mp_context=multiprocessing.get_context("forkserver"),  # a fork would inherit held locks
        initializer=_follow_parent,
        initargs=(dict(os.environ),),
    ) as pool:
        running = {pool.submit(make_one, recipe, audio, engine): recipe for recipe in todo}
        try:
            for done in as_completed(running):
                yield running[done], _outcome(done, running, engine.workers)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _follow_parent(environment: Mapping[str, str]) -> None:
    """A worker leaves Ctrl-C to its parent, and does not outlive a parent that was killed.

    The server that forks it has the environment of the program's first build.
    """
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _outcome(
    done: Future[Made | str], running: Mapping[Future[Made | str], Recipe], workers: int
) -> Made | str:
    """What became of it; BuildFailed where going on would not help the others either."""
    try:
        return done.result()
    except VoiceUnavailable as gone:
        raise BuildFailed(f"{running[done].name}「{running[done].text}」: {gone}") from gone
    except BrokenProcessPool as ended:
        spoken = [f"{each.name}「{each.text}」" for each in _unfinished(running)[:workers]]
        raise BuildFailed(
            f"a worker was ended from outside (is there enough memory?) at {'; '.join(spoken)}"
        ) from ended
    except OSError as disk:
        raise BuildFailed(f"a clip cannot be written: {disk.strerror}") from disk


def _unfinished(running: Mapping[Future[Made | str], Recipe]) -> list[Recipe]:
    """Those that came to nothing, the first one that was begun first."""
    return [
        recipe
        for future, recipe in running.items()
        if not future.done() or future.cancelled() or future.exception() is not None
    ]


@dataclass(frozen=True, slots=True)
class _Sound:
    """One clip by its rate, and how it came about."""

    by_rate: Mapping[int, Audio]
    engine_seconds: float = 0.0
    clipped: int = 0


def make_one(recipe: Recipe, audio: Path, engine: Engine) -> Made | str:
    """One clip in all codings, and its measures last; in words why a voice did not make it."""
    try:
        sound = _sound(recipe, engine)
    except VoiceUnavailable:
        raise
    except SpeechFailed as failed:
        return str(failed)
    except Exception as broken:  # noqa: BLE001  whatever a voice raises is told with its sentence
        return f"the voice failed ({type(broken).__name__}: {broken})「{recipe.text}」"
    lowest = min(sound.by_rate)
    measured = measure(sound.by_rate[lowest], lowest, clipped=sound.clipped)
    coded = {coding: encode(sound.by_rate[RATES[coding]], coding) for coding in recipe.formats}
    coded["json"] = json.dumps(asdict(measured)).encode()
    write_all({audio / recipe.file(kind): content for kind, content in coded.items()})
    return Made(measured.seconds, sound.engine_seconds)


def _sound(recipe: Recipe, engine: Engine) -> _Sound:
    """As the telephone's rates need it."""
    if recipe.name in TONES:
        return _Sound({rate: tone(recipe.name, rate) for rate in _rates(recipe)})
    speech, rate, spent = source(recipe, engine)
    by_rate = {to: master(speech, rate, to) for to in _rates(recipe)}
    return _Sound(by_rate, spent, clipped_samples(speech))


def _rates(recipe: Recipe) -> set[int]:
    return {RATES[coding] for coding in recipe.formats}


def source(recipe: Recipe, engine: Engine) -> tuple[Audio, int, float]:
    """Samples before mastering, their rate, and the seconds that the voice took."""
    if recipe.recorded is not None:
        return (*read_recording(recipe.recorded, recipe.text), 0.0)
    return utterance(recipe, engine)


# --- the manifest -----------------------------------------------------------------------------


def _manifest(
    catalog: Catalog, wanted: tuple[Recipe, ...], audio: Path, speaking: Speaking
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "catalog": catalog.version,
        "voice": {"name": speaking.voice, "pace": speaking.pace, "one": speaking.one},
        "prompts": {recipe.name: _entry(recipe, audio) for recipe in wanted},
        "scripts": {name: script(prompt) for name, prompt in catalog.prompts.items()},
        "keys": {name: prompt.keys for name, prompt in catalog.prompts.items() if prompt.keys},
        "information": dict(catalog.information),
    }


def _entry(recipe: Recipe, audio: Path) -> dict[str, Any]:
    measured = json.loads((audio / recipe.file("json")).read_bytes())
    return {
        "text": recipe.text,
        "files": {coding: recipe.file(coding) for coding in recipe.formats},
        "seconds": measured["seconds"],
        "recipe": recipe.id,
    }
