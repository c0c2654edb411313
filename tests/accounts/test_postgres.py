"""A real PostgreSQL as the account database: right, slow, frozen and gone."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from ivr.accounts import Found, Fund, Loan, NotFound, Several, Unavailable
from ivr.accounts.database import open_accounts
from ivr.config import AccountsSettings, Settings
from ivr.people.sensitive import Sensitive
from tests.accounts.test_database import NORMAL, asked, number
from tests.analytics.postgres import held
from tests.ports import free_port

SCHEMA = f"""
CREATE TABLE fund_account (
  id_number varchar(18) NOT NULL, paid_to char(7) NOT NULL,
  monthly_deposit numeric(18,2) NOT NULL, balance numeric(18,2));
CREATE INDEX ON fund_account (id_number);
CREATE TABLE loan_account (
  id_number varchar(18) NOT NULL, term_years int NOT NULL,
  periods_repaid int NOT NULL, balance numeric(18,2));
CREATE INDEX ON loan_account (id_number);
INSERT INTO fund_account VALUES
  ('{NORMAL}', '2026-10', 1200, 56000), ('990101198507151017', '2026-10', 1, 2),
  ('990101198507151017', '2019-03', 3, 4);
INSERT INTO loan_account VALUES ('990101900101001', 20, 102, 312000.50);
"""


def programs() -> Path | None:
    """The folder of the newest PostgreSQL server of this machine."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@dataclass
class Cluster:
    """One server with one database; it will not run as root."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://ivr@127.0.0.1:{self.port}/postgres"

    def execute(self, statement: str) -> None:
        where = f"postgresql://ivr@127.0.0.1:{self.port}/postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement)


def _as_other() -> dict[str, int]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid():
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid}
    raise AssertionError("no user to run PostgreSQL as")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    bin_folder = programs()
    if bin_folder is None:
        pytest.skip("no PostgreSQL server is installed")
    folder = Path(tempfile.mkdtemp(prefix="ivr-pg-"))
    other = _as_other()
    if other:
        os.chown(folder, other["user"], other["group"])
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    data = folder / "data"
    initdb = [bin_folder / "initdb", "-D", data, "-U", "ivr", "-A", "trust", "-N"]
    subprocess.run(initdb, check=True, **quiet, **other)
    port = free_port()
    options = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-k", folder, "-p", str(port)]
    process = subprocess.Popen([bin_folder / "postgres", "-D", data, *options], **quiet, **other)
    server = Cluster(folder, port, process)
    try:
        _wait(server)
        server.execute(SCHEMA)
        yield server
    finally:
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGQUIT)
        process.wait(30)
        shutil.rmtree(folder)


def _wait(server: Cluster) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            server.execute("SELECT 1")
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "PostgreSQL does not start"
            time.sleep(0.1)
        else:
            return


def on(settings: Settings, cluster: Cluster, **changes: object) -> Settings:
    accounts = AccountsSettings(url=SecretStr(cluster.url), **changes)
    return settings.model_copy(update={"accounts": accounts})


def yuan(amount: str) -> Sensitive[Decimal]:
    return Sensitive(Decimal(amount))


def test_accounts_are_found_in_either_form(settings: Settings, cluster: Cluster) -> None:
    for keyed in (NORMAL, "990101900101001"):
        fund, loan = asked(on(settings, cluster), keyed)
        assert fund == Found(Fund("2026-10", yuan("1200.00"), yuan("56000.00")))
        assert loan == Found(Loan(240, 102, yuan("312000.50")))
    assert asked(on(settings, cluster), "990101198507151017") == (Several(), NotFound())


def test_a_slow_query_is_unavailable_in_time(settings: Settings, cluster: Cluster) -> None:
    slow = "SELECT pg_sleep(60), '2026-10' AS paid_to, 1 AS monthly_deposit, 2 AS balance"
    ours = on(settings, cluster, fund_query=slow, query_seconds=0.5)
    began = time.monotonic()
    outcome = asked(ours, NORMAL)[0]
    assert outcome == Unavailable("没有回应 · no answer in time")
    assert time.monotonic() - began < 30, "the query was waited for"


def test_a_frozen_server_is_unavailable_and_found_again(
    settings: Settings, cluster: Cluster
) -> None:
    """Frozen with connections open: nothing is refused, and nothing is answered."""
    ours = on(settings, cluster, query_seconds=0.5)

    async def story() -> None:
        async with open_accounts(ours) as accounts:
            assert isinstance(await accounts.fund(number(NORMAL)), Found)
            with held(cluster.process.pid):
                began = time.monotonic()
                answers = await asyncio.gather(*(accounts.fund(number(NORMAL)) for _ in range(5)))
                waited = time.monotonic() - began
            assert answers == [Unavailable("没有回应 · no answer in time")] * 5
            assert waited < 5, f"callers waited {waited:.1f} s for a limit of 0.5 s"
            thawed = time.monotonic()
            while time.monotonic() < thawed + 30:
                answer = await accounts.fund(number(NORMAL))
                if isinstance(answer, Found):
                    break
                await asyncio.sleep(0.1)
            assert isinstance(answer, Found)

    asyncio.run(story())


def test_a_server_that_cut_its_connections_is_asked_again(
    settings: Settings, cluster: Cluster
) -> None:
    async def story() -> None:
        async with open_accounts(on(settings, cluster)) as accounts:
            assert isinstance(await accounts.fund(number(NORMAL)), Found)
            cluster.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            assert isinstance(await accounts.fund(number(NORMAL)), Found)

    asyncio.run(story())
