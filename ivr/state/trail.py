"""One audit trail over all nodes: what each wrote on its own disk first, chained in one order.

Nobody's act waits for the database: it goes on when its entry is on the disk of its machine, in the
chain of that machine (`ivr.people.audit`); the beat brings it, each line once by its hash.
In the database the lines stand in a second chain under the same key. Each node keeps where that
ended when it last saw it, so that entries which are cut off at the very end are missed too.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, insert, select

from ivr.config import Settings
from ivr.people.audit import FIRST, Audit, AuditChanged, Entry, Place, entry_of, hash_of
from ivr.records.durable import write
from ivr.records.holding import alone as alone_here
from ivr.state.membership import PATIENCE_SECONDS
from ivr.state.node import Node
from ivr.state.nodes import FOLDER
from ivr.state.shared import CannotReach, Shared
from ivr.state.trips import Matter, alone, durable

log = logging.getLogger(__name__)

_LINE: Final = Table(
    "audit_line",
    MetaData(),
    Column("seq", Integer, primary_key=True),
    *(Column(name, String) for name in ("hash", "node", "line", "chained")),
)
_MOST_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class End:
    """Where the chain in the database ended."""

    seq: int = 0
    chained: str = FIRST


@dataclass(frozen=True, slots=True)
class Seen:
    """What a machine knows of it."""

    place: Place = field(default_factory=Place)
    """Up to where its own lines are in the database."""
    end: End = field(default_factory=End)


class LineTrail:
    """The trail of all nodes, as seen from this machine."""

    def __init__(self, settings: Settings) -> None:
        self._node = settings.node
        self._own = Audit.of(settings.home)
        self._file = settings.home / FOLDER / "audit.json"

    def bring(self, shared: Shared) -> int:
        """What is written here is in the database; how many were not. One at a time; blocks.

        CannotReach, and AuditChanged where one of the two chains is broken.
        """
        with self._only_here():
            seen = _read(self._file)
            lines, place = self._own.since(seen.place)
            told = 0
            if not lines:
                return told
            if not shared.within(partial(self._knows, last=seen.place.last), PATIENCE_SECONDS):
                lines, place = self._own.since(Place())
            end = seen.end
            for start in range(0, len(lines), _MOST_AT_ONCE):
                some = lines[start : start + _MOST_AT_ONCE]
                add = partial(self._add, lines=some, seen=end)
                new, end = shared.within(add, PATIENCE_SECONDS)
                told += new
            _write(self._file, Seen(place, end))
        return told

    def entries(self, shared: Shared) -> list[Entry]:
        """All of all nodes, by their times; CannotReach, AuditChanged."""
        self.bring(shared)
        seen = _read(self._file).end
        lines: list[bytes] = []
        end = End()
        while some := shared.within(partial(_some, after=end.seq), PATIENCE_SECONDS):
            for row in some:
                end = self._followed(end, row)
                if end.seq == seen.seq and end != seen:
                    raise _other(end.seq)
                lines.append(row.line.encode())
        if end.seq < seen.seq:
            raise _cut(end.seq, seen.seq)
        with self._only_here():
            _write(self._file, Seen(_read(self._file).place, end))
        return sorted(map(entry_of, lines), key=lambda entry: entry.at)

    @contextmanager
    def _only_here(self) -> Iterator[None]:
        """No other program of this machine changes what it knows meanwhile."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone_here(self._file.with_suffix(".lock")):
            yield

    def start_anew(self) -> None:
        """The database may be a new one: what was seen of the one before does not hold."""
        self._file.unlink(missing_ok=True)

    def _knows(self, rows: Connection, last: str) -> bool:
        there = select(_LINE.c.seq).where(_LINE.c.hash == last)
        return last == FIRST or rows.execute(there).first() is not None

    def _add(self, rows: Connection, lines: Sequence[bytes], seen: End) -> tuple[int, End]:
        """Those that are not there yet, after what is; how many, and the end."""
        durable(rows)
        alone(rows, Matter.TRAIL)
        end = self._tail(rows, seen)
        hashes = [hash_of(line) for line in lines]
        there = set(rows.execute(select(_LINE.c.hash).where(_LINE.c.hash.in_(hashes))).scalars())
        new = []
        for line, own in zip(lines, hashes, strict=True):
            if own not in there:
                told = {"hash": own, "node": self._node, "line": line.decode()}
                end = End(end.seq + 1, self._chained(end, told))
                new.append({**told, "seq": end.seq, "chained": end.chained})
        if new:
            rows.execute(insert(_LINE), new)
        return len(new), end

    def _tail(self, rows: Connection, seen: End) -> End:
        """Where it ends; AuditChanged where its last entry, or what was seen, is another now."""
        last = list(rows.execute(select(_LINE).order_by(_LINE.c.seq.desc()).limit(2)))
        at = _at(rows, seen.seq)
        if at != seen:
            raise _cut(last[0].seq if last else 0, seen.seq) if at is None else _other(seen.seq)
        if not last:
            return End()
        before = End(last[1].seq, last[1].chained) if len(last) > 1 else End()
        return self._followed(before, last[0])

    def _followed(self, before: End, row: Any) -> End:
        told = {name: getattr(row, name) for name in ("hash", "node", "line")}
        right = self._chained(before, told)
        if row.seq != before.seq + 1 or not hmac.compare_digest(row.chained, right):
            raise _changed(before.seq + 1)
        return End(row.seq, right)

    def _chained(self, before: End, told: Mapping[str, str]) -> str:
        return self._own.chained(before.chained, {**told, "seq": str(before.seq + 1)})


