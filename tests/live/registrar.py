"""A carrier's registrar for live tests: wants a password, remembers who is where."""

from __future__ import annotations

import hashlib
import random
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ivr.probe.sip import Message

REALM = "carrier.example"


@dataclass
class Registrar:
    """Accounts with their passwords, and the contacts of those who are registered."""

    passwords: dict[str, str]
    contacts: dict[str, str] = field(default_factory=dict)
    """Account → the URI that it wants to be called at."""
    port: int = 0
    _nonce: str = field(default_factory=lambda: f"{random.getrandbits(64):x}")

    @classmethod
    @contextmanager
    def open(cls, host: str, passwords: dict[str, str]) -> Iterator[Registrar]:
        """Answers, in a thread of its own, while the context lasts."""
        registrar = cls(passwords)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
            door.bind((host, 0))
            door.settimeout(0.2)
            registrar.port = door.getsockname()[1]
            closing = threading.Event()
            serving = threading.Thread(target=registrar._serve, args=(door, closing))
            serving.start()
            try:
                yield registrar
            finally:
                closing.set()
                serving.join()

    def _serve(self, door: socket.socket, closing: threading.Event) -> None:
        while not closing.is_set():
            try:
                data, sender = door.recvfrom(65535)
            except TimeoutError:
                continue
            if data.startswith(b"REGISTER"):
                door.sendto(self._answered(Message.parse(data)), sender)

    def _answered(self, request: Message) -> bytes:
        proof = dict(re.findall(r'(\w+)="?([^",]+)"?', request.headers.get("authorization", "")))
        if not proof:
            return answer(request, 401, f'Digest realm="{REALM}", nonce="{self._nonce}"')
        if not self._is_right(proof):
            return answer(request, 403)
        self._remember(proof["username"], request)
        return answer(request, 200)

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


def answer(request: Message, status: int, challenge: str = "") -> bytes:
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
    return ("\r\n".join([*lines, "Content-Length: 0"]) + "\r\n\r\n").encode()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
