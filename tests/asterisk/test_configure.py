"""Asterisk's configuration: whole, private, and closed to everybody but the hotline's callers."""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from ivr.asterisk import locate
from ivr.asterisk.configure import (
    agent_password,
    browser_password,
    configure,
    publish_sounds,
    relay_secret,
)
from ivr.asterisk.locate import Found
from ivr.config import (
    Agent,
    AgentsSettings,
    ConsoleSettings,
    NatSettings,
    PhoneSettings,
    Registration,
    Settings,
    SettingsError,
    SpeechSettings,
    TlsSettings,
    Trunk,
)
from ivr.speech.prompts import PromptSet, sentence


def rendered(settings: Settings, name: str) -> str:
    return (configure(settings, Found(Path("/nowhere"))).parent / name).read_text(encoding="utf-8")


def settled(settings: Settings, **changes: object) -> Settings:
    return settings.model_copy(update=changes)


def test_every_file_is_rendered_and_private(settings: Settings) -> None:
    etc = configure(settings, Found(None)).parent
    for path in etc.glob("*.conf"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not re.search(r"\$[a-z_]", path.read_text(encoding="utf-8")), path.name


def test_a_full_disk_is_no_reason_not_to_start_as_before(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = rendered(settings, "pjsip.conf")
    etc = configure(settings, Found(Path("/nowhere"))).parent
    (etc / "pjsip.conf").chmod(0o644)
    monkeypatch.setattr(os, "fsync", full)
    assert rendered(settings, "pjsip.conf") == before
    assert stat.S_IMODE((etc / "pjsip.conf").stat().st_mode) == 0o600
    with pytest.raises(OSError, match="No space left"):
        rendered(settled(settings, guests=not settings.guests), "pjsip.conf")
    assert rendered(settings, "pjsip.conf") == before
    assert not list(etc.glob(".*"))


PHONES = ("6001", "6001.web", "6002", "6002.web")


def test_secrets_are_made_once_and_kept(settings: Settings) -> None:
    assert rendered(settings, "pjsip.conf") == rendered(settings, "pjsip.conf")
    assert rendered(settings, "ari.conf") == rendered(settings, "ari.conf")
    made = list((settings.home / "asterisk").rglob("*.secret"))
    assert {path.stem for path in made} == {"ari", "capture", "relay", "probe", *PHONES}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}


def test_the_settings_passwords_come_first(settings: Settings) -> None:
    agent = Agent(name="甲", extension="7001", password=SecretStr("a;b"))
    changed = settled(
        settings,
        agents=AgentsSettings(phones=(agent,)),
        ari_password=SecretStr("of our own"),
    )
    assert "password = a\\;b" in rendered(changed, "pjsip.conf")
    assert "password = of our own" in rendered(changed, "ari.conf")
    assert agent_password(agent, changed) == "a;b"
    assert not settings.ari_secret_file.exists()


def test_ari_listens_on_loopback_only(settings: Settings) -> None:
    assert "bindaddr = 127.0.0.1" in rendered(settings, "http.conf")


def test_each_call_leaves_a_line_of_facts_without_its_number(settings: Settings) -> None:
    written = rendered(settled(settings, node='East "1";'), "extensions.conf")
    (line,) = re.findall(r"Set\(FILE\((.*?),,,al,u\)=(.*)\)$", written, re.M)
    assert line[0].startswith(f"{settings.home.absolute()}/spool/facts-")
    assert '"node": "East \\"1\\"\\;"' in line[1]
    assert "CALLERID" not in line[1]


def contexts(extensions: str) -> dict[str, str]:
    parts = re.split(r"^\[(\w[\w-]*)\]$", extensions, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_whatever_is_dialled_leads_to_the_service_or_nowhere(settings: Settings) -> None:
    anything = Trunk(name="a", hosts=("192.0.2.1",), any_number=True)
    extensions = rendered(settled(settings, trunks=(anything,)), "extensions.conf")
    found = contexts(extensions)
    patterns = {name for name, content in found.items() if "=> _" in content}
    assert patterns == {"unknown", "trunk-a"}
    applications = {
        name: set(re.findall(r"^(?:exten => [^,]+,1,| same => n,)(\w+)\(", content, re.M))
        for name, content in found.items()
    }
    assert "Dial" in applications.pop("away"), "the agents' phones and nothing else"
    harmless = {"Set", "Goto", "GotoIf", "Stasis", "Ringing", "Wait", "Hangup"}
    assert set().union(*applications.values()) == harmless
    assert "unknown" not in found["agents"]


def test_numbers_of_a_trunk_are_known_to_the_line(settings: Settings) -> None:
    trunk = Trunk(name="a", hosts=("192.0.2.1",), numbers=("02012329", "+862012329"))
    hotline = contexts(rendered(settled(settings, trunks=(trunk,)), "extensions.conf"))["hotline"]
    dialled = re.findall(r"^exten => ([^,]+),", hotline, re.M)
    assert dialled == ["12329", "02012329", "+862012329"]


def account(**changes: object) -> Registration:
    given = {"server": "sip.example:5080", "user": "8657112329", "password": SecretStr("p;w")}
    return Registration.model_validate({**given, **changes})


def sections(conf: str) -> dict[str, dict[str, str]]:
    """The options of each section, by its name and template."""
    found = re.findall(r"^\[([\w.-]+)\](\([^)]*\))?\n((?:[^\[\n].*\n|\n)*)", conf, re.M)
    return {
        f"{name}{template}": dict(re.findall(r"^(\w+) = (.*)$", body, re.M))
        for name, template, body in found
    }


def test_a_trunk_that_wants_to_be_registered_with_is(settings: Settings) -> None:
    trunk = Trunk(name="a", registration=account(expiry_seconds=600), numbers=("057112329",))
    changed = settled(settings, trunks=(trunk,))
    pjsip = sections(rendered(changed, "pjsip.conf"))
    assert pjsip["trunk-a(trunk)"]["outbound_auth"] == "trunk-a"
    assert pjsip["trunk-a(trunk-hosts)"]["match"] == "sip.example"
    assert pjsip["trunk-a(trunk-auth)"] == {"username": "8657112329", "password": "p\\;w"}
    assert pjsip["trunk-a(trunk-registration)"] == {
        "endpoint": "trunk-a",
        "outbound_auth": "trunk-a",
        "server_uri": "sip:sip.example:5080",
        "client_uri": "sip:8657112329@sip.example",
        "contact_user": "8657112329",
        "expiration": "600",
    }
    assert "exten => 8657112329,1," in rendered(changed, "extensions.conf")


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": SecretStr("a\nb")},
        {"password": SecretStr("")},
        {"user": "a b"},
        {"user": "a\n[x]"},
        {"server": "sip:x"},
        {"expiry_seconds": 5},
    ],
)
def test_an_account_that_would_spoil_the_configuration_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        account(**wrong)


