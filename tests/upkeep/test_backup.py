"""A backup is whole while others write, names nobody, and leads back to the same line."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tarfile
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.accounts.demo import make_demo
from ivr.cases.numbers import numbered
from ivr.config import PROJECT, Settings, load
from ivr.lifecycle.setting import by, change
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.vault import Vault
from ivr.recordings.numbering import SINCE_BACKUP, Numbers
from ivr.upkeep.backup import _MADE_AGAIN, BackupRefused, _extract, back_up, restore
from ivr.upkeep.resting import StillRunning, at_rest
from ivr.upkeep.run import only_one

NOW = datetime(2026, 11, 27, 4, 0, tzinfo=UTC)
PHRASE = "correct horse"
NUMBER = "990101199001010019"


@pytest.fixture
def line(tmp_path: Path) -> Settings:
    """A home folder with something of everything."""
    home = tmp_path / "home"
    make_demo(home / "accounts.sqlite")
    Vault(home / "vault.sqlite", Keys.load(home / "keys")).keep("token", Sensitive(NUMBER))
    for name, content in {
        "settings.toml": 'node = "node-7"\n[recordings]\nfolder = "FOLDER"\n',
        "words.zh.toml": "",
        "words.base.json": "{}",
        "studio/再会.wav": "goodbye",
        "spool/facts-1.jsonl": '{"fact": "x"}\n',
        "facts/pub/parquet/files.json": "[]",
        "facts/pub/parquet/1.parquet": "p",
        "facts/private.duckdb": "made again",
        "asterisk/ari.secret": "ari",
        "asterisk/agents/6001.secret": "phone",
        "asterisk/etc/pjsip.conf": "made again",
        "log/service.log": "old news",
        "audit.jsonl": "{}\n",
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(content.replace("FOLDER", str(tmp_path / "voice")))
    (tmp_path / "voice/2026-11-26").mkdir(parents=True)
    (tmp_path / "voice/2026-11-26/a.wav").write_text("hear, hear")
    audio = tmp_path / "audio"
    (audio / "clips").mkdir(parents=True)
    (audio / "clips/1.alaw").write_text("sound")
    (audio / "clips/0.alaw").write_text("of an older set")
    manifest = {"prompts": {"a": {"files": {"alaw": "clips/1.alaw"}}}}
    (audio / "manifest.json").write_text(json.dumps(manifest))
    recordings = {"folder": tmp_path / "voice"}
    return Settings(home=home, audio=audio, recordings=recordings, node="node-7")  # type: ignore[arg-type]


def names(data: Path) -> set[str]:
    with tarfile.open(data) as archive:
        return set(archive.getnames())


def test_it_holds_what_cannot_be_made_again_and_no_key(line: Settings, tmp_path: Path) -> None:
    data, keys = tmp_path / "b.tar", tmp_path / "b.keys"
    back_up(line, data, keys, PHRASE, NOW)
    assert names(data) == {
        "backup.json", "SHA256SUMS", "catalog/scripts.zh.toml",
        "home/accounts.sqlite", "home/vault.sqlite", "home/settings.toml", "home/words.zh.toml",
        "home/words.base.json", "home/studio/再会.wav",
        "home/spool/facts-1.jsonl", "home/facts/pub/parquet/files.json",
        "home/facts/pub/parquet/1.parquet", "home/audit.jsonl",
        "recordings/2026-11-26/a.wav", "audio/manifest.json", "audio/clips/1.alaw",
    }  # fmt: skip
    secret = (line.home / "keys" / "vault.key").read_bytes()
    assert secret not in data.read_bytes() + keys.read_bytes()
    assert NUMBER.encode() not in keys.read_bytes()
    assert {data.stat().st_mode & 0o777, keys.stat().st_mode & 0o777} == {0o600}


OTHERS = {
    "settings/000001.json": '{"content": {}}',
    "announcements/announcements.json": "[]",
    "announcements/a1.alaw": "sound",
    "reports/领导/日报-2026-11-26.html": "<p>",
    "cases.sqlite": None,
    "users.sqlite": None,
    "questions.sqlite": None,
    "schedules.sqlite": None,
    "locks.jsonl": "{}",
    "alarms/history.jsonl": "{}",
    "tls/console.pem": "PEM",
    "something-of-tomorrow/deep/down.json": "kept, since nobody has named it",
}
"""What other parts of the line keep, or will keep, under the home folder."""
LEFT_OUT = {"asterisk", "log", "cache", "fetched", "generated_audio", "keys", "state"}
"""Made again at a start, in the second file, or one machine's: named here and in the program."""


