"""`ivr` as a process of its own, without the second that Python's imports take.

multiprocessing's fork server imports the commands once; every command is a process that it forks,
with the words, the environment, the files and the exit code of one that a shell would start.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

SECONDS = 60
"""What takes so long never ends."""
IMPORTED = (
    "tests.commands",
    "tests.command_tree",
    "analytics.answering.exporting",
    "analytics.answering.questioning",
    "analytics.loading.loader",
    "ivr.accounts.importing",
    "ivr.cases.register",
    "ivr.cli.commands",
    "ivr.cli.serving",
    "ivr.stage.terminal",
    "prompt_build.build",
)
_FORKS = multiprocessing.get_context("forkserver")


def environment(home: Path, audio: Path | None = None) -> dict[str, str]:
    """That of a line at this place."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IVR_")}
    return {**kept, "IVR_HOME": str(home), "IVR_AUDIO": str(audio or home / "audio")}


def ivr(
    environment: Mapping[str, str], *words: str, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run it to its end. Raises TimeoutExpired."""
    with tempfile.TemporaryDirectory() as folder:
        typed, out, error = files = [Path(folder, name) for name in ("in", "out", "error")]
        typed.write_text(given, encoding="utf-8")
        process = _FORKS.Process(target=_command, args=(words, dict(environment), files))
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(words, SECONDS)
        shown = [path.read_text(encoding="utf-8") for path in (out, error)]
        return subprocess.CompletedProcess(words, process.exitcode, *shown)


def _command(words: tuple[str, ...], environment: Mapping[str, str], files: list[Path]) -> None:
    from ivr.cli import main  # noqa: PLC0415  the server has it

    os.environ.clear()
    os.environ.update(environment)
    for number, (path, mode) in enumerate(zip(files, ("r", "w", "w"), strict=True)):
        with path.open(mode) as file:
            os.dup2(file.fileno(), number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    sys.argv = ["ivr", *words]
    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
