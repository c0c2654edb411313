"""The journal: durable, in order, one file per start; sessions without an end are found again."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.records import journal
from ivr.records.facts import (
    KINDS,
    DialogueEntered,
    LinkLost,
    Recorded,
    RecordingMoved,
    SessionEnded,
    SessionStarted,
    Step,
    Transferred,
)
from ivr.records.journal import HORIZON_SECONDS, Journal, left, put, read_lines, recorded

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


def full_disk(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """A disk that takes nothing until its one item is False; the journal looks again at once."""
    real, full = os.write, [True]

    def write_some(descriptor: int, content: bytes) -> int:
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, content)

    monkeypatch.setattr(os, "write", write_some)
    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.01)
    return full


def begun(session: str) -> SessionStarted:
    return SessionStarted(
        session=session, channel=f"c-{session}", dialled="12329", caller=None, catalog="v1"
    )


def ended(session: str) -> SessionEnded:
    return SessionEnded(session=session, disposition="hung_up", dialogue="main", ms=1)


def write(folder: Path, *facts: object) -> Path:
    async def course() -> Path:
        spool = Journal.open(folder, node="n1", clock=lambda: NOON)
        for fact in facts:
            spool.note(fact)  # type: ignore[arg-type]
        await spool.settled()
        await spool.close()
        return spool.path

    return asyncio.run(course())


def test_facts_are_lines_in_the_order_in_which_they_were_noted(tmp_path: Path) -> None:
    path = write(tmp_path, *(begun(str(n)) for n in range(500)))
    lines = list(read_lines(path))
    assert [line["session"] for line in lines] == [str(n) for n in range(500)]
    assert {line["at"] for line in lines} == {"2026-11-24T04:00:00+00:00"}
    assert {(line["node"], line["fact"]) for line in lines} == {("n1", "SessionStarted")}
    assert len({line["id"] for line in lines}) == 500


def test_settled_facts_are_on_disk_before_the_journal_is_closed(tmp_path: Path) -> None:
    async def course() -> None:
        spool = Journal.open(tmp_path, node="n1")
        spool.note(begun("a"))
        await spool.settled()
        assert [line["session"] for line in read_lines(spool.path)] == ["a"]
        await spool.close()

    asyncio.run(course())


def test_settled_facts_survive_a_kill(tmp_path: Path) -> None:
    program = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from ivr.records.facts import LinkLost\n"
        "from ivr.records.journal import Journal\n"
        "async def course():\n"
        "    spool = Journal.open(Path(sys.argv[1]), node='n1')\n"
        "    for n in range(100):\n"
        "        spool.note(LinkLost(reason=str(n)))\n"
        "    await spool.settled()\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(course())\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert done.returncode == -9
    (path,) = tmp_path.glob("*.jsonl")
    assert [line["reason"] for line in read_lines(path)] == [str(n) for n in range(100)]


def test_each_start_has_its_own_file_which_others_cannot_read(tmp_path: Path) -> None:
    first, second = write(tmp_path, begun("a")), write(tmp_path, begun("b"))
    assert first != second
    assert first.stat().st_mode & 0o777 == 0o600


def test_a_torn_last_line_is_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path, begun("a"), begun("b"))
    path.write_bytes(path.read_bytes()[:-20])
    assert [line["session"] for line in read_lines(path)] == ["a"]


def test_a_full_disk_delays_facts_and_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = full_disk(monkeypatch)

    async def course() -> Path:
        spool = Journal.open(tmp_path, node="n1")
        spool.note(LinkLost(reason="1"))
        while spool.fault is None:  # noqa: ASYNC110  another thread changes it
            await asyncio.sleep(0.001)
        assert "No space left" in spool.fault
        spool.note(LinkLost(reason="2"))
        assert spool.waiting == 2
        full[0] = False
        await spool.settled()
        assert spool.fault is None
        assert spool.waiting == 0
        await spool.close()
        return spool.path

    assert [line["reason"] for line in read_lines(asyncio.run(course()))] == ["1", "2"]


@pytest.mark.parametrize("where", ["write", "fdatasync"])
@pytest.mark.parametrize("fault", [ValueError("odd"), MemoryError(), RuntimeError(), OSError()])
def test_a_fault_of_any_kind_delays_facts_and_ends_no_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, where: str
) -> None:
    """A thread that ends would write nothing any more, and nobody would start it again."""
    real, faulty = getattr(os, where), [True]

    def odd(*given: object) -> object:
        if faulty[0]:
            raise fault
        return real(*given)

    monkeypatch.setattr(os, where, odd)
    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.01)

    async def course() -> Path:
        spool = Journal.open(tmp_path, node="n1")
        spool.note(LinkLost(reason="1"))
        while spool.fault is None:  # noqa: ASYNC110  another thread changes it
            await asyncio.sleep(0.001)
        assert type(fault).__name__ in spool.fault
        spool.note(LinkLost(reason="2"))
        faulty[0] = False
        await asyncio.wait_for(spool.settled(), 20)
        assert spool.fault is None
        await spool.close()
        return spool.path

    read = {line["id"]: line["reason"] for line in read_lines(asyncio.run(course()))}
    assert list(read.values()) == ["1", "2"]


def test_a_clock_that_fails_turns_no_page_and_ends_no_writing(tmp_path: Path) -> None:
    odd = [False]

    def clock() -> datetime:
        if odd[0] and threading.current_thread() is not threading.main_thread():
            raise RuntimeError("no time")
        return NOON

    async def course() -> Path:
        spool = Journal.open(tmp_path, node="n1", clock=clock)
        odd[0] = True
        for reason in "123":
            spool.note(LinkLost(reason=reason))
            await asyncio.wait_for(spool.settled(), 20)
        await spool.close()
        return spool.path

    assert [line["reason"] for line in read_lines(asyncio.run(course()))] == ["1", "2", "3"]


def test_the_disk_is_well_again_only_when_all_that_waited_is_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = full_disk(monkeypatch)

    async def course() -> list[str]:
        spool = Journal.open(tmp_path, node="n1")
        spool.note(LinkLost(reason="1"))
        while spool.fault is None:  # noqa: ASYNC110  another thread changes it
            await asyncio.sleep(0.001)
        for reason in "234":
            spool.note(LinkLost(reason=reason))
        full[0] = False
        while spool.fault is not None:  # noqa: ASYNC110
            await asyncio.sleep(0)
        written = [str(line["reason"]) for line in read_lines(spool.path)]
        await spool.close()
        return written

    assert asyncio.run(course()) == ["1", "2", "3", "4"]


def test_sessions_without_an_end_are_found_where_their_callers_were(tmp_path: Path) -> None:
    step = Step(session="a", n=3, dialogue="main", verb="menu", prompt="m", heard="match", keys=1)
    write(tmp_path, begun("a"), begun("b"), ended("b"))
    talked = Transferred(session="a", agent="x", outcome="answered", ring_ms=1, talk_ms=90_000)
    write(tmp_path, DialogueEntered(session="a", dialogue="account.menu"), step, begun("c"))
    write(tmp_path, talked, talked)
    found = {each.session: each for each in left(tmp_path).unfinished}
    assert set(found) == {"a", "c"}
    assert (found["a"].channel, found["a"].dialogue, found["a"].steps) == ("c-a", "account.menu", 3)
    assert found["c"].began == NOON
    assert (found["a"].agent_seconds, found["c"].agent_seconds) == (180.0, 0.0)


def test_channels_whose_sessions_have_ended_are_told_apart_from_those_that_go_on(
    tmp_path: Path,
) -> None:
    write(tmp_path, begun("a"), begun("b"), ended("b"), begun("c"))
    write(tmp_path, ended("a"))
    found = left(tmp_path)
    assert found.over == {"c-a", "c-b"}
    assert [each.session for each in found.unfinished] == ["c"]


def test_who_has_called_the_service_that_asks_is_no_heritage_of_it(tmp_path: Path) -> None:
    """A call in the first second was ended twice: by who conducted it, and as somebody's before."""
    write(tmp_path, begun("a"))
    write(tmp_path, begun("b"), begun("c"), ended("c"))
    (_, ours) = sorted(tmp_path.glob("*.jsonl"))
    found = left(tmp_path, ours)
    assert [each.session for each in found.unfinished] == ["a"]
    assert found.over == set()