def test_all_that_anybody_keeps_at_home_is_in_it_unless_it_is_named_as_left_out(
    line: Settings, tmp_path: Path
) -> None:
    """A folder that another part of the line begins to use is in the backup by itself."""
    for name, content in OTHERS.items():
        path = line.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            with sqlite3.connect(path) as rows:
                rows.execute("CREATE TABLE kept (what TEXT)")
        else:
            path.write_text(content)
    (line.home / "state").mkdir()
    (line.home / "state" / "machine").write_text("which one of the nodes this is")
    back_up(line, tmp_path / "b.tar", tmp_path / "b.keys", PHRASE, NOW)
    kept = names(tmp_path / "b.tar")
    assert {f"home/{name}" for name in OTHERS} <= kept
    folders = {path.name for path in line.home.iterdir() if path.is_dir()}
    held = {name.split("/")[1] for name in kept if name.startswith("home/")}
    assert folders - held == LEFT_OUT & folders
    assert {each.partition("/")[0] for each in _MADE_AGAIN} - {"facts"} == LEFT_OUT


def test_settings_and_announcements_come_back_as_they_were(
    line: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = by("管", "国庆", NOW)
    change(line, lambda _: {"limits": {"calls": 77}}, made=made)
    sound = line.home / "announcements" / "a1.alaw"
    sound.parent.mkdir()
    sound.write_bytes(b"sound")
    back_up(line, tmp_path / "b.tar", tmp_path / "b.keys", PHRASE, NOW)
    new = tmp_path / "new"
    monkeypatch.setenv("IVR_HOME", str(new))
    monkeypatch.setenv("IVR_AUDIO", str(tmp_path / "new audio"))
    monkeypatch.delenv("IVR_SETTINGS", raising=False)
    restore(new, tmp_path / "b.tar", tmp_path / "b.keys", PHRASE, NOW)
    assert load().limits.calls == 77
    assert (new / "announcements" / "a1.alaw").read_bytes() == b"sound"


def test_the_way_back_leads_to_the_same_line(
    line: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, keys = tmp_path / "b.tar", tmp_path / "b.keys"
    back_up(line, data, keys, PHRASE, NOW)
    new = tmp_path / "new"
    monkeypatch.setenv("IVR_HOME", str(new))
    monkeypatch.setenv("IVR_AUDIO", str(tmp_path / "new audio"))
    monkeypatch.delenv("IVR_SETTINGS", raising=False)
    (tmp_path / "voice/2026-11-26/a.wav").unlink()
    assert restore(new, data, keys, PHRASE, NOW) == []
    number = Vault(new / "vault.sqlite", Keys.load(new / "keys")).reveal("token")
    assert number is not None
    assert number.reveal() == NUMBER
    assert (new / "asterisk/agents/6001.secret").read_text() == "phone"
    assert (tmp_path / "voice/2026-11-26/a.wav").read_text() == "hear, hear"
    assert (tmp_path / "new audio/clips/1.alaw").read_text() == "sound"
    assert not [path for path in new.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]


WORDS = """
[prompts.line]
goodbye = { recorded = "studio/再会.wav" }
[prompts.main.menu]
text = "欢迎"
  recorded = 'menu.wav'
"""


def test_a_citys_words_that_lie_elsewhere_come_back_with_all_that_stands_beside_them(
    line: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they were laid over, too: else nobody is told what a new version changed underneath."""
    beside = {"words.zh.toml": WORDS, "words.base.json": '{"of": "theirs"}',
              "studio/再会.wav": "goodbye", "menu.wav": "menu"}  # fmt: skip
    city = tmp_path / "city"
    for name, content in beside.items():
        (city / name).parent.mkdir(parents=True, exist_ok=True)
        (city / name).write_text(content)
    (city / "unused.wav").write_text("nobody plays it")
    data, keys = tmp_path / "b.tar", tmp_path / "b.keys"
    back_up(line.model_copy(update={"words": city / "words.zh.toml"}), data, keys, PHRASE, NOW)
    shutil.rmtree(city)
    monkeypatch.setenv("IVR_HOME", str(tmp_path / "new"))
    monkeypatch.setenv("IVR_AUDIO", str(tmp_path / "new audio"))
    monkeypatch.setenv("IVR_WORDS", str(city / "words.zh.toml"))
    assert restore(tmp_path / "new", data, keys, PHRASE, NOW) == []
    back = {f.relative_to(city).as_posix(): f.read_text() for f in city.rglob("*") if f.is_file()}
    assert back == beside


@pytest.mark.parametrize("words", ["", "[line\ngoodbye = ", 'recorded = "/etc/hostname"',
                                   'recorded = "../home/settings.toml"'])  # fmt: skip
def test_words_that_cannot_be_read_or_lead_away_are_kept_alone(
    line: Settings, tmp_path: Path, words: str
) -> None:
    (tmp_path / "city").mkdir()
    (tmp_path / "city" / "words.zh.toml").write_text(words)
    settings = line.model_copy(update={"words": tmp_path / "city" / "words.zh.toml"})
    back_up(settings, tmp_path / "b.tar", tmp_path / "b.keys", PHRASE, NOW)
    held = {name for name in names(tmp_path / "b.tar") if name.startswith("words")}
    assert held == {"words/words.zh.toml"}


@pytest.mark.parametrize("is_disk_lost", [True, False])
def test_no_number_is_given_again(
    line: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_disk_lost: bool
) -> None:
    """Callers have been told numbers that the backup does not know."""
    data, keys, numbers = tmp_path / "b.tar", tmp_path / "b.keys", Numbers.of(line)
    known = {numbers.next() for _ in range(3)}
    back_up(line, data, keys, PHRASE, NOW)
    numbers.put_back(5000)
    told = known | {numbers.next() for _ in range(3)}
    home = tmp_path / "new" if is_disk_lost else line.home
    monkeypatch.setenv("IVR_HOME", str(home))
    monkeypatch.setenv("IVR_AUDIO", str(line.audio))
    monkeypatch.delenv("IVR_SETTINGS", raising=False)
    restore(home, data, keys, PHRASE, NOW)
    new = Numbers.of(load()).next()
    assert new not in told
    assert new == numbered(7, 3 + SINCE_BACKUP + 1 if is_disk_lost else 5004)


def test_what_was_there_is_moved_aside(
    line: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, keys = tmp_path / "b.tar", tmp_path / "b.keys"
    back_up(line, data, keys, PHRASE, NOW)
    monkeypatch.setenv("IVR_HOME", str(line.home))
    monkeypatch.setenv("IVR_AUDIO", str(line.audio))
    (line.home / "audit.jsonl").write_text("newer")
    (told,) = restore(line.home, data, keys, PHRASE, NOW)
    aside = line.home / "before-restore-20261127-040000"
    assert str(aside) in told
    assert (aside / "audit.jsonl").read_text() == "newer"
    assert (line.home / "audit.jsonl").read_text() == "{}\n"


@pytest.mark.parametrize("what", ["phrase", "keys", "short", "changed", "absent"])
def test_what_is_wrong_changes_nothing(
    line: Settings, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, keys = tmp_path / "b.tar", tmp_path / "b.keys"
    back_up(line, data, keys, PHRASE, NOW)
    content = data.read_bytes()
    match what:
        case "keys":
            keys.write_bytes(keys.read_bytes()[:-1])
        case "short":
            data.write_bytes(content[: len(content) // 2])
        case "changed":
            data.write_bytes(content.replace(b"hear, hear", b"hear, HEAR"))
        case "absent":
            data.unlink()
    new = tmp_path / "new"
    monkeypatch.setenv("IVR_HOME", str(new))
    with pytest.raises(BackupRefused):
        restore(new, data, keys, "wrong phrase" if what == "phrase" else PHRASE, NOW)
    assert not new.exists() or list(new.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../outside", tarfile.REGTYPE),
        ("home/../../outside", tarfile.REGTYPE),
        ("/outside", tarfile.REGTYPE),
        ("home/link", tarfile.SYMTYPE),
        ("home/link", tarfile.LNKTYPE),
        ("home/device", tarfile.CHRTYPE),
        ("home/settings.toml", tarfile.REGTYPE),
    ],
)
def test_an_archive_writes_below_its_folder_and_files_only(
    line: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: bytes
) -> None:
    """Also by a Python whose tarfile knows no filters (3.11.2 of Debian 12)."""
    data, keys = tmp_path / "b.tar", tmp_path / "b.keys"
    back_up(line, data, keys, PHRASE, NOW)
    with tarfile.open(data, mode="a") as archive:
        odd = tarfile.TarInfo(name)
        odd.type, odd.linkname = kind, "/etc/passwd"
        archive.addfile(odd)
    new = tmp_path / "new"
    monkeypatch.setenv("IVR_HOME", str(new))
    with pytest.raises(BackupRefused, match="什么都没改"):
        restore(new, data, keys, PHRASE, NOW)
    assert not new.exists() or list(new.iterdir()) == []
    assert not (tmp_path / "outside").exists()


def test_a_backup_is_never_written_over(line: Settings, tmp_path: Path) -> None:
    data, keys = tmp_path / "b.tar", tmp_path / "b.keys"
    keys.write_text("another's")
    with pytest.raises(BackupRefused, match="已存在"):
        back_up(line, data, keys, PHRASE, NOW)
    assert not data.exists()


def test_databases_are_whole_and_lines_are_too_while_others_write(
    line: Settings, tmp_path: Path
) -> None:
    """Two tables that change together never differ in a backup."""
    over = threading.Event()
    with sqlite3.connect(line.home / "callers.sqlite") as made:
        made.execute("CREATE TABLE a (n)")
        made.execute("CREATE TABLE b (n)")
    made.close()

    def write() -> None:
        rows = sqlite3.connect(line.home / "callers.sqlite", timeout=10)
        spool = (line.home / "spool/facts-1.jsonl").open("a")
        while not over.is_set():
            with rows:
                rows.execute("INSERT INTO a VALUES (1)")
                rows.execute("INSERT INTO b VALUES (1)")
            spool.write('{"fact": "x"}\n')
            spool.flush()
        rows.close()
        spool.close()

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for attempt in range(3):
            data = tmp_path / f"{attempt}.tar"
            back_up(line, data, tmp_path / f"{attempt}.keys", PHRASE, NOW)
            _extract(data, tmp_path / str(attempt))
    finally:
        over.set()
        writing.join()
    for attempt in range(3):
        copy = sqlite3.connect(tmp_path / str(attempt) / "home/callers.sqlite")
        ((a, b),) = copy.execute(
            "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)"
        ).fetchall()
        copy.close()
        assert a == b
        lines = (tmp_path / str(attempt) / "home/spool/facts-1.jsonl").read_text().splitlines()
        assert {json.loads(each)["fact"] for each in lines} == {"x"}


def test_a_line_that_runs_is_not_put_back(line: Settings) -> None:
    with only_one(line), pytest.raises(StillRunning, match="ivr run"), at_rest(line.home):
        raise AssertionError("never reached")
    with at_rest(line.home):
        assert PROJECT.exists()
