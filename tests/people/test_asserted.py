"""Who calls, by headers of several values, with names and parameters, and by hostile ones."""

from __future__ import annotations

from urllib.parse import quote, quote_from_bytes

import pytest

from ivr.people.asserted import MOST_BYTES, identity

ME = "+8613912345678"
ASSERTED = f"<sip:{ME}@carrier.example>"


def told(**headers: str | tuple[str, ...]) -> str:
    """As the dialplan tells it: of each header as many as there are, nothing of the others."""
    each = (
        (name, value)
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    )
    return "&".join(f"{name}={quote(value[:MOST_BYTES], safe='')}" for name, value in each)


def number(**headers: str | tuple[str, ...]) -> str | None:
    found = identity(told(**headers)).number
    return None if found is None else found.reveal()


@pytest.mark.parametrize(
    "asserted",
    [
        ASSERTED,
        f"{ASSERTED}, <tel:{ME}>",
        f"{ASSERTED},<tel:{ME};phone-context=+86>",
        (ASSERTED, f"<tel:{ME}>"),
        f"<sip:gateway.example>, <tel:{ME}>",
        f"<sip:anonymous@anonymous.invalid>, <tel:{ME}>",
        ("<sip:anonymous@anonymous.invalid>", f"tel:{ME}"),
        f'"Doe, John <sip:10086@x>" {ASSERTED}, tel:{ME}',
        f'"a \\", <tel:10086>, \\\\" {ASSERTED}',
        f"张三 {ASSERTED}",
        f"sip:{ME}@carrier.example",
        f"tel:{ME};ext=1",
        f"<SIPS:{ME.replace('+', '%2B')};npdi:secret@[2001:db8::1]:5061;user=phone>;tag=x",
        f"<sip:{ME};phone-context=+86@carrier.example>",
        f" , ,{ASSERTED}",
    ],
)
def test_who_is_asserted_counts_and_not_what_the_caller_says(
    asserted: str | tuple[str, ...],
) -> None:
    assert number(pai=asserted, **{"from": "<sip:10086@x>"}) == ME


@pytest.mark.parametrize(
    ("asserted", "shown"),
    [
        ("<tel:88889999;phone-context=+86571>", "+8657188889999"),
        ("<tel:8888-9999;phone-context=+86571>", "+865718888-9999"),
        ("<tel:057188889999;phone-context=+86>", "057188889999"),
        ("<tel:13912345678;phone-context=+86571>", "13912345678"),
        ("<tel:13912345678;phone-context=carrier.example>", "13912345678"),
        ("<tel:88889999;phone-context=carrier.example>", "88889999"),
    ],
)
def test_a_local_number_is_told_with_its_place(asserted: str, shown: str) -> None:
    assert number(pai=asserted) == shown


@pytest.mark.parametrize(
    ("headers", "who"),
    [
        ({"pai": ASSERTED, "rpid": "<sip:1@x>"}, ME),
        ({"rpid": f"{ASSERTED};party=calling;screen=yes"}, ME),
        ({"rpid": f"<sip:12329@x>;party=called, {ASSERTED};party=calling"}, ME),
        ({"rpid": ("<sip:12329@x>;Party=called", f"{ASSERTED};party = calling")}, ME),
        ({"rpid": "<sip:12329@x>;party=called", "from": ASSERTED}, ME),
        ({"pai": "<sip:carrier.example>", "rpid": ASSERTED}, ME),
        ({"pai": "<sip:anonymous@anonymous.invalid>", "from": ASSERTED}, "anonymous"),
        ({"from": f'"{ME}" <sip:anonymous@x>;tag=1'}, "anonymous"),
        ({"pai": "<sip:@x>", "from": ASSERTED}, ME),
        ({"pai": "", "from": ASSERTED}, ME),
        ({}, None),
    ],
)
def test_who_is_not_named_is_looked_for_in_the_next_header(
    headers: dict[str, str | tuple[str, ...]], who: str | None
) -> None:
    assert number(**headers) == who


@pytest.mark.parametrize(
    "hostile",
    [
        '"a, tel:10086',
        '"' + "x" * MOST_BYTES + f'" {ASSERTED}',
        '"x, tel:10086, ' + "x" * MOST_BYTES + f'" {ASSERTED}',
        "x" * (MOST_BYTES - 9) + f" <tel:{ME}>",
        "<sip:a@x>" * 40,
        "<" * MOST_BYTES,
        '"' * MOST_BYTES,
        "," * MOST_BYTES,
        '"\\' * 200,
        "tel:",
        "<>",
        "\0\r\nX-Trunk: a",
        "=&;?%",
    ],
)
def test_what_cannot_be_read_names_nobody(hostile: str) -> None:
    assert number(pai=hostile) is None
    assert number(pai=hostile, **{"from": ASSERTED}) == ME


def test_of_a_header_that_is_cut_what_is_whole_counts() -> None:
    assert number(pai=f"{ASSERTED}, {'x' * MOST_BYTES} <tel:10086>") == ME
    in_chinese = quote_from_bytes(f"{ASSERTED}, {'名' * MOST_BYTES}".encode()[:MOST_BYTES])
    assert identity(f"pai={in_chinese}") == identity(told(pai=ASSERTED))


@pytest.mark.parametrize(
    "wish", ["id", "ID", "header", "user", "header;user;id", "id; critical", "critical;id"]
)
def test_who_wants_it_shows_no_number_and_is_known_all_the_same(wish: str) -> None:
    found = identity(told(pai=ASSERTED, privacy=wish))
    assert found.withheld
    assert found.number is not None
    assert ME not in repr(found)


@pytest.mark.parametrize("wish", ["none", "", "session", "history", "critical", "idle", "x-id-1"])
def test_other_wishes_are_not_about_the_number(wish: str) -> None:
    assert not identity(told(pai=ASSERTED, privacy=wish)).withheld


@pytest.mark.parametrize(
    ("party", "withheld"),
    [
        (f"{ASSERTED};privacy=full", True),
        (f'{ASSERTED};party=calling;privacy="full"', True),
        (f"{ASSERTED};privacy=uri-network;screen=yes", True),
        (f"<sip:12329@x>;party=called;privacy=full, {ASSERTED}", False),
        (f"<sip:12329@x>;party=called, {ASSERTED};party=calling;privacy=full", True),
        (f"{ASSERTED};privacy=name", False),
        (f"{ASSERTED};privacy=off", False),
    ],
)
def test_remote_party_id_has_its_wish_in_each_value(party: str, withheld: bool) -> None:
    assert identity(told(rpid=party)).withheld is withheld
    assert identity(told(rpid=party, pai=ASSERTED)).withheld is withheld
