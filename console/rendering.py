"""Pages as HTML: one template each, on one base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from console.routes import Page

PAGES = web.AppKey("pages", tuple[Page, ...])
"""All pages of the application, in the order of the menu."""

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    """A whole page, or a part of one, as its template makes it of `values`."""
    text = _TEMPLATES.get_template(template).render(
        menu=[each for each in request.app[PAGES] if each.in_menu],
        here=request.path,
        **values,
    )
    return web.Response(text=text, status=status, content_type="text/html")
