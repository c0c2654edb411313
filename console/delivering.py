"""Reports at set times, made and sent: what is due is taken, written down, made, delivered."""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from sqlite3 import Error as DatabaseError

from analytics.answering.asking import CannotAnswer
from analytics.answering.questioning import question_called
from console import answers, apart
from console.questions import Questions, values
from console.rights import Action, may
from console.schedules import PAGES, Refused, Run, Schedule, Schedules, State, checked
from console.users import Users
from ivr.config import Settings, SettingsError
from ivr.hours import BEIJING
from ivr.lifecycle.tending import tended
from ivr.mail import NotSent, PerhapsSent, send
from ivr.people.audit import Audit, AuditChanged, Entry
from ivr.records.durable import write

log = logging.getLogger(__name__)

LOOK_SECONDS = 20.0
_RIGHTS = {"daily": Action.SEE_REPORTS, "report": Action.SEE_REPORTS, "question": Action.ASK_SQL}


async def keep_time(settings: Settings) -> None:
    """Deliver what is due, for ever; whatever goes wrong is seen by people, and ends nothing."""

    async def look() -> None:
        try:
            await deliver_due(settings, datetime.now(UTC))
        except (DatabaseError, OSError) as busy:
            log.warning("reports at set times: %s; tried again", type(busy).__name__)

    await tended("delivering reports at set times", look, LOOK_SECONDS)


async def deliver_due(settings: Settings, now: datetime) -> list[tuple[Schedule, State, str]]:
    """All that is due and nobody has taken; what came of each."""
    done = []
    while taken := await asyncio.to_thread(Schedules(settings.home).take, now, 1):
        ((schedule, run),) = taken
        done.append((schedule, *await delivered(settings, schedule, run)))
    return done


async def delivered(settings: Settings, schedule: Schedule, run: Run) -> tuple[State, str]:
    """One that was taken: its end, and what is told of it; both are kept."""
    try:
        await asyncio.to_thread(_check, settings, schedule)
        content = await _made(settings, schedule, run.due)
    except Refused as refused:
        return await asyncio.to_thread(_ended, settings, schedule, run, "failed", str(refused))
    except (CannotAnswer, SettingsError, OSError, DatabaseError) as cannot:
        return await asyncio.to_thread(_ended, settings, schedule, run, "again", str(cannot))
    # In one thread to its end: a console that stops waits for it, and the end is written down.
    return await asyncio.to_thread(_sent, settings, schedule, run, content)


def _check(settings: Settings, schedule: Schedule) -> None:
    """Whoever wants it still may see it, and it may still go there; raises Refused."""
    checked(settings, schedule)
    if schedule.by_command:
        return
    owner = Users(settings.home).find(schedule.owner)
    if owner is None or owner.locked or not may(owner.roles, _RIGHTS[schedule.kind]):
        raise Refused(f"{schedule.owner} 没有看它的权限了：请别人重新建一份 · may see it no more")


async def _made(settings: Settings, schedule: Schedule, due: datetime) -> bytes:
    days = schedule.days(due)
    if schedule.kind == "daily":
        return await answers.daily_page(settings, days)
    if schedule.kind == "report":
        question = question_called(schedule.named)
        return await answers.file(settings, question, days, schedule.ending)
    who = None if schedule.by_command else schedule.owner
    find = partial(Questions(settings.home).find, int(schedule.named), who)
    saved = await asyncio.to_thread(find)
    if saved is None:
        raise Refused("保存的查询没有了 · the question is there no more")
    given = values(saved.text, saved.given, due.astimezone(BEIJING).date())
    ending: apart.Ending = "csv" if schedule.ending == "csv" else "xlsx"
    return (await apart.file(settings, saved.text, given, ending)).body


def _sent(settings: Settings, schedule: Schedule, run: Run, content: bytes) -> tuple[State, str]:
    """Noted in the trail, then delivered, then its end."""
    try:
        audit = Audit.of(settings.home)
        reason = f"{schedule.when()}，{schedule.to()}"[:200]
        audit.note(Entry(datetime.now(UTC), "report sent", schedule.name, schedule.owner, reason))
        state: State = "done"
        told = _delivered(settings, schedule, run.due, content)
    except PerhapsSent as lost:
        state, told = "perhaps", str(lost)
    except (NotSent, OSError, AuditChanged) as refused:
        state, told = "again", str(refused)
    return _ended(settings, schedule, run, state, told)


def _delivered(settings: Settings, schedule: Schedule, due: datetime, content: bytes) -> str:
    """By all its ways; the file first, for it can be written twice without harm."""
    name = file_name(schedule, due)
    told = ""
    if schedule.folder:
        target = settings.reports_folder / schedule.folder / name
        target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        write(target, content, mode=0o640)
        told = str(Path(schedule.folder) / name)
    if schedule.mail:
        days = schedule.days(due)
        about = " 至 ".join(dict.fromkeys((str(days.first), str(days.last))))
        subject = f"[12329 {settings.node}] {schedule.name} {about}"
        text = (
            f"{schedule.name}（{about}）在附件里，不含个人信息。\n"
            f"{schedule.when()}由热线控制台送出。\n"
        )
        refused = send(settings.mail, schedule.mail, subject, text, {name: content})
        if refused:
            told = f"{told} 服务器没有收给 {'、'.join(refused)} 的信".strip()
    return told


def file_name(schedule: Schedule, due: datetime) -> str:
    """Which tells the days, so that each time has its own."""
    days = schedule.days(due)
    first = PAGES[schedule.rhythm] if schedule.kind == "daily" else schedule.name
    plain = re.sub(r"[^\w-]+", "-", first).strip("-") or "report"
    return f"{plain}-{'-'.join(dict.fromkeys((str(days.first), str(days.last))))}.{schedule.ending}"


def _ended(
    settings: Settings, schedule: Schedule, run: Run, state: State, told: str
) -> tuple[State, str]:
    kept = Schedules(settings.home).end(run, state, told)
    if kept != "done":
        log.warning("report %d at %s: %s", schedule.number, f"{run.due:%Y-%m-%d %H:%M}", kept)
    return kept, told
