"""What is published on one node is heard on all: proven before it is heard, and never in part."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ivr.cli.commands import app
from ivr.config import Settings
from ivr.config.settings import DepotSettings
from ivr.depot.depot import Depot, begin, depot
from ivr.depot.errors import DepotAway
from ivr.speech import publications
from ivr.speech.contract import Contract
from ivr.speech.publications import LOCK, LOG, MANIFEST, Timed
from ivr.state import nodes, prompts, release
from ivr.state.identity import identity
from ivr.state.joining import CannotJoin, join
from ivr.state.membership import Membership
from ivr.state.release import CannotTake
from ivr.state.shared import Shared
from prompt_build import sets
from prompt_build.locking import locked
from tests.state.conftest import Machines

Line = Callable[[str], Settings]


@pytest.fixture(autouse=True)
def _speaks_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets of one sentence are enough here."""
    monkeypatch.setattr(prompts, "CONTRACT", Contract({}))


@pytest.fixture
def line(url: str, machine: Machines, tmp_path: Path) -> Line:
    """Makes machines that have joined the same line, and share a mounted folder."""
    mounted = DepotSettings(folder=tmp_path / "mounted")
    begin(depot(Settings(depot=mounted)), "this line")

    def made(name: str) -> Settings:
        settings = machine(url, name).model_copy(update={"depot": mounted})
        (settings.audio / MANIFEST).unlink()
        return settings

    return made


def say(settings: Settings, words: str, *, sound: str | None = None) -> int:
    """Publish a set of this one sentence; its number."""
    number = kept(settings, words, sound=sound)
    sets.publish(settings.audio, number)
    return number


def kept(settings: Settings, words: str, *, sound: str | None = None) -> int:
    recipe = f"ab{words.encode().hex()}"
    files = {"alaw": f"clips/ab/{recipe}.alaw"}
    for file, content in ((files["alaw"], sound or words), (f"clips/ab/{recipe}.json", "{}")):
        (settings.audio / file).parent.mkdir(parents=True, exist_ok=True)
        (settings.audio / file).write_text(content)
    clip = {"text": words, "files": files, "seconds": 1.0, "recipe": recipe}
    manifest = {
        "format": 1, "catalog": f"c-{words}", "voice": {"name": "none"}, "prompts": {"hello": clip},
        "scripts": {"hello": [{"clip": "hello"}]}, "keys": {}, "information": {},
    }  # fmt: skip
    return sets.keep(settings.audio, manifest)


def heard(settings: Settings) -> str:
    """What callers hear on this machine, by the sound itself."""
    manifest = sets.published(settings.audio)
    if manifest is None:
        return ""
    return (settings.audio / manifest["prompts"]["hello"]["files"]["alaw"]).read_text()


def blobs(settings: Settings) -> list[Path]:
    assert settings.depot.folder is not None
    return [path for path in (settings.depot.folder / "sets").rglob("*") if path.is_file()]


@contextmanager
def state(settings: Settings) -> Iterator[Shared]:
    shared = Shared(settings, rest_seconds=0.0)
    try:
        yield shared
    finally:
        shared.close()


def joined(settings: Settings, **how: Any) -> Settings:
    with state(settings) as shared:
        join(settings, shared, **how)
    return settings


def even(settings: Settings) -> str:
    with state(settings) as shared:
        return prompts.even(settings, shared, depot(settings))


def test_what_is_published_on_one_is_heard_on_the_other(line: Line) -> None:
    one = line("node-1")
    say(one, "first")
    joined(one)
    even(one)
    other = joined(line("node-2"))
    assert heard(other) == "first", "a machine that joins has the line's at once"
    say(one, "second")
    even(one)
    assert "换上" in even(other)
    assert heard(other) == "second"
    say(other, "third")
    even(other)
    even(one)
    assert heard(one) == "third"
    assert sets.rollback(one.audio) == 2
    even(one)
    even(other)
    assert heard(other) == "second"
    assert sets.rollback(other.audio) == 1, "the history came along, and so did its sets"


def in_force(settings: Settings) -> str:
    with state(settings) as shared:
        return shared.at_once(nodes.read).prompts


@pytest.mark.parametrize("backup_knows_one", [True, False])
def test_a_database_that_is_put_back_does_not_put_back_what_callers_hear(
    line: Line, *, backup_knows_one: bool
) -> None:
    """Whoever comes first tells it what was in force; nobody takes the older ones meanwhile."""
    one = line("node-1")
    say(one, "first")
    joined(one)
    even(one)
    other, before = joined(line("node-2")), in_force(one)
    say(one, "second")
    even(one)
    even(other)
    now, named = in_force(one), before if backup_knows_one else ""
    with state(one) as shared:
        shared.at_once(lambda rows: nodes.agree(rows, nodes.PROMPTS, named, 0.0))
    for each in (other, one):
        even(each)
        assert heard(each) == "second"
    assert in_force(one) == now


