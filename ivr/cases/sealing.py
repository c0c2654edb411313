"""What belongs to a case, sealed under the line's own key (AES-256-GCM) and bound to its place."""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ivr.people.keys import Keys

_NONCE_BYTES: Final = 12


class Unreadable(Exception):
    """It was sealed under another key, or changed."""


def seal(keys: Path, place: str, content: bytes) -> str:
    """In base64. `keys`: the folder of the line's keys; `place`: where alone it can be opened."""
    return b64encode(seal_bytes(keys, place, content)).decode("ascii")


def seal_bytes(keys: Path, place: str, content: bytes) -> bytes:
    """The same for a file."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + _cipher(keys).encrypt(nonce, content, place.encode())


def unseal(keys: Path, place: str, sealed: str) -> bytes:
    """What was sealed there; raises Unreadable."""
    return unseal_bytes(keys, place, b64decode(sealed))


def unseal_bytes(keys: Path, place: str, sealed: bytes) -> bytes:
    """The same for a file."""
    nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return _cipher(keys).decrypt(nonce, rest, place.encode())
    except (InvalidTag, ValueError):
        raise Unreadable(
            "是用另一把密钥封存的，或被改过：从备份放回 keys/cases.key · sealed under another key,"
            " or changed: restore keys/cases.key"
        ) from None


def _cipher(keys: Path) -> AESGCM:
    return AESGCM(Keys.load(keys).cases)
