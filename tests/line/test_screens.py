"""What a browser's call is told, for its page: bounded, by the token only, on this machine only."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ivr.config import Settings
from ivr.lifecycle.health import Part, served
from ivr.lifecycle.vitals import Vitals
from ivr.line import screens as module
from ivr.line.screens import Screens, ShownLine
from ivr.line.watching import said
from ivr.records.facts import Fact, SessionEnded
from ivr.speech.prompts import Clip, Utterance

TOKEN = "0123456789abcdef" * 2
BALANCE = Utterance(
    ("account.readout",), (Clip("a", "您的余额为", "/a", 1.0), Clip("b", "五万元", "/b", 0.5))
)


class Silent:
    """A line that takes everything."""

    async def play(self, utterance: Utterance) -> str:
        return "p1"

    async def stop(self, playback: str) -> None:
        pass

    async def record(self, name: str, *, most_seconds: int, silence_seconds: int) -> None:
        pass

    async def stop_recording(self, name: str) -> None:
        pass

    async def is_recording(self, name: str) -> bool:
        return False


async def well() -> Mapping[str, Part]:
    return {"ari": Part(True)}


def end(session: str) -> Fact:
    return SessionEnded(session=session, disposition="hung_up", dialogue="main", ms=5)


def given(screens: Screens, token: str = TOKEN, session: str = "s1") -> ShownLine:
    line = screens.shown(Silent(), token, session)
    assert isinstance(line, ShownLine)
    return line


async def read(screens: Screens, token: str = TOKEN) -> list[dict[str, Any]]:
    return [json.loads(shown.json) async for shown in screens.watch(token)]


Story = Callable[[Screens, str], Awaitable[None]]


@pytest.fixture
def serving(tmp_path: Path) -> Callable[[Story], Screens]:
    """Tell a story while the service's pages are served, the screens among them."""

    def told(story: Story) -> Screens:
        async def course() -> Screens:
            screens = Screens()
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            settings = Settings(home=tmp_path, http_port=port)
            async with served(settings, Vitals(), well, [said(screens)]):
                await story(screens, f"http://127.0.0.1:{port}/said")
                screens.close()
            return screens

        return asyncio.run(course())

    return told


def test_the_text_goes_out_while_it_is_said(serving: Callable[[Story], Screens]) -> None:
    async def story(screens: Screens, url: str) -> None:
        headers = {"X-Screen": TOKEN}
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            assert answer.content_type == "text/event-stream"
            line = given(screens)
            await line.play(BALANCE)
            mark = (await answer.content.readline()).decode()
            data = (await answer.content.readline()).decode()
            assert mark.startswith("id: ")
            content = json.loads(data.removeprefix("data: "))
            assert content["said"] == [["您的余额为", 1000], ["五万元", 500]]
            screens.noting(lambda _: None)(end("s1"))
            assert '"ended"' in (await answer.text()), "and the stream is over"

    serving(story)


def test_the_stream_ends_with_the_service(serving: Callable[[Story], Screens]) -> None:
    """So that a page comes back to the next one, and nobody holds up its end."""

    async def story(screens: Screens, url: str) -> None:
        given(screens)
        headers = {"X-Screen": TOKEN}
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            screens.close()
            assert await answer.text() == ""

    serving(story)


def test_a_wrong_token_is_told_nothing(
    serving: Callable[[Story], Screens], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ARRIVAL_SECONDS", 0.05)

    async def story(screens: Screens, url: str) -> None:
        await given(screens).play(BALANCE)
        async with aiohttp.ClientSession() as session:
            for token in ("", "x", "f" * 32, TOKEN.upper()):
                async with session.get(url, headers={"X-Screen": token}) as answer:
                    assert (answer.status, await answer.text()) == (200, "")

    serving(story)


def test_only_so_many_watch(
    serving: Callable[[Story], Screens], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WATCHERS", 1)

    async def story(screens: Screens, url: str) -> None:
        headers = {"X-Screen": TOKEN}
        async with aiohttp.ClientSession() as session:
            get = session.get
            async with get(url, headers=headers), get(url, headers=headers) as second:
                assert second.status == 503
            while screens.crowded:  # the first has gone
                given(screens)
                await asyncio.sleep(0.01)
                screens.close()

    serving(story)


def test_of_a_long_call_the_last_is_kept() -> None:
    async def story() -> list[dict[str, Any]]:
        screens = Screens()
        line = given(screens)
        for _ in range(module.MOST_SHOWN + 100):
            await line.play(BALANCE)
        screens.noting(lambda _: None)(end("s1"))
        return await read(screens)

    shown = asyncio.run(story())
    assert len(shown) == module.MOST_SHOWN
    assert shown[-1]["kind"] == "ended"


def test_screens_are_forgotten_soon_after_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER_SECONDS", 0.01)
    monkeypatch.setattr(module, "ARRIVAL_SECONDS", 0.01)

    async def story() -> None:
        screens = Screens()
        await given(screens).play(BALANCE)
        screens.noting(lambda _: None)(end("s1"))
        await asyncio.sleep(0.05)
        assert await read(screens) == []

    asyncio.run(story())


def test_however_many_call_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ARRIVAL_SECONDS", 0.01)

    async def story() -> None:
        screens = Screens()
        tokens = [f"{n:032x}" for n in range(module.MOST_SCREENS + 5)]
        for n, token in enumerate(tokens):
            await given(screens, token, f"s{n}").play(BALANCE)
            screens.noting(lambda _: None)(end(f"s{n}"))
        assert await read(screens, tokens[4]) == []
        assert len(await read(screens, tokens[5])) == 2

    asyncio.run(story())


def test_nothing_of_it_shows_in_a_log() -> None:
    async def story() -> str:
        screens = Screens()
        line = given(screens)
        await line.play(BALANCE)
        return repr((screens, line, BALANCE))

    told = asyncio.run(story())
    assert "余额" not in told
    assert TOKEN not in told
