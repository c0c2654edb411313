"""Accounts that no call could say, for the operator: which column, once, and how often."""

from __future__ import annotations

import logging

from prometheus_client import CollectorRegistry, Counter

log = logging.getLogger(__name__)


class Untold:
    """Counts them, and codes without words, by query and column; the log is told of each once."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._counter = Counter(
            "ivr_accounts_untold",
            "Accounts that could not be read out, by query and column",
            ["source", "column"],
            registry=registry,
        )
        self._left_out = Counter(
            "ivr_accounts_unknown_codes",
            "Readouts without the words of a code that is in no table, by query and column",
            ["source", "column"],
            registry=registry,
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

    def leave_out(self, source: str, column: str) -> None:
        """One more account whose code in a column has no words; never the code, nor whose."""
        self._left_out.labels(source, column).inc()
        if (source, f"{column} codes") not in self._told:
            self._told.add((source, f"{column} codes"))
            log.warning(
                "%s_query 的列 %s 有话术 [codes] 表里没有的代码，播报时略过这一段；在表里补上"
                "（只记这一次，次数见 metrics） · its column %s holds codes that no table of the"
                " catalog knows: that part is left out",
                source, column, column,
            )  # fmt: skip
