"""What callers have left, as the centre's people list, hear, handle and count it."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from analytics.loading.loader import run
from analytics.loading.store import FactsFolder
from ivr.cases.register import Register
from ivr.cli.commands import app
from ivr.cli.failure import CommandFailure
from ivr.cli.feedback import result
from ivr.config import load
from ivr.people.audit import Audit
from ivr.people.keys import Keys
from ivr.people.operator import operator_name
from ivr.people.sensitive import Sensitive
from ivr.people.vault import Vault
from ivr.records.facts import ABSTAINED, Recorded, RecordingMoved, Voted
from tests.analytics.spool import Timed, lines, spool_file

MORNING = datetime(2026, 11, 25, 2, tzinfo=UTC)
DAYS = ("--from", "2026-11-25", "--to", "2026-11-25")
SOUND = b"RIFF" + bytes(16_040)
COMPLAINT, SUGGESTION = "26112501001", "26112501002"
ANSWERED = ("--answer", "已补缴，已回电")
PERSON = "990102200012120127"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A line with a complaint, a suggestion and four votes of three people."""
    monkeypatch.setenv("IVR_HOME", str(tmp_path))
    kept = [
        (MORNING, recording(tmp_path, COMPLAINT, "complaint")),
        (MORNING + timedelta(hours=1), recording(tmp_path, SUGGESTION, "suggestion")),
    ]
    votes = [
        (MORNING, Voted(session="s1", person="anna", choice=5)),
        (MORNING + timedelta(hours=2), Voted(session="s2", person="anna", choice=1)),
        (MORNING + timedelta(hours=3), Voted(session="s3", person="bert", choice=2)),
        (MORNING + timedelta(hours=4), Voted(session="s4", person="carl", choice=ABSTAINED)),
    ]
    spool_file(tmp_path).write_bytes(lines([*kept, *votes]))
    Vault(tmp_path / "vault.sqlite", Keys.load(tmp_path / "keys")).keep("anna", Sensitive(PERSON))
    published(tmp_path)
    return tmp_path


def recording(home: Path, reference: str, kind: str) -> Recorded:
    path = f"2026-11-25/{kind}/{reference}.wav"
    (home / "recordings" / path).parent.mkdir(parents=True)
    (home / "recordings" / path).write_bytes(SOUND)
    return Recorded(
        session="s1",
        kind=kind,
        person="anna",
        path=path,
        ms=1000,
        bytes=len(SOUND),
        sha256=hashlib.sha256(SOUND).hexdigest(),
        reference=reference,
    )


def published(home: Path, *more: Timed) -> None:
    if more:
        spool_file(home, "facts-20261125T000000-2.jsonl").write_bytes(lines(more))
    run(FactsFolder(home), once=True)


