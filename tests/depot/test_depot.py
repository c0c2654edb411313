"""What a folder and a bucket promise alike, and what each of them refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ivr.config import Settings
from ivr.depot.depot import MARK, Depot, begin, check, depot
from ivr.depot.errors import DepotAway, NotThere
from tests.depot.conftest import LINE
from tests.depot.s3 import Door, bucket_of


def test_what_is_put_is_there_whole_until_it_is_removed(kept: Depot) -> None:
    content = bytes(range(256)) * 50_000  # in several parts
    kept.put("recordings/2026-11-28/complaint/1.wav", content)
    kept.put("recordings/2026-11-28/complaint/1.wav", content + b"anew")
    assert kept.get("recordings/2026-11-28/complaint/1.wav") == content + b"anew"
    assert kept.has("recordings/2026-11-28/complaint/1.wav")
    assert list(kept.names("recordings")) == ["recordings/2026-11-28/complaint/1.wav"]
    kept.remove("recordings/2026-11-28/complaint/1.wav")
    kept.remove("recordings/2026-11-28/complaint/1.wav")
    assert not kept.has("recordings/2026-11-28/complaint/1.wav")
    assert list(kept.names("recordings")) == []
    with pytest.raises(NotThere):
        kept.get("recordings/2026-11-28/complaint/1.wav")


def test_names_are_those_below_a_folder_and_of_no_other_that_begins_alike(kept: Depot) -> None:
    kept.put("sets/a", b"1")
    kept.put("sets/b/c", b"2")
    kept.put("sets2/d", b"3")
    assert sorted(kept.names("sets")) == ["sets/a", "sets/b/c"]


def test_it_is_one_lines_and_no_others(kept: Depot) -> None:
    begin(kept, LINE)
    check(kept, LINE)
    with pytest.raises(DepotAway, match="另一条热线"):
        begin(kept, "another line")


def test_a_folder_that_is_not_mounted_takes_and_tells_nothing(tmp_path: Path) -> None:
    """An empty mount point must not fill the machine's own disk, nor say that all is gone."""
    kept = depot(Settings.model_validate({"depot": {"folder": tmp_path / "mounted"}}))
    begin(kept, LINE)
    kept.put("sets/a", b"1")
    shutil.rmtree(tmp_path / "mounted")
    (tmp_path / "mounted").mkdir()
    for tried in (
        lambda: kept.put("sets/a", b"1"),
        lambda: kept.get("sets/a"),
        lambda: kept.has("sets/a"),
        lambda: kept.remove("sets/a"),
        lambda: list(kept.names("sets")),
    ):
        with pytest.raises(DepotAway, match="没有挂载"):
            tried()  # type: ignore[no-untyped-call]
    assert not (tmp_path / "mounted" / "sets").exists()


def test_a_folder_shows_no_file_that_is_being_written(tmp_path: Path, folder: Depot) -> None:
    folder.put("sets/a", b"1")
    (tmp_path / "mounted" / "sets" / ".b.123").write_bytes(b"half")
    assert list(folder.names("sets")) == ["sets/a"]


def test_of_an_upload_that_broke_off_nothing_is_seen(bucket: Depot, door: Door) -> None:
    bucket.put("a", b"before")
    door.fault = "half"
    with pytest.raises(DepotAway, match="没有回答"):
        bucket.put("a", b"after" * 1000)
    door.reset()
    assert bucket.get("a") == b"before"


def test_a_bucket_that_is_away_or_refuses_says_which_and_no_secret(
    bucket: Depot, door: Door
) -> None:
    door.fault = "away"
    with pytest.raises(DepotAway, match="没有回答") as away:
        bucket.get("a")
    assert "secret" not in str(away.value)
    door.fault = "refused"
    with pytest.raises(DepotAway, match="不允许"):
        bucket.put("a", b"1")


def test_lines_that_share_a_bucket_have_a_prefix_each(door: Door) -> None:
    one, other = (
        depot(Settings.model_validate({"depot": {"bucket": {**bucket_of(door), "prefix": name}}}))
        for name in ("hz", "nb")
    )
    begin(one, "hz")
    begin(other, "nb")
    one.put("sets/a", b"hz")
    assert not other.has("sets/a")
    assert list(one.names("sets")) == ["sets/a"]
    assert MARK in list(other.names(""))
