"""Where each key of the script leads, found by leading callers through the real dialogues."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from ivr.config import Settings
from ivr.stage.callflow import Flow, Way, explore
from ivr.stage.rehearsal import Moment
from prompt_build.catalog.faults import CatalogError
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import source_of
from prompt_build.reading import silent_set

Ways = Mapping[str, Mapping[str, str]]
"""Menu → key → the sentence that is heard next."""
_NICENESS = 5


def ways(settings: Settings, instead: str, begun: Callable[[BaseProcess], None]) -> Ways:
    """With this text for the city's file, which may be a draft of it; none where it has faults.

    In a process of its own: it takes seconds, and the mishaps of its callers are no news. `begun`
    gets it, so that whoever must not wait can end it; nothing is found then.
    """
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe(duplex=False)
    walker = spawn.Process(target=_walk, args=(theirs, settings, instead), daemon=True)
    walker.start()
    theirs.close()
    begun(walker)
    try:
        found: Ways = ours.recv()
    except EOFError:
        return {}
    finally:
        walker.kill()
        walker.join()
        ours.close()
    return found


def _walk(answer: Connection, settings: Settings, instead: str) -> None:
    logging.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    try:
        answer.send(_explored(settings, instead))
    except CatalogError:
        answer.send({})


def _explored(settings: Settings, instead: str) -> Ways:
    source = replace(source_of(settings), instead=instead)
    return ways_of(explore(silent_set(load(source)), settings))


def ways_of(flow: Flow) -> Ways:
    """By the sentence that names the key, the first way that leads on."""
    found: dict[str, dict[str, str]] = {}
    for way in (each for place in flow.ways.values() for each in place):
        if way.asked is not None and len(way.answer) == 1 and (heard := _heard(flow, way)):
            for menu in way.asked.question:
                found.setdefault(menu, {}).setdefault(way.answer, heard)
    return found


def _heard(flow: Flow, way: Way, steps: int = 3) -> str:
    """What is heard first on a way; empty where nothing is, as when the call ends."""
    if way.said:
        return way.said[0]
    if isinstance(way.leads, Moment):
        return next(iter(way.leads.question), "")
    entering = [each for each in flow.ways.get(str(way.leads), ()) if each.asked is None]
    return _heard(flow, entering[0], steps - 1) if entering and steps else ""
