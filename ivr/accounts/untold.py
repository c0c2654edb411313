"""Accounts that no call could say, for the operator: which column, once, and how often."""

from __future__ import annotations

import logging

from prometheus_client import CollectorRegistry, Counter

log = logging.getLogger(__name__)


class Untold:
    """Counts them by query and column; the log is told of each column once."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._counter = Counter(
            "ivr_accounts_untold",
            "Accounts that could not be read out, by query and column",
            ["source", "column"],
            registry=registry or CollectorRegistry(),
        )
        self._told: set[tuple[str, str]] = set()

    def tell(self, source: str, column: str) -> None:
        """One more; never what stands in the column."""
        self._counter.labels(source, column).inc()
        if (source, column) not in self._told:
            self._told.add((source, column))
            log.warning(
                "%s_query 的列 %s 有播报不了的内容，来电人改听转人工（只记这一次，次数见 metrics）"
                " · its column %s holds what no call can say; callers are led to an agent",
                source, column, column,
            )  # fmt: skip
