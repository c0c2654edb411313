"""The script as a map, made by leading callers through the real dialogues with every answer.

Nothing here knows the script. A place is rehearsed again and again, each time with the answers
that led to a question before and one that was not tried yet, until no question is new.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ivr.config import Settings
from ivr.dialogues import all_places, find
from ivr.dialogues.place import End, Place
from ivr.hours import AgentHours
from ivr.prompts import PromptSet
from ivr.rehearsal import Answer, Circumstance, Moment, circumstances, rehearse


@dataclass(frozen=True, slots=True)
class Way:
    """What an answer leads to, or several that lead to the same."""

    asked: Moment | None
    """None: the place is being entered."""
    answer: str
    """A key, or in words what was keyed or what happened; empty for what always comes."""
    said: tuple[str, ...]
    """Prompts on the way."""
    leads: Moment | str | End
    """To a question here, to the place of this name, or out of the call."""
    told: bool = True
    """False: no sentence names it; it goes without saying, like an agent's key."""

    @property
    def replays(self) -> bool:
        """It leads to where it began."""
        return self.asked is not None and self.leads == self.asked


@dataclass(frozen=True, slots=True)
class Flow:
    """All places with their ways, each after the one that led there first."""

    ways: Mapping[str, tuple[Way, ...]]
    up: Mapping[str, str]
    """Place → the one above it."""
    begins: tuple[str, ...]
    """Places that no answer leads to: a call begins there."""

    @property
    def everywhere(self) -> tuple[Way, ...]:
        """What no sentence names and nearly every question takes: once for each answer."""
        untold = Counter(
            (way.answer, way.leads)
            for ways in self.ways.values()
            for way in ways
            if not way.told and isinstance(way.leads, str)
        )
        common = {answer: leads for (answer, leads), _ in reversed(untold.most_common())}
        return tuple(Way(None, answer, (), leads, told=False) for answer, leads in common.items())

    def goes_without_saying(self, way: Way) -> bool:
        """It is one of those that are the same everywhere, and no sentence names it."""
        return not way.told and any(
            (way.answer, way.leads) == (each.answer, each.leads) for each in self.everywhere
        )


def explore(prompts: PromptSet, settings: Settings) -> Flow:
    """Walk the whole script in this prompt set."""
    return asyncio.run(_explore(prompts, settings))


async def _explore(prompts: PromptSet, settings: Settings) -> Flow:
    ways: dict[str, tuple[Way, ...]] = {}
    up: dict[str, str] = {}
    waiting = ["welcome", *(place.name for place in all_places())]
    with TemporaryDirectory() as home:
        everyday = _everyday(settings, Path(home))
        while waiting:
            place = find(waiting.pop(0), prompts)
            if place.name not in ways:
                ways[place.name] = await _ways_of(place, prompts, everyday)
                up[place.name] = place.up
                waiting = [*_places(ways[place.name]), *waiting]
    led_to = {name for found in ways.values() for name in _places(found)}
    return Flow(ways, up, tuple(name for name in ways if name not in led_to))


def _places(ways: Sequence[Way]) -> list[str]:
    return [way.leads for way in ways if isinstance(way.leads, str)]


def _everyday(settings: Settings, home: Path) -> Settings:
    """The settings as they are, for a line that is open and has agents at known hours."""
    agents = settings.agents.model_copy(update={"hours": AgentHours()})
    return settings.model_copy(update={"home": home, "agents": agents})


_Merged = dict[tuple[Moment | None, tuple[str, ...], Moment | str | End], list[Answer]]
"""Where one was asked, what was said then and where that led → the answers to it."""


async def _ways_of(place: Place, prompts: PromptSet, settings: Settings) -> tuple[Way, ...]:
    """Every way of a place; those of a bad day only where a good one has none like it."""
    merged: _Merged = {}
    for circumstance in circumstances():
        seen = await _tried(place, circumstance, prompts, settings)
        merged |= {way: answers for way, answers in seen.items() if way not in merged}
    return tuple(
        Way(asked, _words(answers, merged, asked), said, leads, any(a.told for a in answers))
        for (asked, said, leads), answers in merged.items()
    )


async def _tried(
    place: Place, circumstance: Circumstance, prompts: PromptSet, settings: Settings
) -> _Merged:
    merged: _Merged = {}
    known: set[Moment] = set()
    todo: list[tuple[Moment | None, tuple[Answer, ...]]] = [(None, ())]
    while todo:
        asked, answers = todo.pop(0)
        course = await rehearse(place, answers, circumstance, prompts, settings)
        last = answers[-1] if answers else circumstance.as_answer
        merged.setdefault((asked, course.said, course.leads), []).append(last)
        if isinstance(course.leads, Moment) and course.leads not in known:
            known.add(course.leads)
            todo += [(course.leads, (*answers, following)) for following in course.answers]
    return merged


def _words(answers: Sequence[Answer], merged: _Merged, asked: Moment | None) -> str:
    """`证件号（没有录入、余额为空）`; the cases only where they make a difference."""
    words = []
    for word in dict.fromkeys(answer.words for answer in answers):
        cases = [answer.case for answer in answers if answer.words == word]
        all_cases = [
            answer
            for (where, _, _), each in merged.items()
            for answer in each
            if where == asked and answer.words == word
        ]
        told = len(cases) == len(all_cases) or not any(cases)
        words.append(word if told else f"{word}（{'、'.join(cases)}）")
    return "、".join(words)
