"""Commands of cases (工单): the same moves as in the console, by whoever runs the line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ivr.cli.entitled import note, require_reason
from ivr.cli.facts import explained, snapshot
from ivr.cli.failure import CommandFailure
from ivr.cli.people import REASON

if TYPE_CHECKING:
    from ivr.cases.case import Case, Filed
    from ivr.cases.enclosures import Enclosure
    from ivr.cases.moves import Deed, Move
    from ivr.cases.register import Register
    from ivr.cases.transcribing import Engine
    from ivr.config import CasesSettings

REFERENCE = typer.Argument(help="The number that the caller was told.")
_LAST_OF_ALL = 19
"""Niceness: everything else comes first."""
_LOOK_SECONDS = 20.0
ENCLOSED = typer.Argument(metavar="FILE", help="Its name, or its id as `show` has it.")
ID_CHARACTERS = 8
"""Of an enclosure's id: so many are shown, and at least so many name it."""
_WITHOUT_CASE = """
SELECT reference, kind, session, person, happened, path, ms, sha256, state FROM recording
WHERE state NOT IN ('replaced', 'handled', 'deleted') OR reference = $reference
ORDER BY happened, reference
"""
"""Recordings that wait for somebody, and the one that is asked for, whatever became of it."""


def add_to(room: typer.Typer) -> None:
    """Register these commands in the room of recordings."""
    room.command("show")(show)
    room.command("move")(move)
    room.command("handle")(handle)
    room.command("attach")(attach)
    room.command("fetch")(fetch)
    room.command("detach")(detach)
    room.command("catch-up")(catch_up)
    room.command("transcribe")(transcribe)


def show(reference: Annotated[str, REFERENCE]) -> None:
    """Show a case: where it stands, until when, and what was done. 一件工单的经过"""
    from ivr.hours import BEIJING

    register = _register()
    with _told():
        case = _case(register, reference)
        files = register.enclosures.of(case.number)
    held = " 保全" if case.held else ""
    typer.echo(f"{case.number} {case.state.words} {case.handler}".rstrip() + held)
    for clock in register.clocks.of(case, datetime.now(UTC)):
        ended = f"{clock.ended} 完成，" if clock.ended else ""
        typer.echo(f"  {clock.stage}：{ended}期限 {clock.due}（{clock.light}）")
    for event in case.events:
        told = " ".join(filter(None, (event.move.words, event.handler, event.number, event.text)))
        typer.echo(f"  {event.at.astimezone(BEIJING):%Y-%m-%d %H:%M} {event.by} {told}")
    for file in files:
        typer.echo(f"  附件 {file.id[:ID_CHARACTERS]} {file.name} {file.bytes} B {file.by}")


def move(
    reference: Annotated[str, REFERENCE],
    what: Annotated[str, typer.Argument(metavar="MOVE", help="accept, assign, take, answer, …")],
    text: Annotated[str, typer.Option(help="Reason, answer or note; no ID numbers.")] = "",
    handler: Annotated[str, typer.Option(help="To whom it is given.")] = "",
    days: Annotated[int, typer.Option(help="Of an extension, in working days.")] = 0,
    into: Annotated[str, typer.Option(help="The case that has the same matter.")] = "",
    content: Annotated[
        str, typer.Option(help="content or discontent, as the caller said afterwards.")
    ] = "",
) -> None:
    """Do something with a case; what cannot be done now is told. 办理工单"""
    from ivr.cases.moves import RULES

    chosen = next((each for each in RULES if what in (each.value, each.words)), None)
    if chosen is None:
        known = "、".join(f"{each.value}（{each.words}）" for each in RULES)
        raise CommandFailure(f"没有这一步 {what}，有：{known} · no such move", exit_code=2)
    register = _register()
    with _told():
        case = _case(register, reference)
        deed = _deed(chosen, text=text, handler=handler, days=days, number=into, content=content)
        case = register.act(reference, deed, seen=case.version)
    typer.echo(f"{case.number} {case.state.words}")


