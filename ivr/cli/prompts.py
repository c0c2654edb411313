"""Commands of the prompts room."""

from __future__ import annotations

import typer


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
