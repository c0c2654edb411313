"""The built prompts and an ear for them: what a server of forks has ready for all."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ivr.config import PROJECT
from ivr.probe.ear import Ear
from ivr.speech import prompts
from ivr.speech.contract import CONTRACT


@cache
def whole_set() -> prompts.PromptSet:
    """The prompts as `ivr build-prompts` made them. Raises PromptSetError where it did not."""
    return prompts.load(PROJECT / "generated_audio", CONTRACT)


@cache
def ear() -> Ear:
    """For all of them."""
    return ear_for(whole_set())


def ear_for(spoken: prompts.PromptSet) -> Ear:
    """For the clips of a set."""
    return Ear(
        {name: Path(f"{clip.path}.alaw").read_bytes() for name, clip in spoken.clips.items()}
    )
