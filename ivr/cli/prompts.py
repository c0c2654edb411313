"""Commands of the prompts: building them and hearing what a number reads like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ivr.cli.failure import CommandFailure


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    app.command("build-prompts")(build_prompts)
    app.command("read")(read)


def build_prompts(
    check: Annotated[
        bool, typer.Option("--check", help="Check the catalog only; make nothing.")
    ] = False,
    catalog: Annotated[
        Path | None, typer.Option(help="Another catalog than scripts.zh.toml.")
    ] = None,
    audio: Annotated[Path | None, typer.Option(help="Another folder than generated_audio.")] = None,
) -> None:
    """Make every prompt of the catalog that is not made yet, and publish the set. 生成语音."""
    from ivr.config import load
    from prompt_build.build import build
    from prompt_build.catalog import CatalogError
    from prompt_build.catalog import load as load_catalog
    from prompt_build.kokoro import VoiceUnavailable

    settings = load()
    source = catalog or settings.catalog
    try:
        if check:
            typer.echo(f"{source.name}: {len(load_catalog(source).prompts)} prompts, no fault")
            return
        with _bar() as progress:
            built = build(source, audio or settings.audio, progress=progress)
    except CatalogError as faulty:
        raise CommandFailure(f"the catalog has faults:\n{faulty}") from faulty
    except VoiceUnavailable as unavailable:
        raise CommandFailure(str(unavailable), exit_code=3) from unavailable
    typer.echo(
        f"{built.made} clips made ({built.audio_seconds:.0f} s of speech), {built.kept} kept, "
        f"in {built.wall_seconds:.1f} s; {'published' if built.published else 'nothing changed'}"
    )


def read(
    kind: Annotated[str | None, typer.Argument(help="amount, year_month, id18, periods, …")] = None,
    value: Annotated[str | None, typer.Argument(help="The value, e.g. 12345.67")] = None,
    file: Annotated[
        Path | None, typer.Option(help="Read every line `kind<TAB>value` of a file.")
    ] = None,
) -> None:
    """Print the Mandarin reading of a value and the clips that would be played. 数字读法."""
    from ivr import numbers

    if file is not None:
        _read_file(file)
        return
    if kind is None or value is None:
        raise CommandFailure("give KIND and VALUE, or --file FILE.tsv", exit_code=2)
    try:
        reading = numbers.read(kind, value)
        typer.echo(reading.text)
        clips = reading.clips if kind in numbers.SLOT_KINDS else ("(spoken within a sentence)",)
        typer.echo(" ".join(clips))
    except numbers.Unreadable as unreadable:
        raise CommandFailure(f"{kind}: {unreadable}", exit_code=2) from unreadable


def _read_file(file: Path) -> None:
    """`kind<TAB>value<TAB>reading` for each line; all unreadable ones are named at the end."""
    from ivr import numbers

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
