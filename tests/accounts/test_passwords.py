"""Query passwords: hashed, matched in a real database, and never an oracle for who has one."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from ivr.accounts import RightPassword, Unavailable, WrongPassword
from ivr.accounts.database import open_accounts
from ivr.accounts.demo import PASSWORD as DEMO_PASSWORD
from ivr.accounts.exports import PASSWORD, ImportRefused, import_exports
from ivr.accounts.passwords import NoHash, hashed, matches
from ivr.config import AccountsSettings, Settings
from ivr.people.identity import IdNumber, parse
from ivr.people.sensitive import Sensitive

LONG, SHORT = "990101199001010019", "990101900101001"


def answer(settings: Settings, keyed: str, entered: str) -> object:
    number = parse(keyed)
    assert isinstance(number, IdNumber)

    async def story() -> object:
        async with open_accounts(settings) as accounts:
            return await accounts.password(number, Sensitive(entered))

    return asyncio.run(story())


def test_a_hash_matches_its_password_only_and_shows_nothing_of_it() -> None:
    kept = hashed(Sensitive("246810"))
    assert kept.startswith("$argon2id$")
    assert "246810" not in kept
    assert matches(kept, Sensitive("246810"))
    assert not matches(kept, Sensitive("246811"))
    assert kept != hashed(Sensitive("246810")), "the same password must not look the same"


def test_who_has_no_password_matches_none() -> None:
    assert not matches(None, Sensitive("246810"))


def test_what_is_no_hash_is_a_fault() -> None:
    with pytest.raises(NoHash):
        matches("246810", Sensitive("246810"))


@pytest.mark.parametrize("keyed", [LONG, SHORT])
def test_right_and_wrong_under_either_form_of_the_number(
    demo_settings: Settings, keyed: str
) -> None:
    assert answer(demo_settings, keyed, DEMO_PASSWORD) == RightPassword()
    assert answer(demo_settings, keyed, "000000") == WrongPassword()


def test_nobodys_and_an_ambiguous_password_are_wrong(demo_settings: Settings) -> None:
    assert answer(demo_settings, "440524188001010014", DEMO_PASSWORD) == WrongPassword()
    database = sqlite3.connect(demo_settings.home / "accounts.sqlite")
    with database:
        other = hashed(Sensitive("000000"))
        database.execute("INSERT INTO query_password VALUES (?, ?)", [LONG, other])
    database.close()
    assert answer(demo_settings, LONG, DEMO_PASSWORD) == WrongPassword()


def test_a_password_kept_in_plain_is_unavailable_and_told_to_the_operator_only(
    demo_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    plain = AccountsSettings(password_query="SELECT '135790' AS hash WHERE :id18 <> :id15 || '-'")
    outcome = answer(demo_settings.model_copy(update={"accounts": plain}), LONG, "135790")
    assert outcome == Unavailable("hash is no Argon2 hash", answered=True)
    assert "135790" not in caplog.text


def test_passwords_are_imported_hashed(demo_settings: Settings, tmp_path: Path) -> None:
    kept = hashed(Sensitive("111111"))
    export = tmp_path / "passwords.csv"
    export.write_text(f'id_number,password\n{LONG},246810\n990102200012120127,"{kept}"\n')
    database = demo_settings.home / "accounts.sqlite"
    (imported,) = import_exports(database, [(PASSWORD, export)])
    assert imported.rows == 2
    assert answer(demo_settings, LONG, "246810") == RightPassword()
    assert answer(demo_settings, "990102200012120127", "111111") == RightPassword()
    assert b"246810" not in database.read_bytes()


@pytest.mark.parametrize("password", ["12345", "1234567", "abcdef", "", "$argon2i$x"])
def test_what_is_no_password_is_refused_without_being_shown(tmp_path: Path, password: str) -> None:
    export = tmp_path / "passwords.csv"
    export.write_text(f"id_number,password\n{LONG},{password}\n")
    with pytest.raises(ImportRefused, match="既不是 6 位数字，也不是 Argon2id 散列") as refused:
        import_exports(tmp_path / "accounts.sqlite", [(PASSWORD, export)])
    assert not password or password not in str(refused.value)
