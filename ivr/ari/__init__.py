"""Asterisk's words and ours: nobody else knows its JSON and paths."""

from ivr.ari.client import Ari
from ivr.ari.errors import (
    AriError,
    ChannelGone,
    NotAuthorised,
    NotInStasis,
    Unreachable,
    WrongState,
)

__all__ = [
    "Ari",
    "AriError",
    "ChannelGone",
    "NotAuthorised",
    "NotInStasis",
    "Unreachable",
    "WrongState",
]
