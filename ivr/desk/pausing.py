"""A recording that an agent pauses before an ID number is spoken, whoever has called whom."""

from __future__ import annotations

from ivr.desk.orders import Failed, NotDone
from ivr.recordings.taping import Recorder, TapeFailed


async def pause(recorder: Recorder | None) -> None:
    """Nothing of what is said from now on is kept; raises NotDone where that is not certain."""
    recorder = _running(recorder)
    if recorder.is_paused:
        raise NotDone("录音已经暂停 · paused already")
    try:
        await recorder.pause()
    except TapeFailed as failed:
        raise Failed("录音没有停住：先不要让对方说证件号 · it may still be recorded") from failed


async def resume(recorder: Recorder | None) -> None:
    """The recording goes on; raises NotDone where it was not paused."""
    recorder = _running(recorder)
    if not recorder.is_paused:
        raise NotDone("录音没有暂停 · not paused")
    await recorder.resume()


def _running(recorder: Recorder | None) -> Recorder:
    if recorder is None or recorder.slip is None:
        raise NotDone("这一通没有录音 · not recorded")
    return recorder
