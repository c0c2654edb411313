"""The whole script for people who read: what is said where, and which key leads on.

It is made of the map of the real dialogues; a title is what the menu above says of its key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ivr.dialogues.place import End
from ivr.speech.prompts import PromptSet
from ivr.stage.callflow import Flow, Way
from ivr.stage.rehearsal import Moment

MEANWHILE = {
    "": "",
    "waiting": "（排队）",
    "ringing": "（振铃）",
    "talking": "（通话）",
    "recording": "（录音）",
}
"""What goes on while the line waits for somebody."""
_HANZI = dict(zip("0123456789", "零一二三四五六七八九", strict=True))


@dataclass(frozen=True, slots=True)
class Spoken:
    """One sentence of the catalog: its words, and how long they take."""

    text: str
    seconds: float | None
    """Without what a call fills in; None: not spoken yet."""

    def __str__(self) -> str:
        return f"{self.text}（{'未生成' if self.seconds is None else f'{self.seconds:.1f} 秒'}）"


@dataclass(frozen=True)
class Script:
    """Where a caller can be, and what is said there."""

    flow: Flow
    prompts: PromptSet
    sentences: Mapping[str, Spoken]

    @cached_property
    def titles(self) -> Mapping[str, str]:
        """What each place is about: as its editor wrote, or as its menu says; else its name."""
        nodes = [node for branch in self.prompts.information.values() for node in branch.walk()]
        titles = {node.prompt: node.title for node in nodes}
        for asked, key, place in self._told_keys():
            titles.setdefault(place, self.offer(asked, key) or place)
        return {place: titles.get(place, place) for place in self.flow.ways}

    @cached_property
    def paths(self) -> Mapping[str, str]:
        """The keys that lead to each place from the main menu."""
        paths = {"main": ""}
        for asked, key, place in self._told_keys():
            if asked.place in paths:
                paths.setdefault(place, paths[asked.place] + key)
        return paths

    def offer(self, asked: Moment, key: str) -> str:
        """What a question says of one of its keys: the words before its 请按一."""
        if key not in _HANZI:
            return ""
        words = self.sentences[asked.question[-1]].text
        found = re.search(rf"([^，。；：]+)，?请按{_HANZI[key]}", words)
        return found[1] if found else ""

    def named(self, place: str) -> str:
        """A place as readers know it."""
        title = self.titles[place]
        return f"`{place}`" if title == place else f"{title} `{place}`"

    def _told_keys(self) -> Iterator[tuple[Moment, str, str]]:
        """Question, key, and the place that it leads to."""
        for way in (way for ways in self.flow.ways.values() for way in ways):
            if way.told and way.asked and way.answer in _HANZI and isinstance(way.leads, str):
                yield way.asked, way.answer, way.leads


# --- as a document ------------------------------------------------------------------------------


def document(script: Script) -> str:
    """All of it in Markdown, place by place in the order of the keys."""
    parts = [_heading(script), _everywhere(script)]
    parts += [_place(script, place, ways) for place, ways in script.flow.ways.items()]
    return "\n\n".join([*parts, _elsewhere(script)]) + "\n"


def _heading(script: Script) -> str:
    known = [each.seconds for each in script.sentences.values() if each.seconds is not None]
    minutes, seconds = divmod(round(sum(known)), 60)
    return (
        f"# 12329 话术\n\n目录 {script.prompts.version}，{len(script.sentences)} 句，"
        f"已生成 {len(known)} 句，共 {minutes} 分 {seconds} 秒（数字另计）。"
    )


def _everywhere(script: Script) -> str:
    lines = [_line(script, way) for way in script.flow.everywhere]
    return "\n".join(["## 在每个问题上，句子不说也有效的", "", *lines])


def _place(script: Script, place: str, ways: Sequence[Way]) -> str:
    keys = "-".join(script.paths.get(place, ""))
    lines = [f"## {f'{keys} ' if keys else ''}{script.named(place)}", ""]
    for asked in dict.fromkeys(way.asked for way in ways):
        if asked is not None:
            lines += ["", *(f"> {script.sentences[prompt]}" for prompt in asked.question)]
            lines += [MEANWHILE[asked.meanwhile], ""] if asked.meanwhile else [""]
        lines += [
            _line(script, way)
            for way in ways
            if way.asked == asked and not script.flow.goes_without_saying(way)
            if not (asked is None and isinstance(way.leads, Moment) and not way.said)
        ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def _line(script: Script, way: Way) -> str:
    answer = f"`{way.words}`" if len(way.words) == 1 else way.words
    said = "".join(f"「{script.sentences[prompt]}」" for prompt in way.said)
    return "- " + " ".join(part for part in (answer, said, _led(script, way)) if part)


def _led(script: Script, way: Way) -> str:
    if way.replays:
        return "→ 重听"
    match way.leads:
        case End(disposition):
            return f"→ 通话结束（{disposition}）"
        case Moment(_, question, meanwhile):
            words = MEANWHILE[meanwhile] or f"「{script.sentences[question[0]].text[:12]}…」"
            return "" if way.asked is None else f"→ {words}"
        case place:
            offered = script.offer(way.asked, way.answer) if way.asked and way.told else ""
            return f"{offered} → {script.named(place)}".strip()


def _elsewhere(script: Script) -> str:
    """What the walk did not hear: it depends on mishaps, or on the keys of an entry."""
    ways = [way for ways in script.flow.ways.values() for way in ways]
    heard = {prompt for way in ways for prompt in (*way.said, *(way.asked or _NOWHERE).question)}
    lines = [f"- `{name}` {each}" for name, each in script.sentences.items() if name not in heard]
    return "\n".join(["## 其他可能听到的", "", *lines])


_NOWHERE = Moment("", ())
