"""The course of a trial call: what must be heard, what is pressed then, and what went wrong.

Pure of settings and prompts: whoever calls says which sounds are expected. Times are seconds on
the monotonic clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ivr.people.sensitive import Sensitive
from ivr.probe.ear import Ear, HeardClip, Listener, Share, last_of, share
from ivr.probe.sound import FRAME, RATE, SILENCE
from ivr.probe.telephone import Telephone
from ivr.records.facts import Verdict

LOOK_SECONDS = 0.05
ENOUGH = 0.95
"""So much of a sentence is all of it: the network may lose a packet."""
TRACE = 0.15
"""Less than this of a sentence is a chance likeness."""
TAIL_SECONDS = 1.5
"""So long a sentence may go on after the key that cuts it, on a busy machine."""
SOUNDLESS = 0.995
"""So large a share of silent frames is silence; a hiss on the line is not."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the line must say, and what is pressed when it is known."""

    name: str
    expected: tuple[str, ...]
    """Any of these clips will do."""
    whole: bool = True
    """It must be heard to its end; else it is enough that it has begun."""
    keys: Sensitive[str] = field(default_factory=lambda: Sensitive(""))


@dataclass(frozen=True, slots=True)
class Passed:
    """A step that went as it should: seconds from picking up, or the last key, to its voice."""

    step: Step
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """A step that did not, and what was heard instead (names of clips)."""

    step: Step
    verdict: Verdict
    heard: tuple[str, ...] = ()


@dataclass(slots=True)
class Course:
    """One call that has been answered, led through its steps."""

    phone: Telephone
    ear: Ear
    apologies: frozenset[str]
    """Clips by which the line says that something is wrong with itself."""
    patience: float
    """Seconds that a sentence may take to begin."""
    seconds: Mapping[str, float]
    """How long each clip lasts."""
    _from: int = 0
    """Where in the audio the present step begins."""
    _since: float = field(default_factory=time.monotonic)
    """When the line picked up, or the last key was released."""

    async def run(self, steps: Sequence[Step]) -> tuple[list[Passed], Failed | None]:
        """Until all are passed, or one is not."""
        passed: list[Passed] = []
        for step in steps:
            outcome = await self._take(step, passed[-1].step if passed else None)
            if isinstance(outcome, Failed):
                return passed, outcome
            passed.append(outcome)
            await self._press(step.keys.reveal())
        return passed, None

    async def _take(self, step: Step, before: Step | None) -> Passed | Failed:
        listener = Listener(self.ear)
        longest = max(self.seconds[name] for name in step.expected) if step.whole else 0.0
        deadline = self._since + self.patience
        while True:
            over = self.phone.ended.is_set()  # before listening: what came until then is heard
            audio = self._audio()
            found = self._wanted(step, listener.listen(audio))
            if found is not None and (found.whole or not step.whole):
                return self._passed(step, found.at)
            if found is not None:
                deadline = max(deadline, self._since + self.patience + longest)
            if over or time.monotonic() > deadline:
                return self._judged(step, before, audio, listener.listen(audio))
            await asyncio.sleep(LOOK_SECONDS)

    def _wanted(self, step: Step, heard: Iterable[HeardClip]) -> HeardClip | None:
        names = {self.ear.alias[name] for name in step.expected}
        return next((each for each in heard if each.name in names), None)

    def _audio(self) -> bytes:
        return bytes(self.phone.heard.audio[self._from :])

    def _passed(self, step: Step, at: float) -> Passed:
        """`at`: where its sentence begins, seconds after the step; the next step comes after it."""
        heard, began = self.phone.heard, self._from + round(at * RATE)
        seconds = max(0.0, heard.when(began / RATE) - self._since)
        self._from = began
        if step.whole:
            self._since, self._from = time.monotonic(), began + self._length(step) - FRAME
        return Passed(step, seconds)

    def _length(self, step: Step) -> int:
        return min(len(self.ear.sound(name)) for name in step.expected)

    async def _press(self, keys: str) -> None:
        """All of them; the time counts from the last one's release."""
        if keys:
            self.phone.press(keys)
            await self.phone.pressed()
            self._since, self._from = self.phone.released

    # --- what went wrong ------------------------------------------------------------------

    def _judged(
        self, step: Step, before: Step | None, audio: bytes, heard: Sequence[HeardClip]
    ) -> Passed | Failed:
        parts = [share(self.ear.sound(name), audio) for name in step.expected]
        best = max(parts, key=lambda part: part.found)
        if best.found >= ENOUGH and best.begins and best.ends:
            return self._passed(step, best.at)
        names = tuple(each.name for each in heard)
        return Failed(step, self._verdict(best, before, audio, names), names)

    def _verdict(
        self, best: Share, before: Step | None, audio: bytes, names: tuple[str, ...]
    ) -> Verdict:
        if not self.phone.heard.arrivals:
            return "no_sound"
        if self.apologies.intersection(names):
            return "apology"
        if best.found >= TRACE:
            return "clipped"
        rest = 0 if before is None else self._end_of(before, audio)
        if before is not None and self._says_again(before, rest, names):
            return "not_heard"
        return self._otherwise(audio[rest:], names)

    def _otherwise(self, audio: bytes, names: tuple[str, ...]) -> Verdict:
        """Where nothing that belongs here was heard."""
        if self.phone.ended.is_set() and not names:
            return "hung_up"
        if _is_silent(audio):
            return "silence"
        return "wrong_prompt" if names else "unknown_sound"

    def _end_of(self, before: Step, audio: bytes) -> int:
        """Up to where the sentence before is still to be heard; 0 where it has gone."""
        return max(last_of(self.ear.sound(name), audio) for name in before.expected)

    def _says_again(self, before: Step, ends: int, names: tuple[str, ...]) -> bool:
        """The line goes on with what it said, or says it again: our keys do not reach it."""
        again = {self.ear.alias[name] for name in before.expected}
        return ends > TAIL_SECONDS * RATE or not again.isdisjoint(names) or UNHEARD in names


UNHEARD = "line.no_input"
"""没有听到您的按键。"""


def _is_silent(audio: bytes) -> bool:
    frames = [audio[at : at + FRAME] for at in range(0, len(audio) - FRAME + 1, FRAME)]
    quiet = sum(frame == SILENCE or len(set(frame)) <= 2 for frame in frames)
    return quiet >= SOUNDLESS * len(frames)
