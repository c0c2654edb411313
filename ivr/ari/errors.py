"""What can go wrong between us and Asterisk, by meaning and not by status code."""

from __future__ import annotations


class AriError(Exception):
    """Asterisk refused a command for a reason that is a fault of ours or of its configuration."""


class ChannelGone(AriError):
    """The caller, or what was asked for, is not there any more: a normal end, not an error."""


class NotInStasis(ChannelGone):
    """The channel has left the application; for us that is the same as gone."""


class WrongState(ChannelGone):
    """The channel is in no state for this command (Asterisk is taking it down, most often)."""


class BridgeGone(AriError):
    """Somebody else took the bridge away; caller and agent may well be there."""


class Unreachable(AriError):
    """Asterisk cannot be reached: the calls it carries are out of our hands until it can."""


class NotAuthorised(AriError):
    """User name or password are not those of ari.conf."""
