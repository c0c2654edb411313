"""A database that is down, slow or flapping, as callers and the operator meet it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from ivr.accounts import Guarded, NotFound, Unavailable
from ivr.config import AccountsSettings
from ivr.people.identity import IdNumber, parse
from tests.virtual import run


def someone() -> IdNumber:
    number = parse("990101199001010019")
    assert isinstance(number, IdNumber)
    return number


@dataclass
class Fickle:
    """Accounts that answer as they are told to, and count who asked."""

    outcome: Unavailable | NotFound
    seconds: float = 0.0
    asked: int = 0
    raises: BaseException | None = None

    async def fund(self, _: IdNumber) -> Unavailable | NotFound:
        self.asked += 1
        await asyncio.sleep(self.seconds)
        if self.raises is not None:
            raise self.raises
        return self.outcome

    async def loan(self, _: IdNumber) -> NotFound:
        return NotFound()

    async def fault(self) -> str | None:
        await asyncio.sleep(self.seconds)
        if self.raises is not None:
            raise self.raises
        return self.outcome.reason if isinstance(self.outcome, Unavailable) else None


Story = Callable[[Fickle, Guarded], Awaitable[None]]


def told(story: Story, accounts: Fickle) -> None:
    settings = AccountsSettings(failures=3, rest_seconds=5.0)
    run(lambda: story(accounts, Guarded(accounts, settings)))  # type: ignore[arg-type]


def clock() -> float:
    return asyncio.get_running_loop().time()


DOWN = Unavailable("no answer in time")


def test_after_three_failures_nobody_waits() -> None:
    async def story(accounts: Fickle, guarded: Guarded) -> None:
        for _ in range(3):
            assert await guarded.fund(someone()) == DOWN
        began = clock()
        for _ in range(50):
            assert await guarded.fund(someone()) == DOWN
        assert clock() == began
        assert accounts.asked == 3

    told(story, Fickle(DOWN, seconds=3.0))


def test_it_recovers_by_itself_when_the_database_does() -> None:
    async def story(accounts: Fickle, guarded: Guarded) -> None:
        for _ in range(3):
            await guarded.fund(someone())
        accounts.outcome = NotFound()
        assert isinstance(await guarded.fund(someone()), Unavailable)
        await asyncio.sleep(5.0)
        assert isinstance(await guarded.fund(someone()), NotFound)
        assert isinstance(await guarded.fund(someone()), NotFound)

    told(story, Fickle(DOWN))


def test_flapping_never_turns_into_an_account_that_is_not_there() -> None:
    async def story(accounts: Fickle, guarded: Guarded) -> None:
        for second in range(60):
            up = second % 7 < 3
            accounts.outcome = NotFound() if up else DOWN
            answer = await guarded.fund(someone())
            assert up or isinstance(answer, Unavailable)
            await asyncio.sleep(1.0)
        accounts.outcome = NotFound()
        await asyncio.sleep(5.0)
        assert isinstance(await guarded.fund(someone()), NotFound)

    told(story, Fickle(DOWN))


def test_one_persons_nonsense_does_not_shut_out_the_others() -> None:
    async def story(accounts: Fickle, guarded: Guarded) -> None:
        for _ in range(10):
            await guarded.fund(someone())
        assert accounts.asked == 10

    told(story, Fickle(Unavailable("paid_to is not YYYY-MM", answered=True)))


def test_one_query_does_not_shut_out_the_other() -> None:
    async def story(_: Fickle, guarded: Guarded) -> None:
        for _ in range(4):
            await guarded.fund(someone())
        assert isinstance(await guarded.loan(someone()), NotFound)

    told(story, Fickle(DOWN))


def test_who_hangs_up_on_the_trial_does_not_keep_the_breaker_waiting() -> None:
    async def story(accounts: Fickle, guarded: Guarded) -> None:
        for _ in range(3):
            await guarded.fund(someone())
        accounts.outcome = NotFound()
        await asyncio.sleep(5.0)
        impatient = asyncio.create_task(guarded.fund(someone()))
        await asyncio.sleep(0.1)
        impatient.cancel()
        await asyncio.sleep(accounts.seconds)
        assert isinstance(await guarded.fund(someone()), NotFound)

    told(story, Fickle(DOWN, seconds=1.0))


def test_health_shows_what_is_wrong_and_never_waits_for_it() -> None:
    async def story(accounts: Fickle, guarded: Guarded) -> None:
        began = clock()
        assert await guarded.fault() == "no answer yet"
        assert clock() - began == 1.0
        await asyncio.sleep(5.0)
        accounts.seconds = 0.0
        assert await guarded.fault() == DOWN.reason
        accounts.outcome = NotFound()
        assert await guarded.fault() is None

    told(story, Fickle(DOWN, seconds=5.0))


def test_health_shows_that_callers_are_turned_away() -> None:
    async def story(accounts: Fickle, guarded: Guarded) -> None:
        for _ in range(3):
            await guarded.fund(someone())
        accounts.outcome = NotFound()
        assert await guarded.fault() == (
            "the fund query is left alone for a while: no answer in time"
        )
        await asyncio.sleep(5.0)
        assert await guarded.fault() is None

    told(story, Fickle(DOWN))


# --- drivers that raise what nobody has listed ---------------------------------------------------

RAISED = [
    AttributeError("'NoneType' object has no attribute 'fetch'"),
    RuntimeError("the driver is reconnecting"),
    MemoryError(),
    asyncio.CancelledError("by the driver's own doing"),
]


@pytest.mark.parametrize("raised", RAISED, ids=lambda raised: type(raised).__name__)
def test_whatever_a_driver_raises_counts_as_unavailable_and_never_sticks(
    raised: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(accounts: Fickle, guarded: Guarded) -> None:
        accounts.raises = raised
        for _ in range(3):
            assert isinstance(await guarded.fund(someone()), Unavailable)
        assert await guarded.fault() is not None
        await asyncio.sleep(5.0)
        assert isinstance(await guarded.fund(someone()), Unavailable), "the one who tries"
        accounts.raises = None
        await asyncio.sleep(5.0)
        assert isinstance(await guarded.fund(someone()), NotFound)
        assert isinstance(await guarded.fund(someone()), NotFound)
        assert await guarded.fault() is None

    told(story, Fickle(NotFound()))
    assert type(raised).__name__ in caplog.text
    assert str(raised) == "" or str(raised) not in caplog.text, "it may hold what was asked for"


def test_an_ask_that_is_cancelled_at_its_trial_leaves_the_breaker_free() -> None:
    async def story(accounts: Fickle, guarded: Guarded) -> None:
        accounts.outcome = DOWN
        for _ in range(3):
            await guarded.fund(someone())
        accounts.outcome, accounts.seconds = NotFound(), 60.0
        await asyncio.sleep(5.0)
        asking = asyncio.create_task(guarded.fund(someone()))
        await asyncio.sleep(0.1)
        for running in tuple(guarded._running):
            running.cancel()
        assert isinstance((await asyncio.gather(asking, return_exceptions=True))[0], BaseException)
        accounts.seconds = 0.0
        await asyncio.sleep(5.0)
        assert isinstance(await guarded.fund(someone()), NotFound)

    told(story, Fickle(DOWN))


def test_health_is_not_green_while_only_one_may_try() -> None:
    async def story(accounts: Fickle, guarded: Guarded) -> None:
        for _ in range(3):
            await guarded.fund(someone())
        accounts.outcome, accounts.seconds = NotFound(), 0.5
        await asyncio.sleep(5.0)
        trying = asyncio.create_task(guarded.fund(someone()))
        await asyncio.sleep(0.1)
        accounts.seconds = 0.0
        assert "fund" in str(await guarded.fault())
        await trying
        assert await guarded.fault() is None

    told(story, Fickle(DOWN))