def test_what_was_not_synced_is_written_once_more_and_counts_as_on_disk_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, synced, broken = os.fdatasync, [], [True, True]

    def sync(descriptor: int) -> None:
        if broken:
            broken.pop()
            raise OSError(errno.EIO, "Input/output error")
        synced.append(descriptor)
        real(descriptor)

    async def course() -> Path:
        spool = Journal.open(tmp_path, node="n1")
        spool.note(LinkLost(reason="1"))
        await spool.settled()
        assert synced, "settled before it was synced"
        await spool.close()
        return spool.path

    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(os, "fdatasync", sync)
    lines = list(read_lines(asyncio.run(course())))
    assert {line["reason"] for line in lines} == {"1"}
    assert len({line["id"] for line in lines}) == 1, "the loader tells repetitions by their id"


def test_nobody_is_told_that_facts_are_on_disk_when_the_journal_ends_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int, __: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def course() -> None:
        spool = Journal.open(tmp_path, node="n1")
        spool.note(LinkLost(reason="1"))
        settled = asyncio.create_task(spool.settled())
        while spool.fault is None:  # noqa: ASYNC110  another thread changes it
            await asyncio.sleep(0.001)
        await spool.close()
        with pytest.raises(OSError, match="No space left"):
            await settled

    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.3)
    monkeypatch.setattr(os, "write", full)
    asyncio.run(course())


