"""`ivr` as a process of its own, without the second that Python's imports take."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests import forks


def environment(home: Path, audio: Path | None = None) -> dict[str, str]:
    """That of a line at this place."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IVR_")}
    return {**kept, "IVR_HOME": str(home), "IVR_AUDIO": str(audio or home / "audio")}


def ivr(
    environment: Mapping[str, str], *words: str, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run it to its end. Raises TimeoutExpired."""
    return forks.run(forks.IVR, *words, env=environment, given=given)
