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
    waiting: Callable[[], int] = lambda: 0
    """How many callers wait for an agent."""
    longest_wait: Callable[[], float] = lambda: 0.0
    """For how many seconds the one of them who has waited longest."""
    cases_waiting: Callable[[], int] = lambda: 0
    """How many of what callers left are safe here and not in the database of cases yet."""
    state_away: Callable[[], float] | None = None
    """Whether the database that nodes share does not answer; None: nothing is shared."""
    dtmf: Mapping[str, str] = field(default_factory=dict)
    """By which way each trunk is set to bring its keys."""
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    traffic: Traffic = field(init=False)
    _ended: Counter = field(init=False)
    _broken: Counter = field(init=False)
    link: bool = field(default=False, init=False)
    calls: int = field(default=0, init=False)
    tasks: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.traffic = Traffic(self.registry, self.dtmf)
        self._ended = Counter(
            "ivr_calls_ended", "Calls by how they ended", ["disposition"], registry=self.registry
        )
        self._broken = Counter(
            "ivr_prompts_broken", "Playbacks that Asterisk could not play", registry=self.registry
        )
        self._show("ivr_ari_link", "1 while the link to Asterisk is up", lambda: self.link)
        self._show("ivr_calls", "Calls in progress", lambda: self.calls)
        self._show(
            "ivr_tasks", "Tasks of the event loop: flat when nothing leaks", lambda: self.tasks
        )
        self._show(
            "ivr_prompts_refused",
            "1 while the published prompts cannot be spoken and others are",
            self.refused,
        )
        self._show(
            "ivr_agents_passed_over",
            "Agents' phones that are not rung now, since nobody answered them",
            self.passed_over,
        )
        self._show(
            "ivr_accounts_resting",
            "Queries that are not made now, since they failed in a row (circuit breaker)",
            self.resting,
        )
        self._show(
            "ivr_facts_waiting",
            "Facts that are not yet on disk: none after a moment, while the disk is well",
            self.facts_waiting,
        )
        self._show(
            "ivr_cases_waiting",
            "What callers left that is safe here and waits for the database of cases",
            self.cases_waiting,
        )
        if self.state_away is not None:
            self._show(
                "ivr_state_away",
                "1 while the state that the nodes share cannot be asked",
                self.state_away,
            )
        self._show("ivr_queue_waiting", "Callers who wait for an agent", self.waiting)
        self._show(
            "ivr_queue_longest_seconds",
            "How long whoever has waited longest for an agent waits; 0 where nobody does",
            self.longest_wait,
        )

    def _show(self, name: str, meaning: str, figure: Callable[[], float]) -> None:
        """A gauge that is read off whenever somebody looks."""
        Gauge(name, meaning, registry=self.registry).set_function(lambda: float(figure()))

    def ended(self, disposition: Disposition | None) -> None:
        """A call ended, or was suspended."""
        self._ended.labels(disposition or "suspended").inc()

    def prompt_broke(self) -> None:
        """Asterisk could not play a file: the operator must look."""
        self._broken.inc()
