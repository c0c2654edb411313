"""The line's secret keys, each in a file of its own, apart from the data."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ivr.config import SettingsError
from ivr.records.durable import write

KEYS = ("tokens.key", "vault.key", "audit.key")
"""The files of the keys."""
SEALING = "cases.key"
"""Made with them, or when a line of before them starts anew: it may lack until then."""
GIVEN = "given"
"""A file beside them: several machines have these keys, so that none is ever made here."""
VAULT_BEFORE = "vault.before.key"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Keys:
    """What is in the files, which only this user reads (mode 0600)."""

    tokens: bytes = field(repr=False)
    vault: bytes = field(default=b"", repr=False)
    audit: bytes = field(default=b"", repr=False)
    cases: bytes = field(default=b"", repr=False)
    """Seals what is enclosed with cases; it is not renewed, or that could not be read any more."""
    vault_before: bytes = field(default=b"", repr=False)
    """The vault's key before the last rotation; a service that has not been restarted uses it."""

    def fingerprints(self) -> Mapping[str, str]:
        """By which machines see that their keys are the same; they tell nothing of the keys."""
        kept = zip((*KEYS, SEALING), (self.tokens, self.vault, self.audit, self.cases), strict=True)
        return {
            name: hashlib.sha256(f"{name} of 12329\0".encode() + key).hexdigest()[:16]
            for name, key in kept
        }

    @classmethod
    def load(cls, folder: Path) -> Keys:
        """The keys in `folder`, made at first start unless they are given (GIVEN).

        SettingsError when others may read them, and where a given one is not there.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            raise SettingsError(f"{folder} can be entered by others: chmod 700 it")
        before = folder / VAULT_BEFORE
        kept = _existing if (folder / GIVEN).exists() else _key
        tokens, vault, audit, sealing = (kept(folder / name) for name in (*KEYS, SEALING))
        return cls(tokens, vault, audit, sealing, _existing(before) if before.exists() else b"")


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
    if not path.exists():
        raise SettingsError(
            f"没有钥匙 {path}：从别的节点安全地拷来（整个 keys 文件夹，600），不要另做 · the key is"
            " given, never made: copy it from another node"
        )
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"{path} can be read by others: chmod 600 it")
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise SettingsError(f"{path} is damaged: restore it from its backup")
    return key


def new_tokens_key(folder: Path) -> None:
    """From the service's next start on, people and callers have new tokens.

    The vault still knows whose the older ones are: it needs no key of tokens for that.
    """
    write(folder / "tokens.key", secrets.token_bytes(_KEY_BYTES), mode=0o600)
