"""How much of what the line says its caller has heard; pure, with times passed in."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.calls.saying import Saying
from ivr.records.facts import Said, Verb
from ivr.speech.prompts import Utterance

SLACK_SECONDS = 0.25
"""A sound may end so much earlier than its clips are long: Asterisk's events have a way to go."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of an utterance until a key, its end, or the end of the call."""

    said: Said = "whole"
    """How much of its last sentence, the question."""
    opening: str | None = None
    """The sentence in front of it."""
    figures: bool | None = None
    """Its values were said to the last; None: it has none."""


@dataclass(slots=True)
class Hearing:
    """An utterance while it sounds, on the loop's clock."""

    utterance: Utterance
    asked: float
    """When it was its turn, whether or not it was said."""
    verb: Verb | None = None
    """What the records call it; None: whatever it is part of is noted without it."""
    saying: Saying | None = None
    """Its sound; None: it was typed over."""

    def told(self, now: float) -> Told:
        """What the caller has heard of it by `now`."""
        opening = self.utterance.prompts[0] if len(self.utterance.prompts) > 1 else None
        figures_end = self.utterance.figures_end
        figures = None if figures_end is None else self._heard(figures_end, now)
        return Told(self._said(self.utterance, now), opening, figures)

    def _said(self, utterance: Utterance, now: float) -> Said:
        if self._heard(utterance.seconds, now):
            return "whole"
        return "part" if self._heard(utterance.last_begins, now) else "none"

    def _heard(self, seconds: float, now: float) -> bool:
        """Whether it has sounded for so many seconds."""
        if self.saying is None:
            return False
        until = now if self.saying.ended is None else self.saying.ended
        return until - self.saying.sounded >= seconds - SLACK_SECONDS