def test_a_trunk_without_any_address_is_refused() -> None:
    with pytest.raises(ValidationError, match="hosts"):
        Trunk(name="a")


def test_only_trunks_are_believed_who_calls(settings: Settings) -> None:
    trunk = Trunk(name="a", hosts=("192.0.2.1",), dtmf="info")
    pjsip = sections(rendered(settled(settings, trunks=(trunk,), guests=True), "pjsip.conf"))
    assert pjsip["trunk(!,caller)"]["identify_by"] == "ip"
    assert pjsip["trunk-a(trunk)"] == {"dtmf_mode": "info"}
    trusting = [name for name, options in pjsip.items() if "trust_id_inbound" in options]
    assert trusting == ["trunk(!,caller)"]


def test_behind_a_router_the_line_names_its_outer_address(settings: Settings) -> None:
    networks = ("10.0.0.0/8", "192.168.1.0/24")
    nat = NatSettings(external_address="203.0.113.5", local_networks=networks)
    pjsip = rendered(settled(settings, nat=nat, tls=tls("offered")), "pjsip.conf")
    assert pjsip.count("external_media_address = 203.0.113.5\n") == 3, "udp, tcp and tls"
    assert pjsip.count("external_signaling_address = 203.0.113.5\n") == 3
    assert pjsip.count("local_net = 192.168.1.0/24\n") == 3
    assert "external" not in rendered(settings, "pjsip.conf")


