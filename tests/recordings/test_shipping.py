"""Recordings go to the depot, are proven there, age out here, are heard from there, and go with
their age: whatever the depot does meanwhile."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ivr.cases.sealing import Unreadable
from ivr.cli.commands import app
from ivr.config import Settings
from ivr.depot.depot import begin, depot
from ivr.depot.errors import DepotAway
from ivr.hours import BEIJING
from ivr.people.keys import Keys
from ivr.recordings.finding import FETCHED, find
from ivr.recordings.shape import Evidence
from ivr.recordings.shipping import Shipping, fetch, place
from ivr.upkeep.courier import Courier, Report, line_of
from ivr.upkeep.doctor import carried
from tests.depot.s3 import Door, bucket_of, s3

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
TODAY = "2026-11-28/complaint/26112801.wav"
SOUND = b"RIFF" + bytes(40) + b"\x10\x27" * 8000


@pytest.fixture(scope="module")
def _door() -> Iterator[Door]:
    with s3() as door:
        yield door


@pytest.fixture
def door(_door: Door, tmp_path: Path) -> Iterator[Door]:
    yield _door
    _door.reset()


@pytest.fixture
def in_bucket(door: Door, tmp_path: Path) -> Settings:
    prefix = tmp_path.name.replace("[", "").replace("]", "")
    told = {**bucket_of(door), "prefix": prefix}
    return begun({"home": tmp_path / "home", "depot": {"bucket": told}})


@pytest.fixture
def in_folder(tmp_path: Path) -> Settings:
    return begun({"home": tmp_path / "home", "depot": {"folder": tmp_path / "mounted"}})


@pytest.fixture(params=["in_bucket", "in_folder"])
def settings(request: pytest.FixtureRequest) -> Settings:
    found: Settings = request.getfixturevalue(request.param)
    return found


def begun(told: dict[str, object]) -> Settings:
    settings = Settings.model_validate(told)
    begin(depot(settings), line_of(settings))
    return settings


def kept(settings: Settings, days: int) -> Settings:
    """With recordings that stay here so long after they are proven in the depot."""
    recordings = settings.recordings.model_copy(update={"local_days": days})
    return settings.model_copy(update={"recordings": recordings})


def filed(settings: Settings, path: str = TODAY, sound: bytes = SOUND, days: float = 0) -> Path:
    """A recording as the line files it, so many days ago."""
    file = settings.recordings_folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(sound)
    at = (NOW - timedelta(days=days)).timestamp()
    os.utime(file, (at, at))
    return file


def ship(settings: Settings, now: datetime = NOW) -> int:
    return Shipping(settings, depot(settings)).ship(now)


def age_out(settings: Settings, now: datetime = NOW) -> int:
    return Shipping(settings, depot(settings)).age_out(now)


def heard(settings: Settings, path: str = TODAY, sound: bytes = SOUND) -> Evidence:
    found, state = find(settings, path, hashlib.sha256(sound).hexdigest())
    if state is Evidence.WHOLE:
        assert found.read_bytes() == sound
    return state


def test_what_is_filed_is_in_the_depot_sealed_and_can_be_read_by_the_lines_keys_only(
    settings: Settings, tmp_path: Path
) -> None:
    filed(settings)
    assert ship(settings) == 1
    there = depot(settings).get(place(TODAY))
    assert SOUND[44:100] not in there
    assert fetch(depot(settings), settings.home / "keys", TODAY) == SOUND
    Keys.load(tmp_path / "other keys")
    with pytest.raises(Unreadable):
        fetch(depot(settings), tmp_path / "other keys", TODAY)


def test_it_is_sent_once_and_again_when_it_was_filed_anew(settings: Settings) -> None:
    filed(settings)
    assert ship(settings) == 1
    assert ship(settings) == 0
    filed(settings, sound=SOUND + bytes(320))
    assert ship(settings) == 1
    assert fetch(depot(settings), settings.home / "keys", TODAY) == SOUND + bytes(320)


def test_what_is_being_written_and_what_is_no_recording_stays(settings: Settings) -> None:
    filed(settings, "2026-11-28/complaint/.26112801.part")
    filed(settings, "2026-11-28/talk/abc.hold")
    filed(settings, "notes/complaint/1.wav")
    assert ship(settings) == 0


@pytest.mark.parametrize("fault", ["away", "half", "changed", "refused"])
def test_whatever_goes_wrong_nothing_is_lost_and_it_is_tried_again(
    in_bucket: Settings, door: Door, fault: str
) -> None:
    settings = kept(in_bucket, days=1)
    file = filed(settings, days=3)
    door.fault = fault
    with pytest.raises(DepotAway):
        ship(settings)
    door.fault = ""
    assert age_out(settings) == 0
    assert file.exists(), "the only copy"
    assert ship(settings) == 1
    assert fetch(depot(settings), settings.home / "keys", TODAY) == SOUND


def test_the_local_copy_goes_when_it_is_old_and_is_heard_from_the_depot(
    settings: Settings,
) -> None:
    settings = kept(settings, days=7)
    new = filed(settings, "2026-11-28/complaint/2.wav", days=1)
    old = filed(settings, days=8)
    ship(settings)
    assert age_out(settings) == 1
    assert (old.exists(), new.exists()) == (False, True)
    assert heard(settings) is Evidence.WHOLE
    assert ship(settings) == 0, "what is not here is not lacking there"
    fetched = next((settings.home / FETCHED).glob("*/*.wav"))
    assert stat.S_IMODE(fetched.stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", ["gone", "changed", "another"])
def test_what_the_depot_does_not_have_any_more_does_not_go_here(
    settings: Settings, damage: str
) -> None:
    """It is proven on the very day on which the local copy goes, and sent anew where it lacks."""
    settings = kept(settings, days=7)
    file = filed(settings, days=8)
    ship(settings)
    store = depot(settings)
    if damage == "gone":
        store.remove(place(TODAY))
    elif damage == "changed":
        *before, last = store.get(place(TODAY))
        store.put(place(TODAY), bytes([*before, last ^ 1]))
    else:  # sealed by us, for another place
        filed(settings, "2026-11-28/complaint/2.wav", SOUND + b"2")
        ship(settings)
        store.put(place(TODAY), store.get(place("2026-11-28/complaint/2.wav")))
    assert age_out(settings) == 0
    assert file.exists()
    assert ship(settings) == 1
    assert age_out(settings) == 1
    assert heard(settings) is Evidence.WHOLE


def test_a_local_copy_that_was_changed_does_not_replace_what_was_filed(
    settings: Settings,
) -> None:
    """Here it is no evidence any more; what the depot has stays, and both stay where they are."""
    settings = kept(settings, days=7)
    file = filed(settings, days=8)
    ship(settings)
    seen = file.stat()
    file.write_bytes(SOUND[:-2] + b"xx")
    os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert age_out(settings) == 0
    assert ship(settings) == 0
    assert heard(settings) is Evidence.CHANGED
    assert fetch(depot(settings), settings.home / "keys", TODAY) == SOUND


def test_what_cannot_be_had_from_the_depot_is_said(in_bucket: Settings, door: Door) -> None:
    settings = kept(in_bucket, days=1)
    filed(settings, days=3)
    ship(settings)
    age_out(settings)
    door.fault = "away"
    assert heard(settings) is Evidence.AWAY
    door.fault = "changed"
    assert heard(settings) is Evidence.CHANGED
    door.fault = ""
    assert heard(settings) is Evidence.WHOLE
    door.fault = "away"
    assert heard(settings) is Evidence.WHOLE, "it was fetched a moment ago"
    assert heard(settings, "2026-11-28/complaint/9.wav", b"other") is Evidence.AWAY
    door.fault = ""
    assert heard(settings, "2026-11-28/complaint/9.wav", b"other") is Evidence.GONE


def test_another_machine_of_the_line_hears_what_this_one_recorded(
    settings: Settings, tmp_path: Path
) -> None:
    filed(settings)
    ship(settings)
    other = settings.model_copy(update={"home": tmp_path / "another home"})
    (other.home / "keys").mkdir(parents=True, mode=0o700)
    for key in (settings.home / "keys").iterdir():
        (other.home / "keys" / key.name).write_bytes(key.read_bytes())
        (other.home / "keys" / key.name).chmod(0o600)
    assert heard(other) is Evidence.WHOLE


Retention = Callable[[], str]


@pytest.fixture
def retention(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Retention:
    told = settings.depot.model_dump(mode="json")
    if settings.depot.bucket is not None:
        told["bucket"]["secret"] = settings.depot.bucket.secret.get_secret_value()
    monkeypatch.setenv("IVR_HOME", str(settings.home))
    for name, value in told.items():
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            monkeypatch.setenv(f"IVR_DEPOT__{name.upper()}", text)

    def run() -> str:
        done = CliRunner().invoke(app, ["retention", "run"])
        assert done.exit_code == 0, done.output
        return done.output

    return run


LONG_AGO = datetime.now(BEIJING) - timedelta(days=4 * 366)
OLD = f"{LONG_AGO:%Y-%m-%d}/complaint/1.wav"


def test_retention_reaches_the_depot(settings: Settings, retention: Retention) -> None:
    filed(settings, OLD)
    filed(settings, f"{datetime.now(BEIJING):%Y-%m-%d}/complaint/2.wav")
    ship(settings)
    told = retention()
    assert "recordings in the depot: 1" in told
    assert "删了 1 段" in told
    names = [name for name in depot(settings).names("recordings") if "complaint" in name]
    assert len(names) == 1
    assert names[0].endswith("/2.wav")
    assert ship(settings) == 0


def test_legal_hold_keeps_what_is_in_the_depot(settings: Settings, retention: Retention) -> None:
    held = f"{LONG_AGO:%Y-%m-%d}/talk/abc.wav"
    filed(settings, held)
    filed(settings, OLD)
    ship(settings)
    (settings.recordings_folder / held).unlink()  # it has aged out here
    hold = {
        "reference": "abc", "path": held, "session": "s", "agents": "a", "at": "", "ms": 1,
        "sha256": "", "gaps": "[]", "by": "b", "reason": "r",
    }  # fmt: skip
    file = (settings.recordings_folder / held).with_suffix(".hold")
    file.write_text(json.dumps(hold))
    retention()
    assert list(depot(settings).names("recordings")) == [place(held)]
    file.unlink()
    retention()
    assert list(depot(settings).names("recordings")) == []


def test_what_retention_could_not_remove_the_courier_does(
    in_bucket: Settings, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = in_bucket
    filed(settings, OLD)
    ship(settings)
    shipping = Shipping(settings, depot(settings))
    shipping.shipped.doom([OLD])
    (settings.recordings_folder / OLD).unlink()
    door.fault = "away"
    with pytest.raises(DepotAway):
        shipping.remove_past()
    assert shipping.shipped.doomed() == [OLD]
    door.fault = ""
    Courier(settings).round()
    assert list(depot(settings).names("recordings")) == []
    assert shipping.shipped.doomed() == []


def test_the_courier_says_what_waits_and_why_and_goes_on_by_itself(
    in_bucket: Settings, door: Door
) -> None:
    clock = [datetime.now(UTC)]
    courier = Courier(in_bucket, lambda: clock[0])
    path = f"{clock[0].astimezone(BEIJING):%Y-%m-%d}/complaint/1.wav"
    assert courier.round().recordings.waiting == 0
    door.fault = "away"
    filed(in_bucket, path)
    os.utime(in_bucket.recordings_folder / path)
    report = courier.round()
    assert report.recordings.waiting == 1
    assert "没有回答" in report.recordings.fault
    kept_report = Report.read(in_bucket.home)
    assert kept_report == report
    later = clock[0] + timedelta(hours=1)
    assert report.behind(report.recordings, later) > 3500
    assert carried(in_bucket).warns
    door.fault = ""
    clock[0] = datetime.now(UTC)
    report = courier.round()
    assert (report.recordings.waiting, report.recordings.fault) == (0, "")
    assert not carried(in_bucket).warns


def test_a_courier_that_has_stopped_is_noticed(in_folder: Settings) -> None:
    report = Courier(in_folder, lambda: NOW).round()
    assert report.behind(report.recordings, NOW + timedelta(minutes=1)) == 0
    assert report.behind(report.recordings, NOW + timedelta(hours=1)) == 3600
    assert "停了" in carried(in_folder).detail


def test_nothing_is_put_into_a_depot_of_another_line(in_folder: Settings, tmp_path: Path) -> None:
    other = in_folder.model_copy(update={"home": tmp_path / "another line"})
    filed(other)
    report = Courier(other, lambda: NOW).round()
    assert "另一条热线" in report.recordings.fault
    assert list(depot(other).names("recordings")) == []
