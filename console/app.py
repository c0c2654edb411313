"""The console as one web application, put together here and nowhere else."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from sqlite3 import Error as DatabaseError

from aiohttp import web

from analytics.answering.asking import CannotAnswer
from console import beside, browser, telephone
from console.delivering import keep_time
from console.guarding import add_headers, entitled, guard
from console.pages import (
    EVERY_PAGE,
    calling,
    cases,
    desk,
    desk_phone,
    drafting,
    duty,
    staffing,
    words,
)
from console.publishing import Publishing
from console.rendering import page
from console.rights import Action
from console.routes import OPEN, PAGES, SESSIONS, SETTINGS, STUDIO, USERS, Handler, Page
from console.sessions import Sessions
from console.studio import Studio
from console.users import Refused, users_of
from ivr.cases.opening import CannotReach
from ivr.config import Settings
from ivr.lifecycle.watchdog import watched
from ivr.people.audit import AuditChanged

log = logging.getLogger(__name__)

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
        shutdown_timeout=2.0,
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
    app = _guarded(settings, EVERY_PAGE)
    app[USERS] = users_of(settings)
    app[cases.REGISTER] = cases.register(settings)
    app[cases.HEARD] = set()
    app[calling.CALLS] = set()
    app[duty.LIVING] = duty.living(settings)
    app[duty.EXAMINED] = duty.examined(settings)
    app[duty.TODAY] = duty.today(settings)
    app[staffing.STAFFING] = staffing.staffing(settings)
    app[desk.LIVING] = desk.living(settings)
    app.cleanup_ctx.append(_alive)
    app.cleanup_ctx.append(_reports_at_set_times)
    app.cleanup_ctx.append(_users_of_all_nodes)
    app.cleanup_ctx.append(calling.waited_for)
    app.cleanup_ctx.append(beside.accompanied)
    app.cleanup_ctx.append(telephone.connected)
    app.cleanup_ctx.append(desk_phone.connected)
    app.router.add_get("/livez", _livez)
    if (bundles := browser.folder() / "lib").is_dir():
        app.router.add_static("/lib", bundles)
    return app


def _guarded(settings: Settings, pages: tuple[Page, ...]) -> web.Application:
    app = web.Application(middlewares=[_explained, guard], client_max_size=_LARGEST_REQUEST_BYTES)
    app[SETTINGS] = settings
    app[PAGES] = pages
    app[SESSIONS] = Sessions(settings.console.idle_minutes * 60)
    app[STUDIO] = Studio(settings)
    app[drafting.PUBLISHING] = Publishing(settings.home)
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(_wait_for_nothing)
    for each in pages:
        for route in each.routes:
            app.router.add_route(route.method, route.path, entitled(route))
    app.router.add_static("/static", _STATIC)
    return app


async def _wait_for_nothing(app: web.Application) -> None:
    app[STUDIO].end()
    await asyncio.to_thread(app[drafting.PUBLISHING].end)


# --- the words alone, for whoever sits at this machine ----------------------------------------


def preview(settings: Settings) -> web.Application:
    """`ivr preview`: the page of the words to read and to hear, without users; for loopback."""
    app = _guarded(settings, (replace(words.PAGE, routes=words.LOOKING),))
    app[OPEN] = frozenset({Action.SEE_WORDS})
    app.router.add_get("/", _to_the_words)
    return app


async def _to_the_words(_: web.Request) -> web.Response:
    raise web.HTTPSeeOther("/words")


def serve_preview(settings: Settings, port: int, say: Callable[[str], None]) -> None:
    """Until Ctrl-C; OSError where the port is taken. `say` hears where it is."""
    address = f"http://127.0.0.1:{port}/"
    web.run_app(
        preview(settings),
        host="127.0.0.1",
        port=port,
        print=lambda _: say(address),
        access_log=None,
    )


async def _alive(_: web.Application) -> AsyncIterator[None]:
    """Signs of life for systemd or `ivr run`, from the first moment to the last."""
    with watched():
        yield


async def _reports_at_set_times(app: web.Application) -> AsyncIterator[None]:
    """As long as the pages are there."""
    keeping = asyncio.create_task(keep_time(app[SETTINGS]))
    yield
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def _users_of_all_nodes(app: web.Application) -> AsyncIterator[None]:
    """Where there are several: they sign in here too, and are locked out here too."""
    if not app[SETTINGS].shares:
        yield
        return
    kept_even = import_module("console.users_together").kept_even
    keeping = asyncio.create_task(kept_even(app[SETTINGS]))
    yield
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def _livez(_: web.Request) -> web.Response:
    """For `ivr doctor`: it speaks, whoever asks; and whether browsers get all that they need."""
    return web.Response(text="ok" if browser.folder().is_dir() else "without libraries")


@web.middleware
async def _explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What went wrong as a page that says what to do; never a traceback, and never silence."""
    try:
        return await handler(request)
    except web.HTTPException as told:
        if told.status < HTTPStatus.BAD_REQUEST:
            raise
        said = "" if told.text == f"{told.status}: {told.reason}" else told.text or ""
        said = _TOO_LARGE if told.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else said
        return _told(request, told.status, _WORDS.get(told.status, "没有办成"), said)
    except AuditChanged as changed:
        log.error("%s", changed)  # noqa: TRY400  the message says it all
        return _told(request, 503, "审计记录被改动过，什么也不显示", str(changed))
    except (CannotAnswer, CannotReach, Refused) as cannot:
        return _told(request, 503, _heading(cannot), str(cannot))
    except (DatabaseError, OSError) as busy:
        log.exception("%s %s", request.method, request.match_info.route.name or "a page")
        return _told(
            request, 503, "现在办不到", f"稍后再试；还不行，请看日志。（{type(busy).__name__}）"
        )


def _heading(cannot: Exception) -> str:
    if isinstance(cannot, CannotAnswer):
        return "现在没有数据"
    return "现在没有工单" if isinstance(cannot, CannotReach) else "现在办不到"


_TOO_LARGE = "一次送来的最多 1 MB，附件一个最多 5 MB：请分开或压缩后再送 · too large"
_WORDS = {
    403: "不能这样做",
    404: "没有这一页",
    405: "不能这样做",
    413: "太大了",
    421: "这台服务器不叫这个名字",
}


def _told(request: web.Request, status: int, heading: str, told: str) -> web.Response:
    return page(request, "told.html.j2", status=status, heading=heading, told=told)
