"""Keys: made once, read by this user only, shown nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.config import SettingsError
from ivr.people.keys import Keys


def test_keys_are_made_once_and_only_for_this_user(tmp_path: Path) -> None:
    keys = Keys.load(tmp_path / "keys")
    assert Keys.load(tmp_path / "keys") == keys
    assert keys.tokens != keys.vault
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in (tmp_path / "keys").iterdir()} == {0o600}


@pytest.mark.parametrize(("name", "mode"), [("tokens.key", 0o640), ("vault.key", 0o604)])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, name: str, mode: int) -> None:
    Keys.load(tmp_path / "keys")
    (tmp_path / "keys" / name).chmod(mode)
    with pytest.raises(SettingsError, match="chmod 600"):
        Keys.load(tmp_path / "keys")


def test_a_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o755)
    with pytest.raises(SettingsError, match="chmod 700"):
        Keys.load(tmp_path / "keys")


def test_a_damaged_key_is_refused(tmp_path: Path) -> None:
    Keys.load(tmp_path / "keys")
    (tmp_path / "keys" / "tokens.key").write_bytes(b"short")
    with pytest.raises(SettingsError, match="damaged"):
        Keys.load(tmp_path / "keys")


def test_keys_show_nothing_of_themselves(tmp_path: Path) -> None:
    assert repr(Keys.load(tmp_path / "keys")) == "Keys()"
