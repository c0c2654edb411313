"""Tokens that stand for people: the same person is the same token, and no more.

Unkeyed hashes of ID and telephone numbers are guessed in an hour, so tokens are HMACs under keys
of this line, one for each purpose: a caller's token and a person's token can never be compared.
"""

from __future__ import annotations

import hmac

from ivr.people.identity import IdNumber
from ivr.people.keys import Keys

TOKEN_CHARACTERS = 32


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
        return hmac.digest(self._keys.tokens, message, "sha256").hex()[:TOKEN_CHARACTERS]
