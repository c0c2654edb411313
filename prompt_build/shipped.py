"""`make voice`: renew the speech that ships, which spares a newcomer the synthesis.

It is what the offline voice makes of the shipped catalog. Files are named by their recipe, so that
a changed sentence, pace or voice simply finds none; what no recipe names is pruned.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from ivr.config import PROJECT, SpeechSettings
from prompt_build import lexicon, opus
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import Source
from prompt_build.choosing import speaking
from prompt_build.kokoro import KOKORO, SHIPPED
from prompt_build.recipe import Recipe, recipes
from prompt_build.synthesis import utterance


@dataclass(frozen=True, slots=True)
class Renewed:
    """What was done to the folder, and what it holds now."""

    made: tuple[Recipe, ...]
    pruned: int
    files: int
    bytes: int


def wanted() -> tuple[Recipe, ...]:
    """Every utterance of the shipped catalog in the offline voice, each once."""
    words = lexicon.load((PROJECT / "lexicon.zh.toml",))
    catalog = load(Source(PROJECT / "scripts.zh.toml"))
    spoken = recipes(catalog, speaking(SpeechSettings(), KOKORO, words))
    return tuple({each.synthesis: each for each in spoken if each.sounds}.values())


def renew(folder: Path = SHIPPED) -> Renewed:
    """Make what is missing, prune the rest. Raises VoiceUnavailable, SpeechFailed."""
    all_ = wanted()
    absent = tuple(each for each in all_ if not opus.place(folder, each).is_file())
    if absent:
        KOKORO.prepare()
    with ProcessPoolExecutor(KOKORO.workers, get_context("spawn")) as pool:
        for _ in pool.map(partial(_ship, folder=folder), absent):
            pass
    strangers = set(folder.rglob("*.opus")) - {opus.place(folder, each) for each in all_}
    for stranger in strangers:
        stranger.unlink()
    sizes = [each.stat().st_size for each in folder.rglob("*.opus")]
    return Renewed(absent, len(strangers), len(sizes), sum(sizes))


def _ship(recipe: Recipe, folder: Path) -> None:
    samples, rate, _ = utterance(recipe, replace(KOKORO, shipped=None))
    opus.keep(folder, recipe, samples, rate)


def main() -> None:
    """Renew the folder, and say what was made."""
    done = renew()
    for recipe in done.made:
        print(f"{recipe.name}\t{recipe.text}")
    print(
        f"新做 {len(done.made)} 句，删去不再用到的 {done.pruned} 句；"
        f"共 {done.files} 句，{done.bytes / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    main()
