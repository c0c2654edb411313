"""Nodes join, are listed, drained and taken out; one that differs does not serve, and says why."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from typer.testing import CliRunner, Result

from ivr.agents.notes import Notes, Owed, Talked
from ivr.cases.opinions import Said
from ivr.cases.waiting import Waiting
from ivr.cli.commands import app
from ivr.cli.failure import CommandFailure
from ivr.config import Settings, SettingsError
from ivr.people.keys import Keys
from ivr.state import nodes
from ivr.state.identity import identity
from ivr.state.joining import CannotJoin, join
from ivr.state.membership import Membership
from ivr.state.shared import CannotReach, Shared
from tests.state.conftest import Machines, other_key, publish

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def state(settings: Settings) -> Iterator[Shared]:
    shared = Shared(settings, rest_seconds=0.0)
    try:
        yield shared
    finally:
        shared.close()


def joined(settings: Settings, **how: bool) -> None:
    with state(settings) as shared:
        join(settings, shared, **how)


def line(settings: Settings) -> nodes.Line:
    with state(settings) as shared:
        return shared.at_once(nodes.read)


def refusal(settings: Settings, *, clock: Callable[[], float] = time.time) -> str:
    """Why a service of this machine does not start; empty where it does."""

    async def start() -> str:
        shared = Shared(settings)
        try:
            await Membership(settings, shared, identity(settings), clock=clock).admitted()
        except SettingsError as wrong:
            return str(wrong)
        finally:
            shared.close()
        return ""

    return asyncio.run(start())


def test_nodes_join_and_are_listed_in_the_order_of_their_series(
    url: str, machine: Machines
) -> None:
    for name in ("node-2", "node-1"):
        joined(machine(url, name))
    listed = line(machine(url)).nodes
    assert [(node.name, node.series) for node in listed] == [("node-1", 1), ("node-2", 2)]
    assert not any(node.lives or node.draining for node in listed)


def test_joining_again_changes_nothing(file: str, machine: Machines) -> None:
    settings = machine(file)
    joined(settings)
    joined(settings)
    assert len(line(settings).nodes) == 1
    assert refusal(settings) == ""


def test_who_has_not_joined_does_not_serve(file: str, machine: Machines) -> None:
    assert "ivr node join" in refusal(machine(file))


def test_everything_that_differs_is_told_at_once_before_the_first_call(
    url: str, machine: Machines
) -> None:
    """A key, the sentences, the series, the clock: four faults, each with what to do."""
    joined(machine(url, "node-1"))
    settings = machine(url, "node-2")
    joined(settings)
    other_key(settings)
    publish(settings.audio, "c9")
    clashing = settings.model_copy(
        update={"recordings": settings.recordings.model_copy(update={"series": 1})}
    )
    told = refusal(clashing, clock=lambda: time.time() + 2.5).splitlines()
    assert len(told) == 4
    for words in ("keys/tokens.key", "c9", "node-1", "快 2."):
        assert any(words in each for each in told), told


@pytest.mark.parametrize("name", ["tokens.key", "vault.key", "audit.key", "cases.key"])
def test_a_wrong_key_of_any_kind_is_refused(file: str, machine: Machines, name: str) -> None:
    joined(machine(file, "node-1"))
    settings = machine(file, "node-2")
    other_key(settings, name)
    with pytest.raises(CannotJoin, match=f"keys/{name}"):
        joined(settings)
    assert len(line(settings).nodes) == 1


@pytest.mark.parametrize(("seconds", "serves"), [(-2.3, False), (-1.5, True), (1.5, True)])
def test_clocks_may_be_two_seconds_apart(
    url: str, machine: Machines, seconds: float, serves: bool
) -> None:
    settings = machine(url)
    joined(settings)
    told = refusal(settings, clock=lambda: time.time() + seconds)
    assert (told == "") == serves, told
    assert serves or "慢 2." in told


def test_another_machine_of_the_same_name_does_not_join(file: str, machine: Machines) -> None:
    joined(machine(file, "node-1"))
    with pytest.raises(CannotJoin, match="ivr node remove node-1"):
        joined(machine(file, "node-1"))


def test_a_series_is_one_nodes_whatever_it_is_called(file: str, machine: Machines) -> None:
    joined(machine(file, "east-1"))
    with pytest.raises(CannotJoin, match="east-1"):
        joined(machine(file, "west-1"))


@pytest.mark.live
def test_two_that_join_in_the_same_moment_do_not_share_a_series(
    postgres_url: str, machine: Machines
) -> None:
    """One is told so by name, not by an error of the database."""
    rivals = [machine(postgres_url, f"{side}-1") for side in ("east", "west", "north")]
    line(rivals[0])

    async def all_at_once() -> list[object]:
        each = (asyncio.to_thread(joined, rival) for rival in rivals)
        return await asyncio.gather(*each, return_exceptions=True)

    refused = [each for each in asyncio.run(all_at_once()) if each is not None]
    assert [type(each) for each in refused] == [CannotJoin, CannotJoin]
    assert len(line(rivals[0]).nodes) == 1


def test_keys_are_given_never_made(file: str, machine: Machines) -> None:
    settings = machine(file, keys=False)
    with pytest.raises(CannotJoin, match="从别的节点"):
        joined(settings)
    assert not list((settings.home / "keys").glob("*.key")), "a key was made"
    with pytest.raises(SettingsError, match="从别的节点"):
        Keys.load(settings.home / "keys")


def test_the_first_node_may_make_them_and_no_other(file: str, machine: Machines) -> None:
    first, second = machine(file, "node-1", keys=False), machine(file, "node-2", keys=False)
    with pytest.raises(CannotJoin, match="从别的节点"):
        joined(first)
    joined(first, make_keys=True)
    with pytest.raises(CannotJoin, match="已经有钥匙"):
        joined(second, make_keys=True)
    assert refusal(first) == ""


def test_sentences_of_one_version_before_serve_older_ones_do_not(
    file: str, machine: Machines
) -> None:
    """A set is brought to one node after the other, and any of them may be started meanwhile."""
    first, second = machine(file, "node-1"), machine(file, "node-2")
    for each in (first, second):
        joined(each)
    publish(first.audio, "c2")
    assert "join --renew" in refusal(first)
    joined(first, renew=True)
    assert refusal(first) == refusal(second) == ""
    publish(first.audio, "c3")
    joined(first, renew=True)
    assert "c3" in refusal(second)


def test_renewed_keys_are_the_lines(file: str, machine: Machines) -> None:
    first, second = machine(file, "node-1"), machine(file, "node-2")
    for each in (first, second):
        joined(each)
    other_key(first, "vault.key")
    joined(first, renew=True)
    assert refusal(first) == ""
    assert "keys/vault.key" in refusal(second)


def served(settings: Settings, story: Callable[[Membership], None], beats: int = 1) -> Membership:
    """A service of this machine for so many beats before and after the story."""

    async def course() -> Membership:
        shared = Shared(settings, rest_seconds=0.0)
        try:
            membership = Membership(settings, shared, identity(settings))
            await membership.admitted()
            for _ in range(beats):
                await membership.beat()
            await asyncio.to_thread(story, membership)
            for _ in range(beats):
                await membership.beat()
        finally:
            await asyncio.to_thread(shared.close)
        return membership

    return asyncio.run(course())


def test_a_drained_node_learns_it_at_its_next_beat_and_comes_back(
    url: str, machine: Machines
) -> None:
    settings = machine(url)
    joined(settings)

    def drain(membership: Membership, draining: bool = True) -> None:
        assert membership.draining != draining
        with state(settings) as shared:
            shared.at_once(partial(nodes.drain, name="node-1", draining=draining))

    assert served(settings, drain).draining
    assert line(settings).nodes[0].draining
    assert not served(settings, partial(drain, draining=False)).draining


def test_what_waits_on_a_node_is_known_to_all_at_its_next_beat(url: str, machine: Machines) -> None:
    settings = machine(url)
    joined(settings)
    assert line(settings).nodes[0].cases_waiting == 0

    def waits(membership: Membership) -> None:
        membership.doing = lambda: nodes.Doing(calls=2, cases_waiting=3, notes_waiting=4)

    served(settings, waits)
    (told,) = line(settings).nodes
    assert (told.calls, told.cases_waiting, told.notes_waiting) == (2, 3, 4)


def test_a_node_that_lives_is_not_taken_out_one_that_is_away_is(
    url: str, machine: Machines
) -> None:
    """And what was taken out takes no new calls, though its service comes back."""
    settings = machine(url)
    joined(settings)

    def take_out(_: Membership) -> None:
        with state(settings) as shared:
            with pytest.raises(nodes.StillServes, match="ivr node drain node-1"):
                shared.at_once(partial(nodes.remove, name="node-1"))
            shared.at_once(lambda rows: rows.execute(nodes.NODE.update().values(seen_at=0.0)))
            shared.at_once(partial(nodes.remove, name="node-1"))

    membership = served(settings, take_out)
    assert line(settings).nodes == ()
    assert membership.draining
    assert any("移出" in each for each in membership.warnings)


@pytest.mark.live
def test_a_database_that_was_made_anew_takes_no_node_out(
    postgres_url: str, machine: Machines
) -> None:
    """The line goes on; whoever looks is told to join again, and after that all is as before."""
    settings = machine(postgres_url)
    joined(settings)

    def made_anew(_: Membership) -> None:
        engine = create_engine(postgres_url, poolclass=NullPool)
        with engine.begin() as rows:
            rows.execute(text("DROP SCHEMA public CASCADE"))
            rows.execute(text("CREATE SCHEMA public"))

    membership = served(settings, made_anew, beats=2)
    assert not membership.draining
    assert any("ivr node join" in each for each in membership.warnings)
    joined(settings)
    assert not served(settings, lambda _: None).warnings


def test_what_is_published_while_the_service_runs_is_the_lines(
    file: str, machine: Machines
) -> None:
    settings, other = machine(file, "node-1"), machine(file, "node-2")
    for each in (settings, other):
        joined(each)
    served(settings, lambda _: publish(settings.audio, "c2"))
    assert line(settings).catalog == "c2"
    warned = served(other, lambda _: None).warnings
    assert any("前一版" in each for each in warned)
    assert refusal(settings) == ""


def test_a_node_starts_without_the_database_if_it_was_admitted_before(
    machine: Machines, tmp_path: object
) -> None:
    """By the keys and sentences that were the line's; another key is refused all the same."""
    away = f"sqlite:///{tmp_path}/no such folder/state.sqlite"
    settings = machine(f"sqlite:///{tmp_path}/state.sqlite")
    joined(settings)
    assert refusal(settings) == ""
    lost = settings.model_copy(
        update={"state": settings.state.model_copy(update={"url": type(settings.state.url)(away)})}
    )
    assert refusal(lost) == ""
    other_key(settings)
    assert "keys/tokens.key" in refusal(lost)
    stranger = machine(away, "node-2")
    assert "还没有加入" in refusal(stranger)