def handle(
    references: Annotated[list[str], REFERENCE],
    answer: Annotated[str, typer.Option(help="What was found and answered; kept with the case.")],
) -> None:
    """Accept, take, answer and close cases in one go. 受理、领办、答复、办结，一次做完"""
    register = _register()
    with _told():
        cases = [_case(register, reference) for reference in references]
        for case in cases:
            _close(register, case, answer)
    typer.echo(f"handled: {', '.join(case.number for case in cases)}")


def attach(
    reference: Annotated[str, REFERENCE],
    file: Annotated[Path, typer.Argument(help="What is to be enclosed.")],
) -> None:
    """Enclose a file with a case, under the rules of the console. 加附件"""
    from ivr.people.operator import operator_name

    register, content = _register(), _content(file)
    with _told():
        case, now = _case(register, reference), datetime.now(UTC)
        new = register.enclosures.add(case.number, file.name, content, by=operator_name(), now=now)
    note("case file added", case.number, new.name)
    typer.echo(f"{case.number} 附件 {new.id[:ID_CHARACTERS]} {new.name}")


def fetch(
    reference: Annotated[str, REFERENCE],
    enclosed: Annotated[str, ENCLOSED],
    target: Annotated[Path, typer.Argument(help="A new file, or a folder for it.")],
    reason: Annotated[str, REASON],
) -> None:
    """Copy an enclosure out, to be read; noted in the audit trail. 取附件"""
    from ivr.records.durable import write

    require_reason(reason)
    files = _register().enclosures
    with _told():
        known = _enclosed(files.of(reference), enclosed)
        path = target / known.name if target.is_dir() else target
        if path.exists():
            raise CommandFailure(f"{path} is there already: name a new file", exit_code=2)
        note("case file read", reference, f"{known.name}：{reason}")
        _, content = files.content(reference, known.id)
    write(path, content, mode=0o600)
    typer.echo(f"{path}: {len(content)} bytes, as it was enclosed")


def detach(
    reference: Annotated[str, REFERENCE],
    enclosed: Annotated[str, ENCLOSED],
    reason: Annotated[str, REASON],
) -> None:
    """Take an enclosure out for good that does not belong there. 删附件"""
    require_reason(reason)
    files = _register().enclosures
    with _told():
        known = _enclosed(files.of(reference), enclosed)
        note("case file removed", reference, reason)
        files.remove(reference, known.id)
    typer.echo(f"{reference} 已删附件 {known.name} · removed")


def catch_up() -> None:
    """Open a case for each recording of before that still waits; again is harmless. 补建工单"""
    register, opened = _register(), 0
    with _told():
        for filed, _ in _recordings(""):
            opened += register.cases.open(filed)
        register.tell()
    typer.echo(f"新建 {opened} 件工单 · {opened} cases opened")


def transcribe(
    once: Annotated[bool, typer.Option("--once", help="What waits now, and no more.")] = False,
) -> None:
    """Write down what recordings say, one at a time; help only, never evidence. 录音转写

    The console runs it where `cases.transcript` is set, and whoever wants to sees what is wrong.
    """
    import os
    import time

    from ivr.people.sensitive import leave_no_core

    register = _register()
    if (model := _model(register.settings.cases)) is None:
        raise CommandFailure("没有开通录音转写：设置 cases.transcript · it is off", exit_code=2)
    leave_no_core()
    os.nice(_LAST_OF_ALL)
    engine = _engine(model)
    while True:
        with _told():
            number = register.transcripts.write_next(engine)
        if number is not None:
            typer.echo(f"{number} 已转写 · tried")
        elif once:
            return
        else:
            time.sleep(_LOOK_SECONDS)


def _model(settings: CasesSettings) -> Path | None:
    return None if settings.transcript == "off" else settings.transcript_model


def _engine(model: Path) -> Engine:
    from ivr.cases.transcribing import Whisper

    try:
        return Whisper(model)
    except ImportError as lacking:
        raise CommandFailure(
            "先装识别程序：.venv/bin/pip install -e '.[proof]' · install the recogniser first"
        ) from lacking
    except (OSError, RuntimeError, ValueError) as unfit:
        raise CommandFailure(f"{model} 不是能用的模型 · no model") from unfit


