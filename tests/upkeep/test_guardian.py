"""Who is stranded, and who is not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from ivr.ari.client import Ari
from ivr.ari.events import Channel
from ivr.config import Settings
from ivr.lifecycle import asking
from ivr.upkeep import guardian
from ivr.upkeep.guardian import keep_short, stranded
from tests.fake_ari import PASSWORD, USER, FakeAsterisk, fake_asterisk


def channel(name: str, app: str | None) -> Channel:
    return Channel(name, "Up", "12329", None, app, datetime.now(UTC))


def test_only_our_callers_who_talk_to_nobody_are_stranded() -> None:
    channels = [
        channel("in a menu", "hotline"),
        channel("with an agent", "hotline"),
        channel("in the dialplan", None),
        channel("another line's", "other"),
    ]
    released = stranded(channels, ["with an agent"], "hotline")
    assert [each.id for each in released] == ["in a menu"]


# --- Asterisk's log ------------------------------------------------------------------------------


def test_a_look_that_fails_does_not_forget_how_long_the_service_is_silent(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guardian that began anew each time would never send anybody to the agents."""
    known = settings.model_copy(update={"ari_password": SecretStr(PASSWORD)})
    released: list[bool] = []
    looks = iter([RuntimeError("as nobody had thought"), False, KeyError("odd"), False])

    def speaks(_: Settings) -> bool:
        told = next(looks, False)
        if isinstance(told, Exception):
            raise told
        return told

    async def release(*_: object, everybody: bool) -> None:
        released.append(everybody)

    monkeypatch.setattr(asking, "speaks", speaks)
    monkeypatch.setattr(guardian, "_release", release)
    monkeypatch.setattr(guardian, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(guardian, "UNANSWERED_SECONDS", 0.0)
    monkeypatch.setattr(guardian, "STRANDED_SECONDS", 0.1)

    async def story() -> None:
        guarding = asyncio.create_task(guardian.guard(known))
        async with asyncio.timeout(20):
            while not any(released):
                assert not guarding.done(), guarding.exception()
                await asyncio.sleep(0.01)
        guarding.cancel()
        await asyncio.gather(guarding, return_exceptions=True)

    asyncio.run(story())
    assert released[0] is False


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log that is full at ten bytes."""
    monkeypatch.setattr(guardian, "LARGEST_LOG_BYTES", 10)
    return tmp_path / "asterisk.log"


def looked_after(log: Path, *refusals: tuple[str, int]) -> FakeAsterisk:
    async def course() -> FakeAsterisk:
        async with fake_asterisk() as asterisk, Ari(asterisk.base, USER, PASSWORD) as ari:
            asterisk.refusals += refusals
            await keep_short(ari, log)
            return asterisk

    return asyncio.run(course())


def test_a_full_log_is_put_aside_in_place_of_the_one_before(log: Path) -> None:
    log.write_text("much too long")
    log.with_name("asterisk.log.1").write_text("the one before")
    assert looked_after(log).asked("PUT asterisk/logging/asterisk.log/rotate")
    assert not log.exists()
    assert log.with_name("asterisk.log.1").read_text() == "much too long"


@pytest.mark.parametrize("content", [None, "short"])
def test_a_log_that_is_short_is_left_alone(log: Path, content: str | None) -> None:
    if content is not None:
        log.write_text(content)
    assert looked_after(log).requests == []
    assert log.exists() == (content is not None)


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_log_that_asterisk_does_not_begin_anew_is_put_aside_later(log: Path, status: int) -> None:
    log.write_text("much too long")
    looked_after(log, ("rotate", status))
    assert log.read_text() == "much too long"
    looked_after(log)
    assert not log.exists()
    assert log.with_name("asterisk.log.1").read_text() == "much too long"
