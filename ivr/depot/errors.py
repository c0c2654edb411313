"""How a depot fails."""

from __future__ import annotations


class DepotAway(Exception):
    """It cannot be reached, or refuses; says so in words."""


class NotThere(LookupError):
    """Nothing has this name."""
