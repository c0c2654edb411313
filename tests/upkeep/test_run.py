"""What a newcomer is told, and what is refused before anything starts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from ivr.accounts.demo import PEOPLE
from ivr.config import AccountsSettings, Agent, AgentsSettings, Settings
from ivr.speech.contract import CONTRACT
from ivr.speech.prompts import Shelf
from ivr.speech.publications import MANIFEST
from ivr.upkeep.run import CannotRun, _prompts, how_to_call, only_one
from prompt_build import sets
from tests.speech.test_prompts import keep, publish, rename_a_slot, reword
from tests.textset import text_set


def told(settings: Settings, changes: Mapping[str, object]) -> str:
    return "\n".join(how_to_call(settings.model_copy(update=dict(changes))))


def started(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], str]:
    """What a start of the line does about prompts: programs that were run, and what was told."""
    ran: list[str] = []
    told: list[str] = []

    def recorded(command: Sequence[str], **_: object) -> SimpleNamespace:
        ran.append(" ".join(command))
        return SimpleNamespace(returncode=1)

    monkeypatch.setattr("ivr.upkeep.run.subprocess.run", recorded)
    _prompts(settings, told.append)
    return ran, "\n".join(told)


@pytest.fixture
def spoken(settings: Settings, tmp_path: Path) -> Settings:
    audio = tmp_path / "spoken"
    audio.mkdir()
    text_set.__wrapped__(audio)
    for entry in json.loads((audio / MANIFEST).read_text(encoding="utf-8"))["prompts"].values():
        made = audio / "clips" / entry["recipe"][:2] / f"{entry['recipe']}.json"
        made.parent.mkdir(parents=True, exist_ok=True)
        made.touch()
    return settings.model_copy(update={"audio": audio})


def test_a_start_publishes_no_draft(spoken: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer set was made and not published; the editor is in the middle of the next."""
    keep(spoken.audio, 7, reword("草稿。"))
    before = (spoken.audio / MANIFEST).read_bytes()
    ran, told = started(spoken, monkeypatch)
    assert ran == []
    assert (spoken.audio / MANIFEST).read_bytes() == before
    assert "ivr build-prompts" in told


def test_a_start_does_not_undo_a_rollback(
    spoken: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set 2 was taken back to set 1: it stays so however often the line starts."""
    keep(spoken.audio, 1, reword("一。"))
    keep(spoken.audio, 2, reword("二。"))
    for number in (1, 2, 1):
        sets.publish(spoken.audio, number, who="editor", why="test")
    for _ in range(2):
        ran, told = started(spoken, monkeypatch)
        assert ran == []
        assert "set 1" in told
    assert Shelf(spoken.audio, CONTRACT).current().number == 1


def test_a_start_with_a_refused_set_says_which_one_is_spoken(
    spoken: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(spoken.audio, 1, reword("一。"))
    publish(spoken.audio, rename_a_slot)
    ran, told = started(spoken, monkeypatch)
    assert ran == []
    assert "改播第 1 版" in told


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