def test_a_sites_own_files_are_read_after_ours_and_never_written(settings: Settings) -> None:
    site = configure(settings, Found(None)).parent.parent / "site"
    (site / "pjsip.conf").write_text("; ours\n")
    for _ in range(2):
        assert rendered(settings, "pjsip.conf").endswith(f'#tryinclude "{site}/pjsip.conf"\n')
    assert {path.name: path.read_text() for path in site.iterdir()} == {"pjsip.conf": "; ours\n"}


@pytest.mark.parametrize(
    ("version", "auth_type"),
    [
        *(("20.0.0", "userpass"), ("20.6.0", "userpass"), ("20.11.1", "userpass")),
        *(("21.6.0", "userpass"), ("22.1.0", "userpass"), ("22.2.0", "digest")),
        *(("22.10.1", "digest"), ("23.0.0", "digest"), ("", "userpass")),
    ],
)
def test_passwords_are_called_as_the_asterisk_at_hand_calls_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, version: str, auth_type: str
) -> None:
    monkeypatch.setattr(locate, "version", lambda _: version)
    told = re.findall(r"^auth_type = (\w+)$", rendered(settings, "pjsip.conf"), re.M)
    assert set(told) == {auth_type}


def test_packets_that_cannot_be_read_are_not_printed(settings: Settings) -> None:
    conf = rendered(settings, "pjproject.conf")
    levels = dict(re.findall(r"^asterisk_(\w+) = ?(.*)$", conf, re.M))
    shown = {level: levels[level] for level in ("error", "warning", "notice", "verbose")}
    assert shown == {"error": "0", "warning": "", "notice": "", "verbose": ""}


def test_a_trunk_is_known_by_its_addresses_and_brings_its_numbers(settings: Settings) -> None:
    trunk = Trunk(name="carrier", hosts=("192.0.2.1", "198.51.100.0/24"), numbers=("02012329",))
    changed = settled(settings, trunks=(trunk,))
    pjsip = rendered(changed, "pjsip.conf")
    assert "endpoint = trunk-carrier\nmatch = 192.0.2.1\nmatch = 198.51.100.0/24" in pjsip
    assert "exten => 02012329,1,Set(DIALLED=02012329)" in rendered(changed, "extensions.conf")


@pytest.mark.parametrize("guests", [True, False])
def test_guests_can_be_refused(settings: Settings, guests: bool) -> None:
    assert ("[anonymous]" in rendered(settled(settings, guests=guests), "pjsip.conf")) is guests


def test_without_agents_nobody_is_dialled(settings: Settings) -> None:
    names = "&".join(f"PJSIP/{name}" for name in ("6001", "6002", "6001.web", "6002.web"))
    assert f"Dial({names},30)" in rendered(settings, "extensions.conf")
    alone = settled(settings, agents=AgentsSettings(phones=()))
    assert "Dial" not in rendered(alone, "extensions.conf")


def test_the_prompts_codings_are_offered(settings: Settings) -> None:
    changed = settled(settings, speech=SpeechSettings(formats=("g722", "alaw")))
    assert "allow = g722,alaw" in rendered(changed, "pjsip.conf")


def test_callers_numbers_and_keys_are_not_logged(settings: Settings) -> None:
    levels = re.findall(r"^\S+ = ((?:\w+,?)+)$", rendered(settings, "logger.conf"), re.M)
    assert levels[-2:] == ["error", "warning,error"]


