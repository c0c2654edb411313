"""拨测 from outside: through a carrier that wants a password, as a caller of theirs would call."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from ivr.asterisk.configure import PROBE
from ivr.config import ProbeSettings, Settings
from ivr.probe.probing import NOBODYS, probe
from ivr.probe.sip import Message, proof
from ivr.records.facts import Probed
from tests.probe.fake_line import FakeLine, Says, silence, sound
from tests.textset import text_set

USER, PASSWORD, NUMBER = "8657112329", "sec-carrier", "057112329"
CHALLENGE = 'Digest realm="carrier.example", nonce="n0nce"'
SAID = ("main.greeting", "main.menu", "account.menu", "identity.ask", "account.not_found")


class Carrier(FakeLine):
    """It asks who calls before it brings the call to the line."""

    invites: list[Message]

    def _asked(self, request: Message) -> None:
        if request.method != "INVITE":
            super()._asked(request)
            return
        self.invites.append(request)
        if "proxy-authorization" not in request.headers:
            self._send_back(request, "407 Who", f"Proxy-Authenticate: {CHALLENGE}")
        elif self._is_known(request):
            super()._asked(request)
        else:
            self._send_back(request, "403 No")

    def _send_back(self, request: Message, status: str, *more: str) -> None:
        kept = [f"{name}: {request.headers[name.lower()]}" for name in ("From", "Call-ID", "CSeq")]
        to = f"To: {request.headers['to']};tag=c"
        vias = (f"Via: {via}" for via in request.vias)
        lines = [f"SIP/2.0 {status}", *vias, *kept, to, *more, "Content-Length: 0", "", ""]
        port = int(request.vias[0].split(";")[0].rpartition(":")[2])
        self._sip.sendto("\r\n".join(lines).encode(), ("127.0.0.1", port))

    def _is_known(self, request: Message) -> bool:
        given = re.findall(r'(\w+)="([^"]*)"', request.headers["proxy-authorization"])
        asked = Message.parse(
            f"SIP/2.0 407 Who\r\nProxy-Authenticate: {CHALLENGE}\r\n\r\n".encode()
        )
        wanted = proof("INVITE", dict(given)["uri"], asked, USER, PASSWORD)
        return wanted["Proxy-Authorization"] == request.headers["proxy-authorization"]


@pytest.fixture
def spoken(settings: Settings) -> dict[str, bytes]:
    """A published set in which the sentences that are listened for are noise of their own."""
    said = text_set(settings.home / "audio")
    sounds = {name: sound(name) for name in said.clips if name.partition(".1")[0] in SAID}
    for name, content in sounds.items():
        Path(f"{said.clips[name].path}.alaw").write_bytes(content)
    return sounds


def called(settings: Settings, spoken: dict[str, bytes], password: str) -> tuple[Probed, Carrier]:
    def says(*prompts: str) -> Says:
        chosen = (next(s for n, s in spoken.items() if n.startswith(name)) for name in prompts)
        return Says(silence(0.3) + b"".join(chosen))

    story = (
        says("main.greeting", "main.menu"), says("account.menu"), says("identity.ask"),
        *[Says()] * (len(NOBODYS) - 1), says("account.not_found"),
    )  # fmt: skip

    async def call() -> tuple[Probed, Carrier]:
        async with Carrier.telling(*story) as carrier:
            assert isinstance(carrier, Carrier)
            carrier.invites = []
            way = ProbeSettings(
                server=f"127.0.0.1:{carrier.address[1]}", number=NUMBER, user=USER,
                password=SecretStr(password), caller=USER, patience_seconds=3.0,
            )  # fmt: skip
            changes = {"probe": way, "audio": settings.home / "audio"}
            return await probe(settings.model_copy(update=changes)), carrier

    return asyncio.run(call())


def test_the_call_from_outside_is_a_subscribers_and_its_answer_is_judged(
    settings: Settings, spoken: dict[str, bytes]
) -> None:
    told, carrier = called(settings, spoken, PASSWORD)
    assert (told.verdict, told.step, told.outside) == ("well", "account.readout", True), told
    first, second = carrier.invites
    for invite in (first, second):
        assert NUMBER in invite.headers["to"]
        assert f"sip:{USER}@" in invite.headers["from"]
        assert PROBE.lower() not in invite.headers, "the line's own secret leaves the machine"


def test_a_carrier_that_refuses_the_account_is_told_as_such(
    settings: Settings, spoken: dict[str, bytes]
) -> None:
    told, _ = called(settings, spoken, "another")
    assert (told.verdict, told.detail) == ("unanswered", "SIP 403")
