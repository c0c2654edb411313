"""The second factor: six figures of an authenticator (TOTP, RFC 6238), each good once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final
from urllib.parse import quote

from ivr.people.sensitive import Sensitive

STEP_SECONDS: Final = 30
DIGITS: Final = 6
_STEPS_OFF: Final = 1
"""So far a phone's clock may be before or behind ours."""


def derived(key: bytes, name: str, salt: bytes) -> Sensitive[bytes]:
    """The secret that a phone shares with us: kept nowhere, made of the line's key each time."""
    return Sensitive(
        hmac.new(key, b"second factor\0" + name.encode() + salt, hashlib.sha1).digest()
    )


def new_salt() -> bytes:
    """Of another secret than any before."""
    return secrets.token_bytes(16)


def figures(secret: Sensitive[bytes], step: int) -> str:
    """What the authenticator shows in that step (RFC 4226, 5.3)."""
    digest = hmac.new(secret.reveal(), step.to_bytes(8, "big"), hashlib.sha1).digest()
    at = digest[-1] & 0x0F
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_of(secret: Sensitive[bytes], given: str, now: float) -> int | None:
    """The step in which these figures are shown, just now or a moment off; None: never."""
    typed = "".join(given.split())
    if not (typed.isascii() and typed.isdecimal()):
        return None
    here = int(now // STEP_SECONDS)
    for step in range(here - _STEPS_OFF, here + _STEPS_OFF + 1):
        if hmac.compare_digest(figures(secret, step), typed):
            return step
    return None


def in_groups(secret: Sensitive[bytes]) -> str:
    """As somebody types it into the authenticator (base32)."""
    text = base64.b32encode(secret.reveal()).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def address(secret: Sensitive[bytes], name: str) -> str:
    """The same as a link for an authenticator on this very device."""
    text = base64.b32encode(secret.reveal()).decode()
    return f"otpauth://totp/12329:{quote(name)}?secret={text}&issuer=12329"
