"""Settings that change while the line is in service: written as versions, read by each call."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime

from ivr.config import (
    Content,
    Settings,
    SettingsError,
    Table,
    Version,
    laid,
    standing,
)
from ivr.config.table import NOTHING, differences
from ivr.records.durable import write
from ivr.records.holding import alone

log = logging.getLogger(__name__)


class ChangedMeanwhile(Exception):
    """Somebody else was quicker; says what to do."""


def change(
    settings: Settings,
    change_to: Callable[[Content], Content],
    *,
    made: Version,
    base: int | None = None,
    agreed: Callable[[Version], None] = lambda _: None,
) -> Version:
    """Make a version of what `change_to` makes of the one that holds; it holds on return.

    `made`: who, when and why; `base`: the version that was looked at; `agreed` is told before it
    is written, and may refuse. Raises SettingsError with
    everything that is wrong, and ChangedMeanwhile; nothing is changed then.
    """
    table = Table(settings.home)
    table.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with alone(table.folder / "lock"):
        number, before = table.latest(), table.newest()
        if base is not None and base != number:
            raise ChangedMeanwhile(
                f"别人刚刚改过（现在是第 {number} 版）：看过再改 · changed meanwhile: look again"
            )
        content = change_to(before.content)
        laid(settings, replace(made, number=0, content=content))
        if not differences(before.content, content):
            return before
        version = replace(made, number=number + 1, content=content)
        agreed(version)
        write(table.path(version.number), written(version), mode=0o600)
    return version


def rolled_back(settings: Settings, number: int) -> Callable[[Content], Content]:
    """To what held with that version; 0 is before the first. Raises SettingsError for no such."""
    table = Table(settings.home)
    try:
        content = table.version(number).content if number else NOTHING.content
    except FileNotFoundError:
        raise SettingsError(f"设置表没有第 {number} 版 · there is no version {number}") from None
    return lambda _: content


def written(version: Version) -> bytes:
    """As its file has it."""
    told = {**asdict(version), "at": version.at.isoformat(timespec="seconds")}
    return json.dumps(told, ensure_ascii=False, indent=1).encode()


def by(who: str, why: str, at: datetime) -> Version:
    """A version to be made."""
    return replace(NOTHING, who=who, why=why, at=at)


class Standing:
    """The settings for new calls: looked at by each, read again when there is another version.

    A version that cannot be used is refused, and `refused` says why: the one before goes on.
    """

    def __init__(self, settings: Settings, told: Callable[[Settings], None]) -> None:
        self._settings = settings
        self._told = told
        self._table = Table(settings.home)
        self._number = 0
        self._number = self._latest()
        self.refused = ""

    def now(self) -> Settings:
        """As they stand; whoever keeps some of them is told when they change."""
        number = self._latest()
        if number != self._number:
            self._number = number
            self._renew()
        return self._settings

    def _latest(self) -> int:
        try:
            return self._table.latest()
        except OSError as refused:  # a folder that cannot be read changes nothing
            log.warning("the table of settings: %s", refused.strerror)
            return self._number

    def _renew(self) -> None:
        try:
            self._settings = standing(self._settings)
        except SettingsError as refused:
            self.refused = str(refused)
            log.error("settings stay as they were: %s", refused)  # noqa: TRY400  says it all
            return
        self.refused = ""
        log.info("version %d of the settings holds", self._number)
        self._told(self._settings)
