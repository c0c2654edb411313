"""Kamailio's console (JSON-RPC over its Unix socket): how the cells stand, and what they take."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from ivr.config import EdgeSettings

ANSWER_SECONDS = 3.0
_DATAGRAM = 1 << 18


class NoEdge(Exception):
    """No Kamailio of ours answers on this machine."""


class Refused(Exception):
    """It answers, and does not do it."""


class State(Enum):
    """What Kamailio thinks of a cell, by the first letter of its flags."""

    TAKING = "A"
    TRYING = "T"
    """It missed an answer; calls go there still."""
    SILENT = "I"
    DRAINED = "D"


IN_WORDS = {
    State.TAKING: "接听 · taking calls",
    State.TRYING: "少了一次回答 · missed an answer",
    State.SILENT: "没有回答 · does not answer",
    State.DRAINED: "停接新来电 · drained",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a cell stands at this edge."""

    name: str
    uri: str
    state: State
    calls: int
    most: int


def ask(edge: EdgeSettings, method: str, *params: object) -> Any:
    """One command; its result. Raises NoEdge, Refused."""
    with (
        tempfile.TemporaryDirectory(prefix="edge-") as own,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door,
    ):
        door.bind(f"{own}/answer")
        Path(own).chmod(0o711)
        Path(f"{own}/answer").chmod(0o622)  # Kamailio answers as a user of its own
        door.settimeout(ANSWER_SECONDS)
        request = {"jsonrpc": "2.0", "id": os.getpid(), "method": method, "params": params}
        try:
            door.sendto(json.dumps(request).encode(), f"{edge.run}/rpc")
            answer = json.loads(door.recv(_DATAGRAM))
        except (OSError, ValueError) as silent:
            raise NoEdge(
                f"这台机器上的 Kamailio 没有回答（{edge.run}/rpc）"
                f" · no Kamailio answers here: {silent}"
            ) from silent
    if "error" in answer:
        raise Refused(f"Kamailio: {method}: {answer['error'].get('message', answer['error'])}")
    return answer["result"]


def cells(edge: EdgeSettings) -> list[Standing]:
    """All of them, in the settings' order."""
    known = {each.name: each for each in _listed(ask(edge, "dispatcher.list"))}
    return [known[cell.name] for cell in edge.cells if cell.name in known]


def _listed(answer: Mapping[str, Any]) -> Iterator[Standing]:
    for record in answer["RECORDS"]:
        for target in record["SET"]["TARGETS"]:
            told = target["DEST"]
            attributes = told["ATTRS"]
            yield Standing(
                attributes["DUID"],
                told["URI"],
                State(told["FLAGS"][0]),
                told.get("RUNTIME", {}).get("DLGLOAD", 0),
                attributes["MAXLOAD"],
            )


def set_taking(edge: EdgeSettings, name: str, *, taking: bool) -> None:
    """Let a cell take new calls, or none; those that it has go on, and it is asked OPTIONS."""
    for number, centre in enumerate(edge.centres, 1):
        if any(cell.name == name for cell in centre.cells):
            state = "ap" if taking else "dp"
            ask(edge, "dispatcher.set_duid_state", state, number, name)
