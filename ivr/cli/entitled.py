"""What only those entitled may see: each look stands in the audit trail before it is had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    from ivr.people.audit import Action
    from ivr.people.vault import Vault


def noted(action: Action, subject: str, reason: str) -> Vault:
    """The vault, once this look and its reason are written down."""
    from ivr.config import load
    from ivr.state import opened

    require_reason(reason)
    note(action, subject, reason)
    return opened.vault(load())


@contextmanager
def unlocked() -> Iterator[None]:
    """What the vault says that cannot be read, or reached, ends the command."""
    from ivr.people.vault import VaultLocked

    try:
        yield
    except VaultLocked as locked:
        raise CommandFailure(str(locked)) from locked


def require_reason(reason: str) -> None:
    """Refuses what nobody says a reason for."""
    if not reason.strip():
        raise CommandFailure("say why with --reason: it is kept in the audit trail", exit_code=2)


def note(action: Action, subject: str, reason: str = "") -> None:
    """Write down what the user of this command is about to do."""
    from ivr.config import starting
    from ivr.people.audit import Audit, AuditChanged, Entry
    from ivr.people.operator import operator_name

    entry = Entry(datetime.now(UTC), action, subject, operator_name(), reason)
    try:
        Audit.of(starting().home).note(entry)
    except AuditChanged as changed:
        raise CommandFailure(str(changed)) from changed
