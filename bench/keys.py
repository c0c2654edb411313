"""What a key costs the service, without Asterisk and without telephones.

`python -m bench.keys [--calls 90] [--keys 1500] [--rounds 3] [--beside FOLDER] [--profile FILE]`

The service is the real one (`ivr serve`), with its journal on a disk. Asterisk is this program: it
sends what Asterisk 22 sends for a key, each message by itself, and answers what the service asks.
So nothing but the service is measured, and a run costs seconds. `--beside`: the service of another
checkout in turn with this one's, round after round; `--profile`: where it spends its time, as
cProfile sees it. Needs `make prompts`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from aiohttp import web

from bench.line import LIMITLESS
from ivr.accounts.demo import make_demo
from ivr.asterisk.configure import ari_password, capture_secret
from ivr.config import PROJECT, Settings

COURSE = "1*"
"""The main menu, the menu of accounts, and back."""
APART_SECONDS = 0.0005
"""Between two messages of Asterisk's: each is a turn of the service's loop by itself."""
KEYS_A_REPORT = 2
"""A call reports on its speech every 2.5 s (rtp.conf); its caller presses a key every second."""
PATIENCE_SECONDS = 20.0


@dataclass
class Counterpart:
    """Asterisk as the service sees it: one link, so many calls, and a key now and then."""

    link: web.WebSocketResponse | None = None
    playing: dict[str, str] = field(default_factory=dict)
    """What sounds on each channel."""
    began: dict[str, int] = field(default_factory=dict)
    """How many sounds have begun on each."""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/ari/events", self._events)
        app.router.add_get("/ari/asterisk/info", self._info)
        app.router.add_route("*", "/ari/{what:.*}", self._anything)
        return app

    async def _info(self, _: web.Request) -> web.Response:
        return web.json_response({"status": {"startup_time": _now()}})

    async def _anything(self, request: web.Request) -> web.Response:
        return web.json_response([]) if request.method == "GET" else web.Response(status=204)

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        self.link = socket_ = web.WebSocketResponse()
        await socket_.prepare(request)
        async for message in socket_:
            await self._asked(message.json())
        return socket_

    async def _asked(self, request: dict[str, Any]) -> None:
        path = request["uri"]
        if played := re.fullmatch(r"channels/([^/]+)/play/(.+)", path):
            channel, playback = played.groups()
            await self._answer(request, 201, json.dumps(_playback(channel, playback, "queued")))
            self.playing[channel] = playback
            await self._tell("PlaybackStarted", playback=_playback(channel, playback, "playing"))
            self.began[channel] = self.began.get(channel, 0) + 1
        elif stopped := re.fullmatch(r"playbacks/((.+)\.\d+)", path):
            playback, channel = stopped.groups()
            await self._answer(request, 204, "")
            if self.playing.get(channel) == playback:
                await self.finish(channel)
        else:
            await self._answer(request, 200, json.dumps({"status": {}}))

    async def _answer(self, request: dict[str, Any], status: int, body: str) -> None:
        await self._tell(
            "RESTResponse",
            transaction_id="",
            request_id=request["request_id"],
            status_code=status,
            reason_phrase="Created",
            uri=request["uri"],
            content_type="application/json",
            message_body=body,
        )

    async def finish(self, channel: str) -> None:
        """What sounds there ends."""
        described = _playback(channel, self.playing.pop(channel), "done")
        await self._tell("PlaybackFinished", playback=described)

    async def call(self, channel: str) -> None:
        """Somebody calls."""
        args = ["12329", "allowed_not_screened", "", ""]
        await self._tell("StasisStart", args=args, channel=_channel(channel))

    async def press(self, channel: str, key: str) -> None:
        """A key during the prompt; back when the next prompt has begun."""
        before = self.began[channel]
        told = _channel(channel)
        await self._tell("ChannelDtmfReceived", digit=key, duration_ms=80, channel=told)
        await self.until_begun(channel, before + 1)

    async def until_begun(self, channel: str, times: int) -> None:
        """So many sounds have begun there."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.began.get(channel, 0) < times:  # noqa: ASYNC110  as the link is read
                await asyncio.sleep(APART_SECONDS)

    async def _tell(self, kind: str, **content: Any) -> None:
        assert self.link is not None
        async with self._turn:
            common = {"asterisk_id": "02:fc:00:00:00:01", "application": "hotline"}
            message = {"type": kind, "timestamp": _now(), **content, **common}
            await self.link.send_str(json.dumps(message, separators=(",", ":")))
            await asyncio.sleep(APART_SECONDS)


def _now() -> str:
    now = time.time()
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    return f"{whole}.{int(now % 1 * 1000):03}+0000"


def _channel(channel: str) -> dict[str, Any]:
    """As Asterisk 22 describes it."""
    return {
        "id": channel,
        "name": f"PJSIP/anonymous-{channel.replace('.', '')}",
        "state": "Up",
        "protocol_id": f"{channel}@127.0.0.1",
        "caller": {"name": "", "number": "guest"},
        "connected": {"name": "", "number": ""},
        "accountcode": "",
        "dialplan": {
            "context": "line",
            "exten": "s",
            "priority": 6,
            "app_name": "Stasis",
            "app_data": "hotline,12329,allowed_not_screened,,",
        },
        "creationtime": "2026-11-28T00:26:44.016+0000",
        "language": "en",
        "channelvars": {"HOTLINE_MUTED": ""},
    }


