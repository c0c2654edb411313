"""Commands of what callers leave: recordings to hear and handle, and the survey's result."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli import cases
from ivr.cli.entitled import noted, unlocked
from ivr.cli.facts import Format, explained, show, snapshot
from ivr.cli.failure import CommandFailure
from ivr.cli.people import REASON
from ivr.cli.reports import FROM, TO, days_asked, terms
from ivr.records.facts import ABSTAINED

if TYPE_CHECKING:
    from analytics.answering.asking import ResultSet
    from analytics.answering.questioning import Days

BAR = 40
"""Characters of the bar of a grade that everybody gave."""
REFERENCE = typer.Argument(help="The number that the caller was told.")

_LIST = """
SELECT reference, kind, local_time(happened) AS recorded, round(ms / 1000, 1) AS seconds, state,
       local_time(moved) AS since, person, path
FROM recording
WHERE on_days(happened, $since, $until)
  AND ($kind IS NULL OR kind = $kind) AND ($state IS NULL OR state = $state)
ORDER BY happened, reference
"""
_ONE = """
SELECT path, sha256 FROM recording WHERE reference = $reference
UNION ALL SELECT path, sha256 FROM talk_recording
WHERE reference = $reference AND path IS NOT NULL LIMIT 1
"""


class Kind(StrEnum):
    """What a recording is."""

    COMPLAINT = "complaint"
    SUGGESTION = "suggestion"
    MESSAGE = "message"


class State(StrEnum):
    """What has become of it."""

    NEW = "new"
    REPLACED = "replaced"
    HANDLED = "handled"
    DELETED = "deleted"


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    room = typer.Typer(no_args_is_help=True, help="Complaints, suggestions, messages. 录音")
    room.command("list")(list_)
    room.command("export")(export)
    cases.add_to(room)
    app.add_typer(room, name="recordings")
    app.command("survey")(survey)


# --- recordings -------------------------------------------------------------------------------


def list_(
    kind: Annotated[Kind | None, typer.Option(help="Only these.")] = None,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    since: Annotated[datetime | None, FROM] = None,
    until: Annotated[datetime | None, TO] = None,
    shape: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """List recordings with their state; who spoke is a token (`ivr who`). 列出录音"""
    days = _range(since, until)
    values = {"since": days.first, "until": days.last, "kind": kind, "state": state}
    show(_asked(_LIST, values), shape)


def export(
    reference: Annotated[str, REFERENCE],
    target: Annotated[Path, typer.Argument(help="A new file, or a folder for it.")],
    reason: Annotated[str, REASON],
) -> None:
    """Copy a recording out, to be heard; noted in the audit trail. 导出录音"""
    from ivr.config import load
    from ivr.recordings.finding import find
    from ivr.recordings.shape import Evidence
    from ivr.records.durable import write

    known = _recording(reference)
    filed = Path(str(known["path"]))
    path = target / filed.name if target.is_dir() else target
    if path.exists():
        raise CommandFailure(f"{path} is there already: name a new file", exit_code=2)
    noted("export", reference, reason)
    source, state = find(load(), str(filed), str(known["sha256"]))
    if state is not Evidence.WHOLE:
        raise CommandFailure(f"{source}: {state}")
    content = source.read_bytes()
    write(path, content, mode=0o600)
    typer.echo(f"{path}: {len(content)} bytes, as it was recorded")


def _recording(reference: str) -> dict[str, object]:
    found = _asked(_ONE, {"reference": reference}).records()
    if not found:
        raise CommandFailure(
            f"no recording {reference}: `ivr recordings list` shows them (a new one after seconds)"
        )
    return found[0]


# --- survey -----------------------------------------------------------------------------------


def survey(
    since: Annotated[datetime | None, FROM] = None,
    until: Annotated[datetime | None, TO] = None,
    voters: Annotated[
        bool, typer.Option("--voters", help="Name each voter; noted in the audit trail.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why the voters are named.")] = "",
) -> None:
    """Count the survey's votes of some days: one per person and day, the last. 调查结果"""
    days = _range(since, until)
    if voters:
        _name_voters(days, reason)
        return
    counted = _reported("survey", days)
    for line in result(counted):
        typer.echo(line)


def result(counted: list[dict[str, object]]) -> list[str]:
    """A line for each grade, and the whole; pure."""
    votes = {int(str(row["grade"])): int(str(row["votes"])) for row in counted}
    total, graded = sum(votes.values()), sum(votes.values()) - votes.get(ABSTAINED, 0)
    lines = []
    for row in counted:
        count = int(str(row["votes"]))
        share = count / total if total else 0.0
        bar = "█" * round(share * BAR)
        words = str(row["words"]).ljust(5, "　")
        lines.append(f"{row['grade']} {words} {count:6} {share:6.1%} {bar}".rstrip())
    if not graded:
        return [*lines, "no grades" if total else "no votes"]
    mean = sum(grade * count for grade, count in votes.items()) / graded  # ABSTAINED adds nothing
    return [*lines, f"{total} votes, mean {mean:.2f} of {graded} grades (1 is the best)"]


def _name_voters(days: Days, reason: str) -> None:
    votes = _reported("votes", days)
    vault = noted("voters", f"{days.first}..{days.last}", reason)
    for vote in votes:
        with unlocked():
            number = vault.reveal(str(vote["person"]))
        voter = "forgotten" if number is None else number.reveal()
        typer.echo(f"{vote['voted']:%Y-%m-%d %H:%M:%S}\t{vote['choice']}\t{voter}")


def _range(since: datetime | None, until: datetime | None) -> Days:
    with explained():
        return days_asked(since, until)


def _reported(question: str, days: Days) -> list[dict[str, object]]:
    from analytics.answering.questioning import question_called

    with explained(), snapshot() as known:
        return question_called(question).answer(known, days, terms()).records()


def _asked(sql: str, values: Mapping[str, object]) -> ResultSet:
    from analytics.answering.asking import answer

    with explained(), snapshot() as known:
        return answer(known, sql, values)