def audible(prompts: PromptSet, folder: Path) -> PromptSet:
    """The same prompts, each clip a file that holds its own name."""
    clips = {}
    for number, (name, clip) in enumerate(prompts.clips.items()):
        path = folder / str(number)
        path.with_suffix(".alaw").write_text(name)
        clips[name] = replace(clip, path=str(path))
    return replace(prompts, clips=clips)


def test_the_apology_is_where_asterisk_looks_for_it(
    settings: Settings, prompt_set: PromptSet, tmp_path: Path
) -> None:
    prompts = audible(prompt_set, tmp_path)
    publish_sounds(settings, prompts)
    told = re.findall(r"Playback\((.*?)\)", rendered(settings, "extensions.conf"))
    heard = [Path(f"{path}.alaw").read_text() for path in told]
    expected = [prompts.utterance(sentence(f"line.{name}")) for name in ("apology", "goodbye")]
    assert heard == ["".join(clip.name for clip in said.clips) for said in expected]


def tls(speech: str) -> TlsSettings:
    return TlsSettings(certificate=Path("/c.pem"), key=Path("/k.pem"), port=5071, speech=speech)


@pytest.mark.parametrize("speech", ["plain", "offered", "required"])
def test_signalling_and_speech_are_encrypted_by_setting(settings: Settings, speech: str) -> None:
    pjsip = rendered(settled(settings, tls=tls(speech)), "pjsip.conf")
    assert "protocol = tls\nbind = 0.0.0.0:5071\n" in pjsip
    assert "cert_file = /c.pem\npriv_key_file = /k.pem\n" in pjsip
    assert ("media_encryption = sdes" in pjsip) is (speech != "plain")
    assert ("media_encryption_optimistic = yes" in pjsip) is (speech == "offered")
    plain = rendered(settings, "pjsip.conf")
    assert "[tls]" not in plain
    assert re.findall("media_encryption.*", plain) == ["media_encryption = dtls"] * 3, "of browsers"


def no_browsers(settings: Settings) -> Settings:
    phone = PhoneSettings(calls=0, agents=False)
    return settled(settings, console=ConsoleSettings(phone=phone))


def test_browsers_are_known_by_the_relay_and_by_nothing_else(settings: Settings) -> None:
    """Not by their address, which is this machine's, and not by the name that they give."""
    conf = rendered(settings, "pjsip.conf")
    pjsip = sections(conf)
    assert pjsip["browser(caller)"]["identify_by"] == "header"
    secret = relay_secret(settings)
    assert pjsip["browser-relay"] == {
        "type": "identify",
        "endpoint": "browser",
        "match_header": f"X-Relay: {secret}",
    }
    assert "endpoint_identifier_order = header,ip,username,anonymous\n" in conf
    assert "context = callers" in conf.partition("[caller](!)")[2]
    assert pjsip["browser(caller)"]["context"] == "browser"


@pytest.mark.parametrize("speech", ["plain", "offered", "required"])
def test_browsers_speak_as_webrtc_wants_it_whatever_telephones_do(
    settings: Settings, speech: str
) -> None:
    pjsip = sections(rendered(settled(settings, tls=tls(speech)), "pjsip.conf"))
    browser = pjsip["browser(caller)"]
    assert (browser["webrtc"], browser["media_encryption"]) == ("yes", "dtls")
    assert browser["allow"] == "!all,alaw,ulaw", "the prompts' own coding is not transcoded"
    assert browser["callerid"] == "browser <anonymous>", "and not the number that it claims"
    assert pjsip["ws"] == {"type": "transport", "protocol": "ws", "bind": "127.0.0.1"}


def test_only_so_many_browsers_call_at_once_and_reach_the_line_only(settings: Settings) -> None:
    phone = PhoneSettings(calls=3)
    changed = settled(settings, console=ConsoleSettings(phone=phone))
    browser = contexts(rendered(changed, "extensions.conf"))["browser"]
    assert re.findall(r"^exten => ([^,]+),", browser, re.M) == ["12329"]
    assert "GotoIf($[${GROUP_COUNT(browsers)} > 3]?full)" in browser
    assert "Set(SCREEN=${FILTER(0-9a-f,${PJSIP_HEADER(read,X-Screen)})})" in browser
    assert "include" not in browser


