"""`ivr build-prompts`: make what is missing, then publish the set by writing its manifest last."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from prompt_build import kokoro
from prompt_build.catalog import Catalog, load
from prompt_build.mastering import FORMATS, TELEPHONE_RATE, Audio, Master, encode, master
from prompt_build.recipe import BEEP, PAUSES, Recipe, missing, recipes, script

MANIFEST = "manifest.json"
FORMAT = 1
_BEEP_HERTZ, _BEEP_SECONDS, _BEEP_AMPLITUDE = 1000.0, 0.3, 0.14

Progress = Callable[[int, int, str], None]
"""Called with how many clips are made, of how many, and what the last one says."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did."""

    made: int
    kept: int
    audio_seconds: float
    """Of the clips that were made."""
    wall_seconds: float
    published: bool
    """False when the published set was this one already."""


def build(catalog_file: Path, audio: Path, *, progress: Progress | None = None) -> Built:
    """Bring `audio` up to date with the catalog.

    Only clips whose recipe has no file are made; what was made survives an interruption. Raises
    CatalogError before anything is made, VoiceUnavailable when the voice is needed and absent.
    """
    began = time.monotonic()
    catalog = load(catalog_file)
    wanted = recipes(catalog, kokoro.Kokoro.name)
    todo = missing(wanted, _present(audio))
    seconds = 0.0
    for number, (recipe, length) in enumerate(_make(todo, audio), 1):
        seconds += length
        if progress is not None:
            progress(number, len(todo), recipe.text)
    published = _publish(audio, _manifest(catalog, wanted, audio))
    kept = len({recipe.id for recipe in wanted}) - len(todo)
    return Built(len(todo), kept, seconds, time.monotonic() - began, published)


def _present(audio: Path) -> frozenset[str]:
    return frozenset(
        f"clips/{folder.name}/{file.name}"
        for folder in _scan(audio / "clips")
        for file in _scan(Path(folder.path))
    )


def _scan(folder: Path) -> Iterator[os.DirEntry[str]]:
    if folder.is_dir():
        with os.scandir(folder) as entries:
            yield from entries


# --- making -----------------------------------------------------------------------------------


def _make(todo: tuple[Recipe, ...], audio: Path) -> Iterator[tuple[Recipe, float]]:
    """Make all of them, over all cores; one voice of one thread a core is the fastest."""
    if not todo:
        return
    kokoro.install()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        running = {pool.submit(_make_one, recipe, audio): recipe for recipe in todo}
        try:
            for done in as_completed(running):
                yield running[done], done.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _make_one(recipe: Recipe, audio: Path) -> float:
    """One clip in all codings; returns its seconds."""
    finished = _sound(recipe)
    for law in FORMATS:
        _write(audio / recipe.file(law), encode(finished.samples, law))
    return finished.seconds


def _sound(recipe: Recipe) -> Master:
    if recipe.name in PAUSES:
        return _plain(np.zeros(int(PAUSES[recipe.name] * TELEPHONE_RATE), np.float32))
    if recipe.name == BEEP:
        return _plain(_beep())
    return master(_synthesised(recipe), kokoro.RATE)


def _plain(samples: Audio) -> Master:
    return Master(samples, 0.0, 0.0)


def _beep() -> Audio:
    """请讲 is followed by this: 1 kHz with soft edges."""
    time_axis = np.arange(int(_BEEP_SECONDS * TELEPHONE_RATE)) / TELEPHONE_RATE
    edge = np.minimum(1, np.minimum(time_axis, _BEEP_SECONDS - time_axis) / 0.01)
    tone = _BEEP_AMPLITUDE * edge * np.sin(2 * np.pi * _BEEP_HERTZ * time_axis)
    return tone.astype(np.float32)


_voice: kokoro.Kokoro | None = None


def _synthesised(recipe: Recipe) -> Audio:
    """What the voice makes of it; kept in the user's cache, so that nobody makes it twice."""
    global _voice  # noqa: PLW0603  one voice a process: loading it takes longer than a clip
    kept = kokoro.cache_folder() / "synthesis" / recipe.synthesis[:2] / f"{recipe.synthesis}.flac"
    if kept.exists():
        samples: Audio = soundfile.read(kept, dtype="float32")[0]
        return samples
    _voice = _voice or kokoro.Kokoro()
    samples = _voice.speak(recipe.sounds)
    kept.parent.mkdir(parents=True, exist_ok=True)
    scratch = kept.with_suffix(f".{os.getpid()}.flac")
    soundfile.write(scratch, np.clip(samples, -1, 1), kokoro.RATE, subtype="PCM_24")
    scratch.replace(kept)
    return samples


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with scratch.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


# --- publishing -------------------------------------------------------------------------------


def _manifest(catalog: Catalog, wanted: tuple[Recipe, ...], audio: Path) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "catalog": catalog.version,
        "voice": kokoro.Kokoro.name,
        "prompts": {recipe.name: _entry(recipe, audio) for recipe in wanted},
        "scripts": {name: script(prompt) for name, prompt in catalog.prompts.items()},
        "keys": {name: prompt.keys for name, prompt in catalog.prompts.items() if prompt.keys},
        "information": dict(catalog.information),
    }


def _entry(recipe: Recipe, audio: Path) -> dict[str, Any]:
    length = (audio / recipe.file("alaw")).stat().st_size / TELEPHONE_RATE
    return {
        "text": recipe.text,
        "files": {law: recipe.file(law) for law in FORMATS},
        "seconds": round(length, 3),
        "recipe": recipe.id,
    }


def _publish(audio: Path, manifest: Mapping[str, Any]) -> bool:
    """Write the manifest unless it says the same already; the set is published by this alone."""
    path = audio / MANIFEST
    if _published(path) == manifest:
        return False
    stamped = {"built": datetime.now(UTC).isoformat(timespec="seconds"), **manifest}
    _write(path, json.dumps(stamped, ensure_ascii=False, indent=1).encode())
    return True


def _published(path: Path) -> dict[str, Any] | None:
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    manifest.pop("built", None)
    return manifest
