"""Callers for a line under load: balances, texts, wrong keys, hang-ups, again and again.

`start` begins processes of this module; each prints as JSON what its calls came to.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence

from tests.live.phone import Phone

CALLS_PER_PROCESS = 20
"""A telephone in Python sends and hears a hundred packets a second: one process bears so many."""
MOST_TRIES = 5
PRESSED_AGAIN = "ended, pressed again"
SERVED = ("ended", PRESSED_AGAIN)
NUMBERS = ("990101199001010019", "990102200012120127", "990203197811071111", "11010519491231002*")

Callers = Sequence[subprocess.Popen[bytes]]


def start(port: int, calls: int, seconds: float) -> Callers:
    """So many callers at once of the line at this SIP port, for so long."""
    shares = [CALLS_PER_PROCESS] * (calls // CALLS_PER_PROCESS)
    shares += [calls % CALLS_PER_PROCESS] if calls % CALLS_PER_PROCESS else []
    command = [sys.executable, "-m", "bench.callers", str(port)]
    return [
        subprocess.Popen([*command, str(share), str(seconds)], stdout=subprocess.PIPE)
        for share in shares
    ]


def outcomes(callers: Callers, meanwhile: Callable[[], None]) -> Counter[str]:
    """What all their calls came to; `meanwhile` is called until the last one has ended."""
    while any(each.poll() is None for each in callers):
        meanwhile()
    counted = Counter[str]()
    for each in callers:
        counted.update(json.loads(each.communicate()[0]))
    return counted


# --- one call ---------------------------------------------------------------------------------


async def _balance(phone: Phone) -> None:
    phone.press("11" + random.choice(NUMBERS))
    await asyncio.sleep(18)
    phone.press("**7")


async def _text(phone: Phone) -> None:
    phone.press("411")
    await asyncio.sleep(random.uniform(5, 20))
    phone.press("***7")


async def _wrong_keys(phone: Phone) -> None:
    phone.press("9")
    await asyncio.sleep(12)
    phone.press("7")


async def _patient(phone: Phone) -> None:
    await asyncio.sleep(12)
    phone.press("7")


async def _hangs_up(phone: Phone) -> None:
    phone.press(random.choice(["", "1", "11", "11990101", "42", "6"]))
    await asyncio.sleep(random.uniform(0, 15))
    await phone.hang_up()


WAYS = (_balance, _balance, _text, _wrong_keys, _patient, _hangs_up)


async def _end(phone: Phone) -> int:
    """Until the line has hung up; a key that a busy machine has spoilt is pressed again."""
    for tries in range(1, MOST_TRIES + 1):
        try:
            await phone.wait_for_end(within=15)
        except TimeoutError:
            phone.press("**")  # one clears what was typed of a number, the next goes up
            await asyncio.sleep(4)
            phone.press("7")
        else:
            return tries
    raise TimeoutError


async def _one_call(port: int) -> str:
    """What a call came to: "ended" as it should have, or what was wrong."""
    async with Phone.open(port) as phone:
        try:
            status = await phone.dial("12329")
            if status != 200:
                return f"answered {status}"
            await asyncio.sleep(random.uniform(1, 3))
            way = random.choice(WAYS)
            await way(phone)
            tries = await _end(phone)
        except TimeoutError:
            return "no end"
        if not phone.heard.audio and way is not _hangs_up:
            return "silence"
        return "ended" if tries == 1 else PRESSED_AGAIN


async def _calls(port: int, calls: int, seconds: float) -> Counter[str]:
    """So many callers at once, each calling again and again."""
    until, outcomes = time.monotonic() + seconds, Counter[str]()

    async def again_and_again() -> None:
        await asyncio.sleep(random.uniform(0, 10))
        while time.monotonic() < until:
            outcomes[await _one_call(port)] += 1

    await asyncio.gather(*(again_and_again() for _ in range(calls)))
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("calls", type=int)
    parser.add_argument("seconds", type=float)
    chosen = parser.parse_args()
    print(json.dumps(asyncio.run(_calls(chosen.port, chosen.calls, chosen.seconds))))


if __name__ == "__main__":
    main()
