"""How the line is: the few figures that health and metrics are made of, kept by the service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge

from ivr.records.facts import Disposition

MOST_NUMBERS = 20
"""Wrong numbers that are shown: who tries thousands need not fill the page, nor the records."""
SILENT_CALLS = 20
"""So many calls of a trunk without a single key, and its keys do not arrive."""


@dataclass(frozen=True, slots=True)
class Misdialled:
    """A call to a number that the line does not have."""

    dialled: str
    trunk: str | None
    """None: it came from a guest."""
    caller: str
    """Masked."""


@dataclass(slots=True)
class Vitals:
    """One service's signs of life; written by it, read by the health page."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _link: Gauge = field(init=False)
    _calls: Gauge = field(init=False)
    _tasks: Gauge = field(init=False)
    _ended: Counter = field(init=False)
    _came: Counter = field(init=False)
    _keys: Counter = field(init=False)
    _misdialled: Counter = field(init=False)
    _broken: Counter = field(init=False)
    link: bool = field(default=False, init=False)
    calls: int = field(default=0, init=False)
    tasks: int = field(default=0, init=False)

    came: dict[str | None, int] = field(default_factory=dict, init=False)
    """Calls by the trunk that brought them; None: no trunk did."""
    keys: dict[str | None, int] = field(default_factory=dict, init=False)
    doubled: dict[str | None, int] = field(default_factory=dict, init=False)
    """Keys that came twice at once."""
    unknown_numbers: list[Misdialled] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._link = Gauge(
            "ivr_ari_link", "1 while the link to Asterisk is up", registry=self.registry
        )
        self._link.set_function(lambda: float(self.link))
        self._calls = Gauge("ivr_calls", "Calls in progress", registry=self.registry)
        self._calls.set_function(lambda: float(self.calls))
        self._tasks = Gauge(
            "ivr_tasks", "Tasks of the event loop: flat when nothing leaks", registry=self.registry
        )
        self._tasks.set_function(lambda: float(self.tasks))
        self._ended = Counter(
            "ivr_calls_ended", "Calls by how they ended", ["disposition"], registry=self.registry
        )
        self._came = Counter(
            "ivr_calls_came", "Calls that entered the line", ["trunk"], registry=self.registry
        )
        self._keys = Counter("ivr_keys", "Keys that came", ["trunk"], registry=self.registry)
        self._misdialled = Counter(
            "ivr_calls_misdialled",
            "Calls to numbers that the line does not have (404)",
            ["trunk"],
            registry=self.registry,
        )
        self._broken = Counter(
            "ivr_prompts_broken", "Playbacks that Asterisk could not play", registry=self.registry
        )

    def call_came(self, trunk: str | None) -> None:
        """A call entered the line."""
        self._came.labels(trunk or "").inc()
        self.came[trunk] = self.came.get(trunk, 0) + 1

    def key_came(self, trunk: str | None) -> None:
        """Somebody pressed a key."""
        self._keys.labels(trunk or "").inc()
        self.keys[trunk] = self.keys.get(trunk, 0) + 1

    def key_doubled(self, trunk: str | None) -> None:
        """A key came once more at the same moment, by another way, and was not counted."""
        self.doubled[trunk] = self.doubled.get(trunk, 0) + 1

    def misdialled(self, call: Misdialled) -> bool:
        """A call was answered 404; whether it is the first to this number, and is to be shown."""
        self._misdialled.labels(call.trunk or "").inc()
        known = {(each.trunk, each.dialled) for each in self.unknown_numbers}
        is_news = (call.trunk, call.dialled) not in known and len(known) < MOST_NUMBERS
        if is_news:
            self.unknown_numbers.append(call)
        return is_news

    def traffic(self) -> Iterator[str]:
        """What trunks bring, and what is odd about it, for whoever watches the line."""
        for trunk, calls in self.came.items():
            keys = self.keys.get(trunk, 0)
            yield f"{_called(trunk)}: {calls} calls, {keys} keys"
            if doubled := self.doubled.get(trunk, 0):
                yield f"{_called(trunk)}: {doubled} keys came twice and were taken once"
            if calls >= SILENT_CALLS and not keys:
                yield f"{_called(trunk)}: NO KEY HAS COME, see trunks[].dtmf in docs/settings.md"
        for each in self.unknown_numbers:
            yield (
                f"{_called(each.trunk)}: {each.dialled or 'no number'} WAS DIALLED, which is no"
                f" number of the line (answered 404; caller {each.caller}): see trunks[].numbers"
            )

    def ended(self, disposition: Disposition | None, calls: int) -> None:
        """A call ended, or was suspended; `calls` are left."""
        self.calls = calls
        self._ended.labels(disposition or "suspended").inc()

    def prompt_broke(self) -> None:
        """Asterisk could not play a file: the operator must look."""
        self._broken.inc()


def _called(trunk: str | None) -> str:
    return "not by a trunk" if trunk is None else f"trunk {trunk}"
