"""By which way keys come, and whose speech has stopped, as the packets of a call tell it."""

from __future__ import annotations

import asyncio

import pytest

from ivr.ari.capture import Described, KeyByInfo, Received
from ivr.line import signalling as signalling_
from ivr.line.signalling import MOST_CALLS, MOST_REFRESHES, Signalling
from ivr.people.sensitive import Sensitive

PORT = 12000


def agreed(ours: bool = True, theirs: bool = True, call: str = "a") -> Signalling:
    signalling = Signalling()
    signalling.take(Described(call, ours=False, events=theirs, port=4000))
    signalling.take(Described(call, ours=True, events=ours, port=PORT))
    return signalling


def by_info(digit: str, sequence: int) -> KeyByInfo:
    return KeyByInfo("a", Sensitive(digit), sequence)


async def ways(signalling: Signalling, digits: str) -> list[str | None]:
    return [signalling.way("a", digit) for digit in digits]


def test_keys_come_as_events_where_both_have_agreed_upon_them() -> None:
    async def story() -> None:
        assert await ways(agreed(), "12") == ["rfc4733", "rfc4733"]
        assert await ways(agreed(ours=False), "1") == ["inband"]
        assert await ways(agreed(theirs=False), "1") == ["inband"]
        assert await ways(Signalling(), "1") == [None]

    asyncio.run(story())


def test_each_key_by_info_is_counted_so_once() -> None:
    async def story() -> None:
        signalling = agreed()
        signalling.take(by_info("1", 2))
        signalling.take(by_info("1", 2))  # sent again, since the answer was late
        signalling.take(by_info("1", 3))
        assert await ways(signalling, "2111") == ["rfc4733", "info", "info", "rfc4733"]

    asyncio.run(story())


def test_the_packet_of_a_key_may_be_read_after_aris_event_and_after_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signalling_, "ALL_READ_SECONDS", 0.05)

    async def story() -> list[str | bool | None]:
        signalling, told = agreed(), []
        signalling.pressed("a", "1", told.append)
        signalling.pressed("a", "2", told.append)
        signalling.over("a", told.append)
        signalling.take(by_info("1", 2))
        signalling.take(Described("a", ours=False, events=False, port=4000))
        await asyncio.sleep(0.2)
        assert signalling.has_events("a") is None
        return told

    assert asyncio.run(story()) == ["info", "inband", False]


def test_a_new_description_in_mid_call_counts_from_then_on() -> None:
    signalling = agreed()
    assert signalling.has_events("a")
    signalling.take(Described("a", ours=False, events=False, port=4000))
    signalling.take(Described("a", ours=True, events=False, port=PORT))
    assert signalling.has_events("a") is False


def stops(signalling: Signalling, *highest: int, port: int = PORT + 1) -> int:
    told: list[str] = []
    signalling.stopped = told.append
    for each in highest:
        signalling.take(Received("a", port, each))
    return len(told)


def test_who_is_not_heard_from_one_report_to_the_next_has_stopped_once() -> None:
    assert stops(agreed(), 100, 250, 400) == 0
    assert stops(agreed(), 100, 250, 250, 250, 250) == 1
    assert stops(agreed(), 100, 100, port=PORT) == 1, "speech and reports on one port"


def test_what_the_caller_reports_of_our_silence_is_no_stop() -> None:
    assert stops(agreed(), 100, 100, 100, port=4001) == 0


def test_a_telephone_that_suppresses_silence_is_not_asked_for_ever() -> None:
    silent = [packet for n in range(20) for packet in (n * 100, n * 100)]
    assert stops(agreed(), *silent) == MOST_REFRESHES


def test_calls_of_which_nobody_tells_the_end_do_not_fill_the_memory() -> None:
    signalling = Signalling()
    for n in range(MOST_CALLS + 100):
        signalling.take(Described(str(n), ours=False, events=True, port=4000))
    assert signalling.has_events("0") is None
    assert len(signalling._calls) == MOST_CALLS
