"""What is past its age goes: files, facts and people; the rest stays, and a note of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analytics.answering.asking import ask
from analytics.loading import horizon, losses
from analytics.loading.loader import run as load_facts
from analytics.loading.store import FactsFolder
from ivr.agents.notes import Notes, Owed, Talked
from ivr.agents.wishes import Move as WishMove
from ivr.agents.wishes import Wish, Wishes
from ivr.cases.case import Filed
from ivr.cases.moves import Deed, Move, Office
from ivr.cases.numbers import numbered
from ivr.cases.register import Register
from ivr.cli.commands import app
from ivr.cli.failure import CommandFailure
from ivr.config import RetentionSettings, Settings
from ivr.hours import BEIJING
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.tokens import Tokens
from ivr.people.vault import Vault
from ivr.recordings.talks import HeldTalk, hold, release
from ivr.records.facts import Fact, LookedUp, Recorded, SessionEnded, SessionStarted, Voted
from ivr.upkeep.retention import FirstDays
from tests.analytics.spool import lines

NOW = datetime.now(UTC)
SECOND = timedelta(seconds=1)
AGES = {"new": 1, "middle": 28, "old": 40}
"""Months before now: within everything, past the age of calls, past that of complaints."""


def ago(months: int) -> datetime:
    return NOW - timedelta(days=31 * months)


def call(age: str) -> Iterator[tuple[datetime, Fact]]:
    """One call, with a look-up, a complaint and a vote, each by somebody of their own."""
    at = ago(AGES[age])
    told = [
        SessionStarted(session=age, channel="c", dialled="12329", caller=None, catalog="1"),
        LookedUp(session=age, source="fund", person=f"looker {age}", outcome="found", ms=1),
        Recorded(
            session=age,
            kind="complaint",
            person=f"complainant {age}",
            path=f"{at:%Y-%m-%d}/complaint/{age}.wav",
            ms=1,
            bytes=1,
            sha256="",
            reference=age,
        ),
        Voted(session=age, person=f"voter {age}", choice=1),
        SessionEnded(session=age, disposition="completed", dialogue="main"),
    ]
    return ((at + timedelta(seconds=n), fact) for n, fact in enumerate(told))


@pytest.fixture(scope="module")
def years(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A line that has taken calls for years — facts, recordings, people — and a copy of it."""
    home = tmp_path_factory.mktemp("years") / "home"
    (home / "spool").mkdir(parents=True)
    keys = Keys.load(home / "keys")
    for number, (age, months) in enumerate(AGES.items()):
        spool = home / "spool" / f"facts-{number:08}-x.jsonl"
        spool.write_bytes(lines(call(age)))
        os.utime(spool, (ago(months).timestamp(),) * 2)
        recording = home / "recordings" / f"{ago(months):%Y-%m-%d}" / "complaint"
        recording.mkdir(parents=True)
        (recording / f"{age}.wav").touch()
        vault = Vault(home / "vault.sqlite", keys, clock=ago(months).timestamp)
        for who in ("complainant", "voter"):
            vault.keep(f"{who} {age}", Sensitive("11010519491231002X"))
    Vault(home / "vault.sqlite", keys).keep("keyed in just now", Sensitive("x"))
    load_facts(FactsFolder(home), once=True)
    return home, home.rename(home.with_name("as it was"))