def a_later_program_was_here(settings: Settings) -> None:
    with state(settings) as shared:
        shared.at_once(
            lambda rows: rows.execute(text("INSERT INTO state_version VALUES (900)")).rowcount
        )


def test_a_schema_that_a_later_program_made_is_refused_with_words(
    url: str, machine: Machines
) -> None:
    """At the start, also of a node that knows its line by heart, and by every command."""
    settings = machine(url)
    joined(settings)
    assert not refusal(settings)
    a_later_program_was_here(settings)
    why = refusal(settings)
    assert "900" in why
    assert "升级" in why
    with pytest.raises(CannotReach, match="第 900 版"):
        line(settings)


def test_who_serves_goes_on_while_a_later_program_changes_the_schema(
    file: str, machine: Machines
) -> None:
    """Nodes are upgraded one after the other: a schema is widened first."""
    settings = machine(file)
    joined(settings)

    async def story() -> None:
        shared = Shared(settings, rest_seconds=0.0)
        member = Membership(settings, shared, identity(settings))
        try:
            await member.admitted()
            await member.beat()
            await asyncio.to_thread(a_later_program_was_here, settings)
            await member.beat()
            assert shared.up
        finally:
            await asyncio.to_thread(shared.close)

    asyncio.run(story())


class Slow:
    """Something shared that the node never gets even with."""

    async def catch_up(self) -> None:
        await asyncio.sleep(3600)

    def is_even(self) -> bool:
        return False


