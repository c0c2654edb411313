"""The words of the line as pages show them: seen once, and again when something has changed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path

from console.ways import Ways, ways
from ivr.config import Settings
from ivr.speech.publications import LOG, MANIFEST, file_of, last
from prompt_build.catalog.faults import CatalogError
from prompt_build.catalog.layers import laid
from prompt_build.catalog.reading import examined
from prompt_build.catalog.rewriting import CannotRewrite
from prompt_build.catalog.source import source_of
from prompt_build.studio import entries
from prompt_build.studio.content import Page, page
from prompt_build.studio.drafts import Draft, Drafts, Proposal, Refused
from prompt_build.studio.looking import look
from prompt_build.studio.timing import settle


@dataclass(frozen=True, slots=True)
class View:
    """The whole catalog, a draft laid over it."""

    page: Page
    written: Mapping[str, entries.Entry]
    """By name; empty while the files are no TOML."""
    drafted: frozenset[str]
    """The sentences that the draft changes."""
    proposal: Proposal | None
    """None where the draft cannot be laid into the file; `fault` says why."""
    fault: str


@dataclass(slots=True)
class Studio:
    """What was seen last, for everybody who asks."""

    settings: Settings
    _seen: tuple[object, View] | None = None
    _ways: tuple[object, Ways] | None = None
    _walker: BaseProcess | None = None
    _looking: threading.Lock = field(default_factory=threading.Lock)
    _walking: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def drafts(self) -> Drafts:
        """The draft of this line."""
        return Drafts(self.settings)

    def view(self, today: date) -> View:
        """As it is now; takes seconds where something changed."""
        proposal, fault = self._proposal()
        with self._looking:
            heard = file_of(self.settings.audio, last(self.settings.audio), datetime.now(UTC))
            stamp = (today, heard, fault, proposal and proposal.text, *map(_stamp, self._files()))
            if self._seen is None or self._seen[0] != stamp:
                self._seen = stamp, self._view(proposal, fault, today)
            seen = self._seen[1]
        return View(seen.page, seen.written, seen.drafted, proposal, fault)

    def _proposal(self) -> tuple[Proposal | None, str]:
        try:
            settle(self.settings, datetime.now(UTC))
            return self.drafts.proposal(), ""
        except (CatalogError, CannotRewrite, Refused) as broken:
            return None, str(broken)

    def _files(self) -> tuple[Path, ...]:
        settings = self.settings
        audio = settings.audio
        words = (settings.catalog, settings.words_file, *settings.lexicons)
        return (*words, audio / MANIFEST, audio / LOG, audio / "sets")

    def _view(self, proposal: Proposal | None, fault: str, today: date) -> View:
        source = proposal.source if proposal else source_of(self.settings)
        shown = page(look(self.settings, source), today)
        try:
            layers = laid(source)
            after = examined(layers, source)[0].prompts
            without = source_of(self.settings)
            before = examined(laid(without), without)[0].prompts
        except CatalogError:
            return View(shown, {}, frozenset(), proposal, fault)
        drafted = {name for name in after if after[name] != before.get(name)}
        return View(shown, entries.every(layers), frozenset(drafted), proposal, fault)

    async def ways(self) -> Ways:
        """Where keys lead; found again only when some menu has other keys or branches."""
        proposal, _ = await asyncio.to_thread(self._proposal)
        text = proposal.text if proposal else ""
        async with self._walking:
            stamp = await asyncio.to_thread(self._shape, text)
            if stamp and (self._ways is None or self._ways[0] != stamp):
                self._ways = stamp, await asyncio.to_thread(ways, self.settings, text, self._begun)
        return self._ways[1] if self._ways and self._ways[0] == stamp else {}

    def _begun(self, walker: BaseProcess) -> None:
        self._walker = walker

    def end(self) -> None:
        """Wait for nothing any more."""
        if self._walker is not None:
            with suppress(ValueError, AttributeError):  # it has ended by itself
                self._walker.kill()

    def known_ways(self) -> Ways:
        """Those that were found before."""
        return self._ways[1] if self._ways else {}

    def _shape(self, text: str) -> object:
        """What decides where keys lead; None while the catalog has faults."""
        source = Drafts(self.settings).proposal().source if text else source_of(self.settings)
        try:
            catalog, faults = examined(laid(source), source)
        except CatalogError:
            return None
        menus = {name: each.keys for name, each in catalog.prompts.items() if each.keys}
        return None if faults else (str(menus), str(catalog.information))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        seen = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (seen.st_mtime_ns, seen.st_size)


def draft_of(view: View) -> Draft:
    """What is being changed; nothing where nobody can tell."""
    return view.proposal.draft if view.proposal else Draft()
