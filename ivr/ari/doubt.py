"""What Asterisk was to let go and may still hold: nobody is stopped by that, and somebody looks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ivr.ari.errors import AriError

log = logging.getLogger(__name__)


@contextmanager
def letting_go(doubt: asyncio.Event, *, unseen: bool = False) -> Iterator[None]:
    """What is not done now ends no call; `doubt` is set, and the line looks through Asterisk.

    `unseen`: the log does not say of what kind the command was, and so not that somebody listens.
    """
    try:
        yield
    except asyncio.CancelledError:
        doubt.set()
        raise
    except AriError as lost:
        told = type(lost).__name__ if unseen else lost
        log.warning("what a call has let go may be there still: %s", told)
        doubt.set()
