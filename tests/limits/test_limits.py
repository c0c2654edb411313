"""Who may ask for accounts, and how often, on a clock of the test's own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ivr.config import LimitsSettings
from ivr.limits.limits import DAY, Admitted, Asker, Denied, Limits, Lock, Memory, Noted

NOON = 1_790_000_000.0 - (1_790_000_000.0 + 8 * 3600) % DAY + 12 * 3600
"""In Beijing."""
CALLER = Asker("s1", "caller token")
UNKNOWN = Asker("s1")


def asked(limits: Limits, people: int, *, of: Asker = CALLER, at: float = NOON) -> list[object]:
    return [limits.look_up(of, f"person {which}", at + which) for which in range(people)]


def test_five_people_in_ten_minutes_and_the_sixth_is_refused() -> None:
    answers = asked(Limits(LimitsSettings()), 6)
    assert all(isinstance(answer, Admitted) for answer in answers[:5])
    assert answers[5] == Denied("lookups_of_caller")


def test_a_family_waits_for_nothing_and_a_harvester_longer_and_longer() -> None:
    delays = [a.delay for a in asked(Limits(LimitsSettings()), 5) if isinstance(a, Admitted)]
    assert delays == [0.0, 0.0, 0.2, 0.4, 0.8]


def test_the_same_person_again_is_no_other_person() -> None:
    limits = Limits(LimitsSettings())
    answers = [limits.look_up(CALLER, "person 0", NOON + n) for n in range(100)]
    assert answers == [Admitted(0.0)] * 100


def test_another_call_of_the_same_number_is_the_same_caller() -> None:
    limits = Limits(LimitsSettings())
    for which in range(5):
        limits.look_up(Asker(f"s{which}", "caller token"), f"person {which}", NOON)
    assert isinstance(limits.look_up(Asker("s9", "caller token"), "person 9", NOON), Denied)
    assert isinstance(limits.look_up(Asker("s9", "another token"), "person 9", NOON), Admitted)


def test_a_locked_caller_waits_for_the_end_of_the_lock_also_for_people_asked_before() -> None:
    limits = Limits(LimitsSettings(lock_seconds=3600))
    asked(limits, 6)
    assert limits.look_up(CALLER, "person 0", NOON + 3600) == Denied("lookups_of_caller")
    assert isinstance(limits.look_up(CALLER, "person 0", NOON + 3606), Admitted)


def test_asking_while_locked_does_not_prolong_the_lock() -> None:
    limits = Limits(LimitsSettings(lock_seconds=3600))
    asked(limits, 6)
    for minute in range(60):
        limits.look_up(CALLER, "person 7", NOON + 60 * minute)
    assert isinstance(limits.look_up(CALLER, "person 7", NOON + 3606), Admitted)


def test_slow_askers_are_never_refused() -> None:
    limits = Limits(LimitsSettings())
    answers = [limits.look_up(CALLER, f"person {n}", NOON + 150 * n) for n in range(50)]
    assert all(isinstance(answer, Admitted) for answer in answers)


def test_one_call_without_a_number_has_the_budget_of_a_caller() -> None:
    assert asked(Limits(LimitsSettings()), 6, of=UNKNOWN)[5] == Denied("lookups_of_session")


def test_calls_without_a_number_share_one_budget_which_comes_back() -> None:
    limits = Limits(LimitsSettings(ids_of_unknown_callers=10))
    for which in range(10):
        assert limits.look_up(Asker(f"s{which}"), f"person {which}", NOON) == Admitted(0.0)
    refused = Denied("lookups_of_unknown")
    assert limits.look_up(Asker("s10"), "person 10", NOON + 599) == refused
    assert isinstance(limits.look_up(CALLER, "person 10", NOON + 599), Admitted)
    assert isinstance(limits.look_up(Asker("s10"), "person 10", NOON + 600), Admitted)


def test_the_line_looks_up_so_many_a_minute() -> None:
    limits = Limits(LimitsSettings(lookups_per_minute=3))
    askers = [Asker(f"s{n}", f"caller {n}") for n in range(4)]
    answers = [limits.look_up(asker, asker.session, NOON) for asker in askers]
    assert answers == [Admitted(0.0)] * 3 + [Denied("lookups_of_line")]
    assert limits.look_up(askers[3], "s3", NOON + 60) == Admitted(0.0)


def test_one_person_is_told_so_often_a_day_whoever_asks() -> None:
    limits = Limits(LimitsSettings(lookups_per_person=3))
    for which in range(3):
        assert isinstance(limits.look_up(Asker("s", f"caller {which}"), "p", NOON), Admitted)
        limits.looked_up("p", NOON)
    assert limits.look_up(Asker("s", "caller 4"), "p", NOON) == Denied("lookups_of_person")
    evening = NOON + 12 * 3600 - 1
    assert limits.look_up(CALLER, "p", evening) == Denied("lookups_of_person")
    assert isinstance(limits.look_up(CALLER, "p", evening + 1), Admitted)


def test_what_could_not_be_told_does_not_count_against_the_person() -> None:
    limits = Limits(LimitsSettings(lookups_per_person=3))
    answers = [limits.look_up(CALLER, "p", NOON) for _ in range(9)]
    assert answers == [Admitted(0.0)] * 9


def test_locks_are_handed_over_to_the_next_service() -> None:
    kept: list[Lock] = []
    asked(Limits(LimitsSettings(), keep=kept.append), 6)
    successor = Limits(LimitsSettings(), kept)
    assert successor.look_up(CALLER, "person 0", NOON + 10) == Denied("lookups_of_caller")


def test_quiet_callers_are_forgotten() -> None:
    limits = Limits(LimitsSettings())
    for n in range(5000):
        limits.look_up(Asker(f"s{n}", f"caller {n}"), "p", NOON + n)
    assert len(limits.counts._counted["asked"]._values) <= 601
    assert len(limits.counts._counted["looked"]._values["line"]) <= 61


def test_wrong_pairs_of_one_case_lock_it_for_the_day_whoever_asks() -> None:
    limits = Limits(LimitsSettings(wrong_tails=3))
    for n in range(3):
        asker = Asker(f"s{n}", f"caller {n}")
        assert limits.ask_case(asker, "01000015", NOON) is None
        limits.wrong_case(asker, "01000015", NOON)
    fresh = Asker("s9", "caller 9")
    assert limits.ask_case(fresh, "01000015", NOON) == Denied("case_locked")
    assert limits.ask_case(fresh, "01000023", NOON) is None
    assert limits.ask_case(fresh, "01000015", NOON + DAY) is None


def test_the_right_one_between_counts_wrong_pairs_anew() -> None:
    limits, asker = Limits(LimitsSettings(wrong_tails=2, ids_per_caller=50)), Asker("s", "c")
    for _ in range(3):
        limits.wrong_case(asker, "01000015", NOON)
        limits.right_case("01000015", NOON)
    assert limits.ask_case(asker, "01000015", NOON) is None


def test_a_caller_who_tries_many_numbers_is_locked_for_an_hour_and_others_are_not() -> None:
    kept: list[Lock] = []
    settings = LimitsSettings(ids_per_caller=3)
    limits, asker = Limits(settings, keep=kept.append), Asker("s", "caller")
    for n in range(3):
        limits.wrong_case(asker, f"number {n}", NOON)
    again = Asker("another session", "caller")
    assert limits.ask_case(again, "01000015", NOON) == Denied("cases_of_caller")
    assert limits.ask_case(Asker("t", "other"), "01000015", NOON) is None
    after = Limits(settings, kept)
    assert after.ask_case(again, "01000015", NOON) == Denied("cases_of_caller"), "after a restart"
    assert after.ask_case(again, "01000015", NOON + 3601) is None


def test_callers_without_a_number_share_a_budget_of_wrong_pairs() -> None:
    limits = Limits(LimitsSettings(ids_of_unknown_callers=4, wrong_tails=99))
    for n in range(4):
        limits.wrong_case(Asker(f"s{n}"), f"number {n}", NOON)
    assert limits.ask_case(Asker("s9"), "01000015", NOON) == Denied("cases_of_caller")
    assert limits.ask_case(Asker("s9", "known"), "01000015", NOON) is None


def counted(noted: list[Noted], since: float) -> set[str]:
    """What Memory.values means, by looking through everything."""
    last = {each.value: each.at for each in sorted(noted, key=lambda each: each.at)}
    return {value for value, at in last.items() if at > since}


TOLD = st.tuples(st.sampled_from(("a", "b")), st.sampled_from("uvwxyz"), st.integers(-30, 300))
"""Of whom, what, and how many seconds after the one before; some are heard of late."""


@given(st.lists(TOLD, max_size=60))
def test_what_was_counted_in_the_last_while_is_all_that_counts(
    told: list[tuple[str, str, int]],
) -> None:
    window = 600.0
    memory, now = Memory(LimitsSettings(window_seconds=window)), NOON
    noted: list[Noted] = []
    for name, value, later in told:
        at = now + later
        now = max(now, at)
        noted.append(Noted("asked", name, value, at))
        memory.note(noted[-1])
        for each in ("a", "b"):
            mine = [one for one in noted if one.name == each]
            for since in (now - window, now - window / 2):
                wanted = counted(mine, since)
                assert set(memory.values("asked", each, since)) == wanted
                assert memory.count("asked", each, since) == len(wanted)


ASKING = st.tuples(
    st.sampled_from([CALLER, Asker("s2", "another token"), UNKNOWN, Asker("s3")]),
    st.sampled_from("abcdefgh"),
    st.integers(0, 400),
    st.booleans(),
)
"""Who asks for whom, how long after the one before, and whether the account is told then."""


@given(st.lists(ASKING, max_size=40))
def test_looking_whether_somebody_would_be_admitted_is_right_and_changes_nothing(
    told: list[tuple[Asker, str, int, bool]],
) -> None:
    settings = LimitsSettings(
        ids_per_caller=2, ids_of_unknown_callers=3, lookups_per_person=4, lookups_per_minute=5
    )
    looking, without, now = Limits(settings), Limits(settings), NOON
    for asker, person, later, is_told in told:
        now += later
        foreseen = looking.would_admit(asker, person, now)
        answer = looking.look_up(asker, person, now)
        assert foreseen == isinstance(answer, Admitted)
        assert answer == without.look_up(asker, person, now)
        if is_told and foreseen:
            looking.looked_up(person, now)
            without.looked_up(person, now)
