"""How long ten million accounts take to load, and how long one of them takes to find.

    python -m bench.accounts_ten_million [ACCOUNTS [LOOKUPS]]

The accounts are imported by the line's own import into its own kind of database, in a folder that
is removed at the end (about 2 GB for ten million), and asked for as the line asks.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ivr.accounts import Accounts, Found, NotFound
from ivr.accounts.database import open_accounts
from ivr.accounts.exports import FUND, import_exports
from ivr.config import Settings
from ivr.people.identity import IdNumber, lengthen, parse

ACCOUNTS, LOOKUPS, AT_ONCE = 10_000_000, 20_000, 20


def numbers(count: int) -> Iterator[str]:
    """So many different 18-digit numbers that can exist: day by day, a thousand serials a day."""
    for serial in range(count):
        day, rest = divmod(serial, 1000)
        years, days = divmod(day, 336)
        month, date = divmod(days, 28)
        region = 110101 + years // 90
        yield lengthen(f"{region}{years % 90:02}{month + 1:02}{date + 1:02}{rest:03}")


def main(accounts: int, lookups: int) -> None:
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as folder:
        home = Path(folder)
        export = home / "fund.csv"
        with export.open("w") as file:
            file.write("id_number,paid_to,monthly_deposit,balance\n")
            file.writelines(f"{number},2026-10,1680.32,12345.67\n" for number in numbers(accounts))
        began = time.monotonic()
        import_exports(home / "accounts.sqlite", [(FUND, export)])
        took = time.monotonic() - began
        size = (home / "accounts.sqlite").stat().st_size / 1e9
        print(f"import: {accounts:,} accounts in {took:.0f} s, {size:.2f} GB")
        asyncio.run(_ask(Settings(home=home), accounts, lookups))


async def _ask(settings: Settings, accounts: int, lookups: int) -> None:
    chosen = random.Random(12329)
    wanted = {chosen.randrange(accounts) for _ in range(lookups)}
    there = [number for serial, number in enumerate(numbers(accounts)) if serial in wanted]
    chosen.shuffle(there)
    absent = [_absent(number) for number in there]
    async with open_accounts(settings) as database:
        for what, people, at_once in (
            ("found, one caller at a time", there, 1),
            (f"found, {AT_ONCE} callers at once", there, AT_ONCE),
            ("not found", absent, 1),
        ):
            print(f"{what}: {_figures(await _timed(database, people, at_once))}")


async def _timed(accounts: Accounts, people: list[str], at_once: int) -> list[float]:
    """Seconds of each look-up; so many callers share the queue of people."""
    waiting = iter(people)
    spent: list[float] = []

    async def caller() -> None:
        for number in waiting:
            parsed = parse(number, verify=False)
            assert isinstance(parsed, IdNumber)
            began = time.perf_counter()
            outcome = await accounts.fund(parsed)
            spent.append(time.perf_counter() - began)
            assert isinstance(outcome, Found | NotFound)

    await asyncio.gather(*(caller() for _ in range(at_once)))
    return spent


def _absent(number: str) -> str:
    """A number of the same shape that was not imported."""
    return "99" + number[2:]


def _figures(spent: list[float]) -> str:
    ordered = sorted(spent)
    p50, p99 = (ordered[int(len(ordered) * share)] * 1000 for share in (0.50, 0.99))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {ordered[-1] * 1000:.1f} ms of {len(spent):,}"


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*given, *(ACCOUNTS, LOOKUPS)[len(given) :])
