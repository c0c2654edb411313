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
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return b64encode(nonce + _cipher(keys).encrypt(nonce, content, place.encode())).decode("ascii")


def unseal(keys: Path, place: str, sealed: str) -> bytes:
    """What was sealed there; raises Unreadable."""
    whole = b64decode(sealed)
    nonce, rest = whole[:_NONCE_BYTES], whole[_NONCE_BYTES:]
    try:
        return _cipher(keys).decrypt(nonce, rest, place.encode())
    except InvalidTag:
        raise Unreadable(
            "是用另一把密钥封存的，或被改过：从备份放回 keys/cases.key · sealed under another key,"
            " or changed: restore keys/cases.key"
        ) from None


def _cipher(keys: Path) -> AESGCM:
    return AESGCM(Keys.load(keys).cases)
