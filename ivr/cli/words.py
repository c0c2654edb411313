"""Commands of a city's own words, which are laid over the shipped catalog."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    from ivr.config import Settings
    from prompt_build.catalog.city import Difference
    from prompt_build.catalog.written import Written


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    room = typer.Typer(no_args_is_help=True, help="The city's own words. 本市的话术")
    room.command("take")(take)
    room.command("seen")(seen)
    room.command("export")(export)
    room.command("import")(import_)
    app.add_typer(room, name="words")


def take(
    edited: Annotated[
        Path | None, typer.Argument(help="An edited scripts.zh.toml; the checkout's if left out.")
    ] = None,
    base: Annotated[
        Path | None, typer.Option(help="The shipped file that it was made from, without git.")
    ] = None,
) -> None:
    """Take an edited scripts.zh.toml over: its changes go into words.zh.toml. 接管改过的话术"""
    from ivr.config import load
    from prompt_build.catalog import city
    from prompt_build.catalog.faults import CatalogError
    from prompt_build.catalog.written import read

    settings = load()
    try:
        written = read(edited or settings.catalog)
        before = _base(settings, written, base)
        number = city.take(written, before, settings.words_file)
    except CatalogError as faulty:
        raise CommandFailure(f"话术有错 · the catalog has faults:\n{faulty}") from faulty
    except city.CannotTake as cannot:
        raise CommandFailure(str(cannot), exit_code=3) from cannot
    typer.echo(f"{settings.words_file}: {number} 处改动 · changes taken over")
    if written.path.resolve() == settings.catalog.resolve() and base is None:
        _restore(settings)


def _base(settings: Settings, edited: Written, base: Path | None) -> Mapping[str, Any]:
    """What ships in the version that the edited file was made from: the nearest one in git."""
    from prompt_build.catalog.city import CannotTake, distance
    from prompt_build.catalog.written import read

    if base is not None:
        return read(base).content
    versions = [tomllib.loads(text) for text in _shipped(settings.catalog)]
    if not versions:
        if edited.path.resolve() != settings.catalog.resolve():
            return read(settings.catalog).content
        raise CannotTake(
            "这里没有 git，请用 --base 指明原来的 scripts.zh.toml · no git here: say --base FILE"
        )
    return min(versions, key=lambda version: distance(edited.content, version))


def _shipped(catalog: Path) -> list[str]:
    """The catalog in every version that git knows, the newest first; empty without git."""
    commits = _git(catalog.parent, "log", "--format=%H", "--", catalog.name)
    found = (_git(catalog.parent, "show", f"{each}:./{catalog.name}") for each in commits.split())
    return [text for text in found if text]


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603  our own words, no shell
            ["git", "-C", str(folder), *words],  # noqa: S607  git of the user's own path
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return done.stdout.decode() if done.returncode == 0 else ""


def _restore(settings: Settings) -> None:
    """The checkout's file as git has it, so that an upgrade finds it; the edited one is kept."""
    from ivr.records.durable import write

    shipped = _git(settings.catalog.parent, "show", f"HEAD:./{settings.catalog.name}")
    if not shipped:
        return
    kept = settings.words_file.with_name(f"{settings.catalog.name}.taken")
    write(kept, settings.catalog.read_bytes())
    write(settings.catalog, shipped.encode())
    typer.echo(
        f"{settings.catalog} 已恢复为自带的，改过的那份留在 {kept} · restored; yours is kept"
    )


def export(
    file: Annotated[Path, typer.Argument(help="A new .docx or .xlsx.")],
    part: Annotated[
        str, typer.Option(help="information.3, .4, .5 or variables; all if left out.")
    ] = "",
) -> None:
    """The sentences as a table for Word or Excel, for departments to edit. 导出话术"""
    from ivr.config import load
    from ivr.records.durable import write
    from prompt_build.catalog.faults import CatalogError
    from prompt_build.studio import exchange
    from prompt_build.studio.drafts import Drafts, Refused

    if file.suffix not in (".docx", ".xlsx") or part not in exchange.PARTS:
        parts = "、".join(filter(None, exchange.PARTS))
        raise CommandFailure(f"文件写成 .docx 或 .xlsx，部分写成 {parts}", exit_code=2)
    if file.exists():
        raise CommandFailure(f"{file} 已存在，换一个名字 · is there already: name a new file")
    try:
        rows = exchange.table(Drafts(load()).proposal().source, part)
    except (CatalogError, Refused) as faulty:
        raise CommandFailure(f"话术有错 · the catalog has faults:\n{faulty}") from faulty
    write(file, exchange.document(rows, file.suffix[1:]))
    typer.echo(f"{file}: {len(rows)} 句 · sentences")


