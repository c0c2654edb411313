"""A draft becomes what callers hear: the set is made, the file is written, the set is published.

In this order, so that whatever fails leaves a whole state: before the set is made nothing has
changed, before it is published callers hear what they heard, and the draft ends last.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ivr.config import Settings
from ivr.records.durable import write
from ivr.speech import contract
from ivr.speech.prompts import described
from prompt_build import lexicon, sets
from prompt_build.build import Progress, build
from prompt_build.catalog.city import remember
from prompt_build.catalog.source import source_of
from prompt_build.choosing import choose, speaking
from prompt_build.studio.drafts import Drafts, Proposal, Refused


def publish(  # noqa: PLR0913  who, why and when belong to every publication
    settings: Settings,
    digest: str,
    *,
    who: str,
    why: str,
    now: datetime,
    progress: Progress | None = None,
) -> int:
    """Let new calls hear the draft that has this digest; returns the set's number.

    Raises Refused where it was not approved or has changed, CatalogError, BuildFailed,
    VoiceUnavailable, Busy, Unfit or OSError; callers then hear what they heard before.
    """
    drafts = Drafts(settings)
    proposal = drafts.proposal()
    check(settings, proposal, digest)
    heard = sets.published(settings.audio) or {}
    engine = choose(settings.speech, heard.get("voice", {}).get("name"))
    speaks = speaking(settings.speech, engine, lexicon.load(settings.lexicons))
    built = build(proposal.source, settings.audio, engine, speaks, progress)
    _write(settings.words_file, proposal)
    remember(source_of(settings))
    sets.publish(
        settings.audio, built.number, now, who=who, why=why, breaches=breaches(settings.audio)
    )
    drafts.discard()
    return built.number


def check(settings: Settings, proposal: Proposal, digest: str) -> None:
    """Refused, in words, unless this very draft may be published."""
    if proposal.conflicts:
        raise Refused("有几句在文件里也被人改过：先在草稿里选定用哪一种")
    if proposal.digest != digest:
        raise Refused("看过以后话术又有变动：请重新看一遍草稿")
    if settings.console.second_person and not proposal.approved:
        raise Refused("还没有另一位同事批准：先送审")


def _write(words: Path, proposal: Proposal) -> None:
    """Refused where somebody has changed the file while the set was made: theirs stays."""
    now = words.read_text(encoding="utf-8-sig") if words.exists() else ""
    if now != proposal.file:
        raise Refused("生成的时候有人改了话术文件：请重新看一遍草稿，再发布")
    if proposal.text != proposal.file:
        write(words, proposal.text.encode())


def breaches(audio: Path) -> sets.Breaches:
    """What of a set does not fit the program that is installed here."""

    def found(manifest: Mapping[str, Any]) -> list[str]:
        return described(manifest, audio).breaches(contract.CONTRACT)

    return found


def go_back(settings: Settings, number: int, *, who: str, why: str, now: datetime) -> None:
    """Let new calls hear a set that was heard before; Refused for one that never was.

    The file keeps its words. Raises NoSuchSet or Unfit.
    """
    heard = [each.set for each in sets.publications(settings.audio)]
    if number not in heard:
        raise Refused(f"第 {number} 版没有播出过，不能退回到它")
    sets.publish(
        settings.audio,
        number,
        now,
        how="rollback",
        who=who,
        why=why,
        breaches=breaches(settings.audio),
    )
