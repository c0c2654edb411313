"""Commands of the prompts: building, publishing and hearing them, and how numbers are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    from ivr.config import Settings
    from prompt_build.build import Built
    from prompt_build.studio.timing import Times


_WHY = typer.Option("--why", help="For the log of publications. 缘由")
_FROM = typer.Option("--from", help='Heard from then on: "2026-12-01 08:00", 2h; Beijing. 从何时起')
_UNTIL = typer.Option("--until", help="Until then; the one before is heard again. 到何时止")


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    app.command("build-prompts")(build_prompts)
    app.command("read")(read)
    app.command("hear")(hear)
    app.command("preview")(preview)
    room = typer.Typer(no_args_is_help=True, help="Sets of prompts: publish, take back. 语音版本")
    room.command("list")(list_)
    room.command("diff")(diff)
    room.command("publish")(publish)
    room.command("rollback")(rollback)
    room.command("forward")(forward)
    room.command("withdraw")(withdraw)
    room.command("log")(log)
    room.command("gc")(gc)
    room.command("report")(report)
    room.command("schema")(schema)
    app.add_typer(room, name="prompts")


# --- building ---------------------------------------------------------------------------------


def build_prompts(
    check: Annotated[
        bool, typer.Option("--check", help="Check the catalog only; make nothing.")
    ] = False,
    draft: Annotated[
        bool, typer.Option("--draft", help="Make the set, but do not publish it yet.")
    ] = False,
    catalog: Annotated[
        Path | None, typer.Option(help="Another catalog than scripts.zh.toml.")
    ] = None,
    audio: Annotated[Path | None, typer.Option(help="Another folder than generated_audio.")] = None,
    why: Annotated[str, _WHY] = "",
    since: Annotated[str, _FROM] = "",
    until: Annotated[str, _UNTIL] = "",
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Take nothing of the speech that ships.")
    ] = False,
    if_none: Annotated[
        bool, typer.Option("--if-none", help="Only where no set can be spoken yet.")
    ] = False,
) -> None:
    """Make every prompt that is not made yet, and publish the set. 生成语音."""
    from datetime import UTC, datetime

    from ivr.config import load
    from prompt_build.catalog.city import remember
    from prompt_build.catalog.source import source_of
    from prompt_build.studio.timing import settle

    settings = load()
    settings = settings.model_copy(
        update={"catalog": catalog or settings.catalog, "audio": audio or settings.audio}
    )
    folder = settings.audio
    with _failures():
        if check:
            _check(settings)
            return
        if if_none and _speaks(folder):
            return
        times = _times(since, until)
        if draft and times:
            raise CommandFailure("--draft 不发布，不能写 --from、--until", exit_code=2)
        settle(settings, datetime.now(UTC))
        built = _build(settings, folder, from_scratch=from_scratch)
        remember(source_of(settings))
        for warning in built.due:
            typer.echo(f"due: {warning}", err=True)
        typer.echo(_summary(built))
        if draft:
            typer.echo(f"draft: see `ivr prompts diff {built.number}`, then publish it")
        else:
            _publish(settings, built.number, why, times)


def _check(settings: Settings) -> None:
    from datetime import date

    from prompt_build import lexicon
    from prompt_build.catalog.reading import load
    from prompt_build.catalog.source import source_of

    catalog, known = load(source_of(settings)), lexicon.load(settings.lexicons)
    if open_ := len(list(lexicon.unconfirmed_in(catalog, known))):
        typer.echo(f"{open_} 处多音字的读音还没有人确认：运行 ivr pronounce 看一看", err=True)
    for warning in catalog.due(date.today()):  # noqa: DTZ011  the editor's own calendar
        typer.echo(f"due: {warning}", err=True)
    files = [settings.catalog.name, *([settings.words_file.name] * settings.words_file.exists())]
    typer.echo(f"{' + '.join(files)}: {len(catalog.prompts)} prompts, no fault")


def _build(settings: Settings, folder: Path, *, from_scratch: bool) -> Built:
    from prompt_build import lexicon
    from prompt_build.build import build
    from prompt_build.catalog.source import source_of
    from prompt_build.choosing import choose, speaking
    from prompt_build.sets import published

    heard = published(folder) or {}
    engine = choose(settings.speech, heard.get("voice", {}).get("name"))
    if from_scratch:
        engine = replace(engine, shipped=None)
    with _bar() as progress:
        speaks = speaking(settings.speech, engine, lexicon.load(settings.lexicons))
        return build(source_of(settings), folder, engine, speaks, progress)


def _speaks(folder: Path) -> bool:
    """Whether callers can be spoken to already, by a set that this program fits."""
    from ivr.speech.contract import CONTRACT
    from ivr.speech.prompts import PromptSetError, Shelf

    try:
        Shelf(folder, CONTRACT)
    except PromptSetError:
        return False
    return True


def _summary(built: Built) -> str:
    made = (
        f"{built.made} clips made ({built.audio_seconds:.0f} s of speech; {built.spoken} by the"
        f" voice, the others were there), {built.kept} kept"
    )
    if built.engine_share is None:
        return f"{made}, in {built.wall_seconds:.1f} s"
    speed = built.audio_seconds / built.wall_seconds
    outside = f"{1 - built.engine_share:.0%} of it outside the voice"
    return f"{made}, in {built.wall_seconds:.1f} s: {speed:.1f} s of speech a second, {outside}"


def _publish(settings: Settings, number: int, why: str, times: Times) -> None:
    """A set that was just made of the file: what is planned is made of it again."""
    from datetime import UTC, datetime

    from ivr.people.operator import operator_name
    from prompt_build import sets
    from prompt_build.studio.publishing import breaches
    from prompt_build.studio.timing import making, renewed, with_words

    folder, now = settings.audio, datetime.now(UTC)
    if times:
        _schedule(folder, number, why, times)
        return
    words = settings.words_file
    file = words.read_text(encoding="utf-8-sig") if words.exists() else ""
    planned = with_words(settings, now)
    if any(each.words is not None for each in planned):
        planned = renewed(settings, file, planned, making(settings))
    done = sets.publish(
        folder,
        number,
        now,
        who=operator_name(),
        why=why,
        breaches=breaches(folder),
        timed=planned,
    )
    typer.echo(f"set {number}: {'published' if done else 'nothing changed'}")
    _say_what_comes(folder)


def _schedule(folder: Path, number: int, why: str, times: Times) -> None:
    from datetime import UTC, datetime

    from ivr.people.operator import operator_name
    from ivr.speech.publications import Timed
    from prompt_build import sets
    from prompt_build.studio.publishing import breaches

    now = datetime.now(UTC)
    timed = Timed(number, times.begins(now), times.until, operator_name(), why)
    sets.schedule(folder, timed, now, breaches=breaches(folder))
    typer.echo(f"set {number}: scheduled")
    _say_what_comes(folder)


def _times(since: str, until: str) -> Times:
    from datetime import UTC, datetime

    from prompt_build.studio.timing import times

    return times(since, until, datetime.now(UTC))


def _say_what_comes(folder: Path) -> None:
    """What callers will hear without anybody doing anything."""
    from datetime import UTC, datetime

    from ivr.speech.publications import clock, in_words, last

    publication = last(folder)
    if publication is None:
        return
    now = datetime.now(UTC)
    on_top = publication.on_top(now)
    if on_top is not None and on_top.until is not None:
        typer.echo(f"现在播第 {on_top.set} 版，到 {clock(on_top.until)}")
    for turn in publication.turns(now):
        why = f"：{turn.by.why}" if turn.by and turn.by.set == turn.set and turn.by.why else ""
        typer.echo(f"{in_words(turn)}{why}")


# --- sets -------------------------------------------------------------------------------------


def list_() -> None:
    """All sets that can be published. 列出各版"""
    from rich.console import Console
    from rich.table import Table

    from prompt_build import sets

    table = Table("set", "built (北京时间)", "voice", "prompts", "")
    for each in sets.listing(_audio()):
        heard = "published" if each.published else ""
        table.add_row(str(each.number), _beijing(each.built), each.voice, str(each.prompts), heard)
    Console().print(table)


def diff(
    after: Annotated[int | None, typer.Argument(help="A set; the newest if left out.")] = None,
    before: Annotated[int | None, typer.Argument(help="The published set if left out.")] = None,
) -> None:
    """What callers would hear otherwise; the words that differ stand in 【】. 比较两版"""
    from prompt_build import sets
    from prompt_build.marking import marked

    folder = _audio()
    with _failures():
        known = sets.numbers_of(folder)
        newer = sets.load(folder, after or (known[-1] if known else 0))
        older: dict[str, Any] = (
            sets.load(folder, before) if before else sets.published(folder) or {}
        )
        if not older:
            raise CommandFailure("nothing is published yet: all of it is new", exit_code=3)
    found = sets.changes(older, newer)
    if (was := older["voice"]["name"]) != (now := newer["voice"]["name"]):
        typer.echo(f"{'voice':10}{was} → {now}")
    for change in found:
        typer.echo(f"{change.kind:10}{change.prompt}")
        old, new = marked(change.before or "", change.after or "")
        if change.kind in ("removed", "reworded"):
            typer.echo(f"  - {old if change.after else change.before}")
        if change.kind in ("added", "reworded"):
            typer.echo(f"  + {new if change.before else change.after}")
    typer.echo(f"set {older['set']} → {newer['set']}: {len(found)} changes for callers")


def publish(
    number: Annotated[int | None, typer.Argument(help="A set; the newest if left out.")] = None,
    why: Annotated[str, _WHY] = "",
    since: Annotated[str, _FROM] = "",
    until: Annotated[str, _UNTIL] = "",
) -> None:
    """Let new calls hear a set, now or from a moment on, for good or for a time. 发布"""
    from ivr.people.operator import operator_name
    from prompt_build import sets
    from prompt_build.studio.publishing import breaches

    with _failures():
        folder = _settled()
        times = _times(since, until)
        known = sets.numbers_of(folder)
        number = number or (known[-1] if known else 0)
        if times:
            _schedule(folder, number, why, times)
            return
        done = sets.publish(folder, number, who=operator_name(), why=why, breaches=breaches(folder))
        typer.echo(f"set {number}: {'published' if done else 'nothing changed'}")
        _say_what_comes(folder)


def withdraw(
    number: Annotated[int, typer.Argument(help="The set that was to be heard.")],
    why: Annotated[str, _WHY] = "",
) -> None:
    """Take back what was to be heard later, or for a time; its words are a draft again. 撤下"""
    from datetime import UTC, datetime

    from ivr.config import load
    from ivr.people.operator import operator_name
    from prompt_build.studio import publishing

    settings = load()
    with _failures():
        publishing.withdraw(settings, number, who=operator_name(), why=why, now=datetime.now(UTC))
        typer.echo(f"set {number}: withdrawn")
        _say_what_comes(settings.audio)


def _settled() -> Path:
    """The folder of sets; what has come into force to stay is in the city's file from now on."""
    from datetime import UTC, datetime

    from ivr.config import load
    from prompt_build.studio.timing import settle

    settings = load()
    settle(settings, datetime.now(UTC))
    return settings.audio