def test_nothing_is_done_where_all_are_even(line: Line) -> None:
    one = line("node-1")
    say(one, "first")
    joined(one)
    assert even(one)
    assert even(one) == ""


def test_of_two_that_publish_at_once_the_first_is_heard_and_the_other_stays_a_draft(
    line: Line,
) -> None:
    one = line("node-1")
    say(one, "first")
    joined(one)
    even(one)
    other = joined(line("node-2"))
    say(one, "mine")
    say(other, "theirs")
    even(other)
    told = even(one)
    assert "草稿" in told
    assert heard(one) == "theirs"
    kept_here = [sets.load(one.audio, number) for number in sets.numbers_of(one.audio)]
    assert [each["prompts"]["hello"]["text"] for each in kept_here] == ["first", "theirs", "mine"]
    assert [each["set"] for each in kept_here] == [1, 2, 3]


def test_a_machine_with_a_past_of_its_own_takes_the_lines_and_confuses_no_numbers(
    line: Line,
) -> None:
    one = line("node-1")
    for words in ("a", "b", "c", "d", "e"):
        say(one, words)
    joined(one)
    even(one)
    other = line("node-2")
    say(other, "own")
    joined(other)
    assert heard(other) == "e"
    assert sets.rollback(other.audio) == 4
    sets.rollback(other.audio)
    with pytest.raises(sets.NoSuchSet):
        sets.rollback(other.audio)
    assert heard(other) == "c", "set 1 of the log was never its own set 1"


def test_what_is_to_be_heard_later_comes_along(line: Line) -> None:
    one = line("node-1")
    say(one, "first")
    joined(one)
    now = datetime.now(UTC)
    later = now + timedelta(hours=1)
    sets.schedule(one.audio, Timed(kept(one, "holiday"), later, later + timedelta(hours=2)), now)
    even(one)
    other = joined(line("node-2"))
    in_force = publications.last(other.audio)
    assert in_force is not None
    number = in_force.in_force(later + timedelta(minutes=1))
    holiday = sets.load(other.audio, number)
    assert not sets.lost(other.audio, holiday)
    assert holiday["prompts"]["hello"]["text"] == "holiday"


def test_a_damaged_file_is_not_heard_and_is_brought_again_by_who_has_it(line: Line) -> None:
    one = line("node-1")
    say(one, "first")
    joined(one)
    even(one)
    other = joined(line("node-2"))
    say(one, "second")
    even(one)
    sound = next(path for path in blobs(one) if path.read_bytes() == b"second")
    sound.write_bytes(b"sec")
    with pytest.raises(CannotTake, match="坏的"):
        even(other)
    assert heard(other) == "first"
    assert not sound.exists()
    with pytest.raises(CannotTake, match="还缺"):
        even(other)
    prompts.brought_again(one, depot(one))
    even(other)
    assert heard(other) == "second"


