"""Commands of the accounts room."""

from __future__ import annotations

import typer


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
