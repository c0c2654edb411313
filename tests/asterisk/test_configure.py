"""Asterisk's configuration: whole, private, and closed to everybody but the hotline's callers."""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from ivr.asterisk.configure import agent_password, configure, publish_sounds
from ivr.asterisk.locate import Found
from ivr.config import Agent, AgentsSettings, Settings, SpeechSettings, TlsSettings, Trunk
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


def test_secrets_are_made_once_and_kept(settings: Settings) -> None:
    assert rendered(settings, "pjsip.conf") == rendered(settings, "pjsip.conf")
    assert rendered(settings, "ari.conf") == rendered(settings, "ari.conf")
    made = list((settings.home / "asterisk").rglob("*.secret"))
    assert len(made) == 3
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


def test_no_pattern_can_be_dialled(settings: Settings) -> None:
    dialled = re.findall(r"^exten => ([^,]+),", rendered(settings, "extensions.conf"), re.M)
    assert dialled == ["12329", "s", "line", "s", "h"]


def test_each_call_leaves_a_line_of_facts_without_its_number(settings: Settings) -> None:
    written = rendered(settled(settings, node='East "1";'), "extensions.conf")
    (line,) = re.findall(r"Set\(FILE\((.*?),,,al,u\)=(.*)\)$", written, re.M)
    assert line[0].startswith(f"{settings.home.absolute()}/spool/facts-")
    assert '"node": "East \\"1\\"\\;"' in line[1]
    assert "CALLERID" not in written


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
    assert "Dial(PJSIP/6001&PJSIP/6002,30)" in rendered(settings, "extensions.conf")
    alone = settled(settings, agents=AgentsSettings(phones=()))
    assert "Dial" not in rendered(alone, "extensions.conf")


def test_the_prompts_codings_are_offered(settings: Settings) -> None:
    changed = settled(settings, speech=SpeechSettings(formats=("g722", "alaw")))
    assert "allow = g722,alaw" in rendered(changed, "pjsip.conf")


def test_callers_numbers_and_keys_are_not_logged(settings: Settings) -> None:
    levels = re.findall(r"^\S+ = ((?:\w+,?)+)$", rendered(settings, "logger.conf"), re.M)
    assert levels[-2:] == ["warning,error", "warning,error"]


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
    assert "tls" not in plain
    assert "media_encryption" not in plain