def rollback(why: Annotated[str, _WHY] = "") -> None:
    """Publish the set that callers heard before; `forward` takes that back. 撤回"""
    from ivr.people.operator import operator_name
    from prompt_build import sets
    from prompt_build.studio.publishing import breaches

    with _failures():
        folder = _settled()
        number = sets.rollback(folder, who=operator_name(), why=why, breaches=breaches(folder))
        typer.echo(f"set {number}: published")
        _say_what_comes(folder)


def forward(why: Annotated[str, _WHY] = "") -> None:
    """Publish the set that a rollback went away from. 取消撤回"""
    from ivr.people.operator import operator_name
    from prompt_build import sets
    from prompt_build.studio.publishing import breaches

    with _failures():
        folder = _settled()
        number = sets.forward(folder, who=operator_name(), why=why, breaches=breaches(folder))
        typer.echo(f"set {number}: published")
        _say_what_comes(folder)


def log() -> None:
    """Which set callers heard from when on, by whom and why, and what comes by itself. 发布记录"""
    from datetime import UTC, datetime

    from rich.console import Console
    from rich.table import Table

    from ivr.speech.publications import HOW_IN_CHINESE, clock, heard, read

    folder = _audio()
    table = Table("北京时间", "set", "", "who", "why")
    for each in heard(read(folder), datetime.now(UTC)):
        by = each.top if each.how == "turn" and each.top else each.by
        why = by.why if each.how != "schedule" or each.top is None else each.top.why
        told = HOW_IN_CHINESE[each.how]
        table.add_row(clock(each.at), str(each.set), told, by.who, why)
    Console().print(table)
    _say_what_comes(folder)


