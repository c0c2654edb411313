"""The second table beside bench.versus: how soon, how large, what waiting costs, and how many.

`python -m bench.versus_second [--calls 60] [--seconds 10] [--lowest 360] [--step 120]
[--highest 840]`

For the dialplan, FastAGI and the service, each on an Asterisk of its own: seconds from the start of
the program until it takes calls; memory for a call in the main menu, Asterisk's and the program's;
processor for a second of a call that is held with music (in the service: in the queue, where an
agent is present and engaged); and the largest number of calls at once without a failure. Needs
`make asterisk prompts`.
"""

from __future__ import annotations

import argparse
import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.versus import (
    NUMBERS,
    Load,
    Site,
    Tally,
    add_numbers,
    measure,
    megabytes,
    most,
    numbers,
    site,
)
from tests.live.test_agents import agent_phone

WAYS = tuple(NUMBERS)


@dataclass
class Second:
    """What one way came to."""

    way: str
    started: float = 0.0
    """Seconds."""
    kilobytes: tuple[float, float] = (0.0, 0.0)
    """For a call: Asterisk's, the program's."""
    held: tuple[float, float] = (0.0, 0.0)
    """Milliseconds of processor for a second of a held call: Asterisk's, the program's."""
    most: int = 0
    """Calls at once."""

    def shown(self, native: Second) -> str:
        """A line of the table, with its ratios to the dialplan's."""
        return (
            f"{self.way:9} takes calls after {self.started:.2f} s | a call is"
            f" {self.kilobytes[0]:.0f} + {self.kilobytes[1]:.0f} kB | held for a second it costs"
            f" {self.held[0]:.2f} + {self.held[1]:.2f} ms"
            f" = {sum(self.held) / sum(native.held):.2f} × | most at once {self.most}"
            f" = {self.most / native.most:.2f} ×"
        )


def second(way: str, calls: int, seconds: float) -> Second:
    """All but the largest number, on one Asterisk."""
    found = Second(way)
    with site() as place:
        found.started = _started(place, way)
        place.running.live.wait_until_healthy()  # what it imports late is there at rest
        before = megabytes(place, way)
        tally = Tally()
        measure(place, way, tally, Load(calls, seconds, "menus"))
        asterisk, program = (
            (after - at_rest) / calls * 1000
            for after, at_rest in zip(tally.megabytes, before, strict=True)
        )
        found.kilobytes = asterisk, program
        with _an_agent(place):
            tally = Tally()
            told = measure(place, way, tally, Load(calls, seconds, "held"))
        assert told["up"] == calls, told
        share = calls * seconds / 1000
        found.held = tally.asterisk / share, tally.program / share
    return found


def _started(place: Site, way: str) -> float:
    """The program is killed and started; the dialplan is there when Asterisk is.

    The service takes calls when Asterisk knows of it; `health` waits for more, the accounts too.
    """
    if way == "dialplan":
        return 0.0
    if way == "fastagi":
        place.fastagi.kill()
        place.fastagi.wait()
        began = time.monotonic()
        place.start_fastagi()
    else:
        live = place.running.live
        live.kill_service()
        while live.ari("applications"):  # Asterisk has yet to notice
            time.sleep(0.005)
        began = time.monotonic()
        live.launch_service()
        while not live.ari("applications"):
            time.sleep(0.005)
    return time.monotonic() - began


@contextmanager
def _an_agent(place: Site) -> Iterator[None]:
    """Who is present, and talks with the first caller who asks for somebody."""
    loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    line = place.running.live

    async def present() -> None:
        async with agent_phone(line, line.settings.agents.phones[0], "answer"):
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(present(),))
    thread.start()
    try:
        assert ready.wait(20), "no agent"
        yield
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(20)
        loop.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=10.0)
    add_numbers(parser)
    chosen = parser.parse_args()
    rows = [second(way, chosen.calls, chosen.seconds) for way in WAYS]
    for row in rows:
        row.most = most(row.way, numbers(chosen), chosen.seconds)
    for row in rows:
        print(row.shown(rows[0]), flush=True)


if __name__ == "__main__":
    main()
