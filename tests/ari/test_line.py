"""What a channel is asked to play: our own files and nothing else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from ivr.ari.client import Ari
from ivr.ari.line import ChannelLine
from ivr.config import PROJECT
from ivr.people.sensitive import Sensitive
from ivr.speech.prompts import PromptSet, sentence

SPOKEN_BY_ASTERISK = re.compile(
    r"\b(digits|number|characters):|\bSay(Digits|Number|Alpha|Phonetic|UnixTime|Counted\w+)\b"
)
"""ARI's URIs and the dialplan's applications that read a value by Asterisk's own words."""


class Recorder(Ari):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__("http://nowhere/ari", "u", "p")
        self.sent: list[tuple[str, Mapping[str, Any] | None]] = []

    async def _send(
        self, method: str, path: str, query: Mapping[str, str], json: Mapping[str, Any] | None
    ) -> Any:
        self.sent.append((f"{method} {path}", json))


def test_a_readout_is_one_playback_of_our_own_files(prompt_set: PromptSet) -> None:
    utterance = prompt_set.utterance(
        sentence(
            "account.readout",
            id=Sensitive("11010519491231002X"),
            paid_to="2026-10",
            monthly_deposit=Sensitive(Decimal("1680.32")),
            balance=Sensitive(Decimal("12345.67")),
        )
    )
    ari = Recorder()
    playback = asyncio.run(ChannelLine(ari, "c").play(utterance))
    ((request, body),) = ari.sent
    assert request == f"POST channels/c/play/{playback}"
    assert body is not None
    known = {f"sound:{clip.path}" for clip in prompt_set.clips.values()}
    assert len(body["media"]) > 20
    assert set(body["media"]) <= known
    assert all(Path(media.removeprefix("sound:")).is_absolute() for media in body["media"])


def test_nothing_of_ours_lets_asterisk_read_a_value() -> None:
    """Its `digits:` and `number:` cannot be interrupted and read Mandarin wrongly (asterisk.md)."""
    ours = [*PROJECT.glob("ivr/**/*.py"), *PROJECT.glob("ivr/asterisk/etc/*.conf")]
    assert len(ours) > 50
    found = []
    for path in ours:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            quoted = path.suffix == ".conf" or re.search(r"[\"'](digits|number|characters):", line)
            if quoted and SPOKEN_BY_ASTERISK.search(line.split(";")[0]):
                found.append(f"{path.name}:{number}")
    assert found == []


def test_the_modules_that_read_values_are_not_loaded() -> None:
    modules = (PROJECT / "ivr/asterisk/etc/modules.conf").read_text(encoding="utf-8")
    loaded = set(re.findall(r"^load *=>? *(\S+)", modules, re.M))
    assert loaded
    assert not {each for each in loaded if "say" in each}
