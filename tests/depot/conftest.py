"""Each depot there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.config import Settings
from ivr.depot.depot import Depot, begin, depot
from tests.depot.s3 import Door, bucket_of, s3

LINE = "this line"


@pytest.fixture(scope="session")
def _door() -> Iterator[Door]:
    with s3() as door:
        yield door


@pytest.fixture
def door(_door: Door) -> Iterator[Door]:
    """Before a bucket with nothing in it."""
    yield _door
    _door.reset()
    kept = depot(Settings.model_validate({"depot": {"bucket": bucket_of(_door)}}))
    for name in list(kept.names("")):
        kept.remove(name)


@pytest.fixture
def bucket(door: Door) -> Depot:
    kept = depot(Settings.model_validate({"depot": {"bucket": bucket_of(door)}}))
    begin(kept, LINE)
    return kept


@pytest.fixture
def folder(tmp_path: Path) -> Depot:
    kept = depot(Settings.model_validate({"depot": {"folder": tmp_path / "mounted"}}))
    begin(kept, LINE)
    return kept


@pytest.fixture(params=["folder", "bucket"])
def kept(request: pytest.FixtureRequest) -> Depot:
    found: Depot = request.getfixturevalue(request.param)
    return found
