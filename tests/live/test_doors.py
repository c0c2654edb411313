"""Who gets in: trunks and agents only, so many calls at once, and by TLS and SRTP where wanted."""

from __future__ import annotations

import asyncio
import random
import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ivr.speech.prompts import PromptSet
from tests.live.conftest import HANGING_SECONDS, LiveLine, a_line
from tests.live.phone import Phone
from tests.live.test_balance import to_the_question
from tests.ports import free_port

pytestmark = pytest.mark.live

CARRIER = {"name": "carrier", "hosts": ["127.0.0.1"]}
SAVP = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n"


# --- guests refused ----------------------------------------------------------------------------


def test_without_guests_an_unknown_source_is_refused(tmp_path: Path, whole_set: PromptSet) -> None:
    async def story(line: LiveLine) -> None:
        async with Phone.open(line.settings.sip_port) as phone:
            assert await phone.dial("12329") == 401
        async with Phone.open(line.settings.sip_port, user="6001", password="guess") as phone:
            assert await phone.dial("12329") == 401

    with a_line(tmp_path, whole_set, guests=False) as line:
        asyncio.run(story(line))
        assert line.ari("channels") == []


# --- calls at once -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_line(
    tmp_path_factory: pytest.TempPathFactory, whole_set: PromptSet
) -> Iterator[LiveLine]:
    """Two calls at once, one for each caller; whoever calls is a carrier's customer."""
    home = tmp_path_factory.mktemp("small")
    limits = {"calls": 2, "calls_per_caller": 1, "ids_per_caller": 2}
    with a_line(home, whole_set, trunks=[CARRIER], limits=limits) as line:
        line.start_service()
        yield line


def test_a_callers_second_call_at_once_is_told_so(small_line: LiveLine) -> None:
    async def story() -> None:
        async with small_line.call(user="13800138001") as first:
            await first.hears_begin("main.greeting")
            async with small_line.call(user="13800138001") as second:
                await second.hears(small_line.ear.alias["limits.caller_busy"])
                await second.phone.wait_for_end(within=HANGING_SECONDS)
            await first.hears_begin("main.menu")
        await small_line.settled()

    asyncio.run(story())


def test_a_call_too_many_is_told_so_and_the_others_go_on(small_line: LiveLine) -> None:
    async def story() -> None:
        async with (
            small_line.call(user="13800138001") as one,
            small_line.call(user="13800138002") as other,
        ):
            await one.hears_begin("main.greeting")
            await other.hears_begin("main.greeting")
            async with small_line.call(user="13800138003") as third:
                await third.hears(small_line.ear.alias["limits.line_full"])
                await third.phone.wait_for_end(within=HANGING_SECONDS)
            await one.hears_begin("main.menu")
            await other.hears_begin("main.menu")
        await small_line.settled()

    asyncio.run(story())
    reasons = [fact["reason"] for fact in small_line.facts() if fact["fact"] == "Refused"]
    assert reasons == ["caller_busy", "line_full"]
    ended = [f["disposition"] for f in small_line.facts() if f["fact"] == "SessionEnded"]
    assert ended.count("refused") == 2


def test_a_flood_is_answered_busy_and_nothing_collapses(small_line: LiveLine) -> None:
    async def flood(which: int) -> int:
        async with Phone.open(small_line.settings.sip_port, user=f"139000{which:05}") as phone:
            status = await phone.dial("12329", within=30)
            if status == 200:
                await phone.wait_for_end(within=HANGING_SECONDS)
            return status

    async def story() -> list[int]:
        async with (
            small_line.call(user="13800138001") as one,
            small_line.call(user="13800138002") as other,
        ):
            await one.hears_begin("main.greeting")
            await other.hears_begin("main.greeting")
            statuses = await asyncio.gather(*(flood(which) for which in range(70)))
            assert not one.phone.ended.is_set()
        await small_line.settled()
        return statuses

    statuses = asyncio.run(story())
    assert set(statuses) == {200, 486}
    assert statuses.count(200) <= 50 + 20  # some of the told ones are over before the last ring
    assert small_line.health()["calls"] == 0


