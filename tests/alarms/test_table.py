"""The table, and what is made of it: rules, runbooks, a dashboard; asked of a real Prometheus."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import start_http_server
from prometheus_client.registry import CollectorRegistry

from ivr.alarms.ringing import Figure
from ivr.alarms.rules import rules
from ivr.alarms.table import ALARMS
from ivr.alarms.watching import Watch
from ivr.config import PROJECT, Settings
from ivr.lifecycle.vitals import Vitals
from tests.ports import free_port

RULES = PROJECT / "deploy" / "prometheus" / "ivr-alarms.yml"
DASHBOARD = PROJECT / "deploy" / "grafana" / "ivr-12329.json"
RUNBOOKS = PROJECT / "docs" / "runbooks.md"
_THING = {"ivr_disk_free_bytes": "place", "ivr_certificate_days": "certificate",
          "ivr_trunk_registered": "trunk", "ivr_trunk_answers": "trunk"}  # fmt: skip
OTHERS = ("ivr_probe_greeting_seconds", "ivr_probe_answer_seconds")


def test_names_are_unique() -> None:
    assert len({alarm.name for alarm in ALARMS}) == len(ALARMS)


def test_the_rules_that_ship_are_those_of_the_table() -> None:
    assert RULES.read_text(encoding="utf-8") == rules(), "ivr alarms rules > deploy/prometheus/…"


def test_every_alarm_has_its_runbook() -> None:
    headings = re.findall(r"^## (\w+)", RUNBOOKS.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == [alarm.name for alarm in ALARMS]


def test_every_alarms_figure_is_on_the_dashboard() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    queries = " ".join(target["expr"] for panel in panels for target in panel["targets"])
    assert [alarm.name for alarm in ALARMS if alarm.metric not in queries] == []


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool: apt install prometheus")
def test_promtool_understands_the_rules() -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", str(RULES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def all_bad(settings: Settings) -> Watch:
    """A line of which every alarm has a reason to ring."""
    watch = Watch(settings)
    for alarm in ALARMS:
        thing = _THING.get(alarm.metric)
        labels = dict(alarm.labels) or ({thing: "one"} if thing else {})
        value = alarm.limit - 1 if alarm.when == "<" else alarm.limit + 1
        watch.figures.append(Figure(alarm.metric, value, labels))
    watch.figures += [Figure(name, 1.0) for name in OTHERS]
    return watch


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="no prometheus: apt install it")
def test_a_real_prometheus_answers_every_panel_and_rings_every_alarm(
    tmp_path: Path, settings: Settings
) -> None:
    """Durations are cut to nothing; everything else is as it ships."""
    vitals = Vitals(resting=lambda: 1, facts_waiting=lambda: 5, refused=lambda: True,
                    longest_wait=lambda: 700.0, state_away=lambda: 1.0,
                    cases_waiting=lambda: 1)  # fmt: skip
    vitals.ended("hung_up")
    vitals.traffic.call_came("unicom")
    watching = CollectorRegistry()
    watching.register(all_bad(settings))
    ports = (free_port(), free_port(), free_port())
    servers = [
        start_http_server(port, "127.0.0.1", registry)
        for port, registry in zip(ports, (vitals.registry, watching), strict=False)
    ]
    hurried = re.sub(r"( for:| keep_firing_for:) \w+", r"\1 0s", rules())
    (tmp_path / "ivr-alarms.yml").write_text(hurried, encoding="utf-8")
    config = (RULES.parent / "prometheus.example.yml").read_text(encoding="utf-8")
    config = config.replace("8329", str(ports[0])).replace("8332", str(ports[1]))
    hurry = "scrape_interval: 1s\n  evaluation_interval: 1s"
    (tmp_path / "p.yml").write_text(config.replace("scrape_interval: 15s", hurry), encoding="utf-8")
    running = subprocess.Popen(
        ["prometheus", f"--config.file={tmp_path / 'p.yml'}",
         f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address=127.0.0.1:{ports[2]}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _rings_all(ports[2])
        panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
        queries = [target["expr"] for panel in panels for target in panel["targets"]]
        silent = [query for query in queries if not _until(ports[2], query)]
        assert silent == [], "panels without data"
    finally:
        running.terminate()
        running.wait(30)
        for server, thread in servers:
            server.shutdown()
            server.server_close()
            thread.join(10)


def _rings_all(port: int) -> None:
    wanted = {alarm.name for alarm in ALARMS}
    deadline = time.monotonic() + 60
    ringing: set[str] = set()
    while ringing != wanted and time.monotonic() < deadline:
        found = _ask(port, "/api/v1/query", query='ALERTS{alertstate="firing"}')
        ringing = {each["metric"]["alertname"] for each in found}
        time.sleep(0.5)
    assert ringing == wanted


def _until(port: int, query: str) -> list[Any]:
    deadline = time.monotonic() + 20
    while not (found := _ask(port, "/api/v1/query", query=query)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def _ask(port: int, path: str, **query: str) -> list[Any]:
    url = f"http://127.0.0.1:{port}{path}?{urllib.parse.urlencode(query)}"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return list(json.load(answer)["data"]["result"])
    except OSError:
        return []
