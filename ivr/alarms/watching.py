"""`ivr watch`: measures, rings, tells, and serves what it measured to Prometheus."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from ivr.alarms import keeping, messages
from ivr.alarms.casework import EVERY_SECONDS, CaseNews
from ivr.alarms.measuring import OF_SERVICE, measured
from ivr.alarms.ringing import Figure, News, Ringing, after, examined, news, turned
from ivr.alarms.table import ALARMS
from ivr.config import Settings, SettingsError
from ivr.lifecycle.doors import Door, why
from ivr.lifecycle.tending import tended
from ivr.lifecycle.watchdog import watched

log = logging.getLogger(__name__)

LOOK_SECONDS = 15.0
_MEANINGS = {alarm.metric: alarm.means for alarm in ALARMS}


@dataclass(slots=True, eq=False)
class Watch(Collector):
    """One line under watch: its last figures, and what rings."""

    settings: Settings
    cases: CaseNews = field(init=False)
    figures: list[Figure] = field(default_factory=list)
    ringing: tuple[Ringing, ...] = ()
    turns: list[tuple[float, News]] = field(default_factory=list)
    """When what began or ended: not in the history yet, for a full disk takes none."""

    def __post_init__(self) -> None:
        self.cases = CaseNews(self.settings)

    async def look(self, now: datetime) -> None:
        """Measure all, tell what is news, keep what rings."""
        found = await measured(self.settings, now)
        if self.cases.late is not None:
            found.append(Figure("ivr_cases_over_time", float(self.cases.late)))
        self.figures = [each for each in found if isinstance(each, Figure)]
        at = now.timestamp()
        home = self.settings.home
        before, self.ringing = self.ringing, examined(self.ringing, found, at)
        self.turns += [(at, turn) for turn in turned(before, self.ringing, at)]
        repeat = self.settings.alarms.repeat_hours * 3600
        told = news(self.ringing, keeping.marks(home), at, repeat)
        for each in told:
            log.warning("alarm %s %s (%g)", each.ringing.key, each.kind, each.ringing.value)
        if told and not await asyncio.to_thread(messages.tell, self.settings, told):
            told = ()  # nobody has heard of it: it is told at the next look
        self.ringing = after(self.ringing, told, at)
        try:
            keeping.keep_ringing(home, self.ringing)
            while self.turns:
                then, turn = self.turns[0]
                keeping.add_history(home, turn, then)
                del self.turns[0]
        except OSError as full:
            log.warning("what rings is in no file: %s", full)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """For Prometheus: all but what it hears from the service itself."""
        families: dict[str, GaugeMetricFamily] = {}
        for figure in self.figures:
            if figure.metric not in OF_SERVICE:
                family = families.get(figure.metric) or GaugeMetricFamily(
                    figure.metric, _MEANINGS.get(figure.metric, ""), labels=list(figure.labels)
                )
                family.add_metric(list(figure.labels.values()), figure.value)
                families[figure.metric] = family
        return families.values()


async def watch(settings: Settings) -> None:
    """Until cancelled; SettingsError where the port is taken."""
    watching = Watch(settings, ringing=keeping.ringing(settings.home))
    async with _served(watching):
        with watched():
            async with asyncio.TaskGroup() as both:
                both.create_task(
                    tended("a look at the line", partial(_look, watching), LOOK_SECONDS)
                )
                both.create_task(
                    tended("a look at cases", partial(_look_at_cases, watching), EVERY_SECONDS)
                )


async def _look(watching: Watch) -> None:
    await watching.look(datetime.now(UTC))


async def _look_at_cases(watching: Watch) -> None:
    """Apart from the alarms, which no slow mail server may keep waiting."""
    await asyncio.to_thread(watching.cases.look, datetime.now(UTC))


@asynccontextmanager
async def _served(watching: Watch) -> AsyncIterator[None]:
    settings = watching.settings
    registry = CollectorRegistry()
    registry.register(watching)

    async def metrics(_: web.Request) -> web.Response:
        body = generate_latest(registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.alarms_port).start()
        yield
    except OSError as refused:
        door = Door(settings.host, settings.alarms_port, "IVR_HOST", "IVR_ALARMS__PORT")
        raise SettingsError(why(refused, door)) from refused
    finally:
        await runner.cleanup()
