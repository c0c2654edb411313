"""What the other programs of this machine ask of the service's pages; `health.py` answers."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import IO, Any, Literal, cast

from ivr.config import Settings, from_here

_SPEAKS_SECONDS = 2.0
_HEALTH_SECONDS = 5.0


def page(
    settings: Settings,
    name: Literal[
        "healthz", "livez", "metrics", "live", "said", "desks", "dial", "callbacks", "cases"
    ],
) -> str:
    """The address of one of the service's pages."""
    return f"http://{from_here(settings.host, settings.http_port)}/{name}"


def speaks(settings: Settings) -> bool:
    """Whether the service answers at all: a hung one does not. How well it is is no matter."""
    try:
        _answer(page(settings, "livez"), _SPEAKS_SECONDS).close()
    except (OSError, HTTPException):  # nobody there, or it died in the midst of its answer
        return False
    return True


def health(settings: Settings) -> Mapping[str, Any]:
    """What the running service says of itself, well or not.

    An answer that breaks off, or is none of the service's, is as good as none: OSError.
    """
    url = page(settings, "healthz")
    try:
        with _answer(url, _HEALTH_SECONDS) as answer:
            return dict(json.load(answer))
    except (HTTPException, ValueError, TypeError) as odd:
        raise ConnectionError(f"{url}: {type(odd).__name__}") from odd


def metrics(settings: Settings, *, within: float) -> str:
    """The service's figures as Prometheus reads them; OSError after so many seconds without."""
    with urllib.request.urlopen(page(settings, "metrics"), timeout=within) as answer:  # noqa: S310
        return str(answer.read().decode())


def _answer(url: str, seconds: float) -> IO[bytes]:
    """A page, also where its status is 503: it says what is wrong."""
    try:
        return cast("IO[bytes]", urllib.request.urlopen(url, timeout=seconds))  # noqa: S310
    except urllib.error.HTTPError as unwell:
        return unwell
