"""A user's mistake is one clear line and an exit code that means something, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ivr.accounts.demo import make_demo
from tests import commands


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return commands.environment(tmp_path / "home", tmp_path / "audio")


def ivr(environment: dict[str, str], *words: str, given: str = "") -> tuple[int, str, str]:
    done = commands.ivr(environment, *words, given=given)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["accounts", "import"], 2, "--fund FILE.csv"),
        (["accounts", "import", "--fund", "none.csv"], 1, "none.csv cannot be read"),
        (["accounts", "show", "123"], 2, "15 digits"),
        (["read", "amount", "much"], 2, "amount"),
        (["read", "nonsense", "1"], 2, "nonsense"),
        (["read"], 2, "KIND and VALUE"),
        (["read", "--file", "none.tsv"], 2, "none.tsv cannot be read"),
        (["serve"], 3, "ivr build-prompts"),
        (["talk"], 3, "ivr build-prompts"),
        (["sql", "SELECT 1"], 3, "ivr loader"),
        (["no-such-command"], 2, "no-such-command"),
        (["prompts", "publish", "7"], 2, "7"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_a_mistake(environment: dict[str, str], words: list[str], code: int, told: str) -> None:
    returned, _, error = ivr(environment, *words)
    assert returned == code, error
    assert told in error


def test_a_unit_whose_settings_are_wrong_does_not_start_and_start_again(
    environment: dict[str, str],
) -> None:
    """Under systemd it waits before it ends; at a terminal the answer comes at once."""
    wrong = {**environment, "IVR_SIP_PORT": "15000"}
    asked = f"SYSTEMD_EXEC_PID=$$ exec {sys.executable} -m ivr.cli loader"
    unit = subprocess.Popen(["sh", "-c", asked], env=wrong, stderr=subprocess.PIPE)
    try:
        assert unit.stderr is not None
        assert "sip_port" in unit.stderr.readline().decode()
        with pytest.raises(subprocess.TimeoutExpired):
            unit.wait(1)
    finally:
        unit.kill()
        unit.communicate()
    assert ivr(wrong, "loader")[0] == 2


def test_wrong_settings_are_named_by_every_command(environment: dict[str, str]) -> None:
    wrong = {**environment, "IVR_SIP_PORT": "0", "IVR_PATIENCE__FAILURES": "x"}
    for command in ("run", "serve", "talk"):
        returned, _, error = ivr(wrong, command)
        assert returned == 2
        assert "sip_port" in error
        assert "patience.failures" in error


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_wrong_settings_are_findings_of_the_doctor(
    environment: dict[str, str], form: tuple[str, ...]
) -> None:
    """A program that reads them gets each fault as one finding, like all others."""
    wrong = {**environment, "IVR_SIP_PORT": "0", "IVR_PATIENCE__FAILURES": "x"}
    returned, told, _ = ivr(wrong, "doctor", *form)
    assert returned == 1
    assert "sip_port" in told
    assert "patience.failures" in told


def test_the_doctor_finds_faults_on_an_empty_machine(environment: dict[str, str]) -> None:
    returned, told, _ = ivr(environment, "doctor")
    assert returned == 1
    for part in ("prompts", "accounts", "ARI", "service", "disk", "keys", "clock", "permissions"):
        assert f" {part}: " in told
    assert "ivr build-prompts" in told
    assert not Path(environment["IVR_HOME"], "keys").exists(), "a check changed something"


def test_accounts_are_imported_and_shown(environment: dict[str, str], tmp_path: Path) -> None:
    fund = tmp_path / "fund.csv"
    fund.write_text("id_number,paid_to,monthly_deposit,balance\n990101199001010019,2026-10,1,2.5\n")
    assert ivr(environment, "accounts", "import", "--fund", str(fund))[:2] == (
        0,
        "fund_account: 0 → 1 accounts\n已导入 (imported)\n",
    )
    returned, told, _ = ivr(environment, "accounts", "show", given="990101900101001\n")
    assert returned == 0
    assert "found, paid to 2026-10, monthly ***, balance ***" in told
    assert "990101900101001" not in told
    assert "2.50" in ivr(environment, "accounts", "show", "990101900101001", "--reveal")[1]


def test_an_import_that_is_hardly_meant_says_the_counts_and_asks_for_yes(
    environment: dict[str, str], tmp_path: Path
) -> None:
    fund = tmp_path / "fund.csv"
    rows = ["990202197501012013,2026-10,1,2.5", "990202197602023029,2026-10,1,2.5"]
    fund.write_text("\n".join(["id_number,paid_to,monthly_deposit,balance", *rows, ""]))
    command = ("accounts", "import", "--fund", str(fund))
    assert ivr(environment, *command, "--rows", "3")[0] == 1
    assert ivr(environment, *command, "--rows", "2")[0] == 0
    assert ivr(environment, *command, "--rows", "loan=2")[0] == 2
    fund.write_text("id_number,paid_to,monthly_deposit,balance\n")
    returned, told, error = ivr(environment, *command)
    assert (returned, told) == (1, "fund_account: 2 → 0 accounts\n")
    assert "--yes" in error
    returned, told, _ = ivr(environment, *command, "--yes")
    assert (returned, told) == (0, "fund_account: 2 → 0 accounts\n已导入 (imported)\n")


def test_the_demo_does_not_touch_other_accounts(environment: dict[str, str]) -> None:
    home = Path(environment["IVR_HOME"])
    make_demo(home / "accounts.sqlite")
    assert "there already" in ivr(environment, "accounts", "demo")[1]


def test_a_table_of_values_is_read_in_one_run(environment: dict[str, str], tmp_path: Path) -> None:
    table = tmp_path / "values.tsv"
    table.write_text("amount\t12.05\nyear_month\t2026-03\tignored\n\nid18\t11010519491231002X\n")
    returned, told, _ = ivr(environment, "read", "--file", str(table))
    assert returned == 0
    lines = [line.split("\t") for line in told.splitlines()]
    assert [line[:2] for line in lines] == [
        ["amount", "12.05"],
        ["year_month", "2026-03"],
        ["id18", "11010519491231002X"],
    ]
    assert lines[0][2] == "十二元零五分"
    table.write_text("amount\tmuch\namount\t1\nnothing\t1\n")
    returned, told, error = ivr(environment, "read", "--file", str(table))
    assert returned == 1
    assert told == "amount\t1\t一元整\n"
    assert "values.tsv:1: " in error
    assert "values.tsv:3: " in error
