"""What the cells of a line have told, put together: waits, faults, and what it cost; pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench.province_cell import LIMITS, Span, Told

CLOSE_SECONDS = 0.5
"""Who comes so shortly before another may be served after: nobody could know yet."""
SHORT = 0.1
"""Who stood ready for a larger part of the time without a processor was not measured."""


def faults(line: Sequence[Told]) -> list[str]:
    """What may never be; a cell that went on without the database has its share of the budgets."""
    phones = _overlapping("phone", _spans(cell.phones for cell in line), 1)
    if any(cell.losses for cell in line):
        return [*phones, *_told_too_much(line, LIMITS.ids_per_caller * len(line))]
    return [
        *phones,
        *_told_too_much(line, LIMITS.ids_per_caller),
        *_overlapping("number", _spans(cell.ups for cell in line), LIMITS.calls_per_caller),
    ]


def rung_twice(line: Sequence[Told]) -> int:
    """Phones that rang for two calls at once."""
    return len(list(_overlapping("phone", _spans(cell.phones for cell in line), 1)))


def overtaken(line: Sequence[Told]) -> int:
    """How many got a phone while somebody who had come before, on any cell, still waited."""
    stays = [stay for cell in line for stay in cell.stays]
    return sum(
        any(
            other.since < stay.since - CLOSE_SECONDS and other.over > stay.over + CLOSE_SECONDS
            for other in stays
        )
        for stay in stays
        if stay.served
    )


def _told_too_much(line: Sequence[Told], most: int) -> Iterator[str]:
    people: dict[str, set[str]] = defaultdict(set)
    for cell in line:
        for caller, heard in cell.people.items():
            people[caller] |= heard
    for caller, heard in people.items():
        if len(heard) > most:
            yield f"{caller} was told of {len(heard)} people, {most} at most"


def _spans(cells: Iterable[Iterable[Span]]) -> Mapping[str, list[Span]]:
    found: dict[str, list[Span]] = defaultdict(list)
    for cell in cells:
        for span in cell:
            found[span.what].append(span)
    return found


def _overlapping(kind: str, spans: Mapping[str, list[Span]], most: int) -> Iterator[str]:
    """Where more than so many were at once."""
    for what, each in spans.items():
        for span in each:
            at_once = [other for other in each if other.begin <= span.begin < other.end]
            if len(at_once) > most:
                yield f"{kind} {what}: {' and '.join(other.who for other in at_once)} at once"
                break


def figures(
    lines: Sequence[Sequence[Told]], costs: Mapping[str, float], seconds: float
) -> list[str]:
    """In words, for whoever sizes a province."""
    cells = [cell for line in lines for cell in line]
    told = [*_waits(cells), *_happened(lines)]
    used = [1000 * cell.processor / seconds for cell in cells]
    told.append(
        f"processor of a cell, with its callers: {sum(used) / len(used):.1f} ms a second,"
        f" {max(used):.1f} the most"
    )
    told += [f"{what}: {cost:.2f}" for what, cost in costs.items()]
    told += list(_short(cells, costs, seconds))
    return [*told, *(f"FAULT {fault}" for line in lines for fault in faults(line))]


def _waits(cells: Sequence[Told]) -> Iterator[str]:
    for kind in sorted({kind for cell in cells for kind in cell.waits}):
        ms = sorted(1000 * wait for cell in cells for wait in cell.waits[kind])
        p50, p99 = part_of(ms, 0.5), part_of(ms, 0.99)
        yield f"{kind:9} {len(ms):6}  p50 {p50:6.1f} ms  p99 {p99:6.1f} ms  most {ms[-1]:6.1f} ms"


def _happened(lines: Sequence[Sequence[Told]]) -> Iterator[str]:
    happened = sum((cell.happened for line in lines for cell in line), Counter[str]())
    yield from (f"{what}: {count}" for what, count in sorted(happened.items()))
    losses = sum(cell.losses for line in lines for cell in line)
    yield f"no answer in time, and a cell went on without the database: {losses}"
    yield f"phones rung twice: {sum(map(rung_twice, lines))}"
    yield f"served before somebody who had come first: {sum(map(overtaken, lines))}"


def _short(cells: Sequence[Told], costs: Mapping[str, float], seconds: float) -> Iterator[str]:
    late = sorted(1000 * each for cell in cells for each in cell.late)
    stood = sum(cell.without for cell in cells)
    ready = stood / (stood + sum(cell.processor for cell in cells) or 1.0)
    yield (
        f"cells too late for want of a processor: p50 {part_of(late, 0.5):.1f} ms,"
        f" p99 {part_of(late, 0.99):.1f} ms; they stood ready without one {stood / seconds:.2f} s"
        " a second"
    )
    if part_of(late, 0.99) > 1000 * SHORT:
        yield (
            "SHORT OF PROCESSOR: the cells had to wait for one; the waits above are this"
            f" machine's ({ready:.0%} of their time)"
        )


def part_of(ordered: Sequence[float], part: float) -> float:
    """The value that this part of them does not exceed."""
    return ordered[max(0, math.ceil(len(ordered) * part) - 1)] if ordered else math.nan