def _beijing(stamp: str) -> str:
    """A moment as editors know it."""
    from datetime import datetime

    from ivr.hours import BEIJING

    return datetime.fromisoformat(stamp).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")


def gc(
    keep: Annotated[int, typer.Option(min=1, help="How many of the newest sets stay.")] = 10,
) -> None:
    """Remove old sets that nobody heard within a day, and the clips of no set. 清理"""
    from prompt_build import sets

    with _failures():
        dropped, files = sets.collect(_audio(), keep)
    typer.echo(f"{len(dropped)} sets and {len(files)} files removed")


def report(
    picture: Annotated[
        Path | None,
        typer.Option(help="Also draw waveforms and spectrograms of the first dozen into this PNG."),
    ] = None,
    prompt: Annotated[
        list[str] | None, typer.Option(help="Only clips whose name begins like this.")
    ] = None,
) -> None:
    """Level, peak, length, clipping and longest silence of each published clip, as TSV. 音质报告"""
    from prompt_build import report as room

    folder = _audio()
    with _failures():
        lines = room.lines(folder, tuple(prompt or ()))
        typer.echo("\n".join(room.table(lines)))
        typer.echo(room.verdict(lines), err=True)
        if picture is not None:
            drawn = room.draw(folder, lines, picture)
            typer.echo(f"{picture}: {drawn} of {len(lines)} clips", err=True)


