"""Every prompt that the code speaks; a set that lacks one is refused before the first call.

A test compares this list with the sentences that stand in the dialogues and verbs.
"""

from __future__ import annotations

SPOKEN = (
    "account.empty",
    "account.help",
    "account.menu",
    "account.not_found",
    "account.readout",
    "account.several",
    "identity.ask",
    "identity.cleared",
    "identity.fifteen_pause",
    "identity.last_is_x",
    "identity.looking_up",
    "identity.missing",
    "identity.only18",
    "identity.wrong_length",
    "identity.wrong_number",
    "identity.wrong_number_again",
    "information.3",
    "information.4",
    "information.5",
    "line.apology",
    "line.being_prepared",
    "line.busy",
    "line.goodbye",
    "line.no_input",
    "line.no_match",
    "line.sorry_wait",
    "line.system_error",
    "line.too_many",
    "loan.empty",
    "loan.help",
    "loan.menu",
    "loan.not_found",
    "loan.readout",
    "loan.several",
    "main.greeting",
    "main.menu",
    "nav.replay_back_agent",
    "nav.replay_or_back",
)
