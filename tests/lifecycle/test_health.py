"""The operator's door: who asks whether the service lives is not kept waiting by what it needs."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest

from ivr.config import Settings, SettingsError
from ivr.lifecycle.health import Part, served
from ivr.lifecycle.vitals import Vitals


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Settings(home=tmp_path, http_port=probe.getsockname()[1])


def page(settings: Settings, name: str) -> str:
    return f"http://127.0.0.1:{settings.http_port}/{name}"


async def well() -> Mapping[str, Part]:
    return {"ari": Part(True)}


async def never() -> Mapping[str, Part]:
    await asyncio.sleep(60)
    return {}


async def fetched(settings: Settings, name: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(page(settings, name)) as answer:
        return answer.status, await answer.text()


def test_it_lives_however_slow_its_parts_are(settings: Settings) -> None:
    async def story() -> tuple[int, str]:
        async with served(settings, Vitals(), never):
            return await fetched(settings, "livez")

    assert asyncio.run(story()) == (200, "ok")


def test_a_part_that_is_not_well_is_named(settings: Settings) -> None:
    async def unwell() -> Mapping[str, Part]:
        return {"ari": Part(True), "journal": Part(False, "No space left on device")}

    async def story() -> tuple[int, str]:
        async with served(settings, Vitals(), unwell):
            return await fetched(settings, "healthz")

    status, body = asyncio.run(story())
    assert status == 503
    assert "No space left on device" in body


def test_tasks_are_counted_for_whoever_looks_for_a_leak(settings: Settings) -> None:
    async def story() -> tuple[int, str]:
        async with served(settings, Vitals(), well):
            return await fetched(settings, "metrics")

    _, body = asyncio.run(story())
    (tasks,) = [line for line in body.splitlines() if line.startswith("ivr_tasks ")]
    assert float(tasks.split()[1]) >= 1


def test_a_successor_listens_beside_the_service_that_it_relieves(settings: Settings) -> None:
    async def story() -> tuple[int, str]:
        async with served(settings, Vitals(), well):
            after = served(settings, Vitals(), well)
            await after.__aenter__()
        try:
            return await fetched(settings, "livez")
        finally:
            await after.__aexit__(None, None, None)

    assert asyncio.run(story()) == (200, "ok")


def test_another_programs_port_is_named_with_its_setting(settings: Settings) -> None:
    async def story() -> None:
        async with served(settings, Vitals(), well):
            """Never reached."""

    with socket.socket() as other:
        other.bind(("127.0.0.1", settings.http_port))
        other.listen()
        with pytest.raises(SettingsError, match="IVR_HTTP_PORT"):
            asyncio.run(story())


def test_a_closed_line_is_well_and_says_that_it_is_closed(settings: Settings) -> None:
    async def shut() -> Mapping[str, Part]:
        return {"ari": Part(True), "line": Part(True, "closed since …", shut=True)}

    async def story() -> tuple[int, str]:
        async with served(settings, Vitals(), shut):
            return await fetched(settings, "healthz")

    status, body = asyncio.run(story())
    assert (status, json.loads(body)["status"]) == (200, "closed")


def test_an_address_that_is_not_here_is_not_called_a_taken_port(settings: Settings) -> None:
    async def story() -> None:
        async with served(settings.model_copy(update={"host": "192.0.2.77"}), Vitals(), well):
            """Never reached."""

    with pytest.raises(SettingsError, match=r"192\.0\.2\.77 不是本机的：改 IVR_HOST"):
        asyncio.run(story())
