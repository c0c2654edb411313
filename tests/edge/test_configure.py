"""The edge's files: what they say of cells, carriers and phones; both programs take them."""

from __future__ import annotations

import hashlib
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ivr.config import Settings, SettingsError
from ivr.edge.configure import configure, drain
from ivr.edge.drained import drained
from tests.live.network import own_network

SBIN = "/usr/sbin:/usr/local/sbin:/usr/bin"
KAMAILIO, KEEPALIVED = (shutil.which(name, path=SBIN) for name in ("kamailio", "keepalived"))
PASSWORD = 'ge"heim;'
TWO_CENTRES = [
    {
        "name": "hangzhou",
        "numbers": ["057112329"],
        "cells": [
            {"name": "hz-1", "address": "10.0.1.2"},
            {"name": "hz-2", "address": "10.0.1.3:5070", "calls": 60},
        ],
        "phones": [{"extension": "6001", "password": PASSWORD}],
    },
    {
        "name": "ningbo",
        "trunks": ["mobile"],
        "cells": [{"name": "nb-1", "address": "10.0.2.2"}],
    },
]
TRUNKS = [
    {"name": "telecom", "hosts": ["192.0.2.10", "198.51.100.0/24"]},
    {"name": "mobile", "hosts": ["localhost"]},
]


def settings(home: Path, **more: Any) -> Settings:
    edge = {
        "addresses": ["10.0.0.11", "10.0.0.12"],
        "floating": "10.0.0.10",
        "interface": "edge0",
        "centres": TWO_CENTRES,
        **more,
    }
    return Settings.model_validate({"home": home, "trunks": TRUNKS, "edge": edge})


def read(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def test_each_edge_has_its_files_and_nobody_else_reads_them(tmp_path: Path) -> None:
    one, other = configure(settings(tmp_path))
    assert [one.name, other.name] == ["10.0.0.11", "10.0.0.12"]
    for folder in (one, other):
        assert {path.name for path in folder.iterdir()} == {
            *("kamailio.cfg", "tables.cfg", "address.list", "dispatcher.list", "keepalived.conf")
        }
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert "priority 100" in read(one, "keepalived.conf")
    assert "priority 99" in read(other, "keepalived.conf")
    assert 'ds_default_socket", "udp:10.0.0.12:5060' in read(other, "kamailio.cfg")


def test_cells_carriers_numbers_and_phones_stand_in_their_tables(tmp_path: Path) -> None:
    folder = configure(settings(tmp_path))[0]
    assert read(folder, "dispatcher.list").splitlines() == [
        "1 sip:10.0.1.2:5060 0 0 duid=hz-1;maxload=100",
        "1 sip:10.0.1.3:5070 0 0 duid=hz-2;maxload=60",
        "2 sip:10.0.2.2:5060 0 0 duid=nb-1;maxload=100",
    ]
    assert read(folder, "address.list").splitlines() == [
        "1 192.0.2.10 32 0 telecom",
        "1 198.51.100.0 24 0 telecom",
        "1 127.0.0.1 32 0 mobile",
        "2 10.0.1.2 32 0 cell",
        "2 10.0.1.3 32 0 cell",
        "2 10.0.2.2 32 0 cell",
    ]
    tables = read(folder, "tables.cfg")
    assert "$sht(numbers=>057112329) = 1;" in tables
    assert "$sht(trunks=>mobile) = 2;" in tables
    digest = hashlib.md5(f"6001:12329:{PASSWORD}".encode()).hexdigest()
    assert f'$sht(phones=>6001) = "{digest}";' in tables
    assert PASSWORD not in "".join(path.read_text() for path in folder.iterdir())


def test_the_dead_are_known_by_their_own_silence_and_no_answer_of_kamailios(
    tmp_path: Path,
) -> None:
    """A 408 that Kamailio makes itself would be of class 4."""
    told = read(configure(settings(tmp_path))[0], "kamailio.cfg")
    assert 'modparam("dispatcher", "ds_ping_reply_codes", "class=2")' in told
    assert 'class=4")' not in told


def test_a_drained_cell_stays_so_when_all_is_written_anew(tmp_path: Path) -> None:
    told = settings(tmp_path)
    folder = configure(told)[0]
    assert told.edge is not None
    drain(told, told.edge, frozenset({"hz-2"}))
    configure(told)
    assert "1 sip:10.0.1.3:5070 12 0 duid=hz-2;maxload=60" in read(folder, "dispatcher.list")
    drain(told, told.edge, frozenset())
    assert " 12 " not in read(folder, "dispatcher.list")
    assert drained(told) == frozenset()


def test_what_a_site_adds_is_never_touched(tmp_path: Path) -> None:
    folder = configure(settings(tmp_path))[0]
    (folder / "site.cfg").write_text("route[SITE] {\n  return;\n}\n")
    configure(settings(tmp_path, calls_per_second=7))
    assert read(folder, "site.cfg").startswith("route[SITE]")
    assert 'import_file "' in read(folder, "kamailio.cfg")


def test_a_host_that_nobody_knows_is_told_with_its_trunk(tmp_path: Path) -> None:
    told = settings(tmp_path)
    lost = [{"name": name, "hosts": [f"{name}.invalid"]} for name in ("east", "west")]
    wrong = Settings.model_validate(
        {
            **told.model_dump(),
            "trunks": lost,
            "edge": {**told.model_dump()["edge"], "centres": TWO_CENTRES[:1]},
        }
    )
    with pytest.raises(SettingsError) as refused:
        configure(wrong)
    assert [line.split("：")[0] for line in str(refused.value).splitlines()] == [
        "中继 east",
        "中继 west",
    ]


def test_without_centres_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="centres"):
        configure(settings(tmp_path, centres=[]))
    assert not (tmp_path / "edge").exists()


@pytest.mark.skipif(KAMAILIO is None, reason="there is no Kamailio: make servers")
@pytest.mark.parametrize(
    ("guests", "more"),
    [
        (True, {}),
        (False, {"websocket_port": 8443, "secret": 'a"b'}),
        (True, {"addresses": ["10.0.0.11"], "floating": None, "centres": TWO_CENTRES[:1]}),
    ],
)
def test_kamailio_takes_the_files_of_both_edges(
    tmp_path: Path, guests: bool, more: dict[str, Any]
) -> None:
    told = settings(tmp_path, **more).model_copy(update={"guests": guests})
    assert KAMAILIO is not None
    for folder in configure(told):
        (folder / "site.cfg").write_text("route[SITE] {\n  return;\n}\n")
        tried = subprocess.run(
            [KAMAILIO, "-c", "-f", str(folder / "kamailio.cfg")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert tried.returncode == 0, tried.stderr


@pytest.mark.skipif(KEEPALIVED is None, reason="there is no keepalived: make servers")
def test_keepalived_takes_the_files_of_both_edges(tmp_path: Path) -> None:
    """In a network of the test's own, for it wants to see the interface."""
    assert KEEPALIVED is not None
    with own_network():
        added = subprocess.run(
            ["ip", "link", "add", "edge0", "type", "veth", "peer", "name", "edge1"],
            capture_output=True,
            text=True,
            check=False,
        )
        if added.returncode:
            pytest.skip(f"no interface can be made here: {added.stderr.strip()}")
        subprocess.run(["ip", "link", "set", "edge0", "up"], check=True)
        for folder in configure(settings(tmp_path)):
            tried = subprocess.run(
                [KEEPALIVED, "-t", "-f", str(folder / "keepalived.conf")],
                capture_output=True,
                text=True,
                check=False,
            )
            assert tried.returncode == 0, tried.stderr
