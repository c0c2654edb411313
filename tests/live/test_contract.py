"""Every operation, parameter and event that we use is in this Asterisk's own API description."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

import pytest

from ivr.ari import client
from ivr.ari.client import Ari, Leg, LiveRecording
from ivr.ari.events import READERS
from ivr.config import Agent
from ivr.line.hotline import WANTED
from ivr.people.sensitive import Sensitive
from tests.live.conftest import LiveLine

pytestmark = pytest.mark.live

OURS = {
    "asterisk.startup": "getInfo",
    "bridges.create_with_id": "createWithId",
    "channels.received": "rtpstatistics",
    "channels.send_dtmf": "sendDTMF",
    "endpoints.online": "listByTech",
    "endpoints.phone": "get",
    "playbacks.cut": "stop",
}
"""Operations that are ours, or that ari-py calls otherwise, and Asterisk's name for them."""


INFO = {"status": {"startup_time": "2026-11-25T08:00:00.000+0000"}}


@dataclass(frozen=True)
class Sent:
    method: str
    path: str
    query: Mapping[str, str]
    body: Mapping[str, Any]


CHANNEL = {"id": "x", "state": "Up", "creationtime": "2026-11-25T08:00:00.000+0000"}
ANSWERS: Mapping[str, Any] = {
    "GET asterisk/info": INFO,
    "GET channels/x": CHANNEL,
    "POST channels/x": CHANNEL,
    "GET channels/x/rtp_statistics": {"rxcount": 1},
    "GET channels/x/variable": {"value": "x"},
    "GET endpoints/PJSIP/6001.web": {"state": "online"},
}


class Recorder(Ari):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__("http://nowhere/ari", "u", "p")
        self.sent: list[Sent] = []

    async def _send(
        self, method: str, path: str, query: Mapping[str, str], json: Mapping[str, Any] | None
    ) -> Any:
        self.sent.append(Sent(method, f"/{path}", query, json or {}))
        return ANSWERS.get(f"{method} {path}", [])


EXAMPLES: dict[object, object] = {
    Agent: Agent(name="x", extension="6001"),
    str: "x",
    Sensitive[str]: Sensitive("x"),
    LiveRecording: LiveRecording("x", max_seconds=1, max_silence_seconds=1),
    Leg: Leg("PJSIP/x", "app", "x", 1, Sensitive("x"), {"x": "x"}),
}


def operations() -> list[str]:
    """`repository.operation` for everything that the client offers."""
    ari = Recorder()
    repositories = [
        name for name, each in vars(ari).items() if type(each).__module__ == client.__name__
    ]
    return [
        f"{repository}.{name}"
        for repository in sorted(repositories)
        for name, _ in inspect.getmembers(
            type(getattr(ari, repository)), inspect.iscoroutinefunction
        )
    ]


def perform(name: str) -> Sent:
    """What an operation sends when each of its parameters is given."""
    ari = Recorder()
    repository, operation = name.split(".")
    method = getattr(getattr(ari, repository), operation)
    kinds = {key: kind for key, kind in get_type_hints(method).items() if key != "return"}
    arguments = []
    keywords = {}
    for key, parameter in inspect.signature(method).parameters.items():
        value = EXAMPLES.get(kinds[key], ("x",))
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            keywords[key] = value
        else:
            arguments.append(value)
    asyncio.run(method(*arguments, **keywords))
    (sent,) = ari.sent
    return sent


def described(line: LiveLine, room: str) -> Mapping[str, Any]:
    return line.ari(f"api-docs/{room}.json")


def operation_of(line: LiveLine, sent: Sent) -> Mapping[str, Any]:
    room = sent.path.split("/")[1]
    for api in described(line, room)["apis"]:
        pattern = re.sub(r"\{[^}]+\}", "[^/]+", api["path"])
        for operation in api["operations"]:
            if re.fullmatch(pattern, sent.path) and operation["httpMethod"] == sent.method:
                return operation
    raise AssertionError(f"Asterisk has no {sent.method} {sent.path}")


@pytest.mark.parametrize("name", operations())
def test_the_operation_and_its_parameters_exist(bare_line: LiveLine, name: str) -> None:
    sent = perform(name)
    operation = operation_of(bare_line, sent)
    camel = re.sub(r"_(\w)", lambda match: match[1].upper(), name.split(".")[1])
    assert operation["nickname"] == OURS.get(name, camel)
    parameters = {each["name"]: each for each in operation.get("parameters", [])}
    assert [key for key in sent.query if key not in parameters] == []
    free = any(each["paramType"] == "body" for each in parameters.values())
    assert free or [key for key in sent.body if key not in parameters] == []


def test_every_value_that_is_one_of_a_few_is_allowed(bare_line: LiveLine) -> None:
    for name in operations():
        sent = perform(name)
        for each in operation_of(bare_line, sent).get("parameters", []):
            given = sent.query.get(each["name"])
            allowed = each.get("allowableValues", {}).get("values")
            if given is not None and allowed is not None and given != "x":
                assert given in allowed, f"{name}: {each['name']}={given}"


def test_the_events_that_we_read_exist(bare_line: LiveLine) -> None:
    models = described(bare_line, "events")["models"]
    assert set(READERS) - set(models) == set()
    assert set(WANTED) <= set(READERS), "wanted, but not read"
    events = next(api for api in described(bare_line, "events")["apis"] if api["path"] == "/events")
    assert "app" in {each["name"] for each in events["operations"][0]["parameters"]}


@pytest.mark.parametrize(
    ("room", "model", "fields"),
    [
        ("channels", "Channel", {"id", "state", "dialplan", "caller", "creationtime"}),
        ("channels", "DialplanCEP", {"exten", "app_name", "app_data"}),
        ("bridges", "Bridge", {"id", "channels", "creationtime"}),
        ("endpoints", "Endpoint", {"resource", "state"}),
        ("channels", "RTPstat", {"rxcount"}),
        ("playbacks", "Playback", {"id", "state", "target_uri"}),
        ("recordings", "LiveRecording", {"name", "target_uri", "duration"}),
        ("events", "ChannelHangupRequest", {"channel", "cause"}),
        ("events", "ChannelDestroyed", {"channel", "cause"}),
        ("events", "ChannelDtmfReceived", {"channel", "digit"}),
        ("events", "StasisStart", {"channel", "args"}),
    ],
)
def test_the_fields_that_we_read_exist(
    bare_line: LiveLine, room: str, model: str, fields: set[str]
) -> None:
    models = described(bare_line, room)["models"]
    assert fields - set(models[model]["properties"]) == set()
