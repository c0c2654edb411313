"""What the doctor and the pages say of records that are there no more."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from analytics.loading import losses
from analytics.loading.store import FactsFolder
from console import examining
from console.pages.duty import _PARTS
from ivr.config import Settings
from ivr.upkeep import doctor

LOST = losses.Loss(
    "step-2026-01.parquet", "step", date(2026, 1, 1), date(2026, 1, 31), 5, datetime.now(UTC)
)


def test_lost_records_are_a_warning_with_what_to_do(settings: Settings) -> None:
    assert examining._lost(settings) == []
    parquet = FactsFolder(settings.home).parquet
    parquet.mkdir(parents=True)
    losses.note(parquet, [LOST])
    (found,) = examining._lost(settings)
    assert (found.ok, found.warns) == (True, True)
    assert LOST.name in found.detail
    assert "备份" in found.detail


def test_a_note_that_cannot_be_read_is_a_fault(settings: Settings) -> None:
    parquet = FactsFolder(settings.home).parquet
    parquet.mkdir(parents=True)
    losses.note(parquet, [LOST])
    (parquet / losses.FILE).write_text("[")
    (found,) = examining._lost(settings)
    assert not found.ok


def test_every_part_has_a_chinese_name_on_the_page(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_synchronised", lambda: True)
    named = {finding.name for finding in examining.findings_of(settings)}
    assert named - {"Asterisk"} <= _PARTS.keys()