@pytest.mark.parametrize("after", range(6))
def test_however_far_it_came_callers_hear_one_whole_set(
    line: Line, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """The depot goes away in the middle of it."""
    one = line("node-1")
    say(one, "first")
    joined(one)
    even(one)
    other = joined(line("node-2"))
    say(one, "second")
    even(one)
    kept_depot = depot(other)
    asked = [0]
    get = kept_depot.get

    def failing(name: str) -> bytes:
        asked[0] += 1
        if asked[0] > after:
            raise DepotAway("unplugged")
        return get(name)

    monkeypatch.setattr(kept_depot, "get", failing)
    with state(other) as shared:
        try:
            prompts.even(other, shared, kept_depot)
        except DepotAway:
            assert heard(other) == "first"
        else:
            assert heard(other) == "second"
    even(other)
    assert heard(other) == "second"


def test_a_clip_that_is_damaged_here_is_put_right(line: Line) -> None:
    """Its name is its recipe's: what lies under it is compared all the same."""
    one = line("node-1")
    say(one, "first")
    joined(one)
    even(one)
    other = line("node-2")
    kept(other, "first", sound="noise")
    joined(other)
    assert heard(other) == "first"


def test_a_set_that_this_program_cannot_speak_is_not_taken(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = line("node-1")
    say(one, "first")
    joined(one)
    even(one)
    other = joined(line("node-2"))
    say(one, "second")
    even(one)
    monkeypatch.setattr(prompts, "CONTRACT", Contract({}, ("3",)))
    with pytest.raises(CannotTake, match="升级本机"):
        even(other)
    assert heard(other) == "first"


def test_while_a_set_is_made_here_nothing_is_taken(line: Line) -> None:
    one = line("node-1")
    say(one, "first")
    joined(one)
    even(one)
    other = joined(line("node-2"))
    say(one, "second")
    even(one)
    with locked(other.audio / LOCK), pytest.raises(CannotTake, match="正在合成"):
        even(other)
    even(other)
    assert heard(other) == "second"


def test_a_document_that_names_files_elsewhere_is_refused(line: Line) -> None:
    one = line("node-1")
    say(one, "first")
    joined(one)
    even(one)
    strange = release.Release(release.digest(b"[]"), {}, {"clips/../../keys/x.key": "0" * 64}, {})
    document = strange.document()
    name = release.digest(document)
    depot(one).put(f"sets/{name[:2]}/{name}", document)
    with pytest.raises(CannotTake, match="文件名"):
        prompts.taken(one, depot(one), name)


def test_the_citys_words_come_along_and_own_ones_are_not_lost(line: Line) -> None:
    one = line("node-1")
    one.words_file.write_text("a = 1")
    say(one, "first")
    joined(one)
    even(one)
    other = line("node-2")
    other.words_file.write_text("a = 2  # somebody's own")
    joined(other)
    assert other.words_file.read_text() == "a = 1"
    assert other.words_file.with_name("words.zh.toml.own").read_text().startswith("a = 2")
    one.words_file.unlink()
    say(one, "second")
    even(one)
    even(other)
    assert not other.words_file.exists()


def test_who_lacks_what_is_in_force_says_so_and_the_list_too(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = line("node-1")
    say(one, "first")
    joined(one)
    even(one)
    other = joined(line("node-2"))
    say(one, "second")
    even(one)
    told = asyncio.run(_warned(other))
    assert any("还没有全线在用的话术" in each for each in told)
    listed = {each["name"]: each["lacks_prompts"] for each in _listed(other, monkeypatch)}
    assert listed["node-2"]
    even(other)
    assert not any("话术" in each for each in asyncio.run(_warned(other)))
    asyncio.run(_warned(one))
    listed = {each["name"]: each["lacks_prompts"] for each in _listed(other, monkeypatch)}
    assert listed == {"node-1": False, "node-2": False}


async def _warned(settings: Settings) -> list[str]:
    """By a service that beats once."""
    shared = Shared(settings, rest_seconds=0.0)
    try:
        membership = Membership(settings, shared, identity(settings))
        await membership.admitted()
        await membership.beat()
        return list(membership.warnings)
    finally:
        shared.close()


def _listed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    assert settings.state.url is not None
    monkeypatch.setenv("IVR_HOME", str(settings.home))
    monkeypatch.setenv("IVR_STATE__URL", settings.state.url.get_secret_value())
    monkeypatch.setenv("IVR_STATE__ADDRESS", "127.0.0.1")
    told = CliRunner().invoke(app, ["node", "list", "--json"])
    found: list[dict[str, Any]] = json.loads(told.stdout)
    return found


def test_a_service_that_was_away_for_two_versions_takes_the_lines_before_it_serves(
    line: Line,
) -> None:
    one = line("node-1")
    say(one, "first")
    joined(one)
    even(one)
    other = joined(line("node-2"))
    for words in ("second", "third"):
        say(one, words)
        even(one)
    asyncio.run(_warned(other))
    assert heard(other) == "third"


def test_with_renew_what_is_published_here_is_heard_everywhere(line: Line) -> None:
    one = line("node-1")
    say(one, "first")
    joined(one)
    even(one)
    other = joined(line("node-2"))
    say(one, "second")
    even(one)
    say(other, "mine, whatever the others have")
    joined(other, renew=True)
    even(one)
    assert heard(one) == "mine, whatever the others have"


def test_without_the_depot_a_machine_without_sentences_does_not_join(line: Line) -> None:
    one = line("node-1")
    say(one, "first")
    joined(one)
    even(one)
    assert one.depot.folder is not None
    shutil.rmtree(one.depot.folder)
    with pytest.raises(CannotJoin, match="没有挂载"):
        joined(line("node-2"))


def test_what_the_depot_stored_otherwise_is_no_offer(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = line("node-1")
    say(one, "first")
    joined(one)
    kept_depot: Depot = depot(one)
    put = kept_depot.put
    monkeypatch.setattr(kept_depot, "put", lambda name, content: put(name, content[:-1]))
    with state(one) as shared:
        with pytest.raises(DepotAway, match="不一样"):
            prompts.even(one, shared, kept_depot)
        assert shared.at_once(nodes.read).prompts == ""
    assert not [path for path in blobs(one) if path.read_bytes() == (one.audio / LOG).read_bytes()]
