"""What a newcomer reads is true: commands, links, demo people, dependencies, settings."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

import pytest
import typer

from ivr.accounts.demo import PEOPLE
from ivr.cli.commands import app
from ivr.config import PROJECT

Command = typer.core.TyperCommand | typer.core.TyperGroup
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def commands(room: Command, path: str = "ivr") -> Iterator[tuple[str, Command]]:
    if isinstance(room, typer.core.TyperGroup):
        for name, command in room.commands.items():
            yield from commands(command, f"{path} {name}")
    else:
        yield path, room


COMMANDS = dict(commands(typer.main.get_command(app)))


def test_every_command_stands_in_the_readme() -> None:
    lacking = [path for path in COMMANDS if f"\n| `{path}`" not in README]
    assert not lacking, f"add a row `| `{lacking[0]}` | 用途 |` to 命令 in README.md for {lacking}"


def test_the_readme_names_no_command_that_is_not_there() -> None:
    named = re.findall(r"^\| `(ivr [a-z -]+)`", README, re.M)
    assert [path for path in named if path not in COMMANDS] == []


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_help(path: str) -> None:
    command = COMMANDS[path]
    assert command.help, f"{path} has no docstring"
    bare = [each.name for each in command.params if not getattr(each, "help", "") and each.name]
    assert bare == [], f"{path}: say what {bare} is for (typer.Option(help=…))"


def test_every_link_leads_somewhere() -> None:
    for path in [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")]:
        links = re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8"))
        assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_demo_numbers_are_those_of_the_demo() -> None:
    named = {
        number.replace("，再按", "") for number in re.findall(r"^\| (\d{15,18})", README, re.M)
    }
    known = {person.id_number.rstrip("X") for person in PEOPLE}
    assert named
    assert named <= known


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        wanted += extra
    names = {match[0].lower() for each in wanted if (match := re.match(r"[\w.-]+", each))}
    reasons = (PROJECT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    given = {name.lower() for name in re.findall(r"^- \*\*([\w.-]+)", reasons, re.M)}
    assert names - given == set(), "each dependency needs a line `- **name**: why` there"
    assert given - names == set(), "these are no dependencies of pyproject.toml any more"
