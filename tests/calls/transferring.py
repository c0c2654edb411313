"""What a call needs that only asks for an agent."""

from __future__ import annotations

from ivr.agents.switchboard import Switchboard
from ivr.calls.means import Means
from ivr.config import Settings
from ivr.limits.gate import Gate
from ivr.limits.limits import Limits
from ivr.people.keys import Keys
from ivr.people.tokens import Tokens
from ivr.records.facts import Fact
from tests.scripted import Clock


def means_of_a_transfer(settings: Settings, switchboard: Switchboard, facts: list[Fact]) -> Means:
    """Phones and a place for facts; no account is asked for and nothing is left."""
    return Means(
        settings=settings,
        accounts=None,  # type: ignore[arg-type]  nobody asks
        tokens=Tokens(Keys(b"k" * 32)),
        limits=Gate(Limits(settings.limits)),
        switchboard=switchboard,
        desk=None,  # type: ignore[arg-type]  nobody leaves anything
        note=facts.append,
        is_open=lambda: True,
        clock=Clock(),
    )