def _close(register: Register, case: Case, answer: str) -> None:
    """From wherever it stands to 已办结, each step an event of its own."""
    from ivr.cases.moves import Move, State

    ways = {
        State.PENDING: Move.ACCEPT,
        State.ACCEPTED: Move.TAKE,
        State.ASSIGNED: Move.TAKE,
        State.SUSPENDED: Move.RESUME,
        State.WORKING: Move.ANSWER,
        State.ANSWERED: Move.CLOSE,
    }
    if case.state not in ways:
        raise CommandFailure(f"{case.number} 已经是{case.state.words} · is dealt with already")
    while case.state in ways:
        deed = _deed(ways[case.state], text=answer)
        case = register.act(case.number, deed, seen=case.version)


def _deed(what: Move, **given: Any) -> Deed:
    """Whoever may run commands of the line stands for its 值班长 and its 承办人."""
    from ivr.cases.moves import Deed, Office
    from ivr.people.operator import operator_name

    offices = frozenset({Office.LEADER, Office.HANDLER, Office.AGENT})
    return Deed(what, operator_name(), offices, **given)


def _content(file: Path) -> bytes:
    """At most a byte more than may be enclosed: what is larger is refused, however large it is."""
    from ivr.cases.enclosures import MOST_BYTES

    if file.exists() and not file.is_file():
        raise CommandFailure(f"{file} 不是文件 · is not a file", exit_code=2)
    try:
        with file.open("rb") as source:
            return source.read(MOST_BYTES + 1)
    except OSError as lost:
        raise CommandFailure(f"{file}: {lost.strerror}", exit_code=2) from lost


def _enclosed(files: tuple[Enclosure, ...], asked: str) -> Enclosure:
    """The one that is meant; by its id where several have its name."""
    by_id = [each for each in files if len(asked) >= ID_CHARACTERS and each.id.startswith(asked)]
    meant = by_id or [each for each in files if each.name == asked]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise CommandFailure(f"有 {len(meant)} 个附件叫 {asked}，写编号 · name it by its id")
    raise CommandFailure(f"没有这个附件 {asked}，`ivr recordings show` 列出 · no such file")


def _register() -> Register:
    from ivr.cases.register import Register
    from ivr.config import load

    return Register.of(load())


def _case(register: Register, reference: str) -> Case:
    """The case; opened now where its recording is known and it has none yet."""
    from ivr.cases.store import NoCase

    try:
        return register.cases.case(reference)
    except NoCase:
        for filed, state in _recordings(reference):
            if filed.number == reference:
                if state in ("deleted", "replaced"):
                    raise CommandFailure(f"{reference}: {state} already") from None
                register.enter(filed)
                return register.cases.case(reference)
        raise CommandFailure(
            f"no recording {reference}: `ivr recordings list` shows them (a new one after seconds)"
        ) from None


def _recordings(reference: str) -> Iterator[tuple[Filed, str]]:
    """Recordings as the records know them, with their states."""
    from analytics.answering.asking import answer
    from ivr.cases.case import Filed

    with explained(), snapshot() as known:
        found = answer(known, _WITHOUT_CASE, {"reference": reference}).records()
    for row in found:
        told: dict[str, Any] = dict(row)
        filed = Filed(
            told["reference"], told["kind"], told["session"], told["person"],
            told["happened"].replace(tzinfo=UTC), told["path"], told["ms"], told["sha256"],
        )  # fmt: skip
        yield filed, told["state"]


@contextmanager
def _told() -> Iterator[None]:
    """What the cases refuse, as a command says it."""
    from ivr.cases.moves import Refused
    from ivr.cases.opening import CannotReach
    from ivr.cases.sealing import Unreadable
    from ivr.cases.store import Outrun

    try:
        yield
    except (Refused, Outrun, CannotReach, Unreadable) as refused:
        raise CommandFailure(str(refused)) from refused
