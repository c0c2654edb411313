"""The console's users of several nodes: one set, and everybody signs in though nobody answers."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from console.rights import Role
from console.users import Refused, Users, users_of
from console.users_together import OfAllNodes
from ivr.config import Settings
from ivr.people.sensitive import Sensitive
from ivr.state.shared import Shared
from tests.state.conftest import Pair, stopped

LEADER, ADMINISTRATOR = frozenset({Role.LEADER}), frozenset({Role.ADMINISTRATOR})
OWN, WRONG = Sensitive("correct horse battery"), Sensitive("wrong horse battery")


def looks(settings: Settings) -> None:
    """As the console does every second."""
    with closing(Shared(settings)) as shared:
        shared.at_once(OfAllNodes(settings).make_even)


def cut_off(settings: Settings) -> Settings:
    """The same machine, which reaches no database."""
    url = SecretStr("sqlite:////no/such/folder/state")
    return settings.model_copy(update={"state": settings.state.model_copy(update={"url": url})})


def with_anna(pair: Pair) -> tuple[Users, Users]:
    """Who was added on the first, chose her password on the second."""
    first, second = (users_of(each) for each in pair)
    first.add("admin", ADMINISTRATOR)
    given = first.add("anna", LEADER)
    looks(pair[1])
    assert second.signed_in("anna", given) is not None
    second.choose_password("anna", OWN)
    looks(pair[0])
    return first, second


def test_users_are_the_same_on_all_nodes(each_way: Pair) -> None:
    first, second = with_anna(each_way)
    assert first.signed_in("anna", OWN) is not None
    first.lock("anna")
    assert second.signed_in("anna", OWN) is None
    second.unlock("anna")
    assert first.signed_in("anna", OWN) is not None
    with pytest.raises(Refused, match="already"):
        second.add("admin", LEADER)
    with pytest.raises(Refused, match="no administrator"):
        second.lock("admin")
    assert users_of(each_way[1]).find("anna") is not None


def test_wrong_passwords_on_two_nodes_are_added_together(each_way: Pair) -> None:
    first, second = with_anna(each_way)
    for users in (first, second, first, second, first):
        assert users.signed_in("anna", WRONG) is None
    assert second.signed_in("anna", OWN) is None
    first.unlock("anna")
    assert second.signed_in("anna", OWN) is not None


def test_two_nodes_change_different_things_at_once_and_nothing_is_lost(each_way: Pair) -> None:
    first, second = with_anna(each_way)

    def add(users: Users, mark: str) -> None:
        for n in range(4):
            users.add(f"{mark}{n}", LEADER)

    both = [
        threading.Thread(target=add, args=(users, mark))
        for users, mark in ((first, "a"), (second, "b"))
    ]
    for each in both:
        each.start()
    for each in both:
        each.join()
    for settings in each_way:
        looks(settings)
    assert [user.name for user in first.all()] == [user.name for user in second.all()]
    assert len(first.all()) == 10


def test_without_the_database_people_sign_in_and_nothing_is_changed(each_way: Pair) -> None:
    """What was counted alone is told when it is back; a lock of meanwhile holds."""
    first, second = with_anna(each_way)
    alone = users_of(cut_off(each_way[1]))
    assert alone.signed_in("anna", OWN) is not None
    for change in (alone.lock, alone.unlock, alone.give_password, alone.drop_factor):
        with pytest.raises(Refused, match="try again"):
            change("anna")
    with pytest.raises(Refused, match="try again"):
        alone.choose_password("anna", WRONG)
    for _ in range(5):
        assert alone.signed_in("anna", WRONG) is None
    assert alone.signed_in("anna", OWN) is None
    looks(each_way[1])
    assert first.signed_in("anna", OWN) is None
    first.unlock("anna")
    assert second.signed_in("anna", OWN) is not None
    assert alone.signed_in("anna", WRONG) is None
    first.lock("anna")
    looks(each_way[1])
    assert alone.signed_in("anna", OWN) is None
    assert [user.locked for user in first.all()] == [False, True]


@pytest.mark.live
def test_while_the_database_is_stopped_people_sign_in(on_postgres: Pair, server: Path) -> None:
    first, second = with_anna(on_postgres)
    with stopped(server):
        assert second.signed_in("anna", OWN) is not None
        with pytest.raises(Refused, match="try again"):
            second.lock("anna")
    looks(on_postgres[1])
    assert first.signed_in("anna", OWN) is not None


def test_users_of_a_machine_are_taken_over_once_when_it_joins(each_way: Pair) -> None:
    """Of a name that the line has already the line's holds; nobody else is touched."""
    one, other = each_way
    Users(one.home).add("admin", ADMINISTRATOR)
    Users(one.home).choose_password("admin", OWN)
    Users(other.home).add("admin", LEADER)
    Users(other.home).add("zoe", LEADER)
    Users(other.home).choose_password("zoe", OWN)
    for settings in (one, other, one, other):
        looks(settings)
    for settings in each_way:
        users = users_of(settings)
        assert users.signed_in("admin", OWN) is not None
        assert users.all()[0].roles == ADMINISTRATOR
        assert users.signed_in("zoe", OWN) is not None
