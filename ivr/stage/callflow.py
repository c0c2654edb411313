"""The script as a map, made by leading callers through the real dialogues with every answer.

Nothing here knows the script. A place is rehearsed again and again, each time with the answers
that led to a question before and one that was not tried yet, until no question is new.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ivr.config import Settings
from ivr.dialogues import all_places, place_named
from ivr.dialogues.place import End, Place
from ivr.hours import AgentHours
from ivr.speech.prompts import PromptSet
from ivr.stage.rehearsal import (
    NOTHING,
    Answer,
    Course,
    Moment,
    Scene,
    StageLoop,
    circumstances,
    rehearse,
)


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
    remark: str = ""
    """What is not as usual where it leads there."""

    @property
    def words(self) -> str:
        """The answer as readers are told it."""
        return "：".join(part for part in (self.remark, self.answer) if part)

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
    walk = _Walk(prompts, _everyday(settings))
    with asyncio.Runner(loop_factory=StageLoop) as runner:
        return runner.run(walk.everywhere())


def _everyday(settings: Settings) -> Settings:
    """The settings as they are, for a line that has agents at known hours."""
    agents = settings.agents.model_copy(update={"hours": AgentHours()})
    return settings.model_copy(update={"agents": agents})


@dataclass(frozen=True, slots=True)
class _Trial:
    """One answer more than before, and what it came to."""

    scenes: tuple[Scene, ...]
    """The whole call up to it; the last one is the place where it was tried."""
    asked: Moment | None
    answer: Answer
    course: Course
    remark: str
    """What was not as usual."""

    @property
    def effect(self) -> tuple[Moment | None, tuple[str, ...], Moment | str | End]:
        """Answers with the same one are one way."""
        return self.asked, self.course.said, self.course.leads


class _Walk:
    """From place to place; each is come to by a whole call, as its callers come to it."""

    def __init__(self, prompts: PromptSet, settings: Settings) -> None:
        self._prompts = prompts
        self._settings = settings
        self._trials: dict[str, list[_Trial]] = {}
        self._approaches: dict[str, tuple[Scene, ...]] = {}
        self._others: deque[_Trial] = deque()
        """Further ways to places that were tried out: what was said before may matter there."""

    async def everywhere(self) -> Flow:
        """All that can be reached, and what is in the code besides."""
        begins = [await self._explored(name) for name in ("welcome", *map(_name, all_places()))]
        while self._others:
            other = self._others.popleft()
            await self._tried_again(str(other.course.leads), other.scenes)
        return Flow(
            ways={name: _ways(trials) for name, trials in self._trials.items()},
            up={name: place_named(name, self._prompts).up for name in self._trials},
            begins=tuple(name for name in begins if name is not None),
        )

    async def _explored(self, place: str) -> str | None:
        """Try out a place and all that it leads to; its name, None where it was known."""
        if place in self._trials:
            return None
        before = self._approaches.get(place, ())
        trials: list[_Trial] = []
        for circumstance in (each for each in circumstances() if each.matters(place)):
            scene = Scene(place, circumstance)
            trials += _new(await self._tried((*before, scene), circumstance.words), trials)
        self._trials[place] = trials
        following = {t.course.leads: t.scenes for t in trials if isinstance(t.course.leads, str)}
        self._approaches = following | self._approaches
        for name in following:
            await self._explored(name)
        self._others += _leading_on(trials)
        return place

    async def _tried_again(self, place: str, before: tuple[Scene, ...]) -> None:
        """Come to a known place another way; where that makes a difference, go on from there."""
        scene = Scene(place, circumstances()[0])
        found = await self._tried((*before, scene), f"从 {before[-1].place} 来")
        if new := _new(found, self._trials[place]):
            self._trials[place] += new
            self._others += _leading_on(found)

    async def _tried(self, scenes: tuple[Scene, ...], remark: str) -> list[_Trial]:
        """Every answer to every question of the last scene's place."""
        *before, entering = scenes
        trials: list[_Trial] = []
        known: set[Moment] = set()
        todo: list[tuple[Moment | None, Answer, Scene]] = [(None, NOTHING, entering)]
        while todo:
            asked, answer, scene = todo.pop(0)
            course = await rehearse((*before, scene), self._prompts, self._settings)
            trials.append(_Trial((*before, scene), asked, answer, course, remark))
            if isinstance(course.leads, Moment) and course.leads not in known:
                known.add(course.leads)
                todo += [(course.leads, each, scene.answered(each)) for each in course.answers]
        return trials


def _name(place: Place) -> str:
    return place.name


def _leading_on(trials: Sequence[_Trial]) -> Iterable[_Trial]:
    """One to each place that a sentence names."""
    named = [t for t in trials if t.answer.told and isinstance(t.course.leads, str)]
    return {trial.course.leads: trial for trial in named}.values()


def _new(trials: Sequence[_Trial], known: Sequence[_Trial]) -> list[_Trial]:
    """Those with an effect that none of the known ones has."""
    effects = {trial.effect for trial in known}
    return [trial for trial in trials if trial.effect not in effects]


def _ways(trials: Sequence[_Trial]) -> tuple[Way, ...]:
    """Answers that come to the same are one way."""
    return tuple(
        Way(
            asked,
            _words([trial for trial in trials if trial.effect == effect], trials),
            said,
            leads,
            any(trial.answer.told for trial in trials if trial.effect == effect),
            next(trial.remark for trial in trials if trial.effect == effect),
        )
        for effect in dict.fromkeys(trial.effect for trial in trials)
        for asked, said, leads in [effect]
    )


def _words(same: Sequence[_Trial], trials: Sequence[_Trial]) -> str:
    """`证件号（没有录入、余额为空）`; the cases only where they make a difference."""
    words = []
    for word in dict.fromkeys(trial.answer.words for trial in same):
        cases = [trial.answer.case for trial in same if trial.answer.words == word]
        others = [t for t in trials if _alike(t, same[0]) and t.answer.words == word]
        told = len(cases) == len(others) or not any(cases)
        words.append(word if told else f"{word}（{'、'.join(cases)}）")
    return "、".join(words)


def _alike(one: _Trial, other: _Trial) -> bool:
    """Asked the same in the same circumstances."""
    return (one.asked, one.remark) == (other.asked, other.remark)
