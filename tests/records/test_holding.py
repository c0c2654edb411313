"""One holds a file, and the next one is told so at once; who dies lets go."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ivr.records.holding import hold

_HOLDS = """
import sys, time
from ivr.records.holding import hold
file = open(sys.argv[1], "a")
print(hold(file), flush=True)
time.sleep(60)
"""


def test_one_holds_it_and_who_is_killed_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    other = subprocess.Popen([sys.executable, "-c", _HOLDS, str(path)], stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"True\n"
        with path.open("a") as file:
            assert not hold(file)
            other.kill()
            other.wait(30)
            assert hold(file)
            assert hold(file), "it is ours already"
    finally:
        other.kill()
        other.communicate()
