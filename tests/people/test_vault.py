"""The vault: gives a number back to those entitled, shows nothing at rest, can forget."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ivr.people.identity import IdNumber, parse
from ivr.people.keys import Keys, new_tokens_key
from ivr.people.sensitive import Sensitive
from ivr.people.tokens import Tokens
from ivr.people.vault import Vault, VaultLocked, new_vault_key

LONG, SHORT = "11010519491231002X", "110105491231002"


def number(keyed: str) -> IdNumber:
    parsed = parse(keyed)
    assert isinstance(parsed, IdNumber)
    return parsed


def vault(path: Path, key: bytes = b"v" * 32) -> Vault:
    return Vault(path / "vault.sqlite", Keys(b"k" * 32, key))


def test_the_vault_gives_the_number_back_until_it_is_forgotten(tmp_path: Path) -> None:
    kept = vault(tmp_path)
    kept.keep("token", Sensitive(LONG))
    revealed = vault(tmp_path).reveal("token")
    assert revealed is not None
    assert revealed.reveal() == LONG
    assert kept.let_go("token")
    assert kept.reveal("token") is None
    assert not kept.let_go("token")


def test_the_vault_shows_no_number_at_rest_and_lets_nobody_else_read(tmp_path: Path) -> None:
    vault(tmp_path).keep("token", Sensitive(LONG))
    assert LONG.encode() not in (tmp_path / "vault.sqlite").read_bytes()
    assert (tmp_path / "vault.sqlite").stat().st_mode & 0o777 == 0o600


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    vault(tmp_path).keep("token", Sensitive(LONG))
    with pytest.raises(VaultLocked, match=r"restore keys/vault\.key"):
        vault(tmp_path, b"w" * 32).reveal("token")


def test_rows_of_the_vault_cannot_be_exchanged(tmp_path: Path) -> None:
    vault(tmp_path).keep("token", Sensitive(LONG))
    rows = sqlite3.connect(tmp_path / "vault.sqlite")
    with rows:
        rows.execute("UPDATE person SET token = 'other'")
    rows.close()
    with pytest.raises(VaultLocked):
        vault(tmp_path).reveal("other")


# --- rotation ---------------------------------------------------------------------------------


def opened(folder: Path) -> Vault:
    return Vault(folder / "vault.sqlite", Keys.load(folder / "keys"))


def revealed(kept: Vault, token: str) -> str | None:
    number = kept.reveal(token)
    return None if number is None else number.reveal()


def test_older_tokens_lead_to_their_people_after_the_tokens_key_is_renewed(tmp_path: Path) -> None:
    before = Tokens(Keys.load(tmp_path / "keys")).person(number(LONG))
    opened(tmp_path).keep(before, Sensitive(LONG))
    new_tokens_key(tmp_path / "keys")
    after = Tokens(Keys.load(tmp_path / "keys")).person(number(LONG))
    assert after != before
    opened(tmp_path).keep(after, Sensitive(LONG))
    assert revealed(opened(tmp_path), before) == revealed(opened(tmp_path), after) == LONG


def test_forgetting_a_person_forgets_the_tokens_of_all_keys_and_nobody_else(
    tmp_path: Path,
) -> None:
    kept = opened(tmp_path)
    for token, whose in (("old", LONG), ("new", LONG), ("other", "110105194912310038")):
        kept.keep(token, Sensitive(whose))
    assert kept.forget_person("new")
    assert [revealed(kept, token) for token in ("old", "new", "other")] == [
        None,
        None,
        "110105194912310038",
    ]


def test_a_renewed_vault_key_opens_everything_and_the_leaked_one_nothing(tmp_path: Path) -> None:
    leaked = Keys.load(tmp_path / "keys")
    opened(tmp_path).keep("t1", Sensitive(LONG))
    assert new_vault_key(tmp_path / "keys", tmp_path / "vault.sqlite") == 1
    assert revealed(opened(tmp_path), "t1") == LONG
    with pytest.raises(VaultLocked):
        Vault(tmp_path / "vault.sqlite", leaked).reveal("t1")


def test_a_service_that_was_not_restarted_loses_nobody(tmp_path: Path) -> None:
    running = opened(tmp_path)
    for n in range(3):
        new_vault_key(tmp_path / "keys", tmp_path / "vault.sqlite")
        if n == 0:
            running.keep("meanwhile", Sensitive(LONG))
        assert revealed(opened(tmp_path), "meanwhile") == LONG


@pytest.mark.parametrize("lost", ["vault.key", "vault.before.key"])
def test_a_rotation_that_is_killed_midway_can_be_done_again(tmp_path: Path, lost: str) -> None:
    """Killed before any row was sealed anew, and before even the new key was there."""
    opened(tmp_path).keep("t1", Sensitive(LONG))
    keys = tmp_path / "keys"
    (keys / "vault.key").replace(keys / "vault.before.key")
    if lost == "vault.before.key":
        Keys.load(keys)
    assert revealed(opened(tmp_path), "t1") == LONG
    assert new_vault_key(keys, tmp_path / "vault.sqlite") == 1
    assert revealed(opened(tmp_path), "t1") == LONG
