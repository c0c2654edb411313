"""Behind an edge: its word is taken from its addresses alone, and a call can go to another cell."""

from __future__ import annotations

import re
from pathlib import Path

from ivr.ari.events import channel_of
from ivr.asterisk.configure import configure, relay_secret
from ivr.asterisk.locate import Found
from ivr.config import Agent, AgentsSettings, EdgeSettings, Settings, Trunk

EDGE = EdgeSettings(addresses=("10.0.0.11", "10.0.0.12"), floating="10.0.0.10")
TRUNKS = (
    Trunk(name="telecom", hosts=("192.0.2.1",)),
    Trunk(name="mobile", hosts=("192.0.2.2",), any_number=True, dtmf="info"),
)
PHONES = AgentsSettings(phones=(Agent(name="甲", extension="6001"),))


def rendered(settings: Settings, name: str, **changes: object) -> str:
    told = {"edge": EDGE, "trunks": TRUNKS, "agents": PHONES, **changes}
    etc = configure(settings.model_copy(update=told), Found(Path("/nowhere"))).parent
    return (etc / name).read_text(encoding="utf-8")


def sections(conf: str, name: str) -> list[str]:
    return re.findall(rf"^\[{name}\][^\n]*\n((?:[^\[\n].*\n)*)", conf, re.M)


def test_the_edge_is_known_by_its_addresses(settings: Settings) -> None:
    conf = rendered(settings, "pjsip.conf")
    assert sections(conf, "edge-hosts") == [
        "type = identify\nendpoint = edge\n"
        "match = 10.0.0.11\nmatch = 10.0.0.12\nmatch = 10.0.0.10\n"
    ]
    assert "X-Trunk" not in conf, "no header makes an endpoint of anybody"


def test_only_what_the_edge_brings_is_asked_whose_it_is(settings: Settings) -> None:
    plan = rendered(settings, "extensions.conf")
    contexts = re.split(r"^(?=\[)", plan, flags=re.M)
    asking = [part for part in contexts if "PJSIP_HEADER(read,X-Trunk" in part]
    assert [part.partition("\n")[0] for part in asking] == ["[edge]"]
    assert "Set(PJSIP_DTMF_MODE()=info)" in plan
    assert "Goto(trunk-mobile,${EXTEN},1)" in plan


def test_an_unknown_trunk_is_a_guest_and_guests_can_be_refused(settings: Settings) -> None:
    last = sections(rendered(settings, "extensions.conf"), "edge")[0].splitlines()[-1]
    assert last == " same => n,Goto(callers,${EXTEN},1)"
    strict = sections(rendered(settings, "extensions.conf", guests=False), "edge")[0]
    assert strict.splitlines()[-1] == " same => n,Hangup(21)"


def test_nobody_becomes_an_agent_by_name(settings: Settings) -> None:
    """The password was asked for at the edge: here no request is taken by its user."""
    endpoint, aor = sections(rendered(settings, "pjsip.conf"), "6001")
    assert endpoint == "aors = 6001\nidentify_by = ip\n"
    assert "contact = sip:6001@10.0.0.10:5060\n" in aor
    assert "qualify_2xx_only = yes\n" in aor


def test_calls_go_out_by_the_edge(settings: Settings) -> None:
    assert "outbound_proxy = sip:10.0.0.10:5060\\;lr\n" in rendered(settings, "pjsip.conf")
    assert "outbound_proxy" not in rendered(settings, "pjsip.conf", edge=None)


def test_without_an_edge_there_is_no_other_cell(settings: Settings) -> None:
    alone = rendered(settings, "extensions.conf", edge=None)
    assert not re.search(r"another-cell|WHOSE|VIA_EDGE|X-Trunk", alone)
    assert rendered(settings, "extensions.conf").count("?another-cell,s,1)") == 2


def test_the_edges_secret_vouches_for_browsers(settings: Settings) -> None:
    edge = EdgeSettings.model_validate({"addresses": ["10.0.0.11"], "secret": "given"})
    assert relay_secret(settings.model_copy(update={"edge": edge})) == "given"
    assert relay_secret(settings) != "given"


def channel(name: str, whose: str) -> dict[str, object]:
    return {
        "id": "1",
        "state": "Up",
        "name": name,
        "creationtime": "2026-11-25T08:00:00.000+0000",
        "dialplan": {"app_name": "Stasis", "app_data": f"hotline,12329,allowed,,,{whose},"},
    }


def test_the_service_takes_the_edges_word_and_nobody_elses() -> None:
    assert channel_of(channel("PJSIP/edge-00000001", "trunk-telecom")).trunk == "telecom"
    assert channel_of(channel("PJSIP/edge-00000001", "6001")).endpoint == "6001"
    assert channel_of(channel("PJSIP/edge-00000001", "")).guest
    assert channel_of(channel("PJSIP/anonymous-00000001", "trunk-telecom")).guest
