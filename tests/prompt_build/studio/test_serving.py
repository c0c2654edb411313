"""The page as a browser gets it: escaped, closed to strangers, its sounds whole or in part."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from console.app import preview
from console.pages.words import KINDS
from ivr.config import Settings
from ivr.speech import numbers
from prompt_build import choosing, sets
from prompt_build.hearing import clips_of, joined
from tests.prompt_build import humming

Get = Callable[..., tuple[ClientResponse, bytes]]


@pytest.fixture
def get(published: Settings) -> Get:
    return _getter(published)


def _getter(settings: Settings) -> Get:
    def fetch(path: str, **headers: str) -> tuple[ClientResponse, bytes]:
        return asyncio.run(_fetch(settings, path, headers))

    return fetch


async def _fetch(
    settings: Settings, path: str, headers: dict[str, str]
) -> tuple[ClientResponse, bytes]:
    async with TestClient(TestServer(preview(settings))) as client:
        answer = await client.get(path, headers=headers)
        return answer, await answer.read()


def test_the_page_is_escaped_and_needs_nothing_from_elsewhere(get: Get) -> None:
    answer, body = get("/words")
    page = body.decode()
    assert answer.status == 200
    assert "缴存&lt;政策&gt;" in page
    assert "<政策>" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("file", ["words.css", "words.js"])
def test_its_files(get: Get, file: str) -> None:
    answer, body = get(f"/static/{file}")
    assert answer.status == 200
    assert b"://" not in body


def test_a_faulty_catalog_is_shown_escaped(published: Settings) -> None:
    text = published.catalog.read_text(encoding="utf-8")
    published.catalog.write_text(text.replace("感谢您", "<script>"), encoding="utf-8")
    _, body = _getter(published)("/words")
    assert "话术目录有 1 处错误" in body.decode()
    assert b"<script>" not in body


def test_before_the_first_build(empty: Settings) -> None:
    answer, body = _getter(empty)("/words")
    assert answer.status == 200
    assert "还没有生成过语音" in body.decode()
    assert _getter(empty)("/words/numbers/amount/1.wav")[0].status == 404


def test_only_this_machine_is_served(get: Get) -> None:
    assert get("/words", Host="evil.example")[0].status == 421
    assert get("/words", Host="localhost:8330")[0].status == 200


def test_a_prompt_sounds_as_its_clips_do(get: Get, published: Settings) -> None:
    answer, body = get("/words/sets/1/account.readout.wav")
    heard, rate = soundfile.read(io.BytesIO(body), dtype="float32")
    manifest = sets.load(published.audio, 1)
    said, _ = joined(published.audio, manifest, clips_of(manifest, "account.readout"))
    assert answer.content_type == "audio/wav"
    assert rate == 8000
    assert np.abs(heard - said).max() < 1e-4


def test_an_edited_sentence_is_heard_before_it_is_built(
    get: Get, published: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "choose", lambda settings, remembered: humming.engine())
    text = published.catalog.read_text(encoding="utf-8")
    published.catalog.write_text(text.replace("再见", "祝您一切都好"), encoding="utf-8")
    _, page = get("/words")
    sound = re.search(r'src="/words/(edited/[0-9a-f]+/line\.goodbye\.wav)"', page.decode())
    assert sound is not None
    before = sorted(published.audio.rglob("*"))
    answer, body = get(f"/words/{sound[1]}")
    assert (answer.status, answer.content_type) == (200, "audio/wav")
    heard, rate = soundfile.read(io.BytesIO(body), dtype="float32")
    assert len(heard) / rate > 2
    assert sorted(published.audio.rglob("*")) == before
    assert get("/words/edited/0/line.nowhere.wav")[0].status == 404


def test_a_part_of_a_sound(get: Get) -> None:
    _, whole = get("/words/sets/1/line.goodbye.wav")
    answer, part = get("/words/sets/1/line.goodbye.wav", Range="bytes=100-199")
    assert answer.status == 206
    assert answer.headers["Content-Range"] == f"bytes 100-199/{len(whole)}"
    assert part == whole[100:200]
    assert get("/words/sets/1/line.goodbye.wav", Range=f"bytes={len(whole)}-")[0].status == 416


@pytest.mark.parametrize(
    "path",
    [
        "/words/sets/1/nowhere.wav",
        "/words/sets/7/line.goodbye.wav",
        "/words/numbers/amount/many.wav",
        "/x",
    ],
)
def test_what_is_not_there(get: Get, path: str) -> None:
    assert get(path)[0].status == 404


def test_a_number_is_read_and_heard(get: Get) -> None:
    answer, body = get("/words/numbers?kind=amount&value=12,345.67")
    assert answer.status == 200
    assert json.loads(body)["text"] == "一万二千三百四十五元六角七分"
    assert get("/words/numbers/amount/12%2C345.67.wav")[0].status == 200
    assert get("/words/numbers?kind=amount&value=many")[0].status == 404


def test_every_kind_of_number_offered_has_clips() -> None:
    assert KINDS.keys() <= numbers.SLOT_KINDS
    assert set(KINDS) | {"id18", "id15", "hotline"} == numbers.SLOT_KINDS
