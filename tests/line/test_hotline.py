"""The line against a fake Asterisk on a real socket, with faults: each has its defined end."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Container
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ivr.agents import switchboard
from ivr.agents.desks import Desks, Remembered
from ivr.agents.presence import CUT_OFF, Event, Presence, State
from ivr.agents.switchboard import Switchboard
from ivr.ari import client
from ivr.ari.client import Ari
from ivr.ari.line import ChannelLine
from ivr.calls import saying, waiting
from ivr.calls.means import Means
from ivr.config import Patience, Settings
from ivr.hours import AgentHours
from ivr.lifecycle.vitals import Vitals
from ivr.limits.gate import Gate
from ivr.limits.limits import Limits
from ivr.line import takeover
from ivr.line.conduct import Conductor
from ivr.line.hotline import Hotline, Replaced
from ivr.line.overview import Overlooking, changed
from ivr.line.reception import Live, Reception
from ivr.line.screens import Screens
from ivr.line.takeover import Takeover
from ivr.people.keys import Keys
from ivr.people.tokens import Tokens
from ivr.records.facts import (
    DialogueEntered,
    Fact,
    LookedUp,
    QueueEntered,
    Refused,
    SessionAnswered,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    Standing,
    Step,
    Transferred,
)
from ivr.records.journal import Left, Unfinished
from ivr.records.queued import Queued
from ivr.speech.prompts import Clip, PromptSet, sentence
from tests import textset
from tests.fake_ari import CALLED, PASSWORD, USER, FakeAsterisk, channel_json, fake_asterisk
from tests.test_conversations import DemoAccounts

NUMBER = "990101199001010019"
BRISK = Patience(
    first_key_seconds=0.3, first_digit_seconds=0.3, inter_key_seconds=0.3, answer_pause_ms=0
)


@dataclass
class Notes:
    """A journal in memory."""

    facts: list[Fact] = field(default_factory=list)
    fault: str | None = None
    refuses: type[Any] | None = None

    def note(self, fact: Fact) -> None:
        if self.refuses is not None and isinstance(fact, self.refuses):
            raise RuntimeError("as ordered")
        self.facts.append(fact)

    def of(self, kind: type[Any]) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def ends(self) -> list[str]:
        return [fact.disposition for fact in self.of(SessionEnded)]


@dataclass
class OneSet:
    """A shelf with one set, which can be exchanged."""

    held: PromptSet

    def current(self) -> PromptSet:
        return self.held


class IdleDesk:
    """A desk for callers who leave nothing."""

    def file_left_over(self, busy: Container[str]) -> None:
        """There is nothing to file."""


@dataclass
class Line:
    """A hotline at work, its Asterisk, and its records."""

    asterisk: FakeAsterisk
    hotline: Hotline
    notes: Notes
    prompts: PromptSet
    vitals: Vitals

    async def hears(self, channel: str, prompt: str, times: int = 1) -> None:
        """Until the channel has been told to play that sentence so many times."""
        wanted = [f"sound:{clip.path}" for clip in _clips(self, prompt)]
        said = self.asterisk.said
        await self.asterisk.until(lambda: said.get(channel, []).count(wanted) >= times)

    async def over(self) -> None:
        """Until no call is left, here and there."""
        await self.asterisk.until(lambda: not self.hotline.calls and not self.asterisk.ours())
        started = Counter(fact.session for fact in self.notes.of(SessionStarted))
        ended = Counter(fact.session for fact in self.notes.of(SessionEnded))
        assert started == ended, "each session begins once and ends once"

    async def over_again(self) -> None:
        """The same of calls that an earlier service began."""
        await self.asterisk.until(lambda: not self.hotline.calls and not self.asterisk.ours())


@pytest.fixture(scope="module")
def short_set(tmp_path_factory: pytest.TempPathFactory) -> PromptSet:
    """The sentences, said in no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(textset, "SECONDS_A_HANZI", 0.0001)
        return textset.text_set(tmp_path_factory.mktemp("short"))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saying, "MARGIN_SECONDS", 0.3)
    monkeypatch.setattr(takeover, "SECOND_LOOK_SECONDS", 0.05)


def _clips(line: Line, prompt: str) -> tuple[Clip, ...]:
    return line.prompts.utterance(sentence(prompt)).clips


Story = Callable[[Line], Awaitable[None]]