@pytest.fixture
def home(years: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """That line as it was, where it was: its facts know the way to their files."""
    home, as_it_was = years
    shutil.copytree(as_it_was, home)
    monkeypatch.setenv("IVR_HOME", str(home))
    yield home
    shutil.rmtree(home)


def retention(*options: str) -> str:
    done = CliRunner().invoke(app, ["retention", "run", *options])
    assert done.exit_code == 0, done.output
    return done.output


def left(home: Path, table: str) -> set[str]:
    rows = ask(FactsFolder(home).published, f"SELECT session FROM {table}").rows
    return {str(session) for (session,) in rows}


def people(home: Path) -> frozenset[str]:
    vault = Vault(home / "vault.sqlite", Keys.load(home / "keys"))
    return vault.kept_before(datetime.now(UTC) + timedelta(seconds=1))


def test_calls_go_after_two_years_and_complaints_after_three(home: Path) -> None:
    retention()
    assert left(home, "call_session") == left(home, "lookup") == {"new"}
    assert left(home, "survey_vote") == {"new"}
    assert left(home, "recording") == {"new", "middle"}
    assert {path.stem for path in home.rglob("*.wav")} == {"new", "middle"}


def test_nobody_is_kept_whom_nothing_names_any_more(home: Path) -> None:
    retention()
    assert people(home) == {
        "complainant new",
        "complainant middle",
        "voter new",
        "keyed in just now",
    }


def test_who_left_a_case_can_be_called_back_as_long_as_it_is_kept(home: Path) -> None:
    """The number that a case was left from stands in no record of the call."""
    register = Register.of(Settings(home=home))
    keys = Keys.load(home / "keys")
    for n, (age, months) in enumerate(AGES.items(), start=1):
        caller = f"caller {age}"
        Vault(home / "vault.sqlite", keys, clock=ago(months).timestamp).keep(caller, Sensitive("x"))
        number, at = numbered(1, n), ago(months)
        register.cases.open(Filed(number, "message", age, None, at, "x.wav", 1, "", caller))
    retention()
    assert people(home) >= {"caller new", "caller middle"}
    assert "caller old" not in people(home)


def test_who_stands_in_the_spools_only_is_needed(home: Path) -> None:
    """A loader that has not come to it for weeks must not cost a complainant their name."""
    complaint = [fact for fact in call("new") if isinstance(fact[1], Recorded)]
    late = replace(complaint[0][1], person="complainant late")
    keys = Keys.load(home / "keys")
    vault = Vault(home / "vault.sqlite", keys, clock=complaint[0][0].timestamp)
    vault.keep("complainant late", Sensitive("x"))
    path = home / "spool" / "facts-00000009-x.jsonl"
    path.write_bytes(lines([(complaint[0][0], late)]))
    retention()
    assert "complainant late" in people(home)


def test_what_is_in_legal_hold_stays_with_its_sound_and_its_person(home: Path) -> None:
    at = ago(AGES["old"])
    kept = Filed(
        "01000018", "complaint", "old", "complainant old", at,
        f"{at:%Y-%m-%d}/complaint/old.wav", 1, "",
    )  # fmt: skip
    (home / "recordings" / f"{at:%Y-%m-%d}" / "complaint" / "beside.wav").touch()
    register = Register.of(Settings(home=home))
    for number in (kept.number, "01000026"):
        register.cases.open(replace(kept, number=number, path="gone.wav"))
    held = replace(kept, number="01000034")
    register.cases.open(held)
    deed = Deed(Move.HOLD, "王敏", frozenset({Office.LEADER}), text="诉讼")
    register.cases.act(held.number, deed)
    told = retention("--dry-run")
    assert "days of recordings: 1" in told
    assert "cases: 2" in told
    assert "in legal hold: 01000034" in told
    retention()
    assert {path.stem for path in home.rglob("*.wav")} == {"new", "middle", "old"}
    assert "complainant old" in people(home)
    register.cases.act(held.number, replace(deed, move=Move.RELEASE))
    assert "cases: 1" in retention()
    assert {path.stem for path in home.rglob("*.wav")} == {"new", "middle"}
    assert "complainant old" not in people(home)


def test_conversations_go_like_complaints_and_what_is_held_of_them_stays(home: Path) -> None:
    for age, months in AGES.items():
        talk = home / "recordings" / f"{ago(months):%Y-%m-%d}" / "talk" / f"talk {age}.wav"
        talk.parent.mkdir(parents=True, exist_ok=True)
        talk.touch()
    day = f"{ago(AGES['old']):%Y-%m-%d}"
    (home / "recordings" / day / "talk" / "beside.wav").touch()
    kept = HeldTalk("talk old", f"{day}/talk/talk old.wav", "s", "", "", 1, "", "[]", "", "诉讼")
    hold(home / "recordings", kept)
    assert "conversations in legal hold: 1" in retention()
    talks = {path.stem for path in home.rglob("talk/*.wav")}
    assert talks == {"talk new", "talk middle", "talk old"}
    release(home / "recordings", kept.path)
    retention()
    assert {path.stem for path in home.rglob("talk/*.wav")} == {"talk new", "talk middle"}


def test_nobody_is_forgotten_whom_a_case_in_legal_hold_names(home: Path) -> None:
    at, register = ago(AGES["new"]), Register.of(Settings(home=home))
    register.cases.open(
        Filed("01000018", "complaint", "new", "complainant new", at, "x.wav", 1, "")
    )
    deed = Deed(Move.HOLD, "王敏", frozenset({Office.LEADER}), text="诉讼")
    register.cases.act("01000018", deed)

    def forget(token: str) -> str:
        done = CliRunner().invoke(app, ["forget", token, "--reason", "本人要求"])
        return str(done.exception)

    assert "01000018 已保全" in forget("complainant new")
    assert "01000018 已保全" in forget("voter old"), "the same person, by another token"
    assert "complainant new" in people(home)
    register.cases.act("01000018", replace(deed, move=Move.RELEASE))
    assert forget("complainant new") == "None"
    assert "complainant new" not in people(home)


def test_wishes_to_be_called_back_go_when_they_are_over_and_old(home: Path) -> None:
    """Who still waits to be called is not forgotten, however long ago the number was keyed."""
    keys = Keys.load(home / "keys")
    vault = Vault(home / "vault.sqlite", keys, clock=ago(AGES["new"]).timestamp)
    wishes = Wishes(home / "callbacks.jsonl", vault, Tokens(keys))
    old, new = ago(AGES["middle"]), ago(AGES["new"])
    for person, at, state in (
        ("over", old, "reached"),
        ("new", new, "reached"),
        ("w", old, "open"),
    ):
        wish = Wish(person, at, "usual", "s", at)
        wishes.keep(wish, Sensitive("13800138000"))
        if state != "open":
            wishes.move(wish, WishMove("reached"), now=at)
    assert "wishes to be called back: 1" in retention("--dry-run")
    assert len(wishes.all()) == 3
    assert "wishes to be called back: 1" in retention()
    assert {wish.person for wish in wishes.all()} == {"new", "w"}
    assert wishes.number(wishes.open()[0]) is not None
    assert people(home).isdisjoint({"over", "new"})


def noted(home: Path) -> Notes:
    """A note for each age's call."""
    notes = Notes(home, "node")
    for age, months in AGES.items():
        talked = Talked(f"talk {age}", age, f"looker {age}", f"caller {age}")
        notes.owe(Owed(talked, "王敏", "6001", ago(months)))
        notes.write("6001", talked.talk, "提取", f"小结 {age}", ago(months))
    return notes


def kept_notes(notes: Notes) -> set[str]:
    return {note.session for note in notes.about([], [*AGES])}


def test_what_agents_wrote_goes_with_the_calls_but_not_in_legal_hold(home: Path) -> None:
    notes, register, at = noted(home), Register.of(Settings(home=home)), ago(AGES["old"])
    register.cases.open(Filed("01000018", "complaint", "old", None, at, "x.wav", 1, ""))
    deed = Deed(Move.HOLD, "王敏", frozenset({Office.LEADER}), text="诉讼")
    register.cases.act("01000018", deed)
    assert "notes of calls: 1" in retention("--dry-run")
    assert kept_notes(notes) == {*AGES}
    assert "notes of calls: 1" in retention()
    assert kept_notes(notes) == {"new", "old"}
    register.cases.act("01000018", replace(deed, move=Move.RELEASE))
    retention()
    assert kept_notes(notes) == {"new"}


@pytest.mark.parametrize("token", ["looker new", "caller new"])
def test_what_agents_wrote_about_somebody_is_forgotten_with_them(home: Path, token: str) -> None:
    """Also of those whom the vault never knew: who looked up an account left no complaint."""
    notes = noted(home)

    def forget() -> int:
        return CliRunner().invoke(app, ["forget", token, "--reason", "本人要求"]).exit_code

    assert forget() == 0
    assert kept_notes(notes) == {"middle", "old"}
    assert forget() == 1, "nobody is left under it"


def test_a_dry_run_says_the_same_and_removes_nothing(home: Path) -> None:
    before = {path: path.stat().st_mtime for path in home.rglob("*")}
    told = retention("--dry-run")
    assert "days of recordings: 1" in told
    assert "people of the vault: 3" in told
    assert "rows of lookup: 2" in told
    assert {path: path.stat().st_mtime for path in home.rglob("*")} == before
    assert retention() == told


def test_a_note_of_it_is_kept_and_names_nobody(home: Path) -> None:
    retention()
    retention()
    (line,) = (home / "retention.jsonl").read_text().splitlines()
    note = json.loads(line)
    assert note["removed"]["days of recordings"] == 1
    assert note["removed"]["rows of recording_saved"] == 1
    assert NOW - timedelta(seconds=1) <= datetime.fromisoformat(note["at"]) <= datetime.now(UTC)
    assert "complainant" not in line


def test_without_published_facts_nobody_is_forgotten(home: Path) -> None:
    FactsFolder(home).published.unlink()
    before = people(home)
    retention()
    assert people(home) == before


@pytest.mark.parametrize("loaded", [True, False])
def test_a_day_of_beijing_begins_eight_hours_before_that_of_utc(home: Path, loaded: bool) -> None:
    """Half past midnight of the first day that is kept: in UTC it is still the day before."""
    first = FirstDays.on(NOW.astimezone(BEIJING).date(), RetentionSettings())
    told = [
        (datetime.combine(first.complaints, time(0, 30), BEIJING), "complainant in time"),
        (datetime.combine(first.complaints, time(), BEIJING) - SECOND, "complainant too late"),
        (datetime.combine(first.calls, time(0, 30), BEIJING), "voter in time"),
        (datetime.combine(first.calls, time(), BEIJING) - SECOND, "voter too late"),
    ]
    vault = Vault(home / "vault.sqlite", Keys.load(home / "keys"), clock=ago(26).timestamp)
    facts: list[tuple[datetime, Fact]] = []
    for at, who in told:
        vault.keep(who, Sensitive("x"))
        complaint = next(fact for _, fact in call("new") if isinstance(fact, Recorded))
        facts.append(
            (at.astimezone(UTC), replace(complaint, person=who, reference=who))
            if who.startswith("complainant")
            else (at.astimezone(UTC), Voted(session="s", person=who, choice=1))
        )
    (home / "spool" / "facts-00000009-x.jsonl").write_bytes(lines(facts))
    if loaded:
        load_facts(FactsFolder(home), once=True)
    retention()
    assert {who for who in people(home) if "in time" in who or "too late" in who} == {
        "complainant in time",
        "voter in time",
    }


def test_a_lake_that_does_not_answer_stops_it_before_anything_goes(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own snapshot is as old as the day on which the line moved to the lake."""
    monkeypatch.setenv("IVR_FACTS__TARGET", f"ducklake:postgres:dbname=x host={home}/nowhere")
    before, sounds = people(home), set(home.rglob("*.wav"))
    done = CliRunner().invoke(app, ["retention", "run"])
    assert done.exit_code != 0
    assert "the lake cannot be read" in str(done.exception)
    assert people(home) == before
    assert set(home.rglob("*.wav")) == sounds
    assert not (home / "retention.jsonl").exists()


# --- records that are lost --------------------------------------------------------------------


def filed(home: Path) -> Path:
    """The folder of closed days; no spool tells of their calls any more."""
    load_facts(FactsFolder(home), once=True)
    for spool in (home / "spool").glob("*.jsonl"):
        spool.unlink()
    return FactsFolder(home).parquet


def file_of(parquet: Path, table: str, age: str) -> Path:
    """The file that names somebody of that age."""
    (file,) = parquet.glob(f"{table}-{ago(AGES[age]):%Y-%m}*.parquet")
    return file


def refused() -> str:
    done = CliRunner().invoke(app, ["retention", "run"])
    assert isinstance(done.exception, CommandFailure), done.output
    return f"{done.output}{done.exception}"


@pytest.mark.parametrize("harm", ["lost", "torn"])
@pytest.mark.parametrize(
    ("table", "age", "named"),
    [
        ("recording_saved", "new", "complainant new"),
        ("recording_saved", "middle", "complainant middle"),
        ("survey_vote", "new", "voter new"),
    ],
)
def test_who_is_named_in_a_lost_file_only_is_kept(
    home: Path, harm: str, table: str, age: str, named: str
) -> None:
    parquet = filed(home)
    file = file_of(parquet, table, age)
    whole = file.read_bytes()
    file.unlink()
    if harm == "torn":
        file.write_bytes(whole[:-40])
    load_facts(FactsFolder(home), once=True)
    told = refused()
    assert file.name in told
    assert str(parquet) in told
    assert named in people(home)
    assert "complainant old" not in people(home), "no record that is kept could name them"
    (loss,) = losses.noted(parquet)
    assert (loss.name, loss.fact_table) == (file.name, table)
    assert loss.first_day <= ago(AGES[age]).astimezone(BEIJING).date() <= loss.last_day
    assert abs(loss.since - datetime.now(UTC)) < timedelta(minutes=5)
    file.write_bytes(whole)
    load_facts(FactsFolder(home), once=True)
    assert losses.noted(parquet) == ()
    retention()
    assert people(home) == {
        "complainant new", "complainant middle", "voter new", "keyed in just now",
    }  # fmt: skip


@pytest.mark.parametrize("table", ["call_session", "call_step", "lookup"])
def test_a_lost_file_that_names_nobody_keeps_nobody(home: Path, table: str) -> None:
    parquet = filed(home)
    for file in parquet.glob(f"{table}-*.parquet"):
        file.unlink()
    load_facts(FactsFolder(home), once=True)
    retention()
    assert "voter old" not in people(home)


def test_a_file_that_was_lost_a_moment_ago_stops_it(home: Path) -> None:
    """The loader has not seen it yet: the snapshot still reads the file."""
    file_of(filed(home), "recording_saved", "new").unlink()
    before = people(home)
    refused()
    assert people(home) == before


def test_records_that_begin_anew_do_not_cost_people_their_names(home: Path) -> None:
    """Files, list and databases are gone, and nothing is left to tell of the loss."""
    filed(home)
    shutil.rmtree(home / "facts")
    (home / "spool" / "facts-00000009-x.jsonl").write_bytes(
        lines(
            [(NOW, SessionStarted(session="s", channel="c", dialled="1", caller=None, catalog="1"))]
        )
    )
    load_facts(FactsFolder(home), once=True)
    told = refused()
    assert "从备份" in told
    assert people(home) == {
        "complainant new", "complainant middle", "voter new", "voter middle", "keyed in just now",
    }  # fmt: skip


def test_files_that_are_given_up_are_noted_as_lost(home: Path) -> None:
    parquet = filed(home)
    for file in parquet.glob("*.parquet"):
        file.unlink()
    done = CliRunner().invoke(app, ["loader", "--once"])
    assert "--give-up" in str(done.exception)
    done = CliRunner().invoke(app, ["loader", "--once", "--give-up"])
    assert done.exit_code == 0, done.output
    assert {"complainant new", "complainant middle", "voter new"} <= people(home)
    refused()
    assert {"complainant new", "complainant middle", "voter new"} <= people(home)


@pytest.mark.parametrize(("table", "fact"), horizon._COMPLAINTS.items())
def test_facts_are_as_long_lived_as_the_table_that_they_are_made_into(
    table: str, fact: str
) -> None:
    load = (Path(horizon.__file__).parent / "load.sql").read_text()
    made = load.partition(f"INSERT INTO hot.{table}\n")[2].partition(";")[0]
    assert f"WHERE fact = '{fact}'" in made


@pytest.mark.parametrize(
    ("today", "calls", "complaints"),
    [
        (date(2026, 11, 25), date(2024, 11, 1), date(2023, 11, 1)),
        (date(2026, 1, 31), date(2024, 1, 1), date(2023, 1, 1)),
    ],
)
def test_facts_are_kept_by_whole_months(today: date, calls: date, complaints: date) -> None:
    assert FirstDays.on(today, RetentionSettings()) == FirstDays(calls, complaints)