def test_without_the_page_no_browser_is_answered(settings: Settings) -> None:
    assert "icesupport = yes\nice_deny = fe80::/10\n" in rendered(settings, "rtp.conf")
    off = no_browsers(settings)
    assert "icesupport = no\n" in rendered(off, "rtp.conf")
    for name in ("pjsip.conf", "extensions.conf", "modules.conf"):
        found = rendered(off, name)
        for word in ("webrtc", "browser", "websocket.so\nload = func_group", "X-Relay", "[ws]"):
            assert word not in found, name
    assert "res_pjsip_transport_websocket.so" in rendered(settings, "modules.conf")
    assert "res_pjsip_transport_websocket.so" not in rendered(off, "modules.conf")


def test_a_sound_is_looked_for_under_no_name_that_it_never_has(settings: Settings) -> None:
    """Asterisk asks the disk for each: 69 names a clip, and a readout has 27 clips."""
    assert "\ndefaultlanguage =\n" in rendered(settings, "asterisk.conf")
    assert "format_sln.so" not in rendered(settings, "modules.conf")
    speech = settings.speech.model_copy(update={"formats": ("alaw", "sln16")})
    wide = settings.model_copy(update={"speech": speech})
    assert "load = format_sln.so\n" in rendered(wide, "modules.conf")


def test_an_agents_phone_in_the_browser_is_known_by_a_password_that_no_page_has(
    settings: Settings,
) -> None:
    pjsip = sections(rendered(settings, "pjsip.conf"))
    first = settings.agents.phones[0]
    assert pjsip["6001.web(agent-auth)"] == {
        "username": "6001.web",
        "password": browser_password(first, settings),
    }
    assert browser_password(first, settings) != agent_password(first, settings)
    phone = pjsip["6001.web(agent)"]
    assert (phone["auth"], phone["aors"], phone["webrtc"]) == ("6001.web", "6001.web", "yes")
    assert "identify_by" not in phone, "as any telephone, by its name and its password"
    assert phone["context"] not in contexts(rendered(settings, "extensions.conf")), "calls nobody"


@pytest.mark.parametrize("calls", [0, 3])
@pytest.mark.parametrize("agents", [True, False])
def test_callers_and_agents_in_browsers_are_switched_on_apart(
    settings: Settings, calls: int, agents: bool
) -> None:
    phone = PhoneSettings(calls=calls, agents=agents)
    changed = settled(settings, console=ConsoleSettings(phone=phone))
    pjsip = sections(rendered(changed, "pjsip.conf"))
    assert ("browser(caller)" in pjsip) is bool(calls)
    assert ("6002.web(agent)" in pjsip) is agents
    assert ("ws" in pjsip) is bool(calls or agents)
    websocket = "res_pjsip_transport_websocket.so" in rendered(changed, "modules.conf")
    assert websocket is ("icesupport = yes" in rendered(changed, "rtp.conf")) is ("ws" in pjsip)
    assert ("6001.web" in rendered(changed, "extensions.conf")) is agents


def test_an_older_asterisk_is_asked_for_what_it_has(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = re.findall(r"^load = (\S+)$", rendered(settings, "modules.conf"), re.M)
    monkeypatch.setattr(Found, "modules", property(lambda _: tmp_path))
    for name in wanted:
        (tmp_path / name).touch()
    (tmp_path / "res_websocket_client.so").unlink()
    had = re.findall(r"^load = (\S+)$", rendered(settings, "modules.conf"), re.M)
    assert had == [name for name in wanted if name != "res_websocket_client.so"]
    (tmp_path / "chan_pjsip.so").unlink()
    with pytest.raises(SettingsError, match=r"chan_pjsip\.so"):
        rendered(settings, "modules.conf")
