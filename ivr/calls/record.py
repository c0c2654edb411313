"""The verb that records what a caller says: begun after the beep, kept whatever happens then."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from enum import Enum, auto

from ivr.calls.call import Answer, Call
from ivr.calls.inbox import Begun, Key, RecordingEnded
from ivr.calls.saying import MARGIN_SECONDS, START_SECONDS
from ivr.recordings.archive import CannotKeep, Slip
from ivr.records.facts import Heard
from ivr.speech.prompts import BEEP, Utterance

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.05
CLOSING_SECONDS = 3.0
"""Asterisk may take so long to close a file; what it closes later is filed later."""


class Taken(Enum):
    """What a recording has come to."""

    KEPT = auto()
    NOTHING_HEARD = auto()
    """The caller is there and has said nothing: nothing is kept."""
    NOT_KEPT = auto()
    """Asterisk has recorded nothing."""
    KEPT_LATER = auto()
    """The disk refuses, or takes too long; what there is will be filed when it can be."""


_HEARD: dict[Taken, Heard] = {
    Taken.KEPT: "finished",
    Taken.NOTHING_HEARD: "no_input",
    Taken.NOT_KEPT: "invalid",
    Taken.KEPT_LATER: "invalid",
}


async def record(call: Call, slip: Slip, prompt: str) -> Taken:
    """Say `prompt` and the beep, then record until `#`, silence, the longest time or hang-up.

    A recording that an earlier service began is gone on with. Who hangs up is not asked whether
    there was anything to hear: the file is kept.
    """
    began = _now()
    taking = _Taking(call, slip)
    async with call.in_midst_of(taking):
        await taking.until_over(prompt)
        taking.stayed = True
    call.inbox.forget_keys()
    call.inbox.swallow_hash(_now() + call.means.settings.patience.swallow_seconds)
    call.note_step(
        "record",
        prompt,
        _HEARD[taking.outcome],
        Answer(None, False, round((_now() - began) * 1000)),
    )
    return taking.outcome


async def play_back(call: Call, slip: Slip) -> None:
    """Let the caller hear what was kept, from the file itself; a key cuts it short."""
    kept = await call.means.desk.clip(slip)
    answer = await call.listen(Utterance((), (kept,)), patience=0.0)
    if answer.key is not None:
        call.inbox.put_back(answer.key)


@dataclass(slots=True)
class _Taking:
    """One recording, from the beep to its place in the folder."""

    call: Call
    slip: Slip
    stayed: bool = False
    """The caller is still there when it is over."""
    refused: bool = False
    """Asterisk has never begun: what the caller said is lost, and the caller is told so."""
    outcome: Taken = Taken.NOT_KEPT

    async def until_over(self, prompt: str) -> None:
        """Begin, unless that was done before, and wait for the end."""
        name, settings = self.slip.reference, self.call.means.settings.recordings
        begun = await self.call.line.is_recording(name)
        if not begun:
            if await self.call.means.desk.has_sound(self.slip):
                return
            await self._beep(prompt)
            await self.call.line.record(
                name,
                most_seconds=settings.most_seconds,
                silence_seconds=settings.silence_seconds,
            )
        self.refused = not await self._over(begun=begun)

    async def settle(self) -> None:
        """File it, or forget a silence of somebody who could say something again."""
        line, name = self.call.line, self.slip.reference
        await line.stop_recording(name)
        closing = _now() + CLOSING_SECONDS
        while await line.is_recording(name):
            await asyncio.sleep(LOOK_SECONDS)
            if _now() > closing:
                break
        try:
            self.outcome = await self._filed()
        except CannotKeep as refused:
            self.outcome = Taken.KEPT_LATER
            log.warning("recording %s: %s", name, refused)

    async def _filed(self) -> Taken:
        desk, slip = self.call.means.desk, self.slip
        if self.refused:
            await desk.drop(slip)
            return Taken.NOT_KEPT
        if not await desk.has_sound(slip):
            return Taken.NOT_KEPT
        if self.stayed and not await desk.is_speech(slip):
            await desk.drop(slip)
            return Taken.NOTHING_HEARD
        await desk.file(slip)
        return Taken.KEPT

    async def _beep(self, prompt: str) -> None:
        """Nothing may come between the beep and the recording: no key, and no sentence."""
        spoken, call = self.call.utter(prompt), self.call
        beep = call.prompts.clips[BEEP]
        await call.play_whole(Utterance(spoken.prompts, (*spoken.clips, beep)))

    async def _over(self, *, begun: bool) -> bool:
        """Until Asterisk says so, or nobody says anything for far too long; whether it began."""
        name, most = self.slip.reference, self.call.means.settings.recordings.most_seconds
        deadline = _now() + (most + MARGIN_SECONDS if begun else START_SECONDS)
        while (heard := await self.call.inbox.get(deadline)) is not None:
            match heard:
                case Begun(which, at) if which == name:
                    begun, deadline = True, at + most + MARGIN_SECONDS
                case RecordingEnded(which) if which == name:
                    return True
                case Key("#"):
                    await self.call.line.stop_recording(name)
        if not begun:
            log.warning("recording %s was never begun", name)
        return begun


def _now() -> float:
    return asyncio.get_running_loop().time()
