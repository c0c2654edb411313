"""The console as one web application, put together here and nowhere else."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from console import browser, telephone
from console.guarding import add_headers, guard
from console.pages import PAGES
from console.rendering import PAGES as SHOWN
from console.routes import SETTINGS
from ivr.config import Settings

_STATIC = Path(__file__).parent / "static"
_LARGEST_REQUEST_BYTES = 1_000_000


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Serve until told to stop; OSError where the port is taken. `say` hears where it is."""
    web.run_app(
        application(settings),
        host=settings.console.address,
        port=settings.console.port,
        ssl_context=_encryption(settings),
        print=lambda _: say(settings.console.url),
        access_log=None,
    )


def _encryption(settings: Settings) -> ssl.SSLContext | None:
    """None where the pages are served in the clear, as on loopback."""
    certificate, key = settings.console.certificate, settings.console.key
    if certificate is None or key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


def application(settings: Settings) -> web.Application:
    """Every page, what browsers load, and what guards them."""
    app = web.Application(middlewares=[guard], client_max_size=_LARGEST_REQUEST_BYTES)
    app[SETTINGS] = settings
    app[SHOWN] = PAGES
    app.on_response_prepare.append(add_headers)
    app.cleanup_ctx.append(telephone.connected)
    for page in PAGES:
        for route in page.routes:
            app.router.add_route(route.method, route.path, route.handler)
    app.router.add_static("/static", _STATIC)
    if (bundles := browser.folder() / "lib").is_dir():
        app.router.add_static("/lib", bundles)
    return app