def schema(
    words: Annotated[
        bool, typer.Option("--words", help="Of a city's own words.zh.toml instead.")
    ] = False,
) -> None:
    """The JSON schema of the catalog, for editors' programs. 目录的 JSON Schema"""
    from ivr.speech.contract import CONTRACT
    from prompt_build.catalog.shape import text

    typer.echo(text(CONTRACT, words=words), nl=False)


def _audio() -> Path:
    from ivr.config import load

    return load().audio


# --- numbers ----------------------------------------------------------------------------------


def read(
    kind: Annotated[str | None, typer.Argument(help="amount, year_month, id18, periods, …")] = None,
    value: Annotated[str | None, typer.Argument(help="The value, e.g. 12345.67")] = None,
    file: Annotated[
        Path | None, typer.Option(help="Read every line `kind<TAB>value` of a file.")
    ] = None,
) -> None:
    """Print the Mandarin reading of a value and the clips that would be played. 数字读法."""
    from ivr.config import load
    from ivr.speech import numbers

    if file is not None:
        _read_file(file)
        return
    if kind is None or value is None:
        raise CommandFailure("give KIND and VALUE, or --file FILE.tsv", exit_code=2)
    try:
        reading = numbers.read(kind, value)
        typer.echo(reading.text.replace("幺", load().speech.one))
        clips = reading.clips if kind in numbers.SLOT_KINDS else ("(spoken within a sentence)",)
        typer.echo(" ".join(clips))
    except numbers.Unreadable as unreadable:
        raise CommandFailure(f"{kind}: {unreadable}", exit_code=2) from unreadable


def _read_file(file: Path) -> None:
    """`kind<TAB>value<TAB>reading` for each line; all unreadable ones are named at the end."""
    from ivr.speech import numbers

    faults = []
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as unreadable:
        raise CommandFailure(f"{file} cannot be read: {unreadable}", exit_code=2) from unreadable
    for number, line in enumerate(lines, 1):
        kind, _, rest = line.partition("\t")
        value = rest.split("\t")[0]
        if not line.strip() or line.startswith("#") or (number == 1 and kind == "kind"):
            continue
        try:
            typer.echo(f"{kind}\t{value}\t{numbers.read(kind, value).text}")
        except numbers.Unreadable as unreadable:
            faults.append(f"{file.name}:{number}: {unreadable}")
    if faults:
        raise CommandFailure("\n".join(faults))


