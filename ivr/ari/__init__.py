"""Asterisk's words and ours: nobody else knows its JSON and paths."""

from ivr.ari.client import Ari
from ivr.ari.errors import AriError, ChannelGone, LinkLost, NotAuthorised, NotInStasis, WrongState

__all__ = [
    "Ari",
    "AriError",
    "ChannelGone",
    "LinkLost",
    "NotAuthorised",
    "NotInStasis",
    "WrongState",
]