def ivr(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def failure(*words: str) -> CommandFailure:
    told = ivr(*words).exception
    assert isinstance(told, CommandFailure), told
    return told


def listed(*words: str) -> dict[str, str]:
    """Reference -> state."""
    told = ivr("recordings", "list", *DAYS, "--format", "json", *words)
    assert told.exit_code == 0, told.output
    return {row["reference"]: row["state"] for row in json.loads(told.stdout)}


def trail(home: Path) -> list[tuple[str, str, str]]:
    Audit(home / "audit.jsonl", Keys.load(home / "keys").audit).check()
    entries = map(json.loads, (home / "audit.jsonl").read_text().splitlines())
    return [(each["action"], each["token"], each["reason"]) for each in entries]


def test_recordings_are_listed_by_kind_and_state(home: Path) -> None:
    assert listed() == {COMPLAINT: "new", SUGGESTION: "new"}
    assert listed("--kind", "complaint") == {COMPLAINT: "new"}
    assert listed("--state", "handled") == {}
    assert PERSON not in ivr("recordings", "list", *DAYS).output


def test_a_recording_is_copied_out_with_an_entry_in_the_trail(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "to be heard.wav"
    done = ivr("recordings", "export", COMPLAINT, str(target), "--reason", "case 7")
    assert done.exit_code == 0, done.output
    assert target.read_bytes() == SOUND
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert trail(home) == [("export", COMPLAINT, "case 7")]


def test_a_copy_into_a_folder_has_the_number_as_its_name(home: Path, tmp_path: Path) -> None:
    ivr("recordings", "export", COMPLAINT, str(tmp_path), "--reason", "case 7")
    assert (tmp_path / f"{COMPLAINT}.wav").read_bytes() == SOUND


def test_what_cannot_be_copied_out_is_said(home: Path, tmp_path: Path) -> None:
    target = str(tmp_path / "new.wav")
    words = ("recordings", "export")
    assert "--reason" in str(failure(*words, COMPLAINT, target, "--reason", " "))
    assert "no recording" in str(failure(*words, "26112501009", target, "--reason", "r"))
    (tmp_path / "old.wav").touch()
    old = str(tmp_path / "old.wav")
    assert "already" in str(failure(*words, COMPLAINT, old, "--reason", "r"))
    file = home / f"recordings/2026-11-25/complaint/{COMPLAINT}.wav"
    file.write_bytes(SOUND[:-1])
    assert "changed" in str(failure(*words, COMPLAINT, target, "--reason", "r"))
    file.unlink()
    assert "已经不在" in str(failure(*words, COMPLAINT, target, "--reason", "r"))
    assert not Path(target).exists()


def test_a_handled_recording_is_so_after_the_next_load(home: Path) -> None:
    done = ivr("recordings", "handle", COMPLAINT, SUGGESTION, *ANSWERED)
    assert done.exit_code == 0, done.output
    published(home)
    assert listed() == {COMPLAINT: "handled", SUGGESTION: "handled"}
    shown = ivr("recordings", "show", COMPLAINT).stdout
    assert shown.startswith(f"{COMPLAINT} 已办结 ")
    for step in ("登记", "受理", "领办", "答复 已补缴，已回电", "办结"):
        assert step in shown
    assert "已办结" in str(failure("recordings", "handle", COMPLAINT, *ANSWERED))


def test_what_came_of_it_must_be_said(home: Path) -> None:
    assert ivr("recordings", "handle", COMPLAINT).exit_code == 2
    assert "写明" in str(failure("recordings", "handle", COMPLAINT, "--answer", " "))


def test_a_case_is_moved_step_by_step_and_each_move_is_a_fact(home: Path) -> None:
    def moved(*words: str) -> str:
        told = ivr("recordings", "move", COMPLAINT, *words)
        assert told.exit_code == 0, told.output
        return told.stdout.split()[1]

    assert moved("accept") == "已受理"
    assert moved("assign", "--handler", "李强") == "已派单"
    refused = str(failure("recordings", "move", COMPLAINT, "take"))
    assert "李强" in refused
    assert moved("改派", "--handler", operator_name()) == "已派单"
    assert moved("take") == "办理中"
    assert moved("suspend", "--text", "等银行回函") == "挂起"
    assert moved("resume") == "办理中"
    assert moved("answer", "--text", "已补缴") == "已答复"
    assert moved("close") == "已办结"
    assert moved("follow_up", "--content", "discontent") == "已回访"
    assert moved("redo", "--text", "再查一次") == "已派单"
    assert moved("保全", "--text", "诉讼") == "已派单"
    assert ivr("recordings", "show", COMPLAINT).stdout.splitlines()[0].endswith(" 保全")
    assert moved("release", "--text", "结案") == "已派单"
    assert "没有这一步" in str(failure("recordings", "move", COMPLAINT, "fly"))
    assert "不能受理" in str(failure("recordings", "move", COMPLAINT, "accept"))
    published(home)
    assert listed()[COMPLAINT] == "new", "it is done anew"
    counted = ivr("sql", "SELECT count(*) AS n FROM case_step", "--format", "csv").stdout
    assert counted.split()[-1] == "13"


LETTER = b"%PDF-1.7\nwhat the bank wrote"


@pytest.fixture
def letter(tmp_path: Path) -> str:
    file = tmp_path / "letters" / "回函.pdf"
    file.parent.mkdir()
    file.write_bytes(LETTER)
    return str(file)


def test_a_file_is_enclosed_read_and_taken_out_each_in_the_trail(home: Path, letter: str) -> None:
    added = ivr("recordings", "attach", COMPLAINT, letter)
    assert added.exit_code == 0, added.output
    number = added.stdout.split()[2]
    assert f"附件 {number} 回函.pdf {len(LETTER)} B" in ivr("recordings", "show", COMPLAINT).stdout
    read = ("recordings", "fetch", COMPLAINT, "回函.pdf", str(home))
    assert "--reason" in str(failure(*read, "--reason", " "))
    assert ivr(*read, "--reason", "核实").exit_code == 0
    assert (home / "回函.pdf").read_bytes() == LETTER
    assert stat.S_IMODE((home / "回函.pdf").stat().st_mode) == 0o600
    assert "already" in str(failure(*read, "--reason", "核实"))
    out = ("recordings", "detach", COMPLAINT, number)
    assert "--reason" in str(failure(*out, "--reason", ""))
    assert ivr(*out, "--reason", "放错了").exit_code == 0
    assert "附件" not in ivr("recordings", "show", COMPLAINT).stdout
    assert "没有这个附件" in str(failure(*out, "--reason", "放错了"))
    assert trail(home) == [
        ("case file added", COMPLAINT, "回函.pdf"),
        ("case file read", COMPLAINT, "回函.pdf：核实"),
        ("case file removed", COMPLAINT, "放错了"),
    ]


def test_of_two_enclosures_with_one_name_the_id_says_which(home: Path, letter: str) -> None:
    first, second = (
        ivr("recordings", "attach", COMPLAINT, letter).stdout.split()[2] for _ in range(2)
    )
    out = ("recordings", "detach", COMPLAINT)
    assert "写编号" in str(failure(*out, "回函.pdf", "--reason", "重复"))
    assert ivr(*out, first, "--reason", "重复").exit_code == 0
    shown = ivr("recordings", "show", COMPLAINT).stdout
    assert second in shown
    assert first not in shown


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.exe", b"MZ", "只收"), ("a.pdf", b"MZ", "内容不是"), ("a.pdf", b"", "空文件"),
        ("a.pdf", b"%PDF-" + bytes(5_000_000), "5 MB"), ("13800138000.pdf", LETTER, "手机号码"),
    ],
)  # fmt: skip
def test_what_the_console_does_not_take_the_command_does_not(
    home: Path, tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert told in str(failure("recordings", "attach", COMPLAINT, str(tmp_path / name)))
    assert "附件" not in ivr("recordings", "show", COMPLAINT).stdout
    assert not (home / "audit.jsonl").exists()


def test_what_cannot_be_enclosed_or_taken_out_is_said(
    home: Path, letter: str, tmp_path: Path
) -> None:
    attach = ("recordings", "attach")
    assert "No such file" in str(failure(*attach, COMPLAINT, str(tmp_path / "no.pdf")))
    assert "不是文件" in str(failure(*attach, COMPLAINT, str(tmp_path)))
    os.mkfifo(tmp_path / "pipe.pdf")
    assert "不是文件" in str(failure(*attach, COMPLAINT, str(tmp_path / "pipe.pdf")))
    assert "no recording" in str(failure(*attach, "26112501009", letter))
    ivr(*attach, COMPLAINT, letter)
    ivr("recordings", "move", COMPLAINT, "hold", "--text", "诉讼")
    out = ("recordings", "detach", COMPLAINT, "回函.pdf", "--reason", "放错了")
    assert "保全" in str(failure(*out))
    (home / "keys" / "cases.key").write_bytes(bytes(32))
    read = ("recordings", "fetch", COMPLAINT, "回函.pdf", str(home / "x.pdf"), "--reason", "核实")
    assert "cases.key" in str(failure(*read))
    assert not (home / "x.pdf").exists()


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Transcripts are asked for; what the command would have made of this process's priority."""
    niceness: list[int] = []
    monkeypatch.setattr(os, "nice", niceness.append)
    monkeypatch.setattr("ivr.people.sensitive.leave_no_core", lambda: None)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.bin").write_bytes(b"no model")
    monkeypatch.setenv("IVR_CASES__TRANSCRIPT", "whisper")
    monkeypatch.setenv("IVR_CASES__TRANSCRIPT_MODEL", str(tmp_path / "model"))
    return niceness


def test_what_waits_is_transcribed_behind_everything_else(
    home: Path, model: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stenographer:
        name = "by hand"

        def write_down(self, sound: bytes) -> str:
            return "窗口不受理"

    monkeypatch.setattr("ivr.cli.cases._engine", lambda _: Stenographer())
    ivr("recordings", "catch-up")
    done = ivr("recordings", "transcribe", "--once")
    assert done.exit_code == 0, done.output
    assert [line.split()[0] for line in done.stdout.splitlines()] == [COMPLAINT, SUGGESTION]
    assert model == [19]
    written = Register.of(load()).transcripts.of(COMPLAINT)
    assert written is not None
    assert written.text == "窗口不受理"
    assert "窗口不受理" not in done.output


def test_why_nothing_is_transcribed_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "没有开通" in str(failure("recordings", "transcribe", "--once"))
    monkeypatch.setenv("IVR_CASES__TRANSCRIPT", "whisper")
    told = ivr("recordings", "transcribe", "--once")
    assert "cases.transcript_model" in f"{told.exception}{told.output}"


def test_without_the_recogniser_or_a_model_it_says_what_to_do(home: Path, model: list[int]) -> None:
    told = str(failure("recordings", "transcribe", "--once"))
    assert any(words in told for words in ("先装识别程序", "不是能用的模型"))


def test_recordings_of_before_have_their_cases_by_one_command(home: Path) -> None:
    published(home, (MORNING, RecordingMoved(reference=SUGGESTION, state="handled")))
    assert "1" in ivr("recordings", "catch-up").stdout
    assert "0" in ivr("recordings", "catch-up").stdout
    assert ivr("recordings", "show", COMPLAINT).stdout.startswith(f"{COMPLAINT} 待受理")


def test_unknown_and_deleted_recordings_are_not_handled(home: Path) -> None:
    assert "no recording" in str(
        failure("recordings", "handle", COMPLAINT, "26112501009", *ANSWERED)
    )
    published(home, (MORNING, RecordingMoved(reference=SUGGESTION, state="deleted")))
    assert "deleted" in str(failure("recordings", "handle", COMPLAINT, SUGGESTION, *ANSWERED))
    published(home)
    assert listed() == {COMPLAINT: "new", SUGGESTION: "deleted"}


def test_the_survey_counts_one_vote_for_each_person_and_day(home: Path) -> None:
    told = ivr("survey", *DAYS).stdout.splitlines()
    assert told[0] == "1 非常满意　      1  33.3% " + "█" * 13
    assert told[1] == "2 满意　　　      1  33.3% " + "█" * 13
    assert told[4] == "5 非常不满意      0   0.0%"
    assert told[5] == "0 不表态　　      1  33.3% " + "█" * 13
    assert told[6] == "3 votes, mean 1.50 of 2 grades (1 is the best)"


def test_a_survey_without_votes_has_no_mean() -> None:
    rows = [{"grade": grade, "words": "一般", "votes": 0} for grade in range(1, 6)]
    assert result(rows)[-1] == "no votes"
    abstained = {"grade": ABSTAINED, "words": "不表态", "votes": 2}
    assert result([*rows, abstained])[-2:] == [
        "0 不表态　　      2 100.0% " + "█" * 40,
        "no grades",
    ]


def test_voters_are_named_to_those_entitled_only(home: Path) -> None:
    assert "--reason" in str(failure("survey", *DAYS, "--voters"))
    told = ivr("survey", *DAYS, "--voters", "--reason", "call them back").stdout.splitlines()
    assert told == [
        f"2026-11-25 12:00:00\t1\t{PERSON}",
        "2026-11-25 13:00:00\t2\tforgotten",
        "2026-11-25 14:00:00\t0\tforgotten",
    ]
    assert trail(home) == [("voters", "2026-11-25..2026-11-25", "call them back")]


def test_days_the_wrong_way_round_are_refused(home: Path) -> None:
    words = ("--from", "2026-11-26", "--to", "2026-11-25")
    assert "after" in str(failure("recordings", "list", *words))
    assert "after" in str(failure("survey", *words))
