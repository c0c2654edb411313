"""Many pages ask at once, and each is answered."""

from __future__ import annotations

import asyncio

import duckdb

from console.facts import asked
from ivr.config import Settings


def _calls(facts: duckdb.DuckDBPyConnection) -> int:
    ((number,),) = facts.sql("SELECT count(*) FROM call_session").fetchall()
    return int(number)


def test_pages_that_ask_at_once_are_all_answered(published: Settings) -> None:
    async def story() -> list[int]:
        return await asyncio.gather(*(asked(published, _calls) for _ in range(8)))

    answers = asyncio.run(story())
    assert answers == [answers[0]] * 8
    assert answers[0] > 0


def test_who_goes_away_leaves_the_next_one_his_answer(published: Settings) -> None:
    async def story() -> int:
        leaving = [asyncio.create_task(asked(published, _calls)) for _ in range(4)]
        await asyncio.sleep(0)
        for each in leaving:
            each.cancel()
        return await asked(published, _calls)

    assert asyncio.run(story()) > 0
