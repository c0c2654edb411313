"""The online voice: edge-tts, which asks Microsoft's service; every utterance is bounded in time.

The service cuts sockets in mid-sentence and refuses when it is asked too much, neither of which
can be told from success or from a lasting failure by its answer alone. So a sentence's length is
compared with what the service itself said it would be, and attempts are spaced out.
"""

from __future__ import annotations

import asyncio
import io
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from prompt_build.syllables import HANZI, NOTHING, Words, syllables, words_in
from prompt_build.voices import Audio, Engine, SpeechFailed, VoiceUnavailable

if TYPE_CHECKING:
    from edge_tts import Communicate

RATE = 24000
WORKERS = 4
"""More at once and the service begins to refuse."""
_PROBE_SECONDS = 4.0
_UTTERANCE_SECONDS = 30.0
_BACK_OFF_SECONDS = (0.0, 1.0, 4.0)
_SILENT_SECONDS = (0.0, 0.5, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0)
"""The service answers one request in three with nothing, at times; another one is soon answered."""
_TICKS = 10_000_000
_MISSING_SECONDS = 0.1
_UNTOLD_SHARE = 0.6
"""Words of which the service told no length take at least this part of what the others take."""


def engine(voice: str, proxy: str | None) -> Engine:
    """The online voice by its name at Microsoft (zh-CN-XiaoxiaoNeural …)."""
    return Engine(
        name=f"edge-tts/{voice}",
        rate=RATE,
        prepare=partial(_prepare, voice, proxy),
        open=partial(Edge, voice, proxy),
        spell=respelt,
        workers=WORKERS,
    )


def respelt(text: str, hints: Words, lexicon: Words) -> str:
    """Readings put in as Hanzi, which is all that the service reads: pinyin as common homophones.

    Of the lexicon only what a dictionary reads otherwise: the service knows the usual words by
    their characters, and says them better so.
    """
    for word, said in hints.items():
        text = text.replace(word, _homophones(word, said) if said.isascii() else said)
    said = re.sub(f"[{HANZI}]+", lambda run: _hard_words_respelt(run[0], lexicon), text)
    return said.lstrip("，、；：")


def _hard_words_respelt(run: str, lexicon: Words) -> str:
    for at, word in words_in(run, lexicon):
        if [each.pinyin for each in syllables(word, NOTHING, NOTHING)] != lexicon[word].split():
            run = run[:at] + _homophones(word, lexicon[word]) + run[at + len(word) :]
    return run


def _homophones(word: str, pinyin: str) -> str:
    """For each syllable a character that has this reading only; the word's own if there is none."""
    known = _single_readings()
    return "".join(
        known.get(syllable, character)
        for character, syllable in zip(word, pinyin.split(), strict=True)
    )


@cache
def _single_readings() -> Mapping[str, str]:
    """Syllable with its tone → a character, of the 3,755 common ones of GB 2312."""
    from pypinyin import Style, pinyin  # noqa: PLC0415  needed for hints in pinyin only

    found: dict[str, str] = {}
    for row, cell in product(range(0xB0, 0xD8), range(0xA1, 0xFF)):
        character = bytes((row, cell)).decode("gb2312", "ignore")
        readings = pinyin(character, style=Style.TONE3, heteronym=True) if character else []
        if readings and len(readings[0]) == 1:
            found.setdefault(readings[0][0], character)
    return found


