"""Tokens: the same for the same person, and comparable with nothing else."""

from __future__ import annotations

from ivr.people.identity import IdNumber, parse
from ivr.people.keys import Keys
from ivr.people.tokens import Tokens

LONG, SHORT = "11010519491231002X", "110105491231002"


def number(keyed: str) -> IdNumber:
    parsed = parse(keyed)
    assert isinstance(parsed, IdNumber)
    return parsed


def test_a_person_has_one_token_whichever_number_is_keyed() -> None:
    tokens = Tokens(Keys(b"k" * 32))
    assert tokens.person(number(SHORT)) == tokens.person(number(LONG))


def test_tokens_of_other_purposes_and_other_keys_differ() -> None:
    tokens, others = Tokens(Keys(b"k" * 32)), Tokens(Keys(b"o" * 32))
    assert tokens.person(number(LONG)) != tokens.caller(LONG)
    assert tokens.caller("13800000000") != others.caller("13800000000")
