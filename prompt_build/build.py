"""`ivr build-prompts`: make what is missing, then number the set."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from prompt_build import acceptance, sets
from prompt_build.cache import cache_folder
from prompt_build.catalog import Catalog, load
from prompt_build.durable import write
from prompt_build.mastering import RATES, encode, master, measure
from prompt_build.recipe import TONES, Recipe, Speaking, missing, recipes, script
from prompt_build.recorded import read_recording
from prompt_build.tones import tone
from prompt_build.voices import Audio, Engine, SpeechFailed, Voice

FORMAT = 1

Progress = Callable[[int, int, str], None]
"""Called with how many clips are made, of how many, and what the last one says."""


class BuildFailed(Exception):
    """Some clips could not be made; names each and why. The published set stays as it was."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did."""

    made: int
    kept: int
    audio_seconds: float
    """Of the clips that were made."""
    wall_seconds: float
    engine_share: float
    """Of the time of all cores: what the voice itself took; 1.0 when nothing was spoken."""
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
    catalog_file: Path,
    audio: Path,
    engine: Engine,
    speaking: Speaking,
    progress: Progress | None = None,
) -> Built:
    """Make the set that the catalog asks for, in one voice; `sets.publish` lets it be heard.

    Only clips whose recipe has no files are made; what was made survives an interruption. Raises
    CatalogError before anything is made, VoiceUnavailable when the voice is needed and absent,
    BuildFailed when a clip does not come out right.
    """
    began = time.monotonic()
    catalog = load(catalog_file)
    wanted = recipes(catalog, speaking)
    todo = missing(wanted, sets.present(audio))
    made = _made(todo, audio, engine, progress)
    number = sets.keep(audio, _manifest(catalog, wanted, audio, speaking))
    wall = time.monotonic() - began
    return Built(
        made=len(todo),
        kept=len({recipe.id for recipe in wanted}) - len(todo),
        audio_seconds=sum(each.audio_seconds for each in made),
        wall_seconds=wall,
        engine_share=_share(made, wall, engine.workers),
        number=number,
        due=tuple(catalog.due(date.today())),  # noqa: DTZ011  the editor's own calendar
    )


def _share(made: list[Made], wall: float, workers: int) -> float:
    spoken = sum(each.engine_seconds for each in made)
    return spoken / (wall * workers) if spoken else 1.0


def _made(
    todo: tuple[Recipe, ...], audio: Path, engine: Engine, progress: Progress | None
) -> list[Made]:
    """Make all of them and report; every clip that failed is named at the end."""
    made, failed = [], []
    for number, (recipe, outcome) in enumerate(_make(todo, audio, engine), 1):
        if isinstance(outcome, Made):
            made.append(outcome)
        else:
            failed.append(f"{recipe.name}: {outcome}")
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
    engine.prepare()
    with ProcessPoolExecutor(engine.workers) as pool:
        running = {pool.submit(_make_one, recipe, audio, engine): recipe for recipe in todo}
        try:
            for done in as_completed(running):
                yield running[done], _outcome(done)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _outcome(done: Future[Made]) -> Made | str:
    try:
        return done.result()
    except SpeechFailed as failed:
        return str(failed)


def _make_one(recipe: Recipe, audio: Path, engine: Engine) -> Made:
    """One clip in all codings, and its measures last."""
    if recipe.name in TONES:
        finished = {rate: tone(recipe.name, rate) for rate in _rates(recipe)}
        spent = 0.0
    else:
        speech, rate, spent = source(recipe, engine)
        finished = {to: master(speech, rate, to) for to in _rates(recipe)}
    for coding in recipe.formats:
        write(audio / recipe.file(coding), encode(finished[RATES[coding]], coding))
    measured = measure(finished[min(finished)], min(finished))
    write(audio / recipe.file("json"), json.dumps(asdict(measured)).encode())
    return Made(measured.seconds, spent)


def _rates(recipe: Recipe) -> set[int]:
    return {RATES[coding] for coding in recipe.formats}


def source(recipe: Recipe, engine: Engine) -> tuple[Audio, int, float]:
    """Samples before mastering, their rate, and the seconds that the voice took."""
    if recipe.recorded is not None:
        return (*read_recording(recipe.recorded, recipe.text), 0.0)
    kept = cache_folder() / "synthesis" / recipe.synthesis[:2] / f"{recipe.synthesis}.npy"
    voice = _opened(engine)
    began = time.monotonic()
    if kept.exists():
        return _unpacked(kept), voice.rate, 0.0
    speech = _accepted(voice, recipe, engine.attempts)
    spent = time.monotonic() - began
    _keep(kept, speech)
    return speech, voice.rate, spent


def _accepted(voice: Voice, recipe: Recipe, attempts: int) -> Audio:
    """An utterance without faults; SpeechFailed names those of the last attempt."""
    wrong: tuple[str, ...] = ()
    for _ in range(attempts):
        speech = voice.speak(recipe.sounds, pace=recipe.pace)
        wrong = acceptance.faults(speech, voice.rate, recipe.text, pace=recipe.pace)
        if not wrong:
            return speech
    raise SpeechFailed("; ".join(wrong))


_voices: dict[str, Voice] = {}
"""The voice of this process: loading it takes longer than a clip."""


def _opened(engine: Engine) -> Voice:
    if engine.name not in _voices:
        _voices[engine.name] = engine.open()
    return _voices[engine.name]


def _keep(path: Path, speech: Audio) -> None:
    """In the user's cache, as 16-bit samples, so that nobody makes it twice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}.npy")
    np.save(scratch, np.clip(np.rint(speech * 32767), -32767, 32767).astype(np.int16))
    scratch.replace(path)


def _unpacked(path: Path) -> Audio:
    samples: Audio = (np.load(path) / 32767).astype(np.float32)
    return samples


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
