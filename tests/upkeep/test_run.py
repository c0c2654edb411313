"""What a newcomer is told, and what is refused before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from ivr.accounts.demo import PEOPLE
from ivr.config import AccountsSettings, Agent, AgentsSettings, Settings
from ivr.upkeep.run import CannotRun, how_to_call, only_one


def told(settings: Settings, changes: Mapping[str, object]) -> str:
    return "\n".join(how_to_call(settings.model_copy(update=dict(changes))))


def test_how_to_call_names_all_that_a_softphone_needs(settings: Settings) -> None:
    text = told(settings, {"sip_host": "127.0.0.1", "sip_port": 5070, "http_port": 8330})
    assert "sip:12329@127.0.0.1:5070" in text
    assert "http://127.0.0.1:8330/healthz" in text
    assert all(person.id_number in text for person in PEOPLE)
    assert all(phone.extension in text for phone in settings.agents.phones)


def test_no_demo_numbers_beside_a_real_database(settings: Settings) -> None:
    real = AccountsSettings(url=SecretStr("postgresql+asyncpg://u:p@db/accounts"))
    text = told(settings, {"accounts": real})
    assert "演示" not in text
    assert PEOPLE[0].id_number not in text


def test_passwords_are_not_shown(settings: Settings) -> None:
    agent = Agent(name="甲", extension="7001", password=SecretStr("of-our-own"))
    text = told(settings, {"agents": AgentsSettings(phones=(*settings.agents.phones, agent))})
    made = [path.read_text() for path in Path(settings.home).rglob("*.secret")]
    assert len(made) == 2
    assert not any(password in text for password in [*made, "of-our-own"])


def test_a_home_folder_serves_one_line(settings: Settings) -> None:
    with only_one(settings), pytest.raises(CannotRun, match="runs in"), only_one(settings):
        pass
    with only_one(settings):
        assert (settings.home / "run.lock").exists()
