"""How every part is, with its remedy: what the doctor finds, and what only the catalog can say."""

from __future__ import annotations

from datetime import datetime

from ivr.config import Settings
from ivr.hours import BEIJING
from ivr.speech.contract import CONTRACT
from ivr.speech.prompts import PromptSetError
from ivr.speech.prompts import load as load_set
from ivr.upkeep.doctor import Finding, examine
from prompt_build.catalog.faults import CatalogError
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import source_of


def findings_of(settings: Settings) -> list[Finding]:
    """All of them; takes seconds, so pages ask in a thread."""
    return [*examine(settings), *_catalog(settings)]


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
    try:
        spoken = load_set(settings.audio, CONTRACT).version
    except PromptSetError as unusable:
        return Finding("catalog", False, str(unusable))
    if version != spoken:
        return Finding("catalog", False, "edited since the prompts: run `ivr build-prompts`")
    return Finding("catalog", True, f"{settings.catalog.name} is what callers hear")
