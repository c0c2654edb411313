"""A carrier's registrar for live tests: wants a password, remembers who is where."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.live.phone import Message

REALM = "carrier.example"


@dataclass
class Registrar(asyncio.DatagramProtocol):
    """Accounts with their passwords, and the contacts of those who are registered."""

    passwords: dict[str, str]
    contacts: dict[str, str] = field(default_factory=dict)
    """Account → the URI that it wants to be called at."""
    refused: int = 0
    away: bool = False
    """Does not answer at all."""
    port: int = 0
    _nonce: str = field(default_factory=lambda: f"{random.getrandbits(64):x}")

    @classmethod
    @asynccontextmanager
    async def open(cls, host: str, passwords: dict[str, str]) -> AsyncIterator[Registrar]:
        registrar = cls(passwords)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: registrar, local_addr=(host, 0)
        )
        registrar.port = transport.get_extra_info("sockname")[1]
        try:
            yield registrar
        finally:
            transport.close()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.away or not data.startswith(b"REGISTER"):
            return
        request = Message.parse(data)
        proof = dict(re.findall(r'(\w+)="?([^",]+)"?', request.headers.get("authorization", "")))
        if not proof:
            self._answer(request, addr, 401, f'Digest realm="{REALM}", nonce="{self._nonce}"')
        elif self._is_right(proof):
            self._remember(proof["username"], request)
            self._answer(request, addr, 200)
        else:
            self.refused += 1
            self._answer(request, addr, 403)

    def _is_right(self, proof: dict[str, str]) -> bool:
        password = self.passwords.get(proof["username"])
        ha1 = _md5(f"{proof['username']}:{REALM}:{password}")
        ha2 = _md5(f"REGISTER:{proof['uri']}")
        return password is not None and proof["response"] == _md5(f"{ha1}:{self._nonce}:{ha2}")

    def _remember(self, account: str, request: Message) -> None:
        found = re.search(r"<([^>]+)>", request.headers["contact"])
        assert found, "a registration without a contact"
        if request.headers.get("expires") == "0":
            self.contacts.pop(account, None)
        else:
            self.contacts[account] = found[1]

    def _answer(
        self, request: Message, addr: tuple[str, int], status: int, challenge: str = ""
    ) -> None:
        lines = [
            f"SIP/2.0 {status} {'OK' if status == 200 else 'No'}",
            *(f"Via: {via}" for via in request.vias),
            f"From: {request.headers['from']}",
            f"To: {request.headers['to']};tag={random.getrandbits(32):x}",
            f"Call-ID: {request.headers['call-id']}",
            f"CSeq: {request.headers['cseq']}",
        ]
        if challenge:
            lines.append(f"WWW-Authenticate: {challenge}")
        if status == 200:
            lines.append(f"Contact: {request.headers['contact']};expires=60")
        self._transport.sendto(
            ("\r\n".join([*lines, "Content-Length: 0"]) + "\r\n\r\n").encode(), addr
        )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
