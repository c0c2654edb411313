"""The command that prints the whole script for people who read."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from ivr.cli.failure import CommandFailure
from ivr.cli.words import print_changed


def add_to(app: typer.Typer) -> None:
    """Register this room's command."""
    app.command("script")(script)


def script(
    mermaid: Annotated[
        bool, typer.Option("--mermaid", help="The call flow as diagrams (docs/callflow.md).")
    ] = False,
    changed: Annotated[
        bool,
        typer.Option(
            "--changed",
            help="Only what the city's words.zh.toml changes, and what a new version"
            " changed underneath.",
        ),
    ] = False,
) -> None:
    """Print all that callers hear, and which key leads where, as Markdown. 话术全文"""
    from ivr.config import load
    from ivr.stage import diagram
    from ivr.stage import script as document
    from ivr.stage.callflow import explore
    from prompt_build.catalog.faults import CatalogError
    from prompt_build.catalog.reading import load as load_catalog
    from prompt_build.catalog.source import source_of
    from prompt_build.reading import seconds, silent_set, words
    from prompt_build.sets import published

    if changed:
        print_changed()
        return
    logging.getLogger("ivr").addHandler(logging.NullHandler())  # a mishap on the stage is no news
    settings = load()
    try:
        catalog = load_catalog(source_of(settings))
    except CatalogError as faulty:
        raise CommandFailure(f"话术有错 · the catalog has faults:\n{faulty}") from faulty
    built = (published(settings.audio) or {}).get("prompts", {})
    sentences = {
        name: document.Spoken(words(prompt), seconds(prompt, built))
        for name, prompt in catalog.prompts.items()
    }
    prompts = silent_set(catalog)
    whole = document.Script(explore(prompts, settings), prompts, sentences)
    typer.echo(diagram.mermaid(whole) if mermaid else document.document(whole), nl=False)