class Edge:
    """The voice, as a connection a sentence."""

    def __init__(
        self,
        voice: str,
        proxy: str | None = None,
        *,
        utterance_seconds: float = _UTTERANCE_SECONDS,
        back_off_seconds: tuple[float, ...] = _BACK_OFF_SECONDS,
        silent_seconds: tuple[float, ...] = _SILENT_SECONDS,
    ) -> None:
        self._voice, self._proxy = voice, proxy
        self._utterance_seconds, self._back_off_seconds = utterance_seconds, back_off_seconds
        self._silent_seconds = silent_seconds

    def speak(self, sounds: str, *, pace: float = 1.0) -> Audio:
        """Samples of a sentence in Hanzi; SpeechFailed after several attempts.

        Raises VoiceUnavailable where the service has this voice no more.
        """
        failed = SpeechFailed("nothing was asked")
        waits = {_Silent: iter(self._silent_seconds), SpeechFailed: iter(self._back_off_seconds)}
        kind: type[SpeechFailed] = SpeechFailed
        next(waits[_Silent])
        while (wait := next(waits[kind], None)) is not None:
            time.sleep(wait)
            try:
                return _decoded(asyncio.run(self._heard(sounds, pace)))
            except SpeechFailed as failure:
                failed = failure
                kind = _Silent if isinstance(failure, _Silent) else SpeechFailed
        if isinstance(failed, _Silent):
            asyncio.run(self._still_there())
        raise SpeechFailed(str(failed)) from failed

    async def _heard(self, text: str, pace: float) -> bytes:
        """The service's MP3, whole."""
        import aiohttp  # noqa: PLC0415  neither is needed where the voice is offline
        from edge_tts.exceptions import EdgeTTSException, NoAudioReceived  # noqa: PLC0415

        talk = self._communicate(text, pace)
        sound, told = bytearray(), _Told()
        try:
            async with asyncio.timeout(self._utterance_seconds):
                async for message in talk.stream():
                    if message["type"] == "audio":
                        sound += message["data"]
                    else:
                        told.boundary(message)
        except NoAudioReceived as silent:
            raise _Silent("the service said NoAudioReceived") from silent
        except (
            EdgeTTSException,
            aiohttp.ClientError,
            OSError,
            TimeoutError,
            ValueError,
        ) as failure:
            raise SpeechFailed(f"the service said {type(failure).__name__}") from failure
        told.check_whole(bytes(sound), text, ended=talk.state["offset_compensation"] > 0)
        return bytes(sound)

    def _communicate(self, text: str, pace: float) -> Communicate:
        from edge_tts import Communicate  # noqa: PLC0415

        rate = f"{round((pace - 1) * 100):+d}%"
        try:
            return Communicate(text, self._voice, rate=rate, proxy=self._proxy)
        except ValueError as misspelt:
            raise VoiceUnavailable(
                f"{self._voice} 不是在线声音的名字（speech.edge_voice），例如 zh-CN-XiaoxiaoNeural"
                f" · no voice has a name like {self._voice}"
            ) from misspelt

    async def _still_there(self) -> None:
        """VoiceUnavailable where the service's own list has this voice no more."""
        import aiohttp  # noqa: PLC0415  as above
        from edge_tts import list_voices  # noqa: PLC0415

        try:
            async with asyncio.timeout(self._utterance_seconds):
                voices = await list_voices(proxy=self._proxy)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return  # nobody can say: what failed is told as it is
        known = [voice["ShortName"] for voice in voices]
        if self._voice not in known:
            chinese = ", ".join(name for name in known if name.startswith("zh-CN"))
            raise VoiceUnavailable(
                f"在线声音 {self._voice} 已经不提供了，网络没有问题："
                f"改 speech.edge_voice（现有 {chinese}）"
                f" · the service has no voice {self._voice} any more; it has {chinese}"
            )


class _Silent(SpeechFailed):
    """The service answered and sent no sound at all: too many requests, or no such voice."""


@dataclass(slots=True)
class _Told:
    """What the service said about the sound that it sent: which words, and until when."""

    words: int = 0
    last: str = ""
    until: float = 0.0
    """Seconds."""
    spoken: float = 0.0
    """Seconds of the words that it told."""

    def boundary(self, message: Mapping[str, Any]) -> None:
        """A sentence began and will end."""
        self.words += _words(message["text"])
        self.last = message["text"]
        self.until = (message["offset"] + message["duration"]) / _TICKS
        self.spoken += message["duration"] / _TICKS

    def check_whole(self, mp3: bytes, text: str, *, ended: bool) -> None:
        """SpeechFailed for a cut connection: it ends the sound early, or before its length is told.

        A boundary event less is no cut: what it did not tell of has its time in the sound.
        """
        seconds = len(mp3) * 8 / 48_000
        if not self.until or seconds < self.until - _MISSING_SECONDS:
            raise SpeechFailed(f"the service stopped after {seconds:.1f} s")
        whole = self.spoken / max(1, self.words) * _words(text)
        untold = _words(text) - self.words
        if untold > 0 and not (ended and seconds >= whole * _UNTOLD_SHARE):
            raise SpeechFailed(f"the service stopped after {self.last[-4:]}")


def _words(text: str) -> int:
    return sum(map(str.isalpha, text))


def _decoded(mp3: bytes) -> Audio:
    import soundfile  # noqa: PLC0415

    try:
        samples, _ = soundfile.read(io.BytesIO(mp3), dtype="float32")
    except soundfile.LibsndfileError as garbled:
        raise SpeechFailed("the service sent no sound that can be decoded") from garbled
    return np.asarray(samples, np.float32)


def _prepare(voice: str, proxy: str | None) -> None:
    """A word is asked for; who answers with silence is asked again, who is absent is not."""
    probe = Edge(
        voice,
        proxy,
        utterance_seconds=_PROBE_SECONDS,
        back_off_seconds=(0.0,),
        silent_seconds=_SILENT_SECONDS[:4],
    )
    try:
        probe.speak("您好。")
    except SpeechFailed as failed:
        raise VoiceUnavailable(
            f"edge-tts does not answer ({failed}); check the network, or set speech.voice = "
            '"kokoro" (IVR_SPEECH__VOICE=kokoro) for the offline voice'
        ) from failed
