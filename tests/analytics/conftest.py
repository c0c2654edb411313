"""DuckDB as tests of a handful of calls need it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from analytics.answering.asking import LIMITS


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """A second one has nothing to do for so few rows, but to be started and waited for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LIMITS, "threads", 1)
        yield
