"""What pages ask of the line's service by its own door; one client, one answer to a failure."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import aiohttp

from ivr.asterisk.configure import DESK, DIAL, desk_secret, dial_secret
from ivr.config import Settings
from ivr.lifecycle import asking

log = logging.getLogger(__name__)

PATIENCE: Final = aiohttp.ClientTimeout(total=20.0)
"""The service itself waits up to 15 s for Asterisk."""
AWAY: Final = "接电话的服务没有回答，请稍后再试；一直这样，请告诉值班长 · the service is away"
_VOUCHED: Final = {
    "desks": (DESK, desk_secret),
    "cases": (DESK, desk_secret),
    "dial": (DIAL, dial_secret),
    "callbacks": (DIAL, dial_secret),
}
"""By which header and which secret of the line's home folder each door knows the console."""


class ServiceAway(Exception):
    """The service does not answer, or not as it should; its words are for whoever waits."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service answered."""

    status: int
    told: Mapping[str, Any]

    @property
    def is_done(self) -> bool:
        """Whether it did what was asked."""
        return self.status < 300

    @property
    def why(self) -> str:
        """Why not, in the service's words."""
        return str(self.told.get("detail") or f"没有办成（{self.status}）")


async def ask(
    settings: Settings,
    method: Literal["GET", "POST"],
    door: Literal["desks", "cases", "dial", "callbacks"],
    way: str = "",
    content: Mapping[str, Any] | None = None,
) -> Answer:
    """`way` is the rest of the address, quoted; raises ServiceAway."""
    header, secret = _VOUCHED[door]
    vouched = {header: await asyncio.to_thread(secret, settings)}
    url = asking.page(settings, door) + way
    try:
        async with (
            aiohttp.ClientSession(timeout=PATIENCE, trust_env=False) as client,
            client.request(method, url, json=content, headers=vouched) as answer,
        ):
            return Answer(answer.status, _told(await answer.text()))
    except (aiohttp.ClientError, TimeoutError, ValueError) as away:
        log.warning("the service does not answer at /%s: %s", door, type(away).__name__)
        raise ServiceAway(AWAY) from away


def _told(text: str) -> Mapping[str, Any]:
    """A refusal may come as plain words; ValueError where an answer is no object."""
    if not text.startswith("{"):
        return {"detail": text}
    return dict(json.loads(text))
