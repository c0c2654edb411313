"""The event loop and the JSON of the fast path: libuv's and Rust's where they are installed.

The one place that decides. Without the extra `fast` everything runs on the standard library, and
the same tests pass; `IVR_PLAIN=1` does without it where it is installed, to compare the two.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Coroutine
from dataclasses import asdict
from datetime import datetime
from importlib import import_module
from types import ModuleType
from typing import Any

PLAIN = "IVR_PLAIN"


def _installed(name: str) -> ModuleType | None:
    if os.environ.get(PLAIN):
        return None
    try:
        return import_module(name)
    except ImportError:
        return None


_orjson = _installed("orjson")


def loads(text: bytes | str) -> Any:
    """JSON as objects; ValueError for what is none."""
    return json.loads(text) if _orjson is None else _orjson.loads(text)


def dumps(content: Any) -> bytes:
    """Objects as JSON in UTF-8, without blanks.

    A dataclass as its fields, in their order; a time as ISO 8601 has it.
    """
    if _orjson is None:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=_plainly)
        return text.encode()
    written: bytes = _orjson.dumps(content)
    return written


def _plainly(content: Any) -> Any:
    return content.isoformat() if isinstance(content, datetime) else asdict(content)


def run(main: Coroutine[Any, Any, None]) -> None:
    """As asyncio.run."""
    uvloop = _installed("uvloop")
    factory = None if uvloop is None else uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)
