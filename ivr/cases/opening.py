"""A case that has no recording: of a vote, or of what somebody has written down in a talk; pure."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.cases.moves import Office
from ivr.records.facts import CaseKind


class CannotReach(Exception):
    """The database of cases does not answer; without anything of a URL or of a person."""


@dataclass(frozen=True, slots=True)
class NewCase:
    """What a case without a recording is to be made of."""

    kind: CaseKind
    text: str
    """What it is about, without anybody's ID number."""
    by: str
    office: Office
    origin: str
    """Of two with the same only one is made."""
    session: str = ""
    person: str | None = None
    caller: str | None = None