def test_a_promise_covers_the_facts_before_it_also_those_already_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int, __: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def course() -> None:
        spool = Journal.open(tmp_path, node="n1")
        spool.note(LinkLost(reason="1"))
        while spool.fault is None:  # noqa: ASYNC110  another thread changes it
            await asyncio.sleep(0.001)
        settled = asyncio.create_task(spool.settled())  # the thread has the fact already
        await asyncio.sleep(0)
        await spool.close()
        with pytest.raises(OSError, match="No space left"):
            await settled

    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.3)
    monkeypatch.setattr(os, "write", full)
    asyncio.run(course())


@pytest.mark.parametrize("taken", [0, 1, 150, 400, 10_000])
def test_a_disk_that_fills_up_in_the_midst_of_many_facts_has_each_once_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    real, room = os.write, [taken]

    def write_some(file: int, content: bytes) -> int:
        if not room:
            return real(file, content)
        if (some := room.pop()) == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        room.append(0)
        return real(file, content[:some])

    async def course() -> Path | None:
        spool = Journal.open(tmp_path, node="n1")
        for reason in "12345":
            spool.note(LinkLost(reason=reason))
        monkeypatch.setattr(os, "write", write_some)
        await spool.settled()
        await spool.close()
        return spool.path

    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.01)
    path = asyncio.run(course())
    assert path is not None
    assert [line["reason"] for line in read_lines(path)] == list("12345")
    assert path.read_bytes().count(b"\n") == 5


def test_files_long_before_the_newest_are_not_searched(tmp_path: Path) -> None:
    old = write(tmp_path, begun("old"))
    write(tmp_path, begun("new"))
    os.utime(old, (0, 0))
    assert {each.session for each in left(tmp_path).unfinished} == {"new"}


def test_every_kind_of_fact_is_registered_under_its_own_name() -> None:
    assert KINDS["SessionStarted"] is SessionStarted
    assert all(name == kind.__name__ for name, kind in KINDS.items())


def test_files_are_in_the_order_of_their_starts_whatever_the_clock_says(tmp_path: Path) -> None:
    paths = [write(tmp_path, begun(str(n))) for n in range(12)]
    assert sorted(paths) == paths


def test_a_new_day_begins_a_new_file(tmp_path: Path) -> None:
    now = [NOON]

    async def course() -> None:
        spool = Journal.open(tmp_path, node="n1", clock=lambda: now[0])
        for days in (0, 0, 1, 1, -3):  # the last: a clock that is set back
            now[0] = NOON + timedelta(days=days)
            spool.note(begun(f"{days}"))
            await spool.settled()
        await spool.close()

    asyncio.run(course())
    pages = [[line["session"] for line in read_lines(path)] for path in sorted(tmp_path.iterdir())]
    assert pages == [["0", "0", "1"], ["1", "-3"], []]


def test_a_page_that_cannot_be_turned_is_written_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, real = [NOON], journal._new_file

    def full(folder: Path, at: datetime) -> object:
        if at > NOON:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(folder, at)

    async def course() -> Path:
        spool = Journal.open(tmp_path, node="n1", clock=lambda: now[0])
        now[0] += timedelta(days=1)
        for session in "ab":
            spool.note(begun(session))
            await spool.settled()
        await spool.close()
        return spool.path

    monkeypatch.setattr(journal, "_new_file", full)
    assert [line["session"] for line in read_lines(asyncio.run(course()))] == ["a", "b"]