def import_(
    file: Annotated[Path, typer.Argument(help="A .docx or .xlsx that was exported and edited.")],
    yes: Annotated[bool, typer.Option("--yes", help="Keep the changes as a draft.")] = False,
) -> None:
    """What a department changed; with --yes it becomes a draft, to be approved. 导入话术"""
    from datetime import UTC, datetime

    from ivr.cli.entitled import note
    from ivr.config import load
    from ivr.people.operator import operator_name
    from prompt_build.catalog.faults import CatalogError
    from prompt_build.marking import marked
    from prompt_build.studio import exchange, office
    from prompt_build.studio.drafts import Drafts, Refused

    settings = load()
    try:
        found = exchange.returned(settings, _content(file))
    except (office.Unreadable, CatalogError, Refused) as refused:
        raise CommandFailure(str(refused)) from refused
    if found.faults:
        told = [f"第 {each.row} 行：{each.why}" if each.row else each.why for each in found.faults]
        raise CommandFailure("\n".join(("有看不懂的，什么也没有改 · nothing was changed:", *told)))
    for each in found.wanted:
        before, after = marked(each.before, each.after)
        typer.echo(f"{each.name}\n  - {before}\n  + {after}")
        if each.hints != each.hints_before:
            typer.echo(f"  注音 {each.hints_before or '（没有）'} → {each.hints or '（没有）'}")
        if each.note:
            typer.echo(f"  备注 {each.note}")
    typer.echo(f"{found.rows} 行，改了 {len(found.wanted)} 句 · sentences changed")
    if not found.wanted or not yes:
        return
    wanted = exchange.changes(settings, found)
    note("words changed", f"{len(wanted)} 句", f"导入：{'、'.join(wanted)}"[:200])
    try:
        Drafts(settings).save(wanted, operator_name(), datetime.now(UTC))
    except Refused as refused:
        raise CommandFailure(str(refused)) from refused
    typer.echo("存进草稿了：在控制台的“草稿和发布”送审 · kept as a draft")


def _content(file: Path) -> bytes:
    """Not more than what can be taken anyway."""
    from prompt_build.studio import office

    try:
        with file.open("rb") as opened:
            return opened.read(office.MOST_BYTES + 1)
    except OSError as absent:
        raise CommandFailure(f"{file} 打不开 · cannot be read: {absent.strerror}") from absent


def print_changed() -> None:
    """What the city's words change, and what a new version changed underneath. 本市改动"""
    from ivr.config import load
    from prompt_build.catalog.city import differences
    from prompt_build.catalog.faults import CatalogError
    from prompt_build.catalog.source import source_of

    settings = load()
    try:
        found = differences(source_of(settings))
    except CatalogError as faulty:
        raise CommandFailure(f"话术有错 · the catalog has faults:\n{faulty}") from faulty
    if not found:
        typer.echo(f"没有本市的改动（{settings.words_file}）· nothing is changed")
        return
    moved = [each for each in found if each.underneath is not None]
    typer.echo(f"## 本市改动 {len(found)} 处 · the city's own\n")
    for each in found:
        typer.echo("\n".join(_shown(each)))
    typer.echo(f"\n## 新版本改了底下的原文 {len(moved)} 处 · changed underneath\n")
    for each in moved:
        typer.echo(
            f"{each.name}\n  原来自带 {each.underneath}\n  现在自带 {each.shipped or '（没有）'}"
        )
        typer.echo(f"  本市     {each.city}")
    if moved:
        typer.echo("\n比较过了，运行 `ivr words seen` · once compared")


def _shown(each: Difference) -> list[str]:
    from prompt_build.marking import marked

    if each.shipped is None:
        return [f"{each.name}（新增）", f"  + {each.city}"]
    before, after = marked(each.shipped, each.city)
    return [each.name, f"  - {before}", f"  + {after}"]


def seen() -> None:
    """Say that what changed underneath was compared. 已比较"""
    from ivr.config import load
    from prompt_build.catalog.city import remember
    from prompt_build.catalog.source import source_of

    remember(source_of(load()), all_of_them=True)
