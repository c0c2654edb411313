"""Every figure that an alarm is about, measured by a program that is not the service.

A part that cannot be asked gives no figure: whether it is there at all is a figure of its own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any

from cryptography import x509
from prometheus_client.parser import text_string_to_metric_families

from ivr.alarms import keeping
from ivr.alarms.ringing import Figure, Whole
from ivr.ari.client import Ari
from ivr.ari.errors import AriError
from ivr.asterisk import locate, process
from ivr.config import Settings, SettingsError
from ivr.hours import BEIJING
from ivr.lifecycle import asking
from ivr.probe.outcomes import last
from ivr.probe.probing import host_towards
from ivr.probe.telephone import Telephone
from ivr.recordings.talks import SLIPS, is_over
from ivr.speech import publications
from ivr.upkeep.backup import made_last
from ivr.upkeep.courier import Report

log = logging.getLogger(__name__)

OF_SERVICE = frozenset(
    {
        "ivr_facts_waiting",
        "ivr_accounts_resting",
        "ivr_prompts_refused",
        "ivr_queue_longest_seconds",
        "ivr_state_away",
        "ivr_cases_waiting",
    }
)
"""Figures that the service tells by itself; Prometheus asks it, and they are not told twice."""
PARTS = ("ari", "prompts", "accounts", "journal")
UNFILED_SECONDS = 600.0
OPTIONS_SECONDS = 3.0
PROBES_LOOKED_AT = 10


Measured = Figure | Whole


async def measured(settings: Settings, now: datetime) -> list[Measured]:
    """All figures of this moment; takes seconds where something does not answer."""
    found: list[Measured] = []
    for measure in _OF_FILES:
        found += await asyncio.to_thread(_safely, measure, settings, now)
    try:
        async for told in _asked(settings, now):
            found.append(told)
    except Exception:
        log.exception("some figures could not be asked for; the others are told")
    return found


Measure = Callable[[Settings, datetime], Iterable[Measured]]


def _safely(measure: Measure, settings: Settings, now: datetime) -> list[Measured]:
    """What a broken file or an absent program tells is told by another figure, or by none.

    A fault of ours costs this figure, and no other alarm.
    """
    try:
        with suppress(OSError, HTTPException, ValueError, LookupError, TypeError):
            return list(measure(settings, now))
    except Exception:
        log.exception("a figure could not be measured: %s", measure.__name__.strip("_"))
    return []


def _service(settings: Settings, _: datetime) -> Iterator[Figure]:
    yield Figure("ivr_service_answers", float(asking.speaks(settings)))


def _health(settings: Settings, _: datetime) -> Iterator[Figure]:
    told = asking.health(settings)
    for part in PARTS:
        yield Figure("ivr_part_ok", float(told[part]["ok"]), {"part": part})


def _of_service(settings: Settings, _: datetime) -> Iterator[Measured]:
    for family in text_string_to_metric_families(asking.metrics(settings, within=3)):
        if family.name in OF_SERVICE:
            yield from (Figure(family.name, sample.value) for sample in family.samples)
    yield from map(Whole, OF_SERVICE)


def _disk(settings: Settings, _: datetime) -> Iterator[Figure]:
    for place, folder in (("home", settings.home), ("recordings", settings.recordings_folder)):
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        free = shutil.disk_usage(there).free
        yield Figure("ivr_disk_free_bytes", float(free), {"place": place})


def _loader(settings: Settings, now: datetime) -> Iterator[Measured]:
    """How long the oldest fact that is not published may have waited."""
    spools = [path.stat() for path in (settings.home / "spool").glob("*.jsonl")]
    newest = max((each.st_mtime for each in spools if each.st_size), default=None)
    yield Whole("ivr_loader_lag_seconds")
    if newest is None:
        return
    published = settings.home / "facts" / "pub" / "ivr.duckdb"
    at = published.stat().st_mtime if published.exists() else 0.0
    waits = at < newest
    since = max(at, min(each.st_mtime for each in spools))
    yield Figure("ivr_loader_lag_seconds", max(0.0, now.timestamp() - since) if waits else 0.0)


def _probes(settings: Settings, now: datetime) -> Iterator[Figure]:
    outcomes = last(settings.home / "spool", PROBES_LOOKED_AT)
    if not outcomes:
        return
    newest = outcomes[-1]
    failures = 0
    while failures < len(outcomes) and not outcomes[-1 - failures].well:
        failures += 1
    yield Figure("ivr_probe_failures", float(failures))
    yield Figure("ivr_probe_age_seconds", (now - newest.at).total_seconds())
    for metric, ms in (
        ("ivr_probe_greeting_seconds", newest.probed.greeting_ms),
        ("ivr_probe_key_seconds", newest.probed.key_ms),
        ("ivr_probe_answer_seconds", newest.probed.answer_ms),
    ):
        if ms is not None:
            yield Figure(metric, ms / 1000)


def _recordings(settings: Settings, now: datetime) -> Iterator[Figure]:
    """Begun so long ago that the call is over, and not filed yet."""
    slips = settings.home / "slips"
    over = (path for path in (slips / SLIPS).glob("*.slip") if is_over(path))
    old = [
        path
        for path in (*slips.glob("*.slip"), *over)
        if now.timestamp() - path.stat().st_mtime > UNFILED_SECONDS
    ]
    yield Figure("ivr_recordings_unfiled", float(len(old)))


def _depot(settings: Settings, now: datetime) -> Iterator[Measured]:
    """For how long something has waited for the courier; nothing before its first round."""
    if not settings.depot.is_named:
        yield Whole("ivr_recordings_unsent_seconds")
        yield Whole("ivr_prompts_behind_seconds")
    elif (report := Report.read(settings.home)) is not None:
        unsent = report.behind(report.recordings, now)
        yield Figure("ivr_recordings_unsent_seconds", unsent)
        yield Figure("ivr_prompts_behind_seconds", report.behind(report.prompts, now))


def _certificates(settings: Settings, now: datetime) -> Iterator[Measured]:
    files = {
        "console": settings.console.certificate,
        "tls": None if settings.tls is None else settings.tls.certificate,
    }
    for name, file in files.items():
        if file is not None:
            ends = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
            days = (ends - now).total_seconds() / 86_400
            yield Figure("ivr_certificate_days", days, {"certificate": name})
    yield Whole("ivr_certificate_days")


def _texts(settings: Settings, now: datetime) -> Iterator[Measured]:
    """Until the first text of the information tree is to be looked at again."""
    audio = settings.audio
    heard = publications.file_of(audio, publications.last(audio), now)
    tree = json.loads(heard.read_text(encoding="utf-8"))["information"]
    due = [date.fromisoformat(each) for each in _expiries(tree.values())]
    if due:
        today = now.astimezone(BEIJING).date()
        yield Figure("ivr_texts_days", float((min(due) - today).days))
    yield Whole("ivr_texts_days")


def _expiries(nodes: Iterable[dict[str, Any]]) -> Iterator[str]:
    for node in nodes:
        if node.get("expires"):
            yield node["expires"]
        yield from _expiries(node.get("children", {}).values())


def _backup(settings: Settings, now: datetime) -> Iterator[Figure]:
    """Since the last one; where there was none, since the line has had its keys."""
    since = made_last(settings.home) or datetime.fromtimestamp(
        (settings.home / "keys").stat().st_mtime, UTC
    )
    yield Figure("ivr_backup_age_seconds", (now - since).total_seconds())


def _registered(settings: Settings, _: datetime) -> Iterator[Measured]:
    accounts = [trunk for trunk in settings.trunks if trunk.registration is not None]
    found = locate.find() if accounts and process.answers(settings) else None
    if accounts and found is None:
        return
    states = {} if found is None else process.registrations(settings, found)
    yield Whole("ivr_trunk_registered")
    for trunk in accounts:
        is_there = states.get(trunk.endpoint) == "Registered"
        yield Figure("ivr_trunk_registered", float(is_there), {"trunk": trunk.name})


_OF_FILES: tuple[Measure, ...] = (
    _service,
    _health,
    _of_service,
    _disk,
    _loader,
    _probes,
    _recordings,
    _depot,
    _certificates,
    _texts,
    _backup,
    _registered,
)


# --- what is asked over the network ------------------------------------------------------------


async def _asked(settings: Settings, now: datetime) -> AsyncIterator[Measured]:
    if (lacking := await _agents_lacking(settings, now)) is not None:
        yield Figure("ivr_agents_lacking", lacking)
    for trunk in settings.trunks:
        if (answers := await _trunk_answers(settings.home, trunk.equipment())) is not None:
            yield Figure("ivr_trunk_answers", float(answers), {"trunk": trunk.name})
    yield Whole("ivr_trunk_answers")


async def _trunk_answers(home: Path, equipment: Sequence[tuple[str, int]]) -> bool | None:
    """Whether one of a carrier's machines answers; None where none of them ever has.

    Some carriers answer nobody: that is no news, and nothing that an operator could mend.
    """
    told = await asyncio.gather(*(_answers(host, port) for host, port in equipment))
    there = {f"{host}:{port}" for (host, port), answers in zip(equipment, told, strict=True)
             if answers}  # fmt: skip
    known = keeping.answered(home)
    if there - known:
        with suppress(OSError):  # noticed again as long as they answer
            keeping.keep_answered(home, known | there)
    asked = {f"{host}:{port}" for host, port in equipment}
    return bool(there) if asked & (known | there) else None


async def _agents_lacking(settings: Settings, now: datetime) -> float | None:
    """1 while agents should be there and not one phone is; None where Asterisk does not say."""
    phones = {phone.extension for phone in settings.agents.phones}
    if not phones or not settings.agents.hours.open_at(now):
        return 0.0
    try:
        async with Ari(settings.ari_base, settings.ari_user, settings.ari_secret()) as ari:
            return float(not phones & await ari.endpoints.online())
    except (AriError, SettingsError, OSError):
        return None


async def _answers(host: str, port: int) -> bool:
    """Whether a carrier's equipment says anything at all to OPTIONS."""
    try:
        local = await asyncio.to_thread(host_towards, (host, port))
        async with Telephone.connected((host, port), host=local) as phone:
            return bool(await phone.send("OPTIONS", "", within=OPTIONS_SECONDS))
    except (OSError, TimeoutError):
        return False