class Brought:
    """This node's entries are brought (Part)."""

    def __init__(self, settings: Settings, shared: Shared) -> None:
        self._trail = LineTrail(settings)
        self._shared = shared
        self.complaint = ""
        """What is wrong with one of the two chains, as long as it is."""

    async def catch_up(self) -> None:
        """Bring what is new here; nothing is added to a chain that is broken."""
        try:
            await asyncio.to_thread(self._trail.bring, self._shared)
            self.complaint = ""
        except AuditChanged as changed:
            if str(changed) != self.complaint:
                log.error("%s", changed)  # noqa: TRY400  the message says it all
            self.complaint = str(changed)

    def is_even(self) -> bool:
        """No caller's question depends on it."""
        return True


def among_nodes(node: Node, settings: Settings) -> None:
    """A service that is one of several brings what is written on its machine."""
    brought = Brought(settings, node.shared)
    node.shares(brought)
    node.complaints.append(lambda: brought.complaint)


def take_over(settings: Settings, shared: Shared) -> int:
    """What this machine has written until now; how many. CannotReach, AuditChanged."""
    trail = LineTrail(settings)
    trail.start_anew()
    return trail.bring(shared)


def entries(settings: Settings) -> tuple[list[Entry], bool]:
    """The trail, and whether it is that of all nodes; AuditChanged.

    While the database is away there is what was written on this machine.
    """
    with closing(Shared(settings)) as shared:
        try:
            return LineTrail(settings).entries(shared), True
        except CannotReach:
            return Audit.of(settings.home).entries(), False


def _some(rows: Connection, after: int) -> list[Any]:
    asked = select(_LINE).where(_LINE.c.seq > after).order_by(_LINE.c.seq)
    return list(rows.execute(asked.limit(_MOST_AT_ONCE)))


def _at(rows: Connection, seq: int) -> End | None:
    if seq == 0:
        return End()
    chained = rows.execute(select(_LINE.c.chained).where(_LINE.c.seq == seq)).scalar()
    return None if chained is None else End(seq, chained)


def _changed(seq: int) -> AuditChanged:
    return AuditChanged(
        f"全线的审计，第 {seq} 条被改动过或者少了：数据库保持原样，报告数据保护负责人"
        f" · the line's trail, entry {seq}: it was changed; keep the database as it is"
    )


def _other(seen: int) -> AuditChanged:
    return AuditChanged(
        f"全线的审计，第 {seen} 条和本机见过的不同：数据库是从备份恢复的，在本机再 `ivr node join`"
        " 一次；不是的，数据库保持原样，报告数据保护负责人"
        f" · the line's trail, entry {seen}: another was seen here: was it put back?"
    )


def _cut(last: int, seen: int) -> AuditChanged:
    return AuditChanged(
        f"全线的审计到第 {last} 条为止，本机见过第 {seen} 条：末尾少了。数据库是从备份恢复的，"
        "在每个节点再 `ivr node join` 一次；不是的，报告数据保护负责人"
        f" · the line's trail ends at {last}, and entry {seen} was seen: was it put back?"
    )


def _read(path: Path) -> Seen:
    with suppress(OSError, ValueError, TypeError, KeyError):
        told = json.loads(path.read_bytes())
        return Seen(Place(**told["place"]), End(**told["end"]))
    return Seen()


def _write(path: Path, seen: Seen) -> None:
    write(path, json.dumps(asdict(seen)).encode(), mode=0o600)
