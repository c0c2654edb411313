"""Every way in which a private value could get out by accident, and the one way it is meant to."""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from ivr.accounts import Found, Fund, Loan
from ivr.ari.events import Channel, DtmfReceived, event_of
from ivr.calls.call import Trail
from ivr.calls.inbox import Key
from ivr.calls.keypad import Complete, Typing
from ivr.config import PROJECT, AccountsSettings, Agent, Settings
from ivr.people.identity import parse
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.speech.prompts import PromptSet, sentence

ID = "11010519491231002X"
PRIVATE = Sensitive(ID)


@dataclass(frozen=True)
class Holder:
    value: Sensitive[str] = PRIVATE


def test_reveal_is_the_way_out() -> None:
    assert PRIVATE.reveal() == ID
    assert Sensitive(Decimal("1.50")).reveal() == Decimal("1.50")


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        lambda value: "%s %r" % (value, value),  # noqa: UP031  this too must not show it
        lambda value: repr([value, {value: value}]),
        lambda value: repr(Holder(value)),
        lambda value: str(ValueError(value)),
        lambda value: repr(dir(value)),
    ],
)
def test_what_shows_things_shows_nothing_of_it(show: Callable[[object], str]) -> None:
    assert ID not in show(PRIVATE)


@pytest.mark.parametrize(
    "leak",
    [
        lambda value: f"{value}",
        lambda value: f"{value:>20}",
        "{}".format,
        format,
        json.dumps,
        lambda value: json.dumps({"id": value}),
        lambda value: "".join([value]),
        lambda value: "ID " + value,
        len,
        iter,
        bytes,
        vars,
        copy.copy,
        copy.deepcopy,
        lambda value: asdict(Holder(value)),
        lambda value: astuple(Holder(value)),
        *(lambda value, n=n: pickle.dumps(value, n) for n in range(pickle.HIGHEST_PROTOCOL + 1)),
    ],
)
def test_what_writes_things_out_fails(leak: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError) as refused:
        leak(PRIVATE)
    assert ID not in str(refused.value)


def failing(value: object) -> None:
    raise ValueError("failed with", value)


def test_logs_and_tracebacks_show_nothing_of_it(caplog: pytest.LogCaptureFixture) -> None:
    try:
        failing(PRIVATE)
    except ValueError:
        logging.getLogger("test").exception("%s %r", PRIVATE, Holder())
        told = traceback.format_exc()
    assert "Sensitive(***)" in caplog.text
    assert ID not in caplog.text + told


def test_equal_values_are_equal_and_no_plain_value_is() -> None:
    assert Sensitive(ID) == PRIVATE
    assert hash(Sensitive(ID)) == hash(PRIVATE)
    assert Sensitive("other") != PRIVATE
    assert PRIVATE != ID


def test_everything_that_carries_private_values_is_silent_about_them(
    prompt_set: PromptSet,
) -> None:
    """From the key pad to the query, and from the answer to the ear."""
    balance = Sensitive(Decimal("100500.05"))
    dtmf = {"type": "ChannelDtmfReceived", "channel": {"id": "c"}, "digit": "7"}
    channel = {"id": "c", "state": "Up", "name": "PJSIP/x", "caller": {"number": "13800138000"}}
    start = {
        "type": "StasisStart",
        "channel": {**channel, "creationtime": "2026-11-25T10:00:00.000+0800"},
        "args": [],
    }
    values = {"id": PRIVATE, "paid_to": "2026-10", "monthly_deposit": balance, "balance": balance}
    carriers = [
        event_of(dtmf),
        event_of(start),
        Key("7", 0.0),
        Typing(ID[:-1]),
        Complete(ID),
        parse(ID),
        Found(Fund("2026-10", balance, balance)),
        Found(Loan(20, 1, balance)),
        Fund("2026-10", balance, balance),
        Loan(20, 1, balance),
        sentence("account.readout", **values),
        prompt_set.utterance(sentence("account.readout", **values)),
        Trail("s", tail=Sensitive(ID[-4:])),
        Keys(b"k" * 32),
    ]
    assert isinstance(carriers[0], DtmfReceived)
    assert isinstance(getattr(carriers[1], "channel", None), Channel)
    shown = repr(carriers)
    for private in (ID, ID[-4:], "13800138000", "100500", "'7'", "kkk", "十万零五百"):
        assert private not in shown


