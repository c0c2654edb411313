"""Pages as HTML: one template each, on one base."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from console.routes import PAGES, USERS, allowed, session_of

KINDS: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "png": "image/png",
    "html": "text/html; charset=utf-8",
    "pem": "application/x-x509-ca-cert",
    "zip": "application/zip",
}
"""Of the files that people take home, by the end of their names."""
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def figure(value: object) -> str:
    """A number for people: no decimals where there are none; — for what nobody can say."""
    if value is None:
        return "—"
    return f"{value:,g}" if isinstance(value, int | float) else str(value)


_TEMPLATES.globals["figure"] = figure


def fragment(template: str, **values: Any) -> str:
    """A part of a page that is the same for everybody."""
    return _TEMPLATES.get_template(template).render(**values)


def attached(body: bytes, name: str) -> web.Response:
    """A file to keep; a browser never shows it as a page of ours."""
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Type": KINDS[name.rpartition(".")[2]],
    }
    return web.Response(body=body, headers=headers)


def page(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    """A whole page, or a part of one, as its template makes it of `values`."""
    session = session_of(request)
    pages = [each for each in request.app[PAGES] if each.in_menu]
    text = _TEMPLATES.get_template(template).render(
        menu=[each for each in pages if allowed(request, each.action)],
        here=request.path,
        user=session.user if session else None,
        signs_in=USERS in request.app,
        token=session.token if session else "",
        **values,
    )
    return web.Response(text=text, status=status, content_type="text/html")
