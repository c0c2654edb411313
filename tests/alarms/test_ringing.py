"""No storm: one message when an alarm begins, one when it is over, again only while unseen."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.alarms.ringing import (
    OVER_SECONDS,
    Figure,
    Mark,
    Ringing,
    Whole,
    after,
    examined,
    news,
)

REPEAT = 3600.0
BAD, WELL = 100.0, 0.0
ALARM, METRIC, HOLDS = "records_waiting", "ivr_facts_waiting", 60.0


class Night:
    """A line looked at every fifteen seconds."""

    def __init__(self, marks: Mapping[str, Mark] | None = None) -> None:
        self.now = 0.0
        self.marks = dict(marks or {})
        self.ringing: tuple[Ringing, ...] = ()
        self.told: list[tuple[float, str]] = []

    def goes_on(self, seconds: float, *figures: Figure | Whole, taken: bool = True) -> Night:
        until = self.now + seconds
        while self.now < until:
            self.ringing = examined(self.ringing, figures, self.now)
            found = news(self.ringing, self.marks, self.now, REPEAT)
            if taken:
                self.told += [(self.now, f"{each.kind} {each.ringing.key}") for each in found]
            self.ringing = after(self.ringing, found if taken else (), self.now)
            self.now += 15
        return self

    @property
    def words(self) -> list[str]:
        return [what for _, what in self.told]


def waiting(value: float) -> Figure:
    return Figure(METRIC, value)


def test_one_message_when_it_begins_and_one_when_it_is_over() -> None:
    night = Night().goes_on(600, waiting(BAD)).goes_on(600, waiting(WELL))
    assert night.words == [f"begins {ALARM}", f"ends {ALARM}"]
    began, ended = (at for at, _ in night.told)
    assert began == HOLDS
    assert ended == 600 + OVER_SECONDS
    assert night.ringing == ()


def test_what_passes_at_once_is_told_to_nobody() -> None:
    night = Night().goes_on(HOLDS - 15, waiting(BAD)).goes_on(600, waiting(WELL))
    assert night.told == []
    assert night.ringing == ()


def test_what_comes_and_goes_is_one_alarm() -> None:
    night = Night().goes_on(120, waiting(BAD))
    for _ in range(40):
        night.goes_on(60, waiting(WELL)).goes_on(30, waiting(BAD))
    assert night.words == [f"begins {ALARM}", f"goes_on {ALARM}"], "an hour: told once more"


def test_it_is_told_again_at_intervals_until_somebody_has_seen_it() -> None:
    night = Night().goes_on(2.5 * REPEAT, waiting(BAD))
    assert night.words == [f"begins {ALARM}", *[f"goes_on {ALARM}"] * 2]
    night.marks[ALARM] = Mark("王敏", night.now)
    night.goes_on(3 * REPEAT, waiting(BAD)).goes_on(300, waiting(WELL))
    assert night.words[3:] == [f"ends {ALARM}"]


def test_who_has_seen_the_last_time_has_not_seen_this_one() -> None:
    night = Night({ALARM: Mark("王敏", 0.0)})
    night.now = 10.0
    night.goes_on(2.5 * REPEAT, waiting(BAD))
    assert night.words[1:] == [f"goes_on {ALARM}"] * 2


def test_what_is_silenced_is_told_when_the_silence_is_over_and_it_still_rings() -> None:
    night = Night({ALARM: Mark("王敏", 0.0, until=900.0)}).goes_on(1200, waiting(BAD))
    assert night.told == [(900.0, f"begins {ALARM}")]
    quiet = Night({ALARM: Mark("王敏", 0.0, until=900.0)})
    quiet.goes_on(300, waiting(BAD)).goes_on(1200, waiting(WELL))
    assert quiet.told == [], "who never heard of it needs not hear that it is over"


def test_a_silenced_trunk_does_not_silence_another() -> None:
    down = [Figure("ivr_trunk_registered", 0.0, {"trunk": name}) for name in ("a", "b")]
    night = Night({"trunk_unregistered:a": Mark("王敏", 0.0, until=1e9)}).goes_on(300, *down)
    assert night.words == ["begins trunk_unregistered:b"]
    night.marks["trunk_unregistered"] = Mark("王敏", 0.0, until=1e9)
    assert night.goes_on(3 * REPEAT, *down).words == ["begins trunk_unregistered:b"]


def test_an_unknown_figure_begins_nothing_and_ends_nothing() -> None:
    night = Night().goes_on(120, waiting(BAD)).goes_on(600)
    assert night.words == [f"begins {ALARM}"]
    assert Night().goes_on(600).told == []


def test_what_nobody_took_is_told_again() -> None:
    night = Night().goes_on(120, waiting(BAD), taken=False)
    assert night.told == []
    assert night.goes_on(15, waiting(BAD)).words == [f"begins {ALARM}"]


def test_what_was_taken_out_of_the_settings_rings_no_more() -> None:
    silent = [Figure("ivr_trunk_answers", 0.0, {"trunk": name}) for name in ("one", "other")]
    night = Night().goes_on(300, *silent).goes_on(600, silent[1])
    assert night.words == ["begins trunk_silent:one", "begins trunk_silent:other"]
    night.goes_on(600, silent[1], Whole("ivr_trunk_answers"))
    assert night.words[2:] == ["ends trunk_silent:one"]
    assert [each.about for each in night.ringing] == ["other"]


def test_what_was_about_to_ring_and_is_not_there_any_more_is_forgotten() -> None:
    night = Night().goes_on(60, Figure("ivr_certificate_days", 3.0, {"certificate": "tls"}))
    night.goes_on(300, Whole("ivr_certificate_days"))
    assert night.words == ["begins certificate_expiring:tls", "ends certificate_expiring:tls"]
    silent = Figure("ivr_trunk_answers", 0.0, {"trunk": "one"})
    night.goes_on(60, silent).goes_on(15, Whole("ivr_trunk_answers"))
    assert night.ringing == ()
