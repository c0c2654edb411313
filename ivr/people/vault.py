"""The vault: the way back from a token to its number, encrypted, apart from the facts."""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ivr.people.keys import VAULT_BEFORE, Keys
from ivr.people.sensitive import Sensitive

_NONCE_BYTES = 12


class VaultLocked(Exception):
    """The vault's rows cannot be read with the key at hand."""


class Vault:
    """The way back from a person's token to the number, apart from the facts and encrypted.

    Who voted and who complained must be traceable (seed, section 六); taking a row out of here
    makes the facts of that person anonymous for good. Each row is AES-256-GCM with a nonce of its
    own and bound to its token, so that rows cannot be exchanged.
    """

    def __init__(self, path: Path, keys: Keys, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._ciphers = [AESGCM(key) for key in (keys.vault, keys.vault_before) if key]
        """The newest, which seals, and the one before."""

    def keep(self, token: str, number: Sensitive[str]) -> None:
        """Remember whose token this is; on disk when it returns. Blocks: call it in a thread."""
        sealed = _sealed(self._ciphers[0], token, number.reveal())
        with self._opened() as rows:
            rows.execute(
                "INSERT OR REPLACE INTO person (token, sealed, kept) VALUES (?, ?, ?)",
                (token, sealed, self._clock()),
            )

    def reveal(self, token: str) -> Sensitive[str] | None:
        """The number, or None when nobody is kept under this token."""
        with self._opened() as rows:
            row = rows.execute("SELECT sealed FROM person WHERE token = ?", (token,)).fetchone()
        if row is None:
            return None
        return Sensitive(self._unsealed(token, row[0]))

    def kept_before(self, when: datetime) -> frozenset[str]:
        """Tokens of everybody whose number was last keyed in before then."""
        with self._opened() as rows:
            tokens = rows.execute("SELECT token FROM person WHERE kept < ?", (when.timestamp(),))
            return frozenset(token for (token,) in tokens)

    def forget(self, token: str) -> bool:
        """Remove what is kept under a token; whether there was anything."""
        with self._opened() as rows:
            return rows.execute("DELETE FROM person WHERE token = ?", (token,)).rowcount > 0

    def forget_person(self, token: str) -> bool:
        """Remove whoever this is, under the tokens of all keys; whether there was anybody."""
        same = self.same_person(token)
        with self._opened() as rows:
            rows.executemany("DELETE FROM person WHERE token = ?", [(each,) for each in same])
        return bool(same)

    def same_person(self, token: str) -> frozenset[str]:
        """All tokens of whoever this is, of all keys; none where nobody is kept."""
        number = self.reveal(token)
        if number is None:
            return frozenset()
        with self._opened() as rows:
            kept = rows.execute("SELECT token, sealed FROM person").fetchall()
        return frozenset(
            other for other, sealed in kept if self._unsealed(other, sealed) == number.reveal()
        )

    def seal_anew(self) -> int:
        """Every row under the newest key, all or none; how many."""
        with self._opened() as rows:
            kept = rows.execute("SELECT token, sealed FROM person").fetchall()
            sealed = [
                (_sealed(self._ciphers[0], token, self._unsealed(token, old)), token)
                for token, old in kept
            ]
            rows.executemany("UPDATE person SET sealed = ? WHERE token = ?", sealed)
        return len(kept)

    def _unsealed(self, token: str, row: bytes) -> str:
        """The number of a row, under the newest key or the one before."""
        nonce, sealed = row[:_NONCE_BYTES], row[_NONCE_BYTES:]
        for cipher in self._ciphers:
            with suppress(InvalidTag):
                return cipher.decrypt(nonce, sealed, token.encode()).decode()
        raise VaultLocked(
            f"{self._path} was written under another key, or changed: restore keys/vault.key"
        )

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """One transaction on the file, which only this user can read."""
        descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        os.close(descriptor)
        rows = sqlite3.connect(self._path, timeout=5.0)
        try:
            rows.execute("PRAGMA synchronous = FULL")
            rows.execute("PRAGMA secure_delete = ON")
            rows.execute(
                "CREATE TABLE IF NOT EXISTS person (token TEXT PRIMARY KEY, sealed BLOB NOT NULL,"
                " kept REAL NOT NULL)"
            )
            with rows:
                yield rows
        finally:
            rows.close()


def _sealed(cipher: AESGCM, token: str, number: str) -> bytes:
    """A row: a nonce of its own, and the number bound to its token."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, number.encode(), token.encode())


def new_vault_key(folder: Path, vault: Path) -> int:
    """Seal every row of the vault anew; how many. The key before stays readable until the next."""
    Vault(vault, Keys.load(folder)).seal_anew()  # no row may need what was the one before
    (folder / "vault.key").replace(folder / VAULT_BEFORE)
    return Vault(vault, Keys.load(folder)).seal_anew()
