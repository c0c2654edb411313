"""How much speech the offline voice makes in a second, and what bounds it.

`python -m bench.voice [--utterances 24]`: the same sentences by one process of one thread, by one
process whose model works with all cores, and by a process for each core, in turn; and, of one
process, what share of its time each kind of the model's operations takes. The model's inputs are
made for one sentence at a time (`tokens` is [1, n]), so sentences cannot be given to it in batches.

Needs the offline voice in the user's cache (`make voice`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import onnxruntime

from prompt_build.cache import cache_folder
from prompt_build.kokoro import RATE, Kokoro
from prompt_build.shipped import wanted

MODEL = cache_folder() / "voice" / "model.onnx"
SHOWN = 6
"""Kinds of operations that take most."""


def sentences(count: int) -> list[str]:
    """Phonemes of some of the catalog's sentences, the same ones in each run."""
    return random.Random(12329).sample([each.sounds for each in wanted() if each.sounds], count)


def _session(threads: int, profile: str | None = None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    if profile is not None:
        options.enable_profiling, options.profile_file_prefix = True, profile
    return onnxruntime.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])


def spoken(sounds: Sequence[str], threads: int) -> tuple[float, float]:
    """Seconds of speech, and seconds that it took, the voice's loading and first words aside."""
    voice = Kokoro()
    voice._session = _session(threads)
    voice.speak(sounds[0])
    began = time.monotonic()
    seconds = sum(len(voice.speak(each)) / RATE for each in sounds)
    return seconds, time.monotonic() - began


def one_for_each_core(sounds: Sequence[str], cores: int) -> float:
    """Seconds of speech a second, of all together."""
    with ProcessPoolExecutor(cores) as pool:
        parts = [sounds[place::cores] for place in range(cores)]
        return sum(made / took for made, took in pool.map(spoken, parts, [1] * cores))


def operations(sounds: Sequence[str]) -> Counter[str]:
    """Microseconds of each kind of operation."""
    with tempfile.TemporaryDirectory() as folder:
        voice = Kokoro()
        voice._session = _session(1, str(Path(folder) / "profile"))
        for each in sounds:
            voice.speak(each)
        events = json.loads(Path(voice._session.end_profiling()).read_text())
    spent = Counter[str]()
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            spent[event["args"]["op_name"]] += event["dur"]
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=int, default=24)
    chosen = parser.parse_args()
    sounds, cores = sentences(chosen.utterances), os.cpu_count() or 1
    inputs = {each.name: each.shape for each in _session(1).get_inputs()}
    print(f"the model takes {inputs}", flush=True)
    for threads in dict.fromkeys((1, cores)):
        made, took = spoken(sounds, threads)
        print(f"one process, {threads} threads: {made / took:.2f} s of speech a second", flush=True)
    whole = one_for_each_core(sounds, cores)
    print(f"{cores} processes of one thread: {whole:.2f} s of speech a second", flush=True)
    spent = operations(sounds)
    shares = (f"{kind} {us / spent.total():.0%}" for kind, us in spent.most_common(SHOWN))
    print(f"by operation: {', '.join(shares)}", flush=True)


if __name__ == "__main__":
    main()
