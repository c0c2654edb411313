"""How the line is: the few figures that health and metrics are made of, kept by the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge

from ivr.lifecycle.traffic import Traffic
from ivr.records.facts import Disposition


@dataclass(slots=True)
class Vitals:
    """One service's signs of life; written by it, read by the health page."""

    refused: Callable[[], bool] = lambda: False
    """Whether callers hear other prompts than the published ones."""
    passed_over: Callable[[], int] = lambda: 0
    """How many agents' phones are not rung now."""
    resting: Callable[[], int] = lambda: 0
    """How many queries are not made now, since they failed again and again."""
    facts_waiting: Callable[[], int] = lambda: 0
    """How many facts are not yet on disk."""
    dtmf: Mapping[str, str] = field(default_factory=dict)
    """By which way each trunk is set to bring its keys."""
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    traffic: Traffic = field(init=False)
    _link: Gauge = field(init=False)
    _calls: Gauge = field(init=False)
    _tasks: Gauge = field(init=False)
    _ended: Counter = field(init=False)
    _broken: Counter = field(init=False)
    _passed_over: Gauge = field(init=False)
    _refused: Gauge = field(init=False)
    _facts_waiting: Gauge = field(init=False)
    _resting: Gauge = field(init=False)
    link: bool = field(default=False, init=False)
    calls: int = field(default=0, init=False)
    tasks: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.traffic = Traffic(self.registry, self.dtmf)
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
        self._broken = Counter(
            "ivr_prompts_broken", "Playbacks that Asterisk could not play", registry=self.registry
        )
        self._refused = Gauge(
            "ivr_prompts_refused",
            "1 while the published prompts cannot be spoken and others are",
            registry=self.registry,
        )
        self._refused.set_function(lambda: float(self.refused()))
        self._passed_over = Gauge(
            "ivr_agents_passed_over",
            "Agents' phones that are not rung now, since nobody answered them",
            registry=self.registry,
        )
        self._passed_over.set_function(lambda: float(self.passed_over()))
        self._resting = Gauge(
            "ivr_accounts_resting",
            "Queries that are not made now, since they failed in a row (circuit breaker)",
            registry=self.registry,
        )
        self._resting.set_function(lambda: float(self.resting()))
        self._facts_waiting = Gauge(
            "ivr_facts_waiting",
            "Facts that are not yet on disk: none after a moment, while the disk is well",
            registry=self.registry,
        )
        self._facts_waiting.set_function(lambda: float(self.facts_waiting()))

    def ended(self, disposition: Disposition | None) -> None:
        """A call ended, or was suspended."""
        self._ended.labels(disposition or "suspended").inc()

    def prompt_broke(self) -> None:
        """Asterisk could not play a file: the operator must look."""
        self._broken.inc()
