"""Who calls, by the headers of the call's SIP request; pure.

A carrier names its customer in P-Asserted-Identity, perhaps by a sip address and a tel address
beside each other (RFC 3325, 9.1), or in Remote-Party-ID, one value for each party
(draft-ietf-sip-privacy-04). Of a header with two values Asterisk reads nothing and takes From,
which is the caller's own word. Privacy (RFC 3323) is a wish about what others are shown: the line
is one of those whom the carrier trusts, and may know the number all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

from ivr.people.callers import canonical
from ivr.people.sensitive import Sensitive

MOST_BYTES = 400
"""So much of a header is told."""
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_VALUE = re.compile(
    rf'(?:(?:{_QUOTED}|[^"<>,;])*<(?P<uri>[^<>]*)>(?P<parameters>(?:{_QUOTED}|[^"<>,])*)'
    r'|(?P<bare>[^"<>,;]*)(?P<its_parameters>[^"<>,]*))(?=,|\Z)'
)
"""One value of a header: commas stand between values, and also in names and addresses."""
_USER = re.compile(r"\s*(?:sips?:([^@]*)@|tel:([^?]*))", re.IGNORECASE)
_LOCAL = re.compile(r"[1-9](?:[-.() ]*\d){6,7}\Z", re.ASCII)
"""A subscriber's number, which means nothing without the place that it is of."""
_PLACE = re.compile(r"\+\d+\Z", re.ASCII)
_SECRET = frozenset({"id", "user", "header"})
"""Wishes of Privacy that are about the number; `session` and `history` are about other things."""
_SECRET_NUMBER = frozenset({"full", "uri"})


@dataclass(frozen=True, slots=True)
class Identity:
    """What a request says of its caller."""

    number: Sensitive[str] | None
    """As the network writes it; what is no number, like `anonymous`, stands for itself."""
    withheld: bool
    """The caller wants no number shown."""


def identity(told: str) -> Identity:
    """Read what the dialplan tells of the headers: `from`, `pai`, `rpid`, `privacy`, URL-encoded.

    Whoever is named in P-Asserted-Identity counts, then in Remote-Party-ID, then in From; of
    several the first who can be called.
    """
    headers = parse_qs(told, encoding="latin-1")
    asserted = [value for header in headers.get("pai", ()) for value in _values(header)]
    parties = [value for header in headers.get("rpid", ()) for value in _values(header)]
    calling = [value for value in parties if value.parameter("party") in {"", "calling"}]
    own = [value for header in headers.get("from", ()) for value in _values(header)]
    named = next(filter(None, map(_numbers, (asserted, calling, own))), [])
    number = next(filter(canonical, named), named[0] if named else None)
    wishes = re.split(r"[;,\s]+", ";".join(headers.get("privacy", ())).lower())
    withheld = bool(_SECRET.intersection(wishes)) or any(map(_is_secret, calling))
    return Identity(None if number is None else Sensitive(number), withheld)


@dataclass(frozen=True, slots=True)
class _Value:
    """One of a header's values."""

    uri: str
    parameters: str

    def parameter(self, name: str) -> str:
        """In small letters; empty where it is not there."""
        found = re.search(rf';\s*{name}\s*=\s*"?([^;"\s]*)', self.parameters, re.IGNORECASE)
        return "" if found is None else found[1].lower()


def _values(header: str) -> Iterator[_Value]:
    """As far as they can be read: what follows a name that never ends may be the name's.

    A bare address has no parameters in SIP (RFC 3261, 20), but a tel address needs its own.
    """
    told = header if len(header) < MOST_BYTES else header.rpartition(",")[0]
    at = 0
    while at <= len(told) and (found := _VALUE.match(told, at)):
        at = found.end() + 1
        if found["uri"] is None:
            yield _Value(found["bare"] + found["its_parameters"], found["its_parameters"])
        else:
            yield _Value(found["uri"], found["parameters"])


def _numbers(values: Sequence[_Value]) -> list[str]:
    """Of those that name anybody: a host alone does not."""
    return [number for number in map(_number, values) if number]


def _number(value: _Value) -> str:
    """A local number of an address is told with its place (RFC 3966, 5.1.5)."""
    found = _USER.match(value.uri)
    told = "" if found is None else found[1] or found[2] or ""
    user, *parameters = told.split(";")
    number = unquote(user.partition(":")[0]).strip()
    place = _Value("", "".join(f";{each}" for each in parameters)).parameter("phone-context")
    return f"{place}{number}" if _LOCAL.match(number) and _PLACE.match(place) else number


def _is_secret(value: _Value) -> bool:
    """Remote-Party-ID has its wish in each value; `-network` says only who wished it."""
    wish = value.parameter("privacy").removesuffix("-network")
    return wish in _SECRET_NUMBER
