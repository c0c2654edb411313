"""What is forked is what an interpreter would start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import forks

TELLS = """
import json, os, signal, sys
print(json.dumps([sys.argv[1:], os.environ["TOLD"], os.getcwd(), os.nice(0), sys.stdin.read()]))
print("wrong", file=sys.stderr)
sys.exit({code!r})
"""
STAYS = """
import time
print("here", flush=True)
time.sleep(60)
"""
NOTES = """
import atexit
atexit.register(lambda: print("gone"))
open({fifo!r}).read()
raise RuntimeError("odd")
"""


def script(folder: Path, text: str) -> str:
    path = folder / "script.py"
    path.write_text(text)
    return str(path)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose name leaves room for a socket's: 108 bytes in all (unix(7))."""
    with tempfile.TemporaryDirectory(prefix="forks-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize(("given", "code"), [(0, 0), (None, 0), (3, 3), ("refused", 1)])
def test_words_environment_folder_files_and_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: object, code: int
) -> None:
    tells = script(tmp_path, TELLS.format(code=given))
    monkeypatch.chdir(tmp_path)
    env = {**os.environ, "TOLD": "一"}
    forked = forks.run(tells, "a", "b c", env=env, given="typed")
    started = subprocess.run(
        [sys.executable, tells, "a", "b c"],
        env=env, input="typed", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert json.loads(forked.stdout) == [["a", "b c"], "一", str(tmp_path), os.nice(0), "typed"]
    assert (forked.stdout, forked.stderr) == (started.stdout, started.stderr)
    assert forked.returncode == started.returncode == code


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it_and_is_told(tmp_path: Path, sign: int) -> None:
    with (tmp_path / "errors").open("wb") as errors:
        forked = forks.start(
            script(tmp_path, STAYS), stdout=subprocess.PIPE, stderr=errors.fileno()
        )
    assert forked.stdout is not None
    assert forked.stdout.readline() == "here\n"
    assert forked.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        forked.wait(0.01)
    forked.send_signal(sign)
    assert forked.wait(30) == -sign
    assert forked.poll() == -sign
    forked.kill()


def test_a_fault_is_told_and_what_was_to_be_done_at_the_end_is_done(tmp_path: Path) -> None:
    done = forks.run(script(tmp_path, NOTES.format(fifo=os.devnull)))
    assert (done.returncode, done.stdout) == (1, "gone\n")
    assert "RuntimeError: odd" in done.stderr


def test_one_program_sees_nothing_of_another(tmp_path: Path) -> None:
    leaves = script(tmp_path, "import os, json; os.environ['LEFT'] = '1'; json.left = 1")
    assert forks.run(leaves).returncode == 0
    looks = script(tmp_path, "import os, json; print('LEFT' in os.environ, hasattr(json, 'left'))")
    assert forks.run(looks).stdout == "False False\n"


def test_a_module_runs_as_with_m_and_one_that_is_not_there_is_named() -> None:
    assert forks.run("json.tool", given='{"a": 1}').stdout == '{\n    "a": 1\n}\n'
    absent = forks.run("no_such_module_here")
    assert absent.returncode == 1
    assert "no_such_module_here" in absent.stderr


def test_the_processor_time_of_what_a_fork_starts_is_its_own(tmp_path: Path) -> None:
    works = script(tmp_path, "sum(n * n for n in range(3_000_000))")
    starts = tmp_path / "starts.py"
    starts.write_text(f"from tests import forks; print(forks.start({works!r}).wait())")
    alone, above = forks.start(works), forks.start(str(starts), stdout=subprocess.DEVNULL)
    assert (alone.wait(), above.wait()) == (0, 0)
    assert alone.busy > 0.02
    assert above.busy > alone.busy / 4


def test_the_server_ends_with_who_started_it_and_leaves_nothing(short: Path) -> None:
    asks = "from tests import forks; p = forks.run('json.tool', given='1'); print(forks.address())"
    env = {name: value for name, value in os.environ.items() if name != forks.ADDRESS}
    done = subprocess.run(
        [sys.executable, "-c", asks],
        env={**env, "TMPDIR": str(short)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    folder = Path(done.stdout.strip()).parent
    assert folder.parent == short
    deadline = time.monotonic() + 60
    while folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