def test_a_node_is_heard_of_however_long_it_takes_to_catch_up(file: str, machine: Machines) -> None:
    """Else the others would give its phones and places away, and ring who talks there."""
    settings = machine(file)
    joined(settings)

    async def story() -> None:
        shared = Shared(settings, rest_seconds=0.0)
        member = Membership(settings, shared, identity(settings), beat_seconds=0.01)
        member.parts.append(Slow())
        heard = asyncio.Event()
        beats = iter(range(3))

        def doing() -> nodes.Doing:
            if next(beats, None) is None:
                heard.set()
            return nodes.Doing()

        member.doing = doing
        member.begin()
        try:
            async with asyncio.timeout(60):
                await heard.wait()
        finally:
            await member.stop()
            await asyncio.to_thread(shared.close)

    asyncio.run(story())


def test_the_commands(machine: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an operator types them; what is refused is said, and what there is instead."""
    settings = machine("unused")
    given = {"HOME": settings.home, "NODE": "node-1", "AUDIO": settings.audio}
    given |= {"STATE__URL": f"sqlite:///{tmp_path}/state.sqlite", "STATE__ADDRESS": "10.0.0.11"}
    for name, value in given.items():
        monkeypatch.setenv(f"IVR_{name}", str(value))

    def ivr(*words: str) -> Result:
        return CliRunner().invoke(app, ["node", *words])

    notes, now = Notes(settings.home, "node-1"), datetime.now(UTC)
    notes.owe(Owed(Talked("t1"), "王敏", "6001", now))
    joined = ivr("join")
    assert joined.exit_code == 0
    assert "本机的 1 份话后小结" in joined.output
    (told,) = json.loads(ivr("list", "--json").output)
    assert (told["name"], told["address"]) == ("node-1", "10.0.0.11:5060")
    assert not told["draining"]
    assert (told["cases_waiting"], told["notes_waiting"]) == (0, 0)
    notes.owe(Owed(Talked("t2"), "王敏", "6001", now))
    Waiting(settings.home).keep(Said("01000018", "content", now))
    assert "工单 1、小结 1" in ivr("list").output, "though no service runs"
    assert "不再接新来电" in ivr("drain", "node-1").output
    assert json.loads(ivr("list", "--json").output)[0]["draining"]
    assert ivr("drain", "node-1", "--back").exit_code == 0
    refused = ivr("drain", "node-7")
    assert isinstance(refused.exception, CommandFailure)
    assert "node-1" in str(refused.exception)
    assert ivr("remove", "node-1").exit_code == 0
    assert "还没有节点" in ivr("list").output
    monkeypatch.delenv("IVR_STATE__URL")
    assert "state.url" in str(ivr("list").exception)
