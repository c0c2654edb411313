"""Keys, and the tokens that stand for people: the same person is the same token, and no more.

Unkeyed hashes of ID and telephone numbers are guessed in an hour, so tokens are HMACs under keys
of this line, one for each purpose: a caller's token and a person's token can never be compared.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from ivr.config import SettingsError
from ivr.identity import IdNumber

TOKEN_CHARACTERS = 32
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Keys:
    """The line's secret keys, each in a file of its own, mode 0600, apart from the data."""

    tokens: bytes = field(repr=False)

    @classmethod
    def load(cls, folder: Path) -> Keys:
        """The keys in `folder`, made at the first start; SettingsError when others may read them.

        A lost key is not made again silently while data of it exist: the folder must be empty.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(tokens=_key(folder / "tokens.key"))


def _key(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return _existing(path)
    with os.fdopen(descriptor, "wb") as file:
        key = secrets.token_bytes(_KEY_BYTES)
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key


def _existing(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"{path} can be read by others: chmod 600 it")
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise SettingsError(f"{path} is damaged: restore it from its backup")
    return key


class Tokens:
    """Numbers in, tokens out; nobody gets back without trying every number under the key."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def person(self, number: IdNumber) -> str:
        """The token of a person, whichever form of the number was entered."""
        return self._token("person", number.id18.reveal())

    def caller(self, number: str) -> str:
        """The token of a caller's telephone number."""
        return self._token("caller", number)

    def _token(self, purpose: str, value: str) -> str:
        message = f"{purpose}\0{value}".encode()
        return hmac.new(self._keys.tokens, message, hashlib.sha256).hexdigest()[:TOKEN_CHARACTERS]
