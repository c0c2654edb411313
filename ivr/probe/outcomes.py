"""What the last trial calls came to, read back from their pages, and in words for people."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Final

from ivr.records.facts import Probed, Verdict
from ivr.records.journal import PROBES, read_lines

WORDS: Final[Mapping[Verdict, str]] = {
    "well": "正常",
    "unanswered": "没有人接：电话打不通",
    "no_sound": "接通了，一个声音包也没有收到（单通）",
    "silence": "接通了，只有静音",
    "not_heard": "听得到热线，热线听不到按键（单通）",
    "apology": "热线在道歉：它自己有毛病",
    "wrong_prompt": "播的不是该播的那一句",
    "clipped": "该播的那一句缺了一段",
    "unknown_sound": "听到的不是热线的任何一句话",
    "hung_up": "热线中途挂断",
    "impossible": "拨测没有做成",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One trial call, and when it ended."""

    at: datetime
    probed: Probed

    @property
    def well(self) -> bool:
        """A caller would have been served."""
        return self.probed.verdict == "well"

    def __str__(self) -> str:
        told = self.probed
        parts = [WORDS[told.verdict]]
        if told.verdict != "well":
            where = f"，在 {told.step}" if told.step else ""
            heard = f"，{told.detail}" if told.detail else ""
            parts = [f"{parts[0]}{where}{heard}"]
        parts += [
            f"{what} {ms / 1000:.2f} 秒"
            for what, ms in (
                ("问候语", told.greeting_ms),
                ("按键到语音", told.key_ms),
                ("查询到语音", told.answer_ms),
            )
            if ms is not None
        ]
        if told.lost:
            parts.append(f"丢了 {told.lost} 个声音包")
        if told.line_closed:
            parts.append("热线现在停开，拨测照常接通")
        return "；".join(parts)


def last(spool: Path, most: int = 1) -> list[Outcome]:
    """The newest trial calls, the newest last; at most so many, of the last two days' pages."""
    pages = sorted(spool.glob(f"facts-00000000-*{PROBES}.jsonl"))[-2:]
    found: deque[Outcome] = deque(maxlen=most)
    for page in pages:
        for line in read_lines(page):
            if line.get("fact") == "Probed":
                found.append(_outcome(line))
    return list(found)


def _outcome(line: Mapping[str, object]) -> Outcome:
    known = {each.name: line[each.name] for each in fields(Probed)}
    return Outcome(datetime.fromisoformat(str(line["at"])), Probed(**known))  # type: ignore[arg-type]  # as it was written