def hear(
    kind: Annotated[str, typer.Argument(help="amount, id18, …, or `prompt`")],
    value: Annotated[str, typer.Argument(help="The value, or the prompt's name.")],
    out: Annotated[
        Path | None, typer.Option(help="The WAV file to write; a temporary one if left out.")
    ] = None,
    number: Annotated[
        int | None, typer.Option("--set", help="As a set has it, a draft for example.")
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="A prompt as callers hear it now.")
    ] = False,
) -> None:
    """Hear a number, or a prompt as the catalog says it now, edited or not. 试听"""
    from ivr.config import load
    from prompt_build.hearing import hear as listen

    settings = load()
    file = out or _temporary_wav()
    with _failures():
        manifest = _heard_from(settings, kind, value, number, published=published)
        heard = listen(settings.audio, manifest, kind, value, file)
    typer.echo(f"{heard.text}\n{file}: {heard.seconds:.1f} s{', played' if heard.played else ''}")


def _heard_from(
    settings: Settings, kind: str, value: str, number: int | None, *, published: bool
) -> Mapping[str, Any]:
    """The set that is asked for; a prompt is else heard as it is written, a number as published."""
    from prompt_build import sets
    from prompt_build.rehearing import as_written

    if number is not None:
        return sets.load(settings.audio, number)
    if kind == "prompt" and not published:
        return as_written(settings, value)
    manifest = sets.published(settings.audio)
    if manifest is None:
        raise sets.NoSuchSet("nothing is published yet: run `ivr build-prompts`")
    return manifest


def _temporary_wav() -> Path:
    """Outside of the checkout, and no other user's."""
    import tempfile

    return Path(tempfile.mkdtemp(prefix="ivr-hear-")) / "heard.wav"


# --- the editor's page ------------------------------------------------------------------------


def preview(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Another port than the settings'.")
    ] = None,
) -> None:
    """Serve the console's page of the words, to read and hear, until Ctrl-C. 话术预览."""
    from console.app import serve_preview
    from ivr.config import load

    settings = load()
    chosen = port or settings.preview_port
    try:
        serve_preview(settings, chosen, lambda page: typer.echo(f"{page}  (Ctrl-C ends it)"))
    except OSError as taken:
        raise CommandFailure(f"port {chosen} is taken: try `--port {chosen + 1}`") from taken


# --- shared by the commands -------------------------------------------------------------------


@contextmanager
def _failures() -> Iterator[None]:
    """A room's refusal as the command's: one clear message and an exit code."""
    from ivr.speech.numbers import Unreadable
    from prompt_build.build import BuildFailed
    from prompt_build.catalog.faults import CatalogError
    from prompt_build.catalog.rewriting import CannotRewrite
    from prompt_build.lexicon import LexiconError
    from prompt_build.locking import Busy
    from prompt_build.sets import NoSuchSet, NoSuchTime, Unfit
    from prompt_build.studio.drafts import Refused
    from prompt_build.voices import VoiceUnavailable

    try:
        yield
    except CatalogError as faulty:
        raise CommandFailure(f"话术有错 · the catalog has faults:\n{faulty}") from faulty
    except LexiconError as faulty:
        raise CommandFailure(f"读音词表有错：\n{faulty}") from faulty
    except BuildFailed as failed:
        raise CommandFailure(f"these clips could not be made:\n{failed}") from failed
    except VoiceUnavailable as unavailable:
        raise CommandFailure(str(unavailable), exit_code=3) from unavailable
    except (Unfit, CannotRewrite, Refused) as unfit:
        raise CommandFailure(str(unfit)) from unfit
    except (NoSuchSet, NoSuchTime) as unknown:
        raise CommandFailure(str(unknown), exit_code=2) from unknown
    except Unreadable as unreadable:
        raise CommandFailure(str(unreadable), exit_code=2) from unreadable
    except Busy as busy:
        raise CommandFailure(str(busy), exit_code=3) from busy
    except OSError as disk:
        raise CommandFailure(f"{disk}; what callers hear is as it was") from disk
    except KeyboardInterrupt:
        raise CommandFailure(
            "stopped; what was made is kept, and the same command goes on from there",
            exit_code=130,
        ) from None


@contextmanager
def _bar() -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar where somebody looks, a line now and then where nobody does."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("生成语音"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(
        *columns, console=console, disable=not console.is_terminal, transient=True
    ) as bar:
        task = bar.add_task("", total=None)

        def advance(made: int, of: int, text: str) -> None:
            bar.update(task, completed=made, total=of, description=text[:20])
            if not console.is_terminal and (made % 100 == 0 or made == of):
                console.print(f"prompts: {made} of {of} clips made")

        yield advance
