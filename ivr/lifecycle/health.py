"""The operator's door: `/healthz`: can the line take calls; `/livez`: is it there; `/metrics`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ivr.config import Settings, SettingsError
from ivr.lifecycle.doors import Door, why
from ivr.lifecycle.vitals import Vitals

GOODBYE_SECONDS = 1.0
"""Whoever reads a stream does not hold up the end of the service for longer."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that the line needs: whether it is well, and in words what is wrong."""

    ok: bool
    detail: str = ""
    warns: bool = False
    """Well, and yet somebody must look."""
    shut: bool = False
    """Well, and yet nobody gets in: somebody wished it so."""


Examine = Callable[[], Awaitable[Mapping[str, Part]]]


@asynccontextmanager
async def served(
    settings: Settings, vitals: Vitals, examine: Examine, also: Iterable[web.RouteDef] = ()
) -> AsyncIterator[None]:
    """Serve the pages while the context lasts, and `also`; SettingsError when the port is taken.

    A successor may listen beside the service that it relieves (SO_REUSEPORT).
    """
    app = web.Application()
    app.router.add_get("/healthz", _healthz(vitals, examine))
    app.router.add_get("/livez", _livez)
    app.router.add_get("/metrics", _metrics(vitals))
    app.add_routes(also)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GOODBYE_SECONDS)
    await runner.setup()
    try:
        await _listen(runner, settings)
        yield
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, settings: Settings) -> None:
    try:
        await web.TCPSite(runner, settings.host, settings.http_port, reuse_port=True).start()
    except OSError as refused:
        door = Door(settings.host, settings.http_port, "IVR_HOST", "IVR_HTTP_PORT")
        raise SettingsError(why(refused, door)) from refused


def _healthz(vitals: Vitals, examine: Examine) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def healthz(_: web.Request) -> web.Response:
        parts = await examine()
        well = all(part.ok for part in parts.values())
        shut = any(part.shut for part in parts.values())
        body = {
            "status": ("closed" if shut else "ok") if well else "unavailable",
            "calls": vitals.calls,
            **{name: _told(part) for name, part in parts.items()},
        }
        return web.json_response(body, status=200 if well else 503)

    return healthz


def _told(part: Part) -> dict[str, object]:
    return {"ok": part.ok, "detail": part.detail, "warns": part.warns}


async def _livez(_: web.Request) -> web.Response:
    """For whoever ends a hung service: it speaks, however slow its database may be."""
    return web.Response(text="ok")


def _metrics(vitals: Vitals) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def metrics(_: web.Request) -> web.Response:
        vitals.tasks = len(asyncio.all_tasks())
        body = generate_latest(vitals.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return metrics