# --- look-ups ------------------------------------------------------------------------------------


async def asks_for(line: LiveLine, telephone: str, number: str, sentence: str) -> None:
    """One call about one person; what is heard of it."""
    async with line.call(user=telephone) as caller:
        await to_the_question(caller, "1")
        caller.phone.press(number)
        await caller.hears_begin(line.ear.alias[sentence])
    await line.settled()


def test_a_caller_who_asks_about_too_many_people_is_locked_also_after_a_restart(
    small_line: LiveLine,
) -> None:
    harvester, other = "13700000001", "13700000002"

    async def story() -> None:
        await asks_for(small_line, harvester, "990101199001010019", "account.readout.1")
        await asks_for(small_line, harvester, "990203197811071111", "account.readout.1")
        await asks_for(small_line, harvester, "990102200012120127", "limits.lookups")
        small_line.kill_service()
        small_line.start_service()
        await asks_for(small_line, harvester, "990101199001010019", "limits.lookups")
        await asks_for(small_line, other, "990102200012120127", "account.readout.1")

    asyncio.run(story())
    locks = (small_line.settings.home / "locks.jsonl").read_text()
    assert "caller " in locks
    assert harvester not in locks


# --- TLS and SRTP ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def encrypted_line(
    tmp_path_factory: pytest.TempPathFactory, whole_set: PromptSet
) -> Iterator[LiveLine]:
    home = tmp_path_factory.mktemp("tls")
    certificate, key = made_certificate(home)
    tls = {
        "certificate": str(certificate),
        "key": str(key),
        "port": free_port(),
        "speech": "required",
    }
    with a_line(home, whole_set, tls=tls) as line:
        yield line


def made_certificate(folder: Path) -> tuple[Path, Path]:
    """Of the line itself, for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "line.pem", folder / "line.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    files[1].chmod(0o600)
    return files


async def answer_by_tls(line: LiveLine, number: str, media: str) -> str:
    """The final answer to one INVITE over TLS, with its session description."""
    assert line.settings.tls is not None
    trust = ssl.create_default_context(cafile=line.settings.tls.certificate)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", line.settings.tls.port, ssl=trust, server_hostname="localhost"
    )
    try:
        writer.write(invite(number, media))
        async with asyncio.timeout(HANGING_SECONDS):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = re.search(r"content-length:\s*(\d+)", head, re.I)
                body = await reader.readexactly(int(length[1]) if length else 0)
                if not head.startswith("SIP/2.0 1"):
                    return head + body.decode()
    finally:
        writer.close()


def invite(number: str, media: str) -> bytes:
    description = (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {free_port()} {media}"
    )
    head = (
        f"INVITE sip:{number}@localhost SIP/2.0\r\n"
        f"Via: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bK{random.getrandbits(48):x};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:guest@localhost>;tag={random.getrandbits(32):x}\r\n"
        f"To: <sip:{number}@localhost>\r\nCall-ID: {random.getrandbits(64):x}\r\n"
        "CSeq: 1 INVITE\r\nContact: <sip:guest@127.0.0.1:5061;transport=tls>\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {len(description)}\r\n\r\n"
    )
    return (head + description).encode()


def test_a_call_over_tls_reaches_the_hotline_only(encrypted_line: LiveLine) -> None:
    refused = asyncio.run(answer_by_tls(encrypted_line, "13800138000", "RTP/SAVP 8\r\n" + SAVP))
    assert refused.startswith("SIP/2.0 404")


def test_speech_is_encrypted_where_that_is_required(encrypted_line: LiveLine) -> None:
    answered = asyncio.run(answer_by_tls(encrypted_line, "12329", "RTP/SAVP 8\r\n" + SAVP))
    assert answered.startswith("SIP/2.0 200")
    assert re.search(r"^m=audio \d+ RTP/SAVP", answered, re.M)
    assert "a=crypto:" in answered


def test_plain_speech_is_refused_where_that_is_required(encrypted_line: LiveLine) -> None:
    refused = asyncio.run(answer_by_tls(encrypted_line, "12329", "RTP/AVP 8\r\n"))
    assert refused.startswith("SIP/2.0 488")
