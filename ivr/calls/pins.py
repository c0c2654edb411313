"""The agents' own passwords (坐席密码): six digits for signing in by phone, hashed."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ivr.accounts.passwords import DIGITS, NoHash, hashed, matches
from ivr.people.sensitive import Sensitive
from ivr.records.durable import write
from ivr.records.holding import alone

FILE = "agents/pins.json"
"""Below the home folder."""
_FEWEST_DIFFERENT = 3


class TooEasy(ValueError):
    """Anybody would guess it; says what will do."""


class Verifier(Protocol):
    """Whoever knows the agents' PINs."""

    async def has(self, extension: str) -> bool:
        """Whether this agent has one."""

    async def right(self, extension: str, entered: Sensitive[str]) -> bool:
        """Whether it is this agent's. Takes its time on purpose."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of an agent's PIN."""

    hash: str = field(repr=False)
    at: float
    """Seconds since 1970: of two the later one holds."""


class Pins:
    """Those of one line; all methods block. What cannot be read opens nothing."""

    def __init__(self, home: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = home / FILE
        self._clock = clock

    def has(self, extension: str) -> bool:
        """Whether this agent has one."""
        return extension in self.all()

    def right(self, extension: str, entered: Sensitive[str]) -> bool:
        """Whether it is this agent's; who has none is refused after as long a time."""
        try:
            kept = self.all().get(extension)
            return matches(None if kept is None else kept.hash, entered)
        except NoHash:
            return False

    def choose(self, extension: str, pin: Sensitive[str]) -> None:
        """The agent's own; raises TooEasy."""
        self.check(pin)
        kept = Kept(hashed(pin), self._clock())
        self._change(lambda pins: pins.update({extension: kept}))

    def take(self, later: Mapping[str, Kept]) -> None:
        """What was chosen elsewhere, unless something was chosen here since."""

        def taken(pins: dict[str, Kept]) -> None:
            for extension, kept in later.items():
                if extension not in pins or pins[extension].at < kept.at:
                    pins[extension] = kept

        self._change(taken)

    @staticmethod
    def check(pin: Sensitive[str]) -> None:
        """Whether it will do; raises TooEasy."""
        digits = pin.reveal()
        if len(digits) != DIGITS or not (digits.isascii() and digits.isdecimal()):
            raise TooEasy(f"坐席密码是 {DIGITS} 位数字")
        if len(set(digits)) < _FEWEST_DIFFERENT or digits in "01234567890 09876543210":
            raise TooEasy("坐席密码太容易猜：至少三个不同的数字，不要顺着数")

    def give(self, extension: str) -> Sensitive[str]:
        """One drawn by lot, for an agent who has none or forgot it."""
        while True:
            pin = Sensitive(f"{secrets.randbelow(10**DIGITS):0{DIGITS}}")
            try:
                self.choose(extension, pin)
            except TooEasy:
                continue
            return pin

    def all(self) -> dict[str, Kept]:
        """By extension."""
        try:
            held = dict(json.loads(self._path.read_bytes()))
            return {str(name): self._kept(each) for name, each in held.items()}
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return {}

    def _kept(self, told: Any) -> Kept:
        """Before several nodes had them, there was no time: that of the file is late enough."""
        if isinstance(told, str):
            return Kept(told, self._path.stat().st_mtime)
        return Kept(str(told["hash"]), float(told["at"]))

    def _change(self, change: Callable[[dict[str, Kept]], None]) -> None:
        with self._locked():
            pins = self.all()
            change(pins)
            told = {extension: asdict(kept) for extension, kept in pins.items()}
            write(self._path, json.dumps(told, indent=1).encode(), mode=0o600)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone(self._path.with_suffix(".lock")):
            yield


class Asked:
    """The same for an event loop, which must not wait."""

    def __init__(self, pins: Pins) -> None:
        self._pins = pins

    async def has(self, extension: str) -> bool:
        """Whether this agent has one."""
        return await asyncio.to_thread(self._pins.has, extension)

    async def right(self, extension: str, entered: Sensitive[str]) -> bool:
        """Whether it is this agent's."""
        return await asyncio.to_thread(self._pins.right, extension, entered)


class NoPins:
    """Where no agent has one: in a terminal, and in tests."""

    async def has(self, extension: str) -> bool:
        """Nobody."""
        return False

    async def right(self, extension: str, entered: Sensitive[str]) -> bool:
        """Never."""
        return False