def test_a_start_without_room_for_a_file_name_waits_with_its_facts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, refusals = journal._new_file, [True, True, True]

    def full(folder: Path, at: datetime) -> object:
        if refusals:
            refusals.pop()
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(folder, at)

    monkeypatch.setattr(journal, "_new_file", full)
    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.2)
    faults = []

    async def course() -> Path:
        spool = Journal.open(tmp_path, node="n1", clock=lambda: NOON)
        spool.note(begun("a"))
        while spool.fault is None:  # noqa: ASYNC110  another thread changes it
            await asyncio.sleep(0.001)
        faults.append(spool.fault)
        await spool.settled()
        faults.append(spool.fault)
        await spool.close()
        return spool.path

    assert [line["session"] for line in read_lines(asyncio.run(course()))] == ["a"]
    assert faults == [f"{tmp_path}: No space left on device", None]


def test_an_operators_facts_are_on_disk_and_push_no_session_over_the_horizon(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, begun("a"))
    put(tmp_path, [RecordingMoved(reference="26112501001", state="handled")], node="n1")
    long_ago = path.stat().st_mtime - HORIZON_SECONDS - 1
    os.utime(path, (long_ago, long_ago))
    assert [each.session for each in left(tmp_path).unfinished] == ["a"]
    newest = sorted(tmp_path.glob("*.jsonl"))[-1]
    (line,) = read_lines(newest)
    assert (line["fact"], line["node"], line["state"]) == ("RecordingMoved", "n1", "handled")
    assert newest.stat().st_mode & 0o777 == 0o600


def test_recordings_that_the_records_know_are_found(tmp_path: Path) -> None:
    known = Recorded(
        session="a",
        kind="complaint",
        person=None,
        path="p",
        ms=1,
        bytes=60,
        sha256="",
        reference="26112501001",
    )
    write(tmp_path, known, begun("a"))
    assert recorded(tmp_path) == {"26112501001"}


def test_who_stops_waiting_for_a_promise_stops_nothing_else(tmp_path: Path) -> None:
    async def course() -> Path:
        spool = Journal.open(tmp_path, node="n1")
        for n in range(50):
            spool.note(LinkLost(reason=str(n)))
            waiting = asyncio.ensure_future(spool.settled())
            await asyncio.sleep(0)
            waiting.cancel()
        spool.note(LinkLost(reason="last"))
        async with asyncio.timeout(5):
            await spool.settled()
        await spool.close()
        return spool.path

    lines = list(read_lines(asyncio.run(course())))
    assert [line["reason"] for line in lines] == [*(str(n) for n in range(50)), "last"]


@pytest.mark.parametrize("promised", ["keep", "settled"])
def test_nobody_is_promised_a_fact_that_too_many_others_pushed_out(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    promised: str,
) -> None:
    full = full_disk(monkeypatch)

    async def course() -> Path:
        spool = Journal.open(tmp_path, node="n1")
        spool.note(LinkLost(reason="first"))
        while spool.fault is None:  # noqa: ASYNC110  another thread changes it
            await asyncio.sleep(0.001)
        if promised == "keep":
            early = asyncio.create_task(spool.keep(LinkLost(reason="early")))
        else:
            spool.note(LinkLost(reason="early"))
            early = asyncio.create_task(spool.settled())
        await asyncio.sleep(0)
        for n in range(5):
            spool.note(LinkLost(reason=str(n)))
        late = asyncio.create_task(spool.keep(LinkLost(reason="a"), LinkLost(reason="b")))
        await asyncio.sleep(0)
        assert spool.fault is not None
        assert "4 facts were given up" in spool.fault
        full[0] = False
        with pytest.raises(OSError, match="too many facts"):
            await early
        await late
        assert spool.fault is None
        await spool.keep(LinkLost(reason="afterwards"))
        await spool.close()
        return spool.path

    monkeypatch.setattr(journal, "MOST_WAITING", 4)
    kept = [line["reason"] for line in read_lines(asyncio.run(course()))]
    assert kept == ["first", "3", "4", "a", "b", "afterwards"]
    assert "4 were given up" in caplog.text


def test_facts_that_belong_together_are_withdrawn_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = full_disk(monkeypatch)

    async def course() -> Path:
        spool = Journal.open(tmp_path, node="n1")
        with pytest.raises(OSError, match="too slow"):
            await spool.keep(LinkLost(reason="a"), LinkLost(reason="b"), within=0.1)
        full[0] = False
        await spool.keep(LinkLost(reason="c"))
        await spool.close()
        return spool.path

    assert [line["reason"] for line in read_lines(asyncio.run(course()))] == ["c"]
