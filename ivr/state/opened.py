"""What a command or a page works on: the line's, which all nodes share, or this machine's own.

What the nodes share takes long to import, and one machine does not need it.
"""

from __future__ import annotations

from importlib import import_module

from ivr.config import Settings
from ivr.people.audit import Audit, Entry
from ivr.people.keys import Keys
from ivr.people.vault import Vault
from ivr.people.vault_file import FILE, Rows, VaultFile


def trail(settings: Settings) -> tuple[list[Entry], bool]:
    """The audit trail, in order, and whether it is that of all machines; AuditChanged."""
    if not settings.shares:
        return Audit.of(settings.home).entries(), True
    found: tuple[list[Entry], bool] = import_module("ivr.state.trail").entries(settings)
    return found


def vault(settings: Settings) -> Vault:
    """The vault of the line; VaultLocked where it cannot be asked just now."""
    return Vault(vault_rows(settings), Keys.load(settings.home / "keys"))


def vault_rows(settings: Settings) -> Rows:
    """Its rows."""
    if not settings.shares:
        return VaultFile(settings.home / FILE)
    rows: Rows = import_module("ivr.state.vault").LineRows(settings)
    return rows
