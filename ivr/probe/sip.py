"""SIP as far as one telephone needs it (RFC 3261): messages read, and a challenge answered."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass


class SipFault(Exception):
    """The other side said something that no call can go on with."""


@dataclass(frozen=True, slots=True)
class Message:
    """One SIP message, as much of it as a telephone needs."""

    start: str
    headers: Mapping[str, str]
    body: str
    vias: tuple[str, ...]
    routes: tuple[str, ...] = ()
    """Proxies that want to stay in the way (Record-Route), as they stand."""

    @classmethod
    def parse(cls, data: bytes) -> Message:
        """From a datagram; what is no header line is passed over."""
        head, _, body = data.decode(errors="replace").partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        pairs = [(name.strip(), value.strip()) for name, _, value in map(_halves, lines)]
        vias = tuple(value for name, value in pairs if name.lower() in {"via", "v"})
        routes = tuple(value for name, value in pairs if name.lower() == "record-route")
        return cls(start, {name.lower(): value for name, value in pairs}, body, vias, routes)

    @property
    def status(self) -> int | None:
        """Of a response; None: it is a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0") else None

    @property
    def method(self) -> str:
        """Of a request, or of the one that it answers."""
        return self.headers["cseq"].split()[1] if self.status else self.start.split()[0]

    @property
    def media_port(self) -> int:
        """Where the other side wants to hear us; SipFault when it does not say."""
        found = re.search(r"^m=audio (\d+)", self.body, re.MULTILINE)
        if found is None:
            raise SipFault("no audio in the session description")
        return int(found[1])

    @property
    def media_host(self) -> str:
        """The address that belongs to `media_port`; SipFault when there is none."""
        found = re.search(r"^c=IN IP4 (\S+)", self.body, re.MULTILINE)
        if found is None:
            raise SipFault("no address in the session description")
        return found[1]


def _halves(line: str) -> tuple[str, str, str]:
    return line.partition(":")


def proof(method: str, uri: str, challenge: Message, user: str, password: str) -> dict[str, str]:
    """The header that answers a challenge (RFC 2617, MD5); SipFault where it wants another kind."""
    proxy = challenge.status == 407
    told = challenge.headers.get("proxy-authenticate" if proxy else "www-authenticate", "")
    asked = dict(re.findall(r'(\w+)="?([^",]+)"?', told))
    if not {"realm", "nonce"} <= asked.keys() or asked.get("algorithm", "MD5").upper() != "MD5":
        raise SipFault(f"a challenge that this telephone cannot answer: {told[:80]}")
    fields = {
        "username": user,
        "realm": asked["realm"],
        "nonce": asked["nonce"],
        "uri": uri,
        **({"opaque": asked["opaque"]} if "opaque" in asked else {}),
        **({"cnonce": f"{random.getrandbits(32):x}"} if "qop" in asked else {}),
    }
    counted = {"qop": "auth", "nc": "00000001"} if "qop" in asked else {}
    fields["response"] = digest(method, fields | counted, password)
    quoted = ", ".join(f'{name}="{value}"' for name, value in fields.items())
    rest = "".join(f", {name}={value}" for name, value in counted.items())
    return {
        "Proxy-Authorization" if proxy else "Authorization": f"Digest {quoted}, algorithm=MD5{rest}"
    }


def digest(method: str, told: Mapping[str, str], password: str) -> str:
    """The `response` of an Authorization header, from its other fields (RFC 2617, 3.2.2).

    KeyError where one is lacking.
    """
    ha1 = _md5(f"{told['username']}:{told['realm']}:{password}")
    ha2 = _md5(f"{method}:{told['uri']}")
    counted = f":{told['nc']}:{told['cnonce']}:{told['qop']}" if "qop" in told else ""
    return _md5(f"{ha1}:{told['nonce']}{counted}:{ha2}")


def _md5(text: str) -> str:
    """What digest authentication is made of; nothing is kept secret by it alone."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def uri_of(header: str) -> str:
    """The address in a Contact, To or From."""
    found = re.search(r"<([^>]+)>", header)
    return found[1] if found else header.split(";", maxsplit=1)[0]
