"""Microsoft's speech service as edge-tts speaks with it, on loopback, with its faults."""

from __future__ import annotations

import asyncio
import io
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from xml.sax.saxutils import unescape

import numpy as np
import soundfile
from aiohttp import WSMsgType, web

from prompt_build.voices import Audio
from tests.prompt_build.humming import RATE, SYLLABLE_SECONDS, hum

_TICKS = 10_000_000
_PIECE = 720
"""Bytes of MP3 in one message."""


@dataclass
class Service:
    """What it does with the next requests, one by one; `well` once the list is used up.

    A voice that `voices` does not have gets no sound, as at Microsoft.

    well · untold (no word of the last sentence, which is there)
    · cut (socket ends in mid-audio) · half (ends after the first sentence) · refused (403)
    · mute (no audio) · hang · garbled (no MP3) · bare (no word of what it says)
    """

    plan: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    rates: list[str] = field(default_factory=list)
    url: str = ""
    list_url: str = ""
    voices: list[str] = field(
        default_factory=lambda: ["zh-CN-XiaoxiaoNeural", "zh-CN-YunxiNeural", "en-US-AvaNeural"]
    )
    voice: str = ""
    """Who was asked for last."""

    async def speak(self, request: web.Request) -> web.StreamResponse:
        fault = self.plan.pop(0) if self.plan else "well"
        if fault == "refused":
            return web.Response(status=403)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        text = await self._read(socket)
        if fault == "hang":
            await asyncio.sleep(60)
        if fault != "mute" and self.voice in self.voices:
            await _send(socket, text, fault)
        if fault not in ("cut", "half"):
            await socket.send_str("X-RequestId:1\r\nPath:turn.end\r\n\r\n{}")
        await socket.close()
        return socket

    async def list(self, _: web.Request) -> web.Response:
        return web.json_response([{"ShortName": name} for name in self.voices])

    async def _read(self, socket: web.WebSocketResponse) -> str:
        async for message in socket:
            assert message.type == WSMsgType.TEXT
            if "Path:ssml" in message.data:
                said = re.search(
                    r"<prosody[^>]*rate='([^']*)'[^>]*>(.*?)</prosody>", message.data, re.S
                )
                assert said is not None, message.data
                full = re.search(r"\(([a-z]+-[A-Z]+), (\w+)\)", message.data)
                assert full is not None, message.data
                self.voice = f"{full[1]}-{full[2]}"
                self.rates.append(said[1])
                self.asked.append(unescape(said[2]))
                return self.asked[-1]
        raise AssertionError("the client asked for nothing")


async def _send(socket: web.WebSocketResponse, text: str, fault: str) -> None:
    sentences = re.findall("[^。]+。?", text)
    sounds = [hum(sum(map(str.isalpha, each)) * SYLLABLE_SECONDS) for each in sentences]
    at = 0.0
    for number, (sentence, sound) in enumerate(zip(sentences, sounds, strict=True)):
        if fault == "half" and number:
            return
        seconds = len(sound) / RATE
        untold = fault == "untold" and number == len(sentences) - 1
        if fault != "bare" and not untold:
            await socket.send_str(_metadata(sentence, at, seconds - 0.1))
        at += seconds
        if number == 0:
            mp3 = bytes(30_000) if fault == "garbled" else _mp3(np.concatenate(sounds))
            whole = len(mp3) // 2 if fault in ("cut", "half") else len(mp3)
            whole = int(seconds * 6000) if fault == "half" else whole
            await _send_audio(socket, mp3[:whole])


def _metadata(sentence: str, at: float, seconds: float) -> str:
    spoken = {
        "Type": "SentenceBoundary",
        "Data": {
            "Offset": int(at * _TICKS),
            "Duration": int(seconds * _TICKS),
            "text": {"Text": sentence, "Length": len(sentence), "BoundaryType": "SentenceBoundary"},
        },
    }
    head = "X-RequestId:1\r\nContent-Type:application/json; charset=utf-8\r\nPath:audio.metadata"
    return f"{head}\r\n\r\n{json.dumps({'Metadata': [spoken]}, ensure_ascii=False)}"


async def _send_audio(socket: web.WebSocketResponse, mp3: bytes) -> None:
    head = b"X-RequestId:1\r\nContent-Type:audio/mpeg\r\nX-StreamId:1\r\nPath:audio\r\n"
    for start in range(0, len(mp3), _PIECE):
        await socket.send_bytes(len(head).to_bytes(2, "big") + head + mp3[start : start + _PIECE])


def _mp3(sound: Audio) -> bytes:
    """48 kbit a second, as the service sends it."""
    file = io.BytesIO()
    soundfile.write(
        file, sound, RATE, format="MP3", bitrate_mode="CONSTANT", compression_level=0.75
    )
    return file.getvalue()


@contextmanager
def serving() -> Iterator[Service]:
    """The service on a free port, in a thread of its own."""
    service = Service()
    loop = asyncio.new_event_loop()
    app = web.Application()
    app.router.add_get("/speech", service.speak)
    app.router.add_get("/voices", service.list)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    ready = threading.Event()

    async def begin() -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        service.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/speech?TrustedClientToken=1"
        service.list_url = f"http://127.0.0.1:{runner.addresses[0][1]}/voices?x=1"
        ready.set()

    def run() -> None:
        loop.run_until_complete(begin())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(10)
    try:
        yield service
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
