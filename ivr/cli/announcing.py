"""Commands for what callers hear before the greeting: say it, list it, take it off the air."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    from ivr.config import Settings
    from ivr.speech.announcements import Announcement, Announcements


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    room = typer.Typer(no_args_is_help=True, help="What all callers hear first. 紧急公告")
    room.command("say")(say)
    room.command("list")(list_)
    room.command("stop")(stop)
    app.add_typer(room, name="announce")


def say(
    text: Annotated[str, typer.Argument(help="What callers are to hear, numbers in Hanzi.")],
    until: Annotated[str, typer.Option(help='Beijing time: 18:00, "2026-11-28 18:00", 90m or 2h.')],
    yes: Annotated[
        bool, typer.Option("--yes", help="Put it on the air without hearing it first.")
    ] = False,
) -> None:
    """Speak a text, let it be heard, and put it on the air before the greeting. 播出"""
    from datetime import UTC, datetime

    from ivr.cli.entitled import note
    from ivr.config import load
    from ivr.people.operator import operator_name
    from ivr.speech.announcements import moment
    from prompt_build.announcing import draft

    settings, who = load(), operator_name()
    with _refusals() as kept:
        ends = moment(until, datetime.now(UTC))
        made = draft(settings, text, ends, who)
        if not yes:
            _heard(kept, made)
        note("announced", made.name, _line(made))
        kept.air(made.name, who, datetime.now(UTC))
        _tell(settings)
    typer.echo(f"正在播出 · on the air, from the next call on: {_line(made)}")


def _heard(kept: Announcements, made: Announcement) -> None:
    """By loudspeaker where there is one, else as a file; without a yes it stays a draft."""
    import tempfile
    from pathlib import Path

    from prompt_build.announcing import wav
    from prompt_build.hearing import play

    file = Path(tempfile.mkdtemp(prefix="ivr-announce-")) / "heard.wav"
    file.write_bytes(wav(kept.folder, made.files))
    played = "" if not play(file) else "，已播放 · played"
    typer.echo(f"{made.text}\n{file}: {made.seconds:.1f} s{played}")
    if not typer.confirm("播出？来电人都会听到 · put it on the air?"):
        raise CommandFailure("没有播出 · it stays a draft")


def list_() -> None:
    """What is on the air, what is a draft, and what was said last. 列出"""
    from datetime import UTC, datetime

    words = {"on_air": "正在播出", "draft": "没有播出", "over": "已撤下"}
    with _refusals() as kept:
        for each in kept.all():
            typer.echo(f"{each.name}  {words[each.state(datetime.now(UTC))]}  {_line(each)}")


def stop(
    name: Annotated[str, typer.Argument(help="Of `ivr announce list`; all if left out.")] = "",
) -> None:
    """Take it off the air, from the next call on. 撤下"""
    from datetime import UTC, datetime

    from ivr.cli.entitled import note
    from ivr.config import load
    from ivr.people.operator import operator_name

    with _refusals() as kept:
        now = datetime.now(UTC)
        ending = [kept.named(name)] if name else kept.on_air(now)
        for each in ending:
            note("announcement ended", each.name, _line(each))
            kept.end(each.name, operator_name(), now)
        _tell(load())
        typer.echo(f"撤下了 {len(ending)} 条 · {len(ending)} taken off the air")


def _tell(settings: Settings) -> None:
    """All nodes of the line, where there are others."""
    if settings.shares:
        from ivr.state import THIS_NODE_ONLY, announcing

        if not announcing.told(settings):
            typer.echo(THIS_NODE_ONLY)


def _line(each: Announcement) -> str:
    from ivr.hours import BEIJING

    return f"{each.text}（到 {each.until.astimezone(BEIJING):%Y-%m-%d %H:%M}）"


@contextmanager
def _refusals() -> Iterator[Announcements]:
    from ivr.config import load
    from ivr.speech.announcements import Announcements, CannotAnnounce

    try:
        yield Announcements(load().home)
    except CannotAnnounce as cannot:
        raise CommandFailure(str(cannot)) from cannot
