"""The command that shows how a sentence is said, and what nobody has confirmed yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    from prompt_build.lexicon import Lexicon, Unconfirmed

_SOURCES = {"hint": "句中注音", "lexicon": "词表", "dictionary": "词典"}


def add_to(app: typer.Typer) -> None:
    """Register this room's command."""
    app.command("pronounce")(pronounce)


def pronounce(
    text: Annotated[
        str | None, typer.Argument(help="A sentence; left out: all that nobody has confirmed.")
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Write them into the city's own lexicon as read.")
    ] = False,
) -> None:
    """Show how words are said, and whose word each follows. 怎样念"""
    from ivr.config import load
    from prompt_build import lexicon
    from prompt_build.catalog.faults import CatalogError
    from prompt_build.catalog.reading import load as load_catalog
    from prompt_build.catalog.source import source_of

    settings = load()
    try:
        known = lexicon.load(settings.lexicons)
        if text is not None:
            _show(text, known)
            return
        found = tuple(lexicon.unconfirmed_in(load_catalog(source_of(settings)), known))
    except (lexicon.LexiconError, CatalogError) as faulty:
        raise CommandFailure(f"有错，先改好：\n{faulty}") from faulty
    if confirm:
        _confirm(found, settings.home / settings.lexicon.name)
    else:
        _list(found, settings.lexicon.name)


def _show(text: str, known: Lexicon) -> None:
    from prompt_build.lexicon import unconfirmed
    from prompt_build.syllables import NOTHING, stretches

    said = list(stretches(text, NOTHING, known.words))
    if not said:
        raise CommandFailure("这里没有汉字可念：数字也写成汉字", exit_code=2)
    typer.echo(" ".join(each.pinyin for each in said))
    for each in said:
        typer.echo(f"  {each.text}\t{each.pinyin}\t{_SOURCES[each.source]}")
    for found in unconfirmed(text, NOTHING, known):
        typer.echo(f"  还没有人确认：{_described(found)}")


def _list(found: tuple[Unconfirmed, ...], file: str) -> None:
    if not found:
        typer.echo("多音字都有人确认过")
        return
    for each in found:
        typer.echo(f"{each.prompt}\t{_described(each)}")
    typer.echo(f"{len(found)} 处多音字还没有人确认：读得对就运行 ivr pronounce --confirm；")
    typer.echo(f"读得不对，把词和正确的注音写进 {file} 的 [words] 一节")


def _described(found: Unconfirmed) -> str:
    other = "、".join(found.readings)
    return f'{found.around} 念 {found.said}（{other}）  "{found.word}" = "{found.pinyin}"'


def _confirm(found: tuple[Unconfirmed, ...], own: Path) -> None:
    from prompt_build.lexicon import confirm

    added = confirm(found, own)
    for word, pinyin in added.items():
        typer.echo(f'"{word}" = "{pinyin}"')
    typer.echo(f"{own.name}：添了 {len(added)} 个词")
