"""How every part is, with its remedy: what the doctor finds, and what other houses alone know."""

from __future__ import annotations

from datetime import datetime

from analytics.answering.asking import CannotAnswer
from analytics.loading.losses import noted
from analytics.loading.store import FactsFolder
from console.schedules import WORDS, Schedules
from ivr.config import Settings, SettingsError, standing
from ivr.hours import BEIJING
from ivr.upkeep.doctor import Finding, examine
from prompt_build import sets
from prompt_build.catalog.faults import CatalogError
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import source_of


def findings_of(settings: Settings) -> list[Finding]:
    """All of them; takes seconds, so pages ask in a thread."""
    try:
        settings = standing(settings)
    except SettingsError as refused:
        return [Finding("settings", False, str(refused)), *examine(settings)]
    return [
        *examine(settings),
        *_lost(settings),
        *_undelivered(settings),
        *_catalog(settings),
    ]


def _lost(settings: Settings) -> list[Finding]:
    """Records of closed days that are there no more; said until they are put back or too old."""
    try:
        lost = noted(FactsFolder(settings.home).parquet)
    except CannotAnswer as unreadable:
        return [Finding("lost records", False, str(unreadable))]
    if not lost:
        return []
    named = "、".join(f"{each.first_day:%Y-%m} {each.name}" for each in lost[:3])
    told = (
        f"{len(lost)} 个记录文件丢失或损坏（{named}）：从备份放回原处，会自动计入"
        " · lost or damaged: put them back from a backup"
    )
    return [Finding("lost records", True, told, warns=True)]


def _undelivered(settings: Settings) -> list[Finding]:
    """Reports at set times that did not go out, until a later one has, or somebody sends it."""
    kept = Schedules(settings.home)
    if not kept.path.exists():
        return []
    lacking = [
        f"{schedule.name} {run.due:%m-%d %H:%M} {WORDS[run.state]}：{run.told}"
        for schedule, run in kept.last_runs()
        if run.state in ("again", "failed", "perhaps")
    ]
    if not lacking:
        return [Finding("reports", True, "定时报表都送出了 · all were delivered")]
    told = "；".join(lacking)
    return [Finding("reports", True, f"{told}。控制台“定时”里可以再送 · not delivered", warns=True)]


def _catalog(settings: Settings) -> list[Finding]:
    """Whether callers hear what the catalog says now; the running service cannot read it.

    Then the texts that somebody must look at again, since policies and rates change.
    """
    try:
        catalog = load(source_of(settings))
    except CatalogError as faulty:
        return [Finding("catalog", False, str(faulty))]
    due = catalog.due(datetime.now(BEIJING).date())
    return [
        _heard(settings, catalog.version),
        *(Finding("due", True, warning, warns=True) for warning in due),
    ]


def _heard(settings: Settings, version: str) -> Finding:
    """The city's file says what is heard once all that is for a time is over."""
    spoken = sets.underneath(settings.audio)
    if spoken is None:
        return Finding("catalog", False, "nothing is published yet: run `ivr build-prompts`")
    if version != spoken["catalog"]:
        return Finding("catalog", False, "edited since the prompts: run `ivr build-prompts`")
    return Finding("catalog", True, f"{settings.catalog.name} is what callers hear")