def test_settings_show_no_password(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path,
        ari_password=SecretStr("ari-secret"),
        accounts=AccountsSettings(url=SecretStr("postgresql+psycopg://u:db-secret@h/d")),
    )
    agent = Agent(name="甲", extension="7001", password=SecretStr("sip-secret"))
    shown = f"{settings!r} {settings} {settings.model_dump_json()} {agent!r}"
    assert "secret" not in shown.replace("ari_secret", "")


def test_the_type_checker_refuses_to_take_it_for_text(tmp_path: Path) -> None:
    misuses = [
        "plain: str = private",
        "'ID ' + private",
        "len(private)",
        "''.join([private])",
        "needs_text(private)",
        "private[-4:]",
    ]
    head = (
        "from ivr.people.sensitive import Sensitive\n"
        "def needs_text(text: str) -> None: ...\n"
        "def misuse(private: Sensitive[str]) -> None:\n"
    )
    module = tmp_path / "misuse.py"
    module.write_text(head + "".join(f"    {misuse}\n" for misuse in misuses))
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", str(module)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(PROJECT)},
    )
    for line, misuse in enumerate(misuses, start=4):
        assert f"misuse.py:{line}: error" in checked.stdout, f"{misuse} passes: {checked.stdout}"


REVEALED = {
    "ivr/accounts/database.py": "an ID becomes the query's parameter",
    "ivr/accounts/passwords.py": "a password is hashed and matched",
    "ivr/ari/client.py": "a caller's number goes to the agent's telephone",
    "ivr/ari/exchange.py": "the same",
    "ivr/calls/call.py": "the tail of an ID goes to the agent's screen",
    "ivr/cli/accounts.py": "`ivr accounts show --reveal`",
    "ivr/cli/users.py": "a one-time password, for whoever made the user",
    "ivr/cli/line.py": "the first administrator's one-time password, on the terminal of `ivr run`",
    "console/users.py": "a password that is to be chosen, measured against the rules",
    "console/pages/users.py": "a one-time password, shown once to the administrator who asked",
    "console/pages/password.py": "whether a password was typed twice alike, and is another one",
    "ivr/agents/wishes.py": "who wishes to be called back is sealed, and one number has one wish",
    "ivr/ari/outward.py": "a number is dialled",
    "ivr/calls/calling_back.py": "a number that was keyed and confirmed becomes a token",
    "ivr/calls/pins.py": "an agent's six digits are hashed and matched",
    "ivr/calls/transfer.py": "whether who waits is 65 or older",
    "ivr/cases/enquiries.py": "the last four digits of a number are compared with those keyed",
    "ivr/dialling/dialler.py": "a number becomes a token",
    "ivr/dialling/numbers.py": "whether a number may be dialled",
    "ivr/dialogues/attendance.py": "an agent's key stands for a reason",
    "ivr/recordings/desk.py": "a caller's number becomes a token",
    "console/authenticator.py": "the secret of a second factor, to show it and to match",
    "console/pages/hearing.py": "who left a case, for the entitled, noted on the audit trail",
    "ivr/cli/feedback.py": "`ivr survey --voters`, noted on the audit trail",
    "ivr/cli/people.py": "the same",
    "ivr/line/handling.py": "the agent who talks to somebody sees the tail of their number",
    "ivr/line/hotline.py": "a key enters the call's inbox",
    "ivr/line/reception.py": "a caller's number becomes a token",
    "ivr/line/signalling.py": "a key by INFO waits to be matched with ARI's word of it",
    "ivr/probe/course.py": "the test number is pressed",
    "ivr/probe/probing.py": "it becomes keys",
    "ivr/people/identity.py": "a number's tail",
    "ivr/people/tokens.py": "an ID becomes a token",
    "ivr/people/vault.py": "a number is sealed",
    "ivr/speech/prompts.py": "a value becomes clips",
    "ivr/people/sensitive.py": "two values are compared",
}
"""Every module that sees private values in plain, and what for."""


def test_private_values_are_seen_in_these_places_only() -> None:
    seen = {
        str(path.relative_to(PROJECT))
        for room in ("ivr", "analytics", "prompt_build", "console")
        for path in (PROJECT / room).rglob("*.py")
        if ".reveal()" in path.read_text(encoding="utf-8")
    }
    assert seen - REVEALED.keys() == set(), "say above why this place may see private values"
