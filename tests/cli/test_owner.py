"""What root's commands write in the service's home folder is the service's own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.lifecycle.owner import make_folder
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.vault import Vault
from tests import commands

SERVICE = 54321
"""A user who has no name on this machine."""
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for others")


@pytest.fixture
def home() -> Iterator[Path]:
    """In a folder that others can see, as pytest's own is not."""
    with tempfile.TemporaryDirectory() as above:
        Path(above).chmod(0o755)
        folder = Path(above) / "home"
        folder.mkdir(mode=0o750)
        os.chown(folder, SERVICE, SERVICE)
        yield folder


def ivr(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return commands.ivr(commands.environment(home), *words)


def others(folder: Path) -> list[str]:
    """Files below it that are not the service's."""
    return [str(path) for path in folder.rglob("*") if path.lstat().st_uid != SERVICE]


@root_only
def test_an_import_of_roots_own_file_is_the_services(home: Path, tmp_path: Path) -> None:
    export = tmp_path / "fund.csv"
    export.write_text("id_number,paid_to,monthly_deposit,balance\n990101199001010019,2026-10,1,2\n")
    export.chmod(0o600)
    done = ivr(home, "accounts", "import", "--fund", str(export))
    assert done.returncode == 0, done.stderr
    assert others(home) == []
    assert (home / "accounts.sqlite").exists()


@root_only
@pytest.mark.parametrize(
    "words",
    [
        ("accounts", "demo"),
        ("line", "close"),
        ("keys", "rotate", "tokens", "--reason", "test"),
        ("keys", "rotate", "vault", "--reason", "test"),
        ("who", "nobody", "--reason", "test"),
        ("loader", "--once"),
        ("retention", "run"),
    ],
    ids=" ".join,
)
def test_what_a_command_writes_is_the_services(home: Path, words: tuple[str, ...]) -> None:
    done = ivr(home, *words)
    assert "Traceback" not in done.stderr
    assert list(home.rglob("*")) != []
    assert others(home) == []


@root_only
def test_forgetting_somebody_leaves_the_vault_to_the_service(home: Path) -> None:
    keys = Keys.load(home / "keys")
    Vault(home / "vault.sqlite", keys).keep("token", Sensitive("990101199001010019"))
    for path in home.rglob("*"):
        os.chown(path, SERVICE, SERVICE)
    assert ivr(home, "forget", "token", "--reason", "test").stdout == "forgotten\n"
    assert others(home) == []


@root_only
def test_a_home_that_is_not_there_yet_is_its_folders_owners(home: Path) -> None:
    assert ivr(home / "a" / "b", "accounts", "demo").returncode == 0
    assert others(home) == []


@root_only
def test_folders_made_by_root_belong_to_whoever_has_the_one_above(home: Path) -> None:
    make_folder(home / "cache" / "ivr-12329")
    assert (home / "cache" / "ivr-12329").is_dir()
    assert others(home) == []


@root_only
def test_a_program_that_stays_has_nothing_of_root_left(home: Path, tmp_path: Path) -> None:
    private = tmp_path / "roots"
    private.write_text("x")
    private.chmod(0o600)
    read = f"open({str(private)!r}).read()"
    assert acting(home, "reach=True", read).returncode == 0
    assert "PermissionError" in acting(home, "reach=False", read).stderr
    regain = "import os; os.setuid(0)"
    assert "PermissionError" in acting(home, "reach=False", regain).stderr


@root_only
def test_the_audit_trail_names_who_became_root(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "daemon")
    ivr(home, "who", "nobody", "--reason", "test")
    assert '"daemon"' in (home / "audit.jsonl").read_text()


@root_only
def test_another_user_is_told_whose_line_it_is(home: Path) -> None:
    told = as_a_stranger(home)
    assert "Traceback" not in told
    assert f"{home} 属于用户 {SERVICE}：请用 `sudo -u {SERVICE} ivr …` 运行" in told


def as_a_stranger(home: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _AS_A_STRANGER.format(home=str(home))],
        cwd="/",
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stderr


_AS_A_STRANGER = """
import os, sys, unicodedata
import ivr.cli.commands, ivr.config, ivr.lifecycle.owner, ivr.lifecycle.switch  # root's, perhaps
os.environ["IVR_HOME"] = {home!r}
sys.argv = ["ivr", "line", "close"]
from typer.testing import CliRunner
CliRunner().invoke(ivr.cli.commands.app, ["line", "status"])  # what it imports may be root's
os.setresuid(12345, 12345, 12345)
ivr.cli.main()
"""


def acting(home: Path, how: str, then: str) -> subprocess.CompletedProcess[str]:
    """What a process may do that acts as the owner."""
    first = "from pathlib import Path; from ivr.lifecycle.owner import act_as_owner;"
    command = f"{first} act_as_owner(Path({str(home)!r}), {how}); {then}"
    return subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, timeout=60, check=False
    )
