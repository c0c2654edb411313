"""Query passwords (查询密码): six digits, kept as Argon2id hashes and never otherwise."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from ivr.people.sensitive import Sensitive

DIGITS = 6
_HASHER = PasswordHasher()
"""Argon2id with RFC 9106's parameters for 64 MiB: some 50 ms, so it runs in a thread."""
_NOBODYS = (
    "$argon2id$v=19$m=65536,t=3,p=4$NkwUoZyedwl3A9L4njqh0g$"
    "EDYmduzRNsse2aTNu7im2bWbTRDD+RPZ/E65NdPrxeo"
)
"""Of a password that nobody can key in: who has none must take as long to be refused."""


class NoHash(ValueError):
    """What the database keeps is no Argon2 hash."""


def hashed(password: Sensitive[str]) -> str:
    """What is kept of it. Takes its time on purpose."""
    return _HASHER.hash(password.reveal())


def kept(exported: Sensitive[str]) -> str:
    """What is kept of a password as an export has it: six digits, or a hash of its own."""
    return exported.reveal() if exported.reveal().startswith("$") else hashed(exported)


def matches(kept: str | None, entered: Sensitive[str]) -> bool:
    """Whether `entered` is the password; never where none is kept. Raises NoHash. Blocks."""
    try:
        return _HASHER.verify(kept or _NOBODYS, entered.reveal()) and kept is not None
    except VerifyMismatchError:
        return False
    except (InvalidHashError, VerificationError):
        raise NoHash("hash is no Argon2 hash") from None
