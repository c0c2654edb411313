"""The audit trail as the console writes it: under the name of whoever has signed in."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from aiohttp import web

from console.routes import SETTINGS, user_name
from ivr.people.audit import Action, Audit, Entry


async def note(
    request: web.Request, action: Action, subject: str, reason: str = "", *, who: str = ""
) -> None:
    """Write it down; on disk when it returns, and only then may anything be shown or changed."""
    entry = Entry(datetime.now(UTC), action, subject, who or user_name(request), reason)
    home = request.app[SETTINGS].home
    await asyncio.to_thread(lambda: Audit.of(home).note(entry))
