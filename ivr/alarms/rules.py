"""The same table of alarms as rules for Prometheus, for centres that have one; pure."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ivr.alarms.table import ALARMS, Alarm


def rules() -> str:
    """`deploy/prometheus/ivr-alarms.yml`: written by `ivr alarms rules`, never by hand."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Written by `ivr alarms rules`: ivr/alarms/table.py is where alarms are changed."
    yield "groups:"
    yield "  - name: ivr-12329"
    yield "    rules:"
    for alarm in ALARMS:
        yield from _rule(alarm)


def _rule(alarm: Alarm) -> Iterator[str]:
    yield f"      - alert: {alarm.name}"
    yield f"        expr: {json.dumps(alarm.expression)}"
    yield f"        for: {alarm.seconds:.0f}s"
    yield "        keep_firing_for: 2m"
    yield "        labels:"
    yield f"          severity: {alarm.severity}"
    yield "        annotations:"
    yield f"          summary: {_quoted(alarm.title)}"
    yield f"          description: {_quoted(f'{alarm.means} 怎么办：{alarm.remedy}')}"
    yield f"          runbook_url: {_quoted(f'docs/runbooks.md#{alarm.name}')}"


def _quoted(text: str) -> str:
    """A string of YAML, which JSON's are."""
    return json.dumps(text, ensure_ascii=False)
