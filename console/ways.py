"""Where each key of the script leads, found by leading callers through the real dialogues."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor

from ivr.config import Settings
from ivr.stage.callflow import Flow, Way, explore
from ivr.stage.rehearsal import Moment
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import Source
from prompt_build.reading import silent_set

Ways = Mapping[str, Mapping[str, str]]
"""Menu → key → the sentence that is heard next."""
_NICENESS = 5


def ways(settings: Settings, source: Source) -> Ways:
    """In a process of its own: it takes seconds, and its callers' mishaps are no news.

    Raises CatalogError.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=_quietly) as pool:
        return pool.submit(_explored, settings, source).result()


def _quietly() -> None:
    logging.disable()
    os.nice(_NICENESS)


def _explored(settings: Settings, source: Source) -> Ways:
    return ways_of(explore(silent_set(load(source)), settings))


def ways_of(flow: Flow) -> Ways:
    """By the sentence that names the key, the first way that leads on."""
    found: dict[str, dict[str, str]] = {}
    for way in (each for place in flow.ways.values() for each in place):
        if way.asked is not None and len(way.answer) == 1 and (next_ := _next(way)):
            for menu in way.asked.question:
                found.setdefault(menu, {}).setdefault(way.answer, next_)
    return found


def _next(way: Way) -> str:
    """What is heard after the key; empty where nothing is."""
    if way.said:
        return way.said[0]
    return way.leads.question[0] if isinstance(way.leads, Moment) and way.leads.question else ""
