"""How a page tells the application of itself: its routes, each with the right that it needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from console.rights import Action
from ivr.config import Settings

SETTINGS = web.AppKey("settings", Settings)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One address of a page."""

    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    action: Action


@dataclass(frozen=True, slots=True)
class Page:
    """A page and all its addresses; `path` and `title` are its place in the menu."""

    title: str
    path: str
    routes: tuple[Route, ...]
    in_menu: bool = True

    @property
    def action(self) -> Action:
        """The right that opens it."""
        return next(each.action for each in self.routes if each.path == self.path)