@pytest.fixture
def tell(
    short_set: PromptSet, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[..., Line]:
    """Tell a story on a line of its own; returns the line when the story is over."""
    takes_commands = getattr(request, "param", True)

    def told(
        story: Story,
        *left: Unfinished,
        there: bool = True,
        over: Collection[str] = (),
        unreadable: Exception | None = None,
        first: Story | None = None,
    ) -> Line:
        async def inherit() -> Left:
            if unreadable is not None:
                raise unreadable
            return Left(left, frozenset(over))

        async def course() -> Line:
            async with fake_asterisk() as asterisk, Ari(asterisk.base, USER, PASSWORD) as ari:
                asterisk.takes_commands = takes_commands
                line = _line(asterisk, ari, inherit)
                if there:
                    found = [*(each.channel for each in left), *over]
                    asterisk.channels = {channel: _up(channel) for channel in found}
                if first is not None:
                    await first(line)
                serving = asyncio.create_task(line.hotline.run())
                try:
                    await asterisk.until(lambda: bool(line.vitals.link))
                    async with asyncio.timeout(30):
                        await story(line)
                finally:
                    serving.cancel()
                    await asyncio.gather(serving, return_exceptions=True)
                return line

        def _line(asterisk: FakeAsterisk, ari: Ari, inherit: Any) -> Line:
            chosen = Settings(home=tmp_path, patience=BRISK)
            notes, screens = Notes(), Screens()
            desk: Any = IdleDesk()
            means = Means(
                settings=chosen,
                accounts=DemoAccounts(),  # type: ignore[arg-type]
                tokens=Tokens(Keys(b"k" * 32)),
                limits=Gate(Limits(chosen.limits)),
                switchboard=Switchboard(Desks(chosen.agents, asyncio.get_running_loop().time)),
                desk=desk,
                note=screens.noting(notes.note),
                is_open=lambda: True,
            )
            reception = Reception(ari, OneSet(short_set), means, screens)  # type: ignore[arg-type]
            conductor = Conductor(reception, desk, Vitals())
            made = Hotline(conductor, Takeover(conductor, inherit))
            return Line(asterisk, made, notes, short_set, conductor.vitals)

        return asyncio.run(course())

    return told


BOTH_WAYS = pytest.mark.parametrize("tell", [True, False], indirect=True, ids=["link", "http"])
"""Commands of a sound over the events' link, and over HTTP as an older Asterisk wants them."""


OVER_HTTP = pytest.mark.parametrize("tell", [False], indirect=True, ids=["http"])


def _up(channel: str) -> dict[str, Any]:
    return channel_json(channel, state="Up")


def left_over(channel: str, dialogue: str, began: datetime | None = None) -> Unfinished:
    return Unfinished(f"s-{channel}", channel, dialogue, 7, began or datetime.now(UTC))


# --- ordinary calls ---------------------------------------------------------------------------


def test_a_call_from_greeting_to_goodbye(tell: Callable[..., Line]) -> None:
    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.05
        await line.asterisk.call("c1")
        await line.hears("c1", "main.menu")
        await line.asterisk.press("c1", "1*7")
        await line.hears("c1", "line.goodbye")
        await line.over()

    assert tell(story).notes.ends() == ["completed"]


def test_a_call_looks_once_at_what_administrators_have_set(
    tell: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look lists a folder, before the caller hears anything."""
    looked: list[int] = []
    given = Reception.given

    def counted(reception: Reception) -> Means:
        looked.append(1)
        return given(reception)

    monkeypatch.setattr(Reception, "given", counted)

    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.05
        await line.asterisk.call("c1")
        await line.hears("c1", "main.menu")
        await line.asterisk.press("c1", "7")
        await line.over()

    tell(story)
    assert len(looked) == 1


def test_who_types_ahead_while_the_trunk_opens_is_heard(
    tell: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is said in the pause after answering, and the key in it answers the main menu."""
    paused = BRISK.model_copy(update={"answer_pause_ms": 300})
    monkeypatch.setattr(sys.modules[__name__], "BRISK", paused)

    async def story(line: Line) -> None:
        await line.asterisk.call("c1")
        await line.asterisk.until(lambda: bool(line.notes.of(SessionAnswered)))
        await line.asterisk.press("c1", "3")
        await line.hears("c1", "information.3")
        await line.asterisk.hang_up("c1")
        await line.over()

    said = tell(story).asterisk.said["c1"]
    assert len(said) == 1, "the greeting was said"


@BOTH_WAYS
def test_calls_do_not_hear_each_other(tell: Callable[..., Line]) -> None:
    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.02
        for n in range(20):
            await line.asterisk.call(f"c{n}", number=f"1380013{n:04}")
        for n in range(20):
            await line.hears(f"c{n}", "main.menu")
        await line.asterisk.press("c7", "1")
        await line.hears("c7", "account.menu")
        for n in range(20):
            await line.asterisk.hang_up(f"c{n}")
        await line.over()

    line = tell(story)
    entered = [f for f in line.notes.of(DialogueEntered) if f.dialogue == "account.menu"]
    assert len(entered) == 1
    assert line.notes.ends() == ["hung_up"] * 20


def test_whoever_overlooks_the_line_sees_where_each_call_is_and_no_number(
    tell: Callable[..., Line],
) -> None:
    async def story(line: Line) -> None:
        async def online() -> frozenset[str]:
            return frozenset({"6001"})

        overlooking = Overlooking(line.hotline.conductor, online)
        assert (await overlooking.look())["calls"] == {}
        await line.asterisk.call("c1", number="13800138000")
        await line.hears("c1", "main.menu")
        await line.asterisk.press("c1", "1")
        await line.hears("c1", "account.menu")
        seen = await overlooking.look()
        ((session, call),) = seen["calls"].items()
        assert session == line.notes.of(SessionStarted)[0].session
        assert call is not None
        assert call["place"] == "account.menu"
        assert abs(time.time() - int(str(call["since"]))) < 60
        assert "13800138000" not in json.dumps(seen)
        states = {name: agent and agent["state"] for name, agent in seen["agents"].items()}
        assert states == {"6001": "free", "6002": "absent"}
        await line.asterisk.hang_up("c1")
        await line.over()
        assert changed(seen, await overlooking.look()) == {"calls": {session: None}}

    tell(story)


# --- faults of Asterisk -----------------------------------------------------------------------


@BOTH_WAYS
def test_a_missing_prompt_file_leaves_a_hole_and_the_operator_is_told(
    tell: Callable[..., Line],
) -> None:
    async def story(line: Line) -> None:
        line.asterisk.failing = True
        await line.asterisk.call("c1")
        await line.hears("c1", "main.menu")
        await line.asterisk.press("c1", "7")
        await line.over()

    line = tell(story)
    assert line.notes.ends() == ["completed"]
    assert _broken_prompts(line) >= 2


def test_a_sound_that_a_hang_up_breaks_off_is_no_broken_prompt(tell: Callable[..., Line]) -> None:
    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 5.0
        await line.asterisk.call("c1")
        await line.hears("c1", "main.greeting")
        broken_off = {"id": "some", "target_uri": "channel:c1", "state": "failed"}
        await line.asterisk.send("PlaybackFinished", playback=broken_off)
        await line.asterisk.hang_up("c1")
        await line.over()

    line = tell(story)
    assert line.notes.ends() == ["hung_up"]
    assert _broken_prompts(line) == 0


def _broken_prompts(line: Line) -> float:
    broken = line.vitals.registry.get_sample_value("ivr_prompts_broken_total")
    assert broken is not None
    return broken


def test_a_playback_whose_end_never_comes_is_given_up_and_the_call_goes_on(
    tell: Callable[..., Line],
) -> None:
    async def story(line: Line) -> None:
        line.asterisk.finishes = False
        await line.asterisk.call("c1")
        await line.hears("c1", "main.menu")
        await line.asterisk.press("c1", "7")
        await line.over()

    assert tell(story).notes.ends() == ["completed"]


@BOTH_WAYS
def test_the_end_of_a_sound_may_come_before_the_answer_to_the_command(
    tell: Callable[..., Line],
) -> None:
    async def story(line: Line) -> None:
        async def at_once() -> None:
            playback = {"id": "c1.0", "target_uri": "channel:c1", "state": "done"}
            await line.asterisk.send("PlaybackFinished", playback=playback)
            await asyncio.sleep(0.05)

        line.asterisk.before["play"] = at_once
        line.asterisk.finishes = False
        await line.asterisk.call("c1")
        await line.hears("c1", "main.menu")
        await line.asterisk.hang_up("c1")
        await line.over()

    tell(story)


def test_duplicate_late_and_unknown_events_change_nothing(tell: Callable[..., Line]) -> None:
    async def story(line: Line) -> None:
        asterisk = line.asterisk
        asterisk.sound_seconds = 0.05
        await asterisk.call("c1")
        await asterisk.send("StasisStart", channel=asterisk.channels["c1"], args=[])
        await asterisk.send("NeverHeardOf", channel=asterisk.channels["c1"])
        await asterisk.send("StasisStart")
        await asterisk.send_text("{")
        await asterisk.press("nobody", "1")
        ended = {"id": "long.ago", "target_uri": "channel:c1", "state": "done"}
        await asterisk.send("PlaybackFinished", playback=ended)
        await line.hears("c1", "main.menu")
        await asterisk.hang_up("c1")
        await asterisk.hang_up("c1")
        await line.over()

    line = tell(story)
    assert len(line.notes.of(SessionStarted)) == 1
    assert line.notes.ends() == ["hung_up"]


@BOTH_WAYS
@pytest.mark.parametrize("status", [404, 409, 412, 422])
@pytest.mark.parametrize("command", ["answer", "play", "DELETE playbacks"])
def test_a_refusal_that_means_the_caller_has_gone_is_a_normal_end(
    tell: Callable[..., Line], command: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.1
        line.asterisk.refusals.append((command, status))
        await line.asterisk.call("c1")
        await line.asterisk.until(lambda: bool(line.asterisk.asked("play|answer")))
        await asyncio.sleep(0.05)
        await line.asterisk.press("c1", "7")
        await line.asterisk.until(lambda: not line.asterisk.refusals)
        await line.asterisk.until(lambda: not line.hotline.calls)

    line = tell(story)
    assert line.notes.ends() in (["hung_up"], ["completed"])
    assert "ERROR" not in caplog.text


@BOTH_WAYS
@pytest.mark.parametrize("command", ["answer", "play"])
def test_a_fault_of_asterisks_ends_the_call_with_an_apology_and_only_that_call(
    tell: Callable[..., Line], command: str
) -> None:
    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.02
        await line.asterisk.call("c2")
        await line.hears("c2", "main.menu")
        line.asterisk.refusals.append((f"c1/{command}", 500))
        await line.asterisk.call("c1")
        await line.hears("c1", "line.system_error")
        await line.asterisk.until(lambda: "c1" not in line.asterisk.channels)
        await line.asterisk.press("c2", "7")
        await line.hears("c2", "line.goodbye")
        await line.over()

    assert sorted(tell(story).notes.ends()) == ["completed", "failed"]


def test_an_asterisk_that_refuses_to_show_its_phones_ends_no_call(
    tell: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AgentHours, "open_at", lambda *_: True)

    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.02
        line.asterisk.refusals.append(("endpoints", 500))
        await line.asterisk.call("c1")
        await line.hears("c1", "main.menu")
        await line.asterisk.press("c1", "0")
        await line.hears("c1", "agent.busy")
        await line.hears("c1", "agent.leave_message_menu")
        await line.asterisk.press("c1", "*")
        await line.hears("c1", "main.menu", times=2)
        await line.asterisk.press("c1", "7")
        await line.over()

    line = tell(story)
    assert line.notes.ends() == ["completed"]
    assert [fact.outcome for fact in line.notes.of(Transferred)] == ["failed"]


COMMANDS = ["answer", "play/c1.0", "play/c1.1", "DELETE playbacks", "DELETE channels"]


@BOTH_WAYS
@pytest.mark.parametrize("command", COMMANDS)
def test_a_caller_may_hang_up_between_any_two_commands(
    tell: Callable[..., Line], command: str
) -> None:
    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.05
        before = line.asterisk.before
        before[command] = lambda: line.asterisk.hang_up("c1")
        await line.asterisk.call("c1")
        said = line.asterisk.said
        await line.asterisk.until(lambda: command not in before or len(said.get("c1", [])) == 2)
        await line.asterisk.press("c1", "7")
        await line.asterisk.until(lambda: command not in before)
        await line.over()

    assert tell(story).notes.ends() in (["hung_up"], ["completed"])


def test_a_caller_who_hangs_up_in_the_moment_of_calling_leaves_nothing(
    tell: Callable[..., Line],
) -> None:
    async def story(line: Line) -> None:
        for n in range(30):
            await line.asterisk.call(f"c{n}")
            await line.asterisk.hang_up(f"c{n}")
        await line.asterisk.until(lambda: len(line.notes.ends()) == 30)
        await line.over()

    assert tell(story).notes.ends() == ["hung_up"] * 30


def test_a_call_that_is_being_closed_when_the_line_stops_is_closed(
    tell: Callable[..., Line],
) -> None:
    @dataclass
    class LastWord:
        """What takes its time at the end of a call, as a recording that Asterisk finishes does."""

        begun: bool = False

        async def settle(self) -> None:
            self.begun = True
            await asyncio.sleep(0.1)

    async def story(line: Line) -> None:
        pending = LastWord()
        await line.asterisk.call("c1")
        await line.hears("c1", "main.menu")
        line.hotline.calls["c1"].call.pending = pending
        await line.asterisk.hang_up("c1")
        await line.asterisk.until(lambda: pending.begun)

    assert tell(story).notes.ends() == ["hung_up"]


def test_nothing_of_a_call_waits_for_the_collector(tell: Callable[..., Line]) -> None:
    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.05
        gc.collect()
        gc.disable()
        try:
            for n, keys in enumerate(("", "1", "11", "119901", "7")):
                await line.asterisk.call(f"c{n}")
                await line.hears(f"c{n}", "main.menu")
                for key in keys:
                    await line.asterisk.press(f"c{n}", key)
                if keys != "7":
                    await line.asterisk.hang_up(f"c{n}")
                await line.over()
            await asyncio.sleep(0.1)  # what was closed has had its last step
            assert not [each for each in gc.get_objects() if isinstance(each, Live)]
        finally:
            gc.enable()

    tell(story)


def test_tones_that_no_telephone_has_are_not_heard_anywhere(tell: Callable[..., Line]) -> None:
    """In a menu, between the digits of an ID number and in its last places (ran: Unreadable)."""

    async def story(line: Line) -> None:
        await line.asterisk.call("c1")
        await line.hears("c1", "main.menu")
        await line.asterisk.press("c1", "A1D")
        await line.hears("c1", "account.menu")
        await line.asterisk.press("c1", "B1")
        await line.hears("c1", "identity.ask")
        await line.asterisk.press(
            "c1", f"C{NUMBER[:9]}DA{NUMBER[9:14]}A{NUMBER[14:17]}BCD{NUMBER[17:]}"
        )
        await line.asterisk.until(lambda: bool(line.notes.of(LookedUp)))
        await line.asterisk.hang_up("c1")
        await line.over()

    notes = tell(story).notes
    assert (notes.ends(), [fact.outcome for fact in notes.of(LookedUp)]) == (["hung_up"], ["found"])


def test_a_caller_who_has_us_on_hold_is_waited_for(tell: Callable[..., Line]) -> None:
    """While another one, who is silent as well, is given up on."""

    async def story(line: Line) -> None:
        asterisk = line.asterisk
        await asterisk.call("held")
        await line.hears("held", "main.menu")
        await asterisk.send("ChannelHold", channel=asterisk.channels["held"])
        await asterisk.call("silent")
        await line.hears("silent", "line.too_many")
        assert len(asterisk.said["held"]) == 2, "the greeting and the menu, and no more"
        await asterisk.send("ChannelUnhold", channel=asterisk.channels["held"])
        await line.hears("held", "line.no_input")
        await asterisk.hang_up("held")
        await line.over()

    assert sorted(tell(story).notes.ends()) == ["gave_up", "hung_up"]


@BOTH_WAYS
def test_a_storm_of_keys_is_noise_and_the_line_goes_on(tell: Callable[..., Line]) -> None:
    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.02
        await line.asterisk.call("c1")
        await line.asterisk.call("c2")
        await line.hears("c1", "main.menu")
        for n in range(250):  # five seconds of fifty keys
            await line.asterisk.press("c1", "1234567890*#"[n % 12])
        await line.hears("c2", "main.menu")
        await line.asterisk.press("c2", "7")
        await line.hears("c2", "line.goodbye")
        await line.asterisk.hang_up("c1")
        await line.over()

    assert len(tell(story).notes.ends()) == 2


# --- the link, and what is found behind it ----------------------------------------------------


def test_a_lost_link_suspends_calls_and_its_return_resumes_them_where_they_were(
    tell: Callable[..., Line],
) -> None:
    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.05
        await line.asterisk.call("c1")
        await line.hears("c1", "main.menu")
        await line.asterisk.press("c1", "1")
        await line.hears("c1", "account.menu")
        await line.asterisk.drop()
        await line.hears("c1", "line.sorry_wait")
        await line.hears("c1", "account.menu", times=2)
        await line.asterisk.hang_up("c1")
        await line.over()

    facts = [type(fact).__name__ for fact in tell(story).notes.facts]
    assert [kind for kind in facts if kind.startswith("Link")] == [
        "LinkRestored",
        "LinkLost",
        "LinkRestored",
    ]
    assert facts.count("SessionStarted") == facts.count("SessionEnded") == 1


def test_a_session_that_cannot_go_on_ends_and_is_not_a_second_call(
    tell: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its caller goes to the agents; the records neither say that it went on nor count it twice."""

    def broken(*_: object) -> None:
        raise RuntimeError("as ordered")

    monkeypatch.setattr(Reception, "_exchange", broken)

    async def story(line: Line) -> None:
        await line.asterisk.until(lambda: bool(line.notes.of(SessionEnded)))

    line = tell(story, left_over("c1", "main"))
    (refused,) = line.notes.of(Refused)
    assert (refused.session, refused.reason, refused.channel) == ("s-c1", "not_taken", "c1")
    assert line.notes.of(SessionResumed) == []
    assert line.notes.ends() == ["failed"]
    assert not line.hotline.unfinished


@OVER_HTTP
def test_a_command_that_finds_nobody_while_the_link_stands_is_looked_after(
    tell: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.05
        await line.asterisk.call("c1")
        await line.hears("c1", "main.menu")
        monkeypatch.setattr(line.hotline.conductor.reception.ari, "base", "http://127.0.0.1:9/ari")
        await line.asterisk.press("c1", "1")
        await line.asterisk.until(lambda: bool(line.hotline.unfinished))
        await asyncio.sleep(0.3)  # several looks that find nobody
        monkeypatch.setattr(line.hotline.conductor.reception.ari, "base", line.asterisk.base)
        await line.hears("c1", "line.sorry_wait")
        await line.asterisk.hang_up("c1")
        await line.over()

    tell(story)


def test_an_asterisk_that_does_not_show_its_channels_is_asked_again(
    tell: Callable[..., Line],
) -> None:
    async def story(line: Line) -> None:
        line.asterisk.refusals += [("GET channels", 500), ("GET channels", 503)]
        await line.asterisk.drop()
        await line.asterisk.until(lambda: not line.asterisk.refusals)
        await line.asterisk.call("c1")
        await line.hears("c1", "main.greeting")
        await line.asterisk.hang_up("c1")
        await line.over()

    tell(story)


def test_a_successor_goes_on_with_what_it_finds_and_closes_what_is_gone(
    tell: Callable[..., Line],
) -> None:
    async def story(line: Line) -> None:
        await line.hears("alive", "line.sorry_wait")
        await line.hears("alive", "account.menu")
        assert line.asterisk.asked("POST channels/alive/answer") == []
        stopped = line.asterisk.asked("DELETE playbacks/alive")
        assert len(stopped) == 8, "what the service before let play is stopped"

    alive = left_over("alive", "account.menu", datetime.now(UTC) - timedelta(minutes=3))
    line = tell(story, alive)
    assert next(fact.dialogue for fact in line.notes.of(DialogueEntered)) == "account.menu"


def test_sessions_whose_callers_are_gone_are_closed_by_what_took_them(
    tell: Callable[..., Line],
) -> None:
    before = datetime(2026, 11, 25, 7, tzinfo=UTC)  # the fake's Asterisk started at eight
    gone = [left_over("old", "main", before), left_over("new", "main")]

    async def story(line: Line) -> None:
        await line.asterisk.until(lambda: len(line.notes.ends()) == 2)

    line = tell(story, *gone, there=False)
    assert {fact.session: fact.disposition for fact in line.notes.of(SessionEnded)} == {
        "s-old": "asterisk_lost",
        "s-new": "service_lost",
    }


def test_a_caller_whose_session_has_ended_is_hung_up_and_not_greeted_anew(
    tell: Callable[..., Line],
) -> None:
    """The service before died between its last fact and the last hang-up."""

    async def story(line: Line) -> None:
        await line.asterisk.until(lambda: "over" not in line.asterisk.channels)
        await line.hears("alive", "line.sorry_wait")
        await line.asterisk.hang_up("alive")
        await line.asterisk.until(lambda: bool(line.notes.ends()))
        assert "over" not in line.asterisk.said

    line = tell(story, left_over("alive", "main"), over=["over"])
    assert line.notes.of(SessionStarted) == []
    assert [fact.session for fact in line.notes.of(SessionEnded)] == ["s-alive"]


@pytest.mark.parametrize("fault", [500, 503, "cut", "closed"])
@pytest.mark.parametrize("command", ["GET channels$", "GET bridges$", "DELETE channels/over"])
def test_a_caller_whose_session_has_ended_is_hung_up_by_a_later_look(
    tell: Callable[..., Line], command: str, fault: int | str
) -> None:
    async def story(line: Line) -> None:
        if isinstance(fault, int):
            line.asterisk.refusals.append((command, fault))
        else:
            line.asterisk.spoilt.append((command, fault))
        await line.asterisk.until(lambda: not line.asterisk.channels)

    assert tell(story, over=["over"]).notes.of(SessionStarted) == []


def test_whoever_was_saved_after_the_session_had_ended_is_not_cut_off(
    tell: Callable[..., Line],
) -> None:
    """The guardian sent them to the apology and the agents: they hear it to the end."""

    async def story(line: Line) -> None:
        await line.asterisk.until(lambda: not line.hotline.conductor.departing)
        await asyncio.sleep(0.1)
        assert "c1" in line.asterisk.channels

    async def saved(line: Line) -> None:
        await line.asterisk.go_on_in_dialplan("c1", "away")

    line = tell(story, over=["c1"], first=saved)
    assert line.asterisk.asked("DELETE channels/c1") == []


def test_an_agent_whom_an_ended_session_has_left_in_silence_is_let_go(
    tell: Callable[..., Line],
) -> None:
    """Their bridge would look like a conversation that goes on."""
    leg = "agent.6001.1f2e3d4c.c1"

    async def joined(line: Line) -> None:
        line.asterisk.channels[leg] = channel_json(leg, state="Up", name=f"PJSIP/6001-{leg}")
        line.asterisk.bridges[leg] = {"id": leg, "channels": ["c1", leg], "creationtime": CALLED}

    async def story(line: Line) -> None:
        await line.asterisk.until(lambda: not line.asterisk.channels and not line.asterisk.bridges)

    assert tell(story, over=["c1"], first=joined).notes.of(SessionStarted) == []


def test_another_service_that_takes_the_name_has_the_calls(tell: Callable[..., Line]) -> None:
    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.05
        await line.asterisk.call("c1")
        await line.hears("c1", "main.menu")
        running = next(t for t in asyncio.all_tasks() if t.get_coro().__name__ == "run")  # type: ignore[union-attr]
        await line.asterisk.send("ApplicationReplaced")
        with pytest.raises(Replaced):
            await running
        assert line.hotline.calls == {}
        assert list(line.hotline.unfinished) == ["c1"]
        assert "c1" in line.asterisk.channels, "the caller stays for the other service"

    assert tell(story).notes.ends() == []


def test_a_draining_line_sends_new_callers_to_the_agents_and_waits_for_the_others(
    tell: Callable[..., Line],
) -> None:
    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.05
        await line.asterisk.call("c1")
        await line.hears("c1", "main.menu")
        draining = asyncio.create_task(line.hotline.drain())
        await asyncio.sleep(0)
        await line.asterisk.call("c2")
        await line.asterisk.until(lambda: bool(line.asterisk.asked("POST channels/c2/continue")))
        assert not draining.done()
        refused = [(fact.reason, fact.channel) for fact in line.notes.of(Refused)]
        assert refused == [("draining", "c2")]
        await line.asterisk.press("c1", "7")
        await draining
        await line.over()

    assert tell(story).notes.ends() == ["completed"]


def test_a_drained_node_sends_new_calls_to_the_others_keeps_its_own_and_comes_back(
    tell: Callable[..., Line],
) -> None:
    """503, unanswered, so that the edge tries the next node; a probe may still look."""
    aside = [True]

    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.05
        await line.asterisk.call("c1")
        await line.hears("c1", "main.menu")
        line.hotline.conductor.set_aside = lambda: aside[0]
        await line.asterisk.call("c2")
        await line.asterisk.until(lambda: line.asterisk.reasons.get("c2") == "congestion")
        assert not line.asterisk.asked("POST channels/c2/answer")
        refused = [(fact.reason, fact.channel) for fact in line.notes.of(Refused)]
        assert refused == [("draining", "c2")]
        aside[0] = False
        await line.asterisk.call("c3")
        await line.hears("c3", "main.menu")
        for caller in ("c1", "c3"):
            await line.asterisk.press(caller, "7")
        await line.over()

    assert tell(story).notes.ends() == ["completed", "completed"]


class OtherNodes:
    """Those that already have so many calls of one number as may come at once."""

    def __init__(self) -> None:
        self.full = True
        self.here: list[str] = []

    async def may_enter(self, session: str, caller: str, most: int) -> bool:
        if not self.full:
            self.here.append(session)
        return not self.full

    def found(self, session: str, caller: str) -> None:
        self.here.append(session)

    def left(self, session: str) -> None:
        if session in self.here:
            self.here.remove(session)


def test_a_caller_whose_other_calls_are_on_other_nodes_is_told_so(
    tell: Callable[..., Line],
) -> None:
    others: Any = OtherNodes()

    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.02
        line.hotline.conductor.callers = others
        await line.asterisk.call("c1", trunk="carrier")
        await line.hears("c1", "limits.caller_busy")
        await line.over()
        await line.asterisk.call("guest")
        await line.hears("guest", "main.greeting")
        await line.asterisk.hang_up("guest")
        others.full = False
        await line.asterisk.call("c2", trunk="carrier")
        await line.hears("c2", "main.menu")
        assert len(others.here) == 1
        await line.asterisk.press("c2", "7")
        await line.over()
        assert others.here == []

    tell(story)


def test_a_call_that_goes_on_under_another_service_still_counts_on_all_nodes(
    tell: Callable[..., Line],
) -> None:
    others: Any = OtherNodes()

    async def first(line: Line) -> None:
        line.hotline.conductor.callers = others
        name = "PJSIP/trunk-carrier-c1"
        brought = channel_json("c1", number="13800138000", state="Up", name=name)
        line.asterisk.channels["c1"] = brought

    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.02
        await line.hears("c1", "main.menu")
        assert others.here == ["s-c1"]
        await line.asterisk.hang_up("c1")
        await line.asterisk.until(lambda: not line.hotline.calls and not others.here)

    tell(story, left_over("c1", "main"), first=first)


# --- callers who leave us without hanging up, and callers who cannot be let go ------------------


def test_a_caller_whom_the_guardian_saved_is_not_cut_off(tell: Callable[..., Line]) -> None:
    async def story(line: Line) -> None:
        asterisk = line.asterisk
        asterisk.sound_seconds = 0.05
        await asterisk.call("c1")
        await line.hears("c1", "main.menu")
        await asterisk.go_on_in_dialplan("c1", "away")
        await line.over()
        await asyncio.sleep(0.1)
        assert "c1" in asterisk.channels, "the apology and the agents were cut off"

    assert tell(story).notes.ends() == ["service_lost"]


@pytest.mark.parametrize("since", ["hears_the_apology", "has_hung_up"])
def test_a_caller_saved_before_we_even_read_of_the_call_is_not_cut_off_nor_counted(
    tell: Callable[..., Line], since: str
) -> None:
    async def story(line: Line) -> None:
        asterisk = line.asterisk
        asterisk.channels["c1"] = channel_json("c1")
        await asterisk.go_on_in_dialplan("c1", "away")
        saved = asterisk.channels["c1"]
        if since == "has_hung_up":
            del asterisk.channels["c1"]
        await asterisk.send("StasisStart", channel=channel_json("c1"), args=[])
        await asterisk.send("StasisEnd", channel=saved)
        await asterisk.call("c2")
        await line.hears("c2", "main.greeting")
        assert ("c1" in asterisk.channels) is (since == "hears_the_apology")
        assert asterisk.asked("channels/c1/play") == []
        await asterisk.hang_up("c2")
        await line.over()

    assert tell(story).notes.ends() == ["hung_up"]


def test_a_caller_who_hung_up_after_the_guardian_had_saved_him_was_lost_by_the_service(
    tell: Callable[..., Line],
) -> None:
    async def story(line: Line) -> None:
        asterisk = line.asterisk
        await asterisk.call("c1")
        await line.hears("c1", "main.menu")
        described = asterisk.channels.pop("c1")
        await asterisk.send("StasisEnd", channel=described)
        await line.over()

    assert tell(story).notes.ends() == ["service_lost"]


@pytest.mark.parametrize("left", ["while_the_last_word_is_said", "before_it_is_asked_for"])
def test_who_has_left_unnoticed_when_the_call_ends_is_not_cut_off(
    tell: Callable[..., Line], left: str
) -> None:
    """The news of it is still on its way: a timer of ours came first."""

    async def story(line: Line) -> None:
        asterisk = line.asterisk
        asterisk.sound_seconds = 0.05
        await asterisk.call("c1")
        await line.hears("c1", "main.menu")
        await asterisk.press("c1", "7")

        async def saved() -> None:
            asterisk.channels["c1"]["dialplan"] = {"app_name": "Dial", "exten": "s"}

        if left == "before_it_is_asked_for":
            await saved()
        else:
            await line.hears("c1", "line.goodbye")
            await saved()
        await line.over()
        assert "c1" in asterisk.channels

    assert tell(story).notes.ends() in (["completed"], ["service_lost"])


@pytest.mark.parametrize("fault", [500, 503, "cut", "closed"])
@pytest.mark.parametrize("command", ["GET channels/c1", "DELETE channels/c1"])
def test_a_caller_whose_last_hang_up_is_lost_is_hung_up_by_a_second_look(
    tell: Callable[..., Line], command: str, fault: int | str
) -> None:
    async def story(line: Line) -> None:
        asterisk = line.asterisk
        asterisk.sound_seconds = 0.02
        if isinstance(fault, int):
            asterisk.refusals += [(command, fault)] * 3
        else:
            asterisk.spoilt += [(command, fault)] * 3
        await asterisk.call("c1")
        await line.hears("c1", "main.menu")
        await asterisk.press("c1", "7")
        await line.over()
        assert not asterisk.channels
        assert [line.prompts.version] == [f.catalog for f in line.notes.of(SessionStarted)]

    assert tell(story).notes.ends() == ["completed"]


def test_a_link_that_breaks_before_the_last_hang_up_strands_nobody(
    tell: Callable[..., Line],
) -> None:
    async def story(line: Line) -> None:
        asterisk = line.asterisk
        asterisk.sound_seconds = 0.02
        asterisk.refusals.append(("DELETE channels/c1", 500))
        asterisk.before["DELETE channels/c1"] = asterisk.drop
        await asterisk.call("c1")
        await line.hears("c1", "main.menu")
        await asterisk.press("c1", "7")
        await asterisk.until(lambda: not asterisk.channels)
        await line.over()

    assert tell(story).notes.ends() == ["completed"]


FAULTS = [RuntimeError("a bug"), AttributeError("a bug"), OSError(28, "disk"), KeyError("x")]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_fault_in_settling_leaves_nothing_behind(
    tell: Callable[..., Line], fault: Exception
) -> None:
    class Faulty:
        async def settle(self) -> None:
            raise fault

    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.02
        await line.asterisk.call("c1")
        await line.hears("c1", "main.menu")
        line.hotline.calls["c1"].call.pending = Faulty()
        await line.asterisk.press("c1", "7")
        await line.over()
        assert not line.asterisk.channels
        await line.asterisk.call("c2")
        await line.hears("c2", "main.greeting")
        await line.asterisk.hang_up("c2")
        await line.over()

    assert tell(story).notes.ends() == ["completed", "hung_up"]


def test_records_that_refuse_the_last_fact_keep_no_caller(tell: Callable[..., Line]) -> None:
    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.02
        await line.asterisk.call("c1")
        await line.hears("c1", "main.menu")
        line.notes.refuses = SessionEnded
        await line.asterisk.press("c1", "7")
        await line.asterisk.until(lambda: not line.asterisk.channels and not line.hotline.calls)
        line.notes.refuses = None

    tell(story)


def test_a_reception_that_fails_sends_the_caller_to_the_agents_and_the_line_goes_on(
    tell: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(line: Line) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(OneSet, "current", lambda _: {}["no set"])
            await line.asterisk.call("c1")
            await line.asterisk.until(lambda: bool(line.asterisk.asked("channels/c1/continue")))
        await line.asterisk.call("c2")
        await line.hears("c2", "main.greeting")
        await line.asterisk.hang_up("c2")
        await line.over()

    assert tell(story).notes.ends() == ["hung_up"]


@pytest.mark.parametrize("command", ["c1/continue", "DELETE channels/agent"])
def test_a_command_that_nobody_waits_for_is_made_up_for(
    tell: Callable[..., Line], command: str
) -> None:
    """A caller to be turned away, an agent who answered too late: neither stays in silence."""

    async def story(line: Line) -> None:
        asterisk = line.asterisk
        asterisk.refusals += [(command, 500)] * 2
        line.hotline.conductor.draining = True
        if command.startswith("DELETE"):
            leg = "agent.6001.00000000.nobody"
            asterisk.channels[leg] = channel_json(leg)
            await asterisk.send("StasisStart", channel=asterisk.channels[leg], args=[])
        else:
            await asterisk.call("c1")
        await asterisk.until(lambda: not asterisk.refusals and not asterisk.ours())
        await line.over()

    assert tell(story).notes.ends() == []


@pytest.mark.parametrize("fault", [RuntimeError("a bug"), OSError(5, "disk"), KeyError("x")])
def test_an_inheritance_that_cannot_be_read_keeps_nobody_waiting(
    tell: Callable[..., Line], fault: Exception
) -> None:
    async def story(line: Line) -> None:
        await line.asterisk.until(lambda: line.hotline.conductor.inherited)
        await line.asterisk.call("c1")
        await line.hears("c1", "main.greeting")
        await line.asterisk.hang_up("c1")
        await line.over()

    assert tell(story, unreadable=fault).notes.ends() == ["hung_up"]


# --- nobody waits for another caller's command --------------------------------------------------


@pytest.mark.parametrize("slow", ["c1/continue", "DELETE channels/agent", "GET channels$"])
def test_one_slow_answer_delays_nobody_else(
    tell: Callable[..., Line], slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "COMMAND_SECONDS", 60.0)

    async def story(line: Line) -> None:
        asterisk = line.asterisk
        answered = asyncio.Event()

        async def wait() -> None:
            await asyncio.wait_for(answered.wait(), 60)

        asterisk.before[slow] = wait
        if slow.startswith("GET"):
            await asterisk.drop()
            await asterisk.until(lambda: slow not in asterisk.before)
        elif slow.startswith("DELETE"):
            leg = "agent.6001.00000000.nobody"
            asterisk.channels[leg] = channel_json(leg)
            await asterisk.send("StasisStart", channel=asterisk.channels[leg], args=[])
        else:
            line.hotline.conductor.draining = True
            await asterisk.call("c1")
            await asterisk.until(lambda: slow not in asterisk.before)
            line.hotline.conductor.draining = False
        await asterisk.call("c2")
        await line.hears("c2", "main.greeting")
        answered.set()
        await line.hears("c2", "main.menu")
        await asterisk.hang_up("c2")
        await line.over()

    assert tell(story).notes.ends() == ["hung_up"]


def test_a_call_that_ends_while_asterisk_is_looked_through_is_not_begun_again(
    tell: Callable[..., Line],
) -> None:
    async def story(line: Line) -> None:
        asterisk = line.asterisk
        asterisk.sound_seconds = 0.02
        await asterisk.call("c1")
        await asterisk.call("c2")
        await line.hears("c1", "main.menu")
        await line.hears("c2", "main.menu")

        async def ends_meanwhile() -> None:
            await asterisk.press("c1", "7")
            await asterisk.hang_up("c2")
            await asterisk.until(lambda: not line.hotline.calls)

        asterisk.before["GET bridges"] = ends_meanwhile
        line.hotline.conductor.doubt.set()
        await asterisk.until(lambda: "GET bridges" not in asterisk.before)
        await asyncio.sleep(0.2)
        await line.over()

    assert sorted(tell(story).notes.ends()) == ["completed", "hung_up"]


def test_an_apology_is_said_whatever_was_typed_ahead(tell: Callable[..., Line]) -> None:
    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.3
        line.asterisk.before["c1/play"] = lambda: line.asterisk.press("c1", "1")
        line.asterisk.refusals.append(("c1/play", 500))
        await line.asterisk.call("c1")
        await line.hears("c1", "line.system_error")
        await line.over()

    assert tell(story).notes.ends() == ["failed"]


# --- sounds that never begin ---------------------------------------------------------------------


@BOTH_WAYS
def test_a_line_that_stays_mute_ends_the_call_in_seconds(
    tell: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saying, "START_SECONDS", 0.2)

    async def story(line: Line) -> None:
        line.asterisk.starts = False
        await line.asterisk.call("c1")
        await line.over()
        assert not line.asterisk.channels

    assert tell(story).notes.ends() == ["failed"]


@BOTH_WAYS
def test_a_sound_whose_beginning_is_told_late_is_said_again_and_the_call_goes_on(
    tell: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saying, "START_SECONDS", 1.0)  # time enough for this test to step in

    async def story(line: Line) -> None:
        line.asterisk.starts = False
        await line.asterisk.call("c1")
        await line.hears("c1", "main.greeting")
        line.asterisk.starts = True
        await line.hears("c1", "main.greeting", times=2)
        await line.hears("c1", "main.menu")
        await line.asterisk.press("c1", "7")
        await line.over()

    assert tell(story).notes.ends() == ["completed"]


# --- conversations that somebody else ends ------------------------------------------------------


async def _in_conversation(line: Line, monkeypatch: pytest.MonkeyPatch) -> str:
    """A caller talks with the agent of the only phone; the leg."""
    monkeypatch.setattr(AgentHours, "open_at", lambda *_: True)
    asterisk = line.asterisk
    asterisk.sound_seconds = 0.02
    settings = line.hotline.conductor.reception.means.settings
    asterisk.phones = frozenset({settings.agents.phones[0].extension})
    await asterisk.call("c1")
    await line.hears("c1", "main.menu")
    await asterisk.press("c1", "0")
    await asterisk.until(lambda: any(name.startswith("agent.") for name in asterisk.channels))
    leg = next(name for name in asterisk.channels if name.startswith("agent."))
    await asterisk.pick_up(leg)
    await asterisk.until(lambda: leg in asterisk.bridges.get(leg, {}).get("channels", []))
    return leg


ENDINGS = {
    "the bridge is destroyed": lambda asterisk, leg: asterisk.break_bridge(leg),
    "the agent leaves the bridge": lambda asterisk, leg: asterisk._leave_bridges(leg),
    "the caller leaves the bridge": lambda asterisk, _: asterisk._leave_bridges("c1"),
    "the agent goes on in the dialplan": lambda asterisk, leg: asterisk.go_on_in_dialplan(leg, "x"),
    "the agent hangs up": lambda asterisk, leg: asterisk.hang_up(leg),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_conversation_that_somebody_else_ends_leaves_nobody_in_silence(
    tell: Callable[..., Line], monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    async def story(line: Line) -> None:
        leg = await _in_conversation(line, monkeypatch)
        await asyncio.sleep(0.05)
        await ENDINGS[ending](line.asterisk, leg)
        await line.hears("c1", "contentment.menu")
        await line.hears("c1", "agent.ended")
        await line.hears("c1", "main.menu", times=2)
        await line.asterisk.until(lambda: not line.asterisk.bridges)
        elsewhere = ending == "the agent goes on in the dialplan"
        assert (leg in line.asterisk.channels) is elsewhere
        await line.asterisk.press("c1", "7")
        await line.over()

    line = tell(story)
    assert line.notes.ends() == ["completed"]
    assert [fact.outcome for fact in line.notes.of(Transferred)] == ["answered"]


LETTING_GO = ["GET channels/agent", "DELETE channels/agent", "DELETE bridges/agent"]
PARTINGS = ["the bridge is destroyed", "the agent goes on in the dialplan", "the agent hangs up"]


@pytest.mark.parametrize("fault", [500, "cut", "a hang-up"])
@pytest.mark.parametrize("ending", ["the caller hangs up", *PARTINGS])
@pytest.mark.parametrize("command", LETTING_GO)
def test_what_asterisk_does_not_let_go_at_once_goes_at_a_second_look(
    tell: Callable[..., Line],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    ending: str,
    fault: int | str,
) -> None:
    """One lost command leaves no agent in silence, no bridge, and ends no call that goes on."""

    async def story(line: Line) -> None:
        asterisk = line.asterisk
        leg = await _in_conversation(line, monkeypatch)
        await asyncio.sleep(0.05)
        if isinstance(fault, int):
            asterisk.refusals.append((command, fault))
        elif fault == "cut":
            asterisk.spoilt.append((command, fault))
        else:
            asterisk.before[command] = lambda: asterisk.hang_up("c1")
        await ENDINGS.get(ending, lambda *_: asterisk.hang_up("c1"))(asterisk, leg)
        elsewhere = {leg} if ending == "the agent goes on in the dialplan" else set()
        await asterisk.until(lambda: {*_legs(line)} == elsewhere and not asterisk.bridges)
        ended = [f"sound:{clip.path}" for clip in _clips(line, "agent.ended")]
        await asterisk.until(lambda: "c1" not in asterisk.channels or ended in asterisk.said["c1"])
        if "c1" in asterisk.channels:
            await asterisk.hang_up("c1")
        await line.over()
        assert not line.hotline.conductor.reception.means.switchboard._ringing

    line = tell(story)
    assert line.notes.ends() == ["hung_up"]
    assert [fact.outcome for fact in line.notes.of(Transferred)] == ["answered"]


@pytest.mark.parametrize("fault", [500, "cut"])
def test_a_phone_that_does_not_stop_for_who_has_gone_stops_at_a_second_look(
    tell: Callable[..., Line], monkeypatch: pytest.MonkeyPatch, fault: int | str
) -> None:
    monkeypatch.setattr(AgentHours, "open_at", lambda *_: True)

    async def story(line: Line) -> None:
        await _phones(line)
        await line.asterisk.call("c1")
        await line.hears("c1", "main.menu")
        await line.asterisk.press("c1", "0")
        await line.asterisk.until(lambda: bool(_legs(line)))
        orders: Any = line.asterisk.refusals if isinstance(fault, int) else line.asterisk.spoilt
        orders.append(("DELETE channels/agent", fault))
        await line.asterisk.hang_up("c1")
        await line.over()
        await line.asterisk.until(lambda: not _legs(line))

    assert tell(story).notes.ends() == ["hung_up"]


def test_a_phone_that_was_asked_for_while_the_caller_hung_up_stops(
    tell: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AgentHours, "open_at", lambda *_: True)

    async def story(line: Line) -> None:
        await _phones(line)
        line.asterisk.before["POST channels/agent"] = lambda: line.asterisk.hang_up("c1")
        await line.asterisk.call("c1")
        await line.hears("c1", "main.menu")
        await line.asterisk.press("c1", "0")
        await line.over()
        await line.asterisk.until(lambda: bool(line.asterisk.asked("DELETE channels/agent")))
        await line.asterisk.until(lambda: not _legs(line))

    assert tell(story).notes.ends() == ["hung_up"]


def test_a_bridge_that_is_gone_before_they_are_joined_costs_the_caller_no_place(
    tell: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switchboard, "AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(switchboard, "PHONES_SECONDS", 0.1)
    monkeypatch.setattr(waiting, "PHONES_SECONDS", 0.1)

    async def story(line: Line) -> None:
        async def destroyed() -> None:
            line.asterisk.bridges.clear()

        line.asterisk.before["addChannel"] = destroyed
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await _in_conversation(line, monkeypatch)
        await line.asterisk.until(lambda: len(_legs(line)) == 1)
        (leg,) = _legs(line)
        await line.asterisk.pick_up(leg)
        await line.asterisk.until(
            lambda: leg in line.asterisk.bridges.get(leg, {}).get("channels", [])
        )
        await line.asterisk.hang_up("c1")
        await line.over()

    line = tell(story)
    assert line.notes.ends() == ["hung_up"], "the caller was there all the time"
    assert [fact.outcome for fact in line.notes.of(Transferred)] == ["answered"]
    assert len(line.notes.of(QueueEntered)) == 1


# --- three who wait for one agent -----------------------------------------------------------------


async def _answered_and_gone(line: Line, leg: str) -> None:
    await line.asterisk.pick_up(leg)
    await line.asterisk.hang_up("c1")


async def _gone_and_answered(line: Line, leg: str) -> None:
    await line.asterisk.hang_up("c1")
    if leg in line.asterisk.channels:
        await line.asterisk.pick_up(leg)


async def _answered_while_going(line: Line, leg: str) -> None:
    """The hang-up is told before the answer, and the end of the channel after it."""
    going = line.asterisk.channels["c1"]
    await line.asterisk.send("ChannelHangupRequest", channel=going, cause=16)
    await line.asterisk.pick_up(leg)
    await line.asterisk.hang_up("c1")


async def _answered_when_all_is_over(line: Line, leg: str) -> None:
    """Asterisk tells of the answer when nothing of the call is left here."""
    answering = {**line.asterisk.channels[leg], "dialplan": {"app_name": "Stasis"}, "state": "Up"}
    await line.asterisk.hang_up("c1")
    await line.asterisk.until(lambda: "c1" not in line.hotline.calls)
    await line.asterisk.send("StasisStart", channel=answering, args=[])


async def _both_gone(line: Line, leg: str) -> None:
    await line.asterisk.pick_up(leg)
    await line.asterisk.hang_up(leg)
    await line.asterisk.hang_up("c1")


async def _phone_gone_and_told_of(line: Line, leg: str) -> None:
    """The end of the agent's leg is told before its beginning, and the caller goes too."""
    answering = {**line.asterisk.channels[leg], "dialplan": {"app_name": "Stasis"}, "state": "Up"}
    await line.asterisk.hang_up(leg)
    await line.asterisk.send("StasisStart", channel=answering, args=[])
    await line.asterisk.hang_up("c1")


def _gone_before(command: str) -> Callable[[Line, str], Awaitable[None]]:
    """The agent answers, and the caller hangs up while that is being asked of Asterisk."""

    async def moment(line: Line, leg: str) -> None:
        line.asterisk.before[command] = lambda: line.asterisk.hang_up("c1")
        await line.asterisk.pick_up(leg)
        await line.asterisk.until(lambda: "c1" not in line.asterisk.channels)

    return moment


async def _enters_the_queue(line: Line, caller: str) -> None:
    waiting = len(line.notes.of(QueueEntered))
    await line.asterisk.call(caller)
    await line.hears(caller, "main.menu")
    await line.asterisk.press(caller, "0")
    await line.asterisk.until(lambda: len(line.notes.of(QueueEntered)) > waiting)


MOMENTS = {
    "answered, gone": _answered_and_gone,
    "gone, answered": _gone_and_answered,
    "going, answered, gone": _answered_while_going,
    "gone, all over, answered": _answered_when_all_is_over,
    "answered, both gone": _both_gone,
    "the phone gone before it answered": _phone_gone_and_told_of,
    **{
        f"answered, gone before {command}": _gone_before(command)
        for command in ("DELETE channels/c1/moh", "POST bridges/agent[^/]*$", "addChannel")
    },
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_who_hangs_up_in_the_moment_of_the_answer_keeps_the_agent_from_nobody(
    tell: Callable[..., Line], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The phone rings for the next caller at once, and not before the last leg has gone."""
    monkeypatch.setattr(AgentHours, "open_at", lambda *_: True)

    async def story(line: Line) -> None:
        asterisk = line.asterisk
        await _phones(line)
        for caller in ("c1", "c2", "c3"):
            await _enters_the_queue(line, caller)
        await asterisk.until(lambda: bool(_legs(line)))
        (leg,) = _legs(line)
        asterisk.before["DELETE channels/agent"] = partial(asyncio.sleep, 0.05)
        await MOMENTS[moment](line, leg)
        for caller in ("c2", "c3"):
            await _rung_and_joined(line, caller)
            asterisk.before["DELETE channels/agent"] = partial(asyncio.sleep, 0.05)
            await asterisk.hang_up(caller)
        await line.over()
        await asterisk.until(lambda: not _legs(line) and not asterisk.bridges)
        assert not line.hotline.conductor.reception.means.switchboard._ringing

    line = tell(story)
    assert line.notes.ends() == ["hung_up"] * 3
    first, *others = [fact.outcome for fact in line.notes.of(Transferred)]
    assert first in {"abandoned", "answered", "no_answer"}
    assert others == ["answered", "answered"]


# --- the queue, killed at each of its places ------------------------------------------------------


def _legs(line: Line) -> list[str]:
    return [name for name in line.asterisk.channels if name.startswith("agent.")]


def in_queue(channel: str, minutes: int, standing: Standing = "usual") -> Unfinished:
    """Who waited so many minutes when the service was killed."""
    since = datetime.now(UTC) - timedelta(minutes=minutes)
    return replace(left_over(channel, "agent"), queued=Queued(since, standing, 0))


async def _phones(line: Line) -> None:
    settings = line.hotline.conductor.reception.means.settings
    line.asterisk.phones = frozenset({settings.agents.phones[0].extension})
    line.asterisk.sound_seconds = 0.02


async def _rung_and_joined(line: Line, caller: str) -> None:
    await line.asterisk.until(lambda: any(leg.endswith(f".{caller}") for leg in _legs(line)))
    (leg,) = _legs(line)
    assert leg.endswith(f".{caller}"), "another came first"
    await line.asterisk.pick_up(leg)
    bridges = line.asterisk.bridges
    await line.asterisk.until(lambda: leg in bridges.get(leg, {}).get("channels", []))
    assert caller in bridges[leg]["channels"]
    await asyncio.sleep(0.05)


def test_killed_while_they_wait_the_first_is_still_the_first(tell: Callable[..., Line]) -> None:
    async def story(line: Line) -> None:
        await line.hears("c1", "line.sorry_wait")
        await line.hears("c2", "line.sorry_wait")
        await _rung_and_joined(line, "c3")
        for channel in ("c1", "c2", "c3"):
            await line.asterisk.hang_up(channel)
        await line.over_again()

    waited = in_queue("c1", 2), in_queue("c2", 5), in_queue("c3", 1, "senior")
    line = tell(story, *waited, first=_phones)
    outcomes = {fact.session: fact for fact in line.notes.of(Transferred)}
    assert outcomes["s-c3"].outcome == "answered"
    assert outcomes["s-c2"].outcome == "abandoned"
    assert outcomes["s-c2"].ring_ms >= 300_000, "what was waited before counts"
    assert not line.notes.of(QueueEntered), "nobody has taken another place"


def test_killed_while_a_phone_rings_it_stops_and_rings_anew(tell: Callable[..., Line]) -> None:
    old = "agent.6001.0a0b0c0d.c1"

    async def first(line: Line) -> None:
        await _phones(line)
        line.asterisk.channels[old] = channel_json(old, name=f"PJSIP/6001-{old}", app=False)

    async def story(line: Line) -> None:
        await line.asterisk.until(lambda: old not in line.asterisk.channels)
        await _rung_and_joined(line, "c1")
        await line.asterisk.hang_up("c1")
        await line.over_again()

    line = tell(story, in_queue("c1", 1), first=first)
    assert [fact.outcome for fact in line.notes.of(Transferred)] == ["answered"]


def test_who_gave_up_while_no_service_was_there_has_left_the_queue(
    tell: Callable[..., Line],
) -> None:
    async def story(line: Line) -> None:
        await line.asterisk.until(lambda: bool(line.notes.ends()))

    line = tell(story, in_queue("c1", 3), there=False)
    (fact,) = line.notes.of(Transferred)
    assert fact.outcome in {"abandoned", "failed"}
    assert fact.ring_ms >= 180_000
    assert len(line.hotline.conductor.reception.means.switchboard.queue) == 0


def test_an_agents_phone_that_vanishes_puts_the_caller_back(
    tell: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switchboard, "AGAIN_SECONDS", 0.1)

    async def story(line: Line) -> None:
        leg = await _in_conversation(line, monkeypatch)
        vanishing = {"channel": line.asterisk.channels[leg], "soft": True, "cause": 1}
        await line.asterisk.send("ChannelHangupRequest", **vanishing)
        await line.asterisk.hang_up(leg)
        await line.hears("c1", "agent.cut_off")
        desks = line.hotline.conductor.reception.means.switchboard.desks
        agent = desks.agent(leg.split(".")[1])
        assert desks.of(agent) == Presence(State.AWAY, CUT_OFF), "nobody is rung at an empty desk"
        desks.wishes(agent, Event.READY, "console")
        await _rung_and_joined(line, "c1")
        await line.asterisk.hang_up("c1")
        await line.over()

    line = tell(story)
    assert [fact.outcome for fact in line.notes.of(Transferred)] == ["answered", "answered"]
    assert len(line.notes.of(QueueEntered)) == 1, "the place was kept"


# --- time ---------------------------------------------------------------------------------------


def test_a_resumed_call_does_not_count_what_was_talked_with_agents_before(
    tell: Callable[..., Line],
) -> None:
    began = datetime.now(UTC) - timedelta(hours=2)
    left = [
        replace(left_over("talked", "main", began), agent_seconds=5400.0),
        left_over("held", "main", began),
    ]

    async def story(line: Line) -> None:
        await line.hears("talked", "main.menu")
        await line.hears("held", "line.goodbye")
        await line.asterisk.hang_up("talked")
        await line.asterisk.until(lambda: len(line.notes.ends()) == 2)

    assert sorted(tell(story, *left).notes.ends()) == ["completed", "hung_up"]


def test_a_resumed_call_counts_its_whole_length_and_a_clock_set_back_makes_none_negative(
    tell: Callable[..., Line],
) -> None:
    now = datetime.now(UTC)
    left = [
        left_over("long", "main", now - timedelta(seconds=90)),
        left_over("future", "main", now + timedelta(hours=1)),
    ]

    async def story(line: Line) -> None:
        for each in left:
            await line.hears(each.channel, "main.menu")
            await line.asterisk.hang_up(each.channel)
        await line.asterisk.until(lambda: len(line.notes.ends()) == 2)

    ends = {fact.session: fact.ms for fact in tell(story, *left).notes.of(SessionEnded)}
    assert ends["s-long"] >= 90_000
    assert 0 <= ends["s-future"] < 60_000


def test_a_number_that_the_line_does_not_have_is_told_the_operator_and_begins_no_call(
    tell: Callable[..., Line],
) -> None:
    async def story(line: Line) -> None:
        for channel in ("c1", "c2"):
            described = channel_json(channel, number="13912345678")
            described["name"] = f"PJSIP/trunk-carrier-{channel}"
            plan = {**described["dialplan"], "app_data": "hotline,4001,unknown"}
            described["dialplan"] = plan
            line.asterisk.channels[channel] = described
            await line.asterisk.send("StasisStart", channel=described, args=["4001", "unknown"])
            await line.asterisk.until(lambda: not line.asterisk.channels)

    line = tell(story)
    assert [(each.reason, each.session) for each in line.notes.of(Refused)] == [
        ("unknown_number", None)
    ], "once for each number"
    assert line.notes.of(SessionStarted) == []
    (odd,) = line.hotline.conductor.vitals.traffic.oddities()
    assert "中继 carrier：拨的是 4001" in odd
    assert "来电号码 …78" in odd


@pytest.mark.parametrize(
    ("told", "disposition"),
    [
        ({"cause": 1, "soft": True}, "vanished"),  # no RTP and no RTCP for too long
        ({"cause": 18}, "vanished"),  # a session refresh that nobody answers
        ({"cause": 1}, "hung_up"),
        ({"cause": 16}, "hung_up"),
        ({"cause": 16, "soft": True}, "hung_up"),
        ({}, "hung_up"),
    ],
)
def test_a_caller_who_vanished_did_not_hang_up(
    tell: Callable[..., Line], told: dict[str, Any], disposition: str
) -> None:
    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.05
        await line.asterisk.call("c1")
        await line.asterisk.until(lambda: bool(line.notes.of(SessionAnswered)))
        described = line.asterisk.channels.pop("c1")
        await line.asterisk.send("ChannelHangupRequest", channel=described, **told)
        await line.asterisk.send("ChannelHangupRequest", channel=described, cause=16, soft=True)
        await line.asterisk.send("ChannelDestroyed", channel=described, cause=44)
        await line.over()

    assert tell(story).notes.ends() == [disposition]


def test_a_key_that_comes_by_two_ways_counts_once(tell: Callable[..., Line]) -> None:
    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.05
        await line.asterisk.call("c1")
        await line.asterisk.until(lambda: bool(line.notes.of(SessionAnswered)))
        for digit, second in (("1", "01.719"), ("1", "01.765"), ("*", "02.300"), ("7", "03.000")):
            await line.asterisk.send(
                "ChannelDtmfReceived",
                channel=line.asterisk.channels["c1"],
                digit=digit,
                duration_ms=100,
                timestamp=f"2026-11-25T09:00:{second}+0000",
            )
        await line.over()

    line = tell(story)
    assert line.notes.ends() == ["completed"]
    keys = [step.key for step in line.notes.of(Step) if step.key and step.verb == "menu"]
    assert keys == ["1", "*", "7"]
    (seen,) = line.hotline.conductor.vitals.traffic.seen()
    assert "3 个按键，其中 1 个来了两次" in seen


# --- calls of browsers ------------------------------------------------------------------------

TOKEN = "0123456789abcdef" * 2


async def _read(line: Line, token: str = TOKEN, mark: str = "") -> list[tuple[str, dict[str, Any]]]:
    watching = line.hotline.conductor.reception.screens.watch(token, mark)
    return [(shown.mark, json.loads(shown.json)) async for shown in watching]


def _words(shown: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return ["".join(t for t, _ in each["said"]) for _, each in shown if each["kind"] == "says"]


def test_a_browser_reads_what_its_caller_is_told_and_how_the_call_went(
    tell: Callable[..., Line],
) -> None:
    """Watched from before the call came; another call and its words are not on this screen."""
    shown: list[tuple[str, dict[str, Any]]] = []

    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.05
        reading = asyncio.create_task(_read(line))
        await asyncio.sleep(0)
        await line.asterisk.call("c1", screen=TOKEN)
        await line.asterisk.call("c2")
        await line.hears("c1", "main.menu")
        await line.asterisk.press("c1", "1")
        await line.hears("c1", "account.menu")
        await line.asterisk.press("c1", f"1{NUMBER}")
        await line.asterisk.until(lambda: any(len(said) > 20 for said in line.asterisk.said["c1"]))
        await line.asterisk.press("c1", "*")
        await line.hears("c1", "account.menu", times=2)
        await line.asterisk.hang_up("c1")
        await line.asterisk.hang_up("c2")
        await line.over()
        shown.extend(await reading)
        assert await _read(line) == shown, "who comes after the end reads the same"
        assert await _read(line, mark=shown[4][0]) == shown[5:]
        assert await _read(line, mark="of-another-service.3") == shown

    line = tell(story)
    words = [line.prompts.utterance(sentence(name)).text for name in ("account.menu",)]
    assert words[0] in _words(shown)
    assert any("您的余额为五万六千元" in text for text in _words(shown))
    kinds = [each["kind"] for _, each in shown]
    assert kinds[-1] == "ended"
    assert {"says", "stops", "heard", "looked_up", "ended"} == set(kinds)
    assert NUMBER not in json.dumps(shown), "the digits of an entry are nobody's"
    (asked,) = [each for _, each in shown if each.get("verb") == "collect"]
    assert (asked["keys"], asked["key"]) == (18, None)
    assert [each["at"] for _, each in shown] == sorted(each["at"] for _, each in shown)


def test_a_call_that_another_service_began_is_shown_on(tell: Callable[..., Line]) -> None:
    shown: list[tuple[str, dict[str, Any]]] = []

    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.05
        await line.asterisk.call("c1", screen=TOKEN)
        await line.hears("c1", "main.menu")
        await line.asterisk.drop()
        await line.asterisk.until(lambda: not line.hotline.calls)
        await line.asterisk.until(lambda: bool(line.hotline.calls))
        await line.hears("c1", "line.sorry_wait")
        await line.hears("c1", "main.menu", times=2)  # what is shown was said
        await line.asterisk.hang_up("c1")
        await line.over()
        shown.extend(await _read(line))

    line = tell(story)
    assert "resumed" in {each["kind"] for _, each in shown}
    assert line.prompts.utterance(sentence("line.sorry_wait")).text in _words(shown)


def test_who_brings_no_token_has_no_screen(tell: Callable[..., Line]) -> None:
    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.05
        for n, odd in enumerate(("", "0" * 31, "0" * 33, "G" * 32)):
            await line.asterisk.call(f"c{n}", screen=odd)
            await line.hears(f"c{n}", "main.menu")
            assert await _read(line, odd) == []
            assert isinstance(line.hotline.calls[f"c{n}"].call.line, ChannelLine)
            await line.asterisk.hang_up(f"c{n}")
        await line.over()

    tell(story)


def test_a_token_shows_one_call_only(tell: Callable[..., Line]) -> None:
    """Whoever calls with the token of a call that goes on learns nothing, and shows nothing."""
    shown: list[tuple[str, dict[str, Any]]] = []

    async def story(line: Line) -> None:
        line.asterisk.sound_seconds = 0.05
        await line.asterisk.call("c1", screen=TOKEN)
        await line.hears("c1", "main.menu")
        await line.asterisk.call("c2", screen=TOKEN)
        await line.hears("c2", "main.menu")
        await line.asterisk.press("c2", "3")
        await line.hears("c2", "information.3")
        for channel in ("c2", "c1"):
            await line.asterisk.hang_up(channel)
        await line.over()
        shown.extend(await _read(line))

    line = tell(story)
    assert line.prompts.utterance(sentence("information.3")).text not in _words(shown)


def test_an_asterisk_that_dies_takes_who_waited_out_of_the_queue_and_frees_the_agent(
    tell: Callable[..., Line],
) -> None:
    """Whose conversation died with it is free again, and whoever waited has no place any more."""
    before = datetime(2026, 11, 25, 7, tzinfo=UTC)  # the fake's Asterisk started at eight
    waited = replace(left_over("c1", "agent", before), queued=Queued(before, "usual", 0))
    talked = left_over("c2", "agent", before)

    async def first(line: Line) -> None:
        desks = line.hotline.conductor.reception.means.switchboard.desks
        desks.remember([Remembered("6001", Presence(State.TALKING), before)])

    async def story(line: Line) -> None:
        await line.asterisk.until(lambda: len(line.notes.ends()) == 2)
        desks = line.hotline.conductor.reception.means.switchboard.desks
        await line.asterisk.until(lambda: desks.of(desks.agent("6001")).state is State.FREE)

    line = tell(story, waited, talked, there=False, first=first)
    assert line.notes.ends() == ["asterisk_lost", "asterisk_lost"]
    assert [(f.session, f.outcome) for f in line.notes.of(Transferred)] == [("s-c1", "failed")]
    switchboard = line.hotline.conductor.reception.means.switchboard
    assert len(switchboard.queue) == 0
