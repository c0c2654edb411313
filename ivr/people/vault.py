"""The vault: the way back from a token to its number, encrypted, apart from the facts."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ivr.people.keys import VAULT_BEFORE, Keys
from ivr.people.sensitive import Sensitive
from ivr.people.vault_file import Row, Rows, VaultFile
from ivr.records.durable import write

_NONCE_BYTES = 12
_KEY_BYTES = 32


class VaultLocked(Exception):
    """The vault's rows cannot be read with the key at hand, or cannot be reached; says which."""


class Vault:
    """The way back from a person's token to the number, apart from the facts and encrypted.

    Who voted and who complained must be traceable (seed, section 六); taking a row out of here
    makes the facts of that person anonymous for good. Each row is AES-256-GCM with a nonce of its
    own and bound to its token, so that rows cannot be exchanged.
    """

    def __init__(
        self, rows: Path | Rows, keys: Keys, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._rows: Rows = VaultFile(rows) if isinstance(rows, Path) else rows
        self._clock = clock
        self._marking = keys.audit
        self._ciphers = [AESGCM(key) for key in (keys.vault, keys.vault_before) if key]
        """The newest, which seals, and the one before."""

    def keep(self, token: str, number: Sensitive[str]) -> None:
        """Remember whose token this is; on disk when it returns. Blocks: call it in a thread."""
        sealed = _sealed(self._ciphers[0], token, number.reveal())
        self._rows.put(Row(token, sealed, self._clock()))

    def reveal(self, token: str) -> Sensitive[str] | None:
        """The number, or None when nobody is kept under this token."""
        row = self._rows.find(token)
        return None if row is None else Sensitive(self._unsealed(row))

    def kept_before(self, when: datetime) -> frozenset[str]:
        """Tokens of everybody whose number was last keyed in before then."""
        return self._rows.kept_before(when.timestamp())

    def let_go(self, token: str) -> bool:
        """No record of this machine names them any more; whether there was anything."""
        return self._rows.let_go(token)

    def forget_person(self, token: str) -> bool:
        """Remove whoever this is, under the tokens of all keys; whether there was anybody."""
        number = self.reveal(token)
        mark = "" if number is None else self._mark(number.reveal())
        self._rows.forget(self.same_person(token) | {token}, mark)
        return number is not None

    def same_person(self, token: str) -> frozenset[str]:
        """All tokens of whoever this is, of all keys; none where nobody is kept."""
        number = self.reveal(token)
        if number is None:
            return frozenset()
        return frozenset(
            row.token for row in self._rows.all() if self._unsealed(row) == number.reveal()
        )

    def seal_anew(self) -> int:
        """Every row under the newest key; how many there are. VaultLocked: none is changed."""
        rows = list(self._rows.all())
        older = [row for row in rows if not self._is_newest(row)]
        self._rows.seal({row: self._sealed_anew(row) for row in older})
        return len(rows)

    def mark(self, row: Row) -> str:
        """By which a number is known that is forgotten; empty where the row cannot be read."""
        with suppress(VaultLocked):
            return self._mark(self._unsealed(row))
        return ""

    def _mark(self, number: str) -> str:
        message = f"forgotten\0{number}".encode()
        return hmac.new(self._marking, message, hashlib.sha256).hexdigest()

    def _is_newest(self, row: Row) -> bool:
        return _opened(self._ciphers[0], row) is not None

    def _sealed_anew(self, row: Row) -> bytes:
        return _sealed(self._ciphers[0], row.token, self._unsealed(row))

    def _unsealed(self, row: Row) -> str:
        """The number of a row, under the newest key or the one before."""
        for cipher in self._ciphers:
            number = _opened(cipher, row)
            if number is not None:
                return number
        raise VaultLocked(
            f"{self._rows} was written under another key, or changed: restore keys/vault.key"
        )


def _sealed(cipher: AESGCM, token: str, number: str) -> bytes:
    """A row: a nonce of its own, and the number bound to its token."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, number.encode(), token.encode())


def _opened(cipher: AESGCM, row: Row) -> str | None:
    nonce, sealed = row.sealed[:_NONCE_BYTES], row.sealed[_NONCE_BYTES:]
    try:
        return cipher.decrypt(nonce, sealed, row.token.encode()).decode()
    except InvalidTag:
        return None


def new_vault_key(folder: Path, *where: Path | Rows) -> int:
    """Seal every row anew, wherever they lie; how many. The key before stays till the next."""
    for rows in where:
        Vault(rows, Keys.load(folder)).seal_anew()  # no row may need what was the one before
    write(folder / VAULT_BEFORE, (folder / "vault.key").read_bytes(), mode=0o600)
    write(folder / "vault.key", secrets.token_bytes(_KEY_BYTES), mode=0o600)
    return max(Vault(rows, Keys.load(folder)).seal_anew() for rows in where)