def _playback(channel: str, playback: str, state: str) -> dict[str, Any]:
    return {
        "id": playback,
        "media_uri": f"sound:{PROJECT}/generated_audio/clips/a0/a0cddf5733505ba33f1a2aec",
        "target_uri": f"channel:{channel}",
        "language": "en",
        "state": state,
    }


def report(channel: str, password: str, heard: int) -> bytes:
    """How far Asterisk has heard a caller, as res_hep tells it (HEPv3)."""
    block = {"source_ssrc": 1, "fraction_lost": 0, "packets_lost": 0, "highest_seq_no": heard}
    told = {"ssrc": 7, "type": 200, "report_count": 1, "report_blocks": [block]}
    chunks = (
        (7, struct.pack("!H", 20_001)),
        (11, b"\x05"),
        (14, password.encode()),
        (15, json.dumps(told).encode()),
        (17, f"{channel}@127.0.0.1".encode()),
    )
    body = b"".join(struct.pack("!HHH", 0, kind, 6 + len(of)) + of for kind, of in chunks)
    return struct.pack("!4sH", b"HEP3", 6 + len(body)) + body


# --- the service -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """What is measured."""

    calls: int
    keys: int
    profile: str | None = None


@asynccontextmanager
async def served(code: Path, run: Run) -> AsyncIterator[tuple[Counterpart, Settings, int]]:
    """The service of a checkout beside its counterpart, with all its callers in the main menu."""
    counterpart = Counterpart()
    runner = web.AppRunner(counterpart.application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with tempfile.TemporaryDirectory() as home:
        service, settings = _launched(code, Path(home), runner.addresses[0][1], run.profile)
        try:
            await _all_listen(counterpart, run.calls)
            yield counterpart, settings, service.pid
        finally:
            service.send_signal(signal.SIGINT)
            await asyncio.to_thread(service.wait, PATIENCE_SECONDS)
            await runner.cleanup()


def _launched(
    code: Path, home: Path, ari_port: int, profile: str | None
) -> tuple[subprocess.Popen[bytes], Settings]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        http_port = probe.getsockname()[1]
    settings = Settings(home=home, ari_port=ari_port, http_port=http_port)
    make_demo(home / "accounts.sqlite")
    ari_password(settings)
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("IVR_")},
        "IVR_HOME": str(home),
        "IVR_AUDIO": str(PROJECT / "generated_audio"),
        "IVR_ARI_PORT": str(ari_port),
        "IVR_HTTP_PORT": str(http_port),
        "IVR_LIMITS": json.dumps(dict.fromkeys(LIMITLESS, 1_000_000)),
    }
    under = [] if profile is None else ["-m", "cProfile", "-o", profile]
    with (home / "service.out").open("wb") as log:
        command = [sys.executable, *under, "-m", "ivr.cli", "serve"]
        return subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=code), settings


async def _all_listen(counterpart: Counterpart, calls: int) -> None:
    """Everybody has called, and hears the main menu."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while counterpart.link is None:  # noqa: ASYNC110  the service opens it
            await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)
    for channel in _channels(calls):
        await counterpart.call(channel)
        await counterpart.until_begun(channel, 1)
        await counterpart.finish(channel)
        await counterpart.until_begun(channel, 2)


def _channels(calls: int) -> Sequence[str]:
    return [f"1795825604.{number}" for number in range(calls)]


async def measure(code: Path, run: Run) -> list[float]:
    """Milliseconds of the service's processor for a key, each time that everybody presses one."""
    spent = []
    async with served(code, run) as (counterpart, settings, pid):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reports:
            reports.connect(("127.0.0.1", settings.http_port))
            password = capture_secret(settings)
            for number in range(run.keys // run.calls):
                before = _spent(pid)
                for place, channel in enumerate(_channels(run.calls)):
                    await counterpart.press(channel, COURSE[number % len(COURSE)])
                    if place % KEYS_A_REPORT == 0:
                        reports.send(report(channel, password, number))
                spent.append((_spent(pid) - before) / run.calls * 1000)
    return spent


def _spent(pid: int) -> float:
    """Seconds of processor, to the nanosecond (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=90)
    parser.add_argument("--keys", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beside", type=Path)
    parser.add_argument("--profile")
    chosen = parser.parse_args()
    run = Run(chosen.calls, chosen.keys, chosen.profile)
    codes = [PROJECT] if chosen.beside is None else [chosen.beside, PROJECT]
    figures: dict[Path, list[float]] = {code: [] for code in codes}
    for _ in range(chosen.rounds):
        for code, found in figures.items():
            found.extend(asyncio.run(measure(code, run)))
    for code, found in figures.items():
        print(f"{code}: least {min(found):.3f} ms a key, median {median(found):.3f} ms", flush=True)


if __name__ == "__main__":
    main()
