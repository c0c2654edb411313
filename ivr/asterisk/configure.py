"""Asterisk's configuration for one line, rendered from the files in `etc/` and the settings."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from string import Template

from ivr.asterisk.locate import Found
from ivr.config import Agent, Settings, TlsSettings, Trunk
from ivr.records.durable import write
from ivr.speech.prompts import Clip, PromptSet, sentence

TEMPLATES = Path(__file__).parent / "etc"
HOTLINE = "12329"
AWAY = "away"
"""The context of extensions.conf that says what there is to say while no service is there."""
_CODECS = {"alaw": "alaw", "ulaw": "ulaw", "g722": "g722", "sln16": "slin16"}
"""A file's coding, and what Asterisk calls it in an offer."""
_MUSIC = "music.hold"
_SPEECH = {
    "plain": "media_encryption = no",
    "offered": "media_encryption = sdes\nmedia_encryption_optimistic = yes",
    "required": "media_encryption = sdes",
}
"""What pjsip.conf calls the ways of SRTP; its keys (SDES) are protected by TLS."""


def folder(settings: Settings) -> Path:
    """Everything of this line's Asterisk."""
    return (settings.home / "asterisk").absolute()


def configure(settings: Settings, found: Found) -> Path:
    """Write the whole configuration; returns the path of asterisk.conf."""
    base = folder(settings)
    for name in ("etc", "run", "lib", "db", "keys", "spool/recording", "sounds/moh"):
        (base / name).mkdir(parents=True, exist_ok=True)
    (base / "spool/recording").chmod(0o700)
    log_folder(settings).mkdir(parents=True, exist_ok=True)
    values = {**_places(settings, found), **_doors(settings), **_callers(settings)}
    for template in sorted(TEMPLATES.glob("*.conf")):
        rendered = Template(template.read_text(encoding="utf-8")).substitute(values)
        write_private(base / "etc" / template.name, rendered)
    return base / "etc" / "asterisk.conf"


def log_folder(settings: Settings) -> Path:
    """Where every program of the line writes what the operator should know."""
    return (settings.home / "log").absolute()


def _places(settings: Settings, found: Found) -> dict[str, str]:
    base = folder(settings)
    return {
        "base": str(base),
        "etc": str(base / "etc"),
        "log": str(log_folder(settings)),
        "sounds": str(base / "sounds"),
        "modules": str(found.modules),
        "prefix": found.prefix,
    }


def _doors(settings: Settings) -> dict[str, str]:
    return {
        "ari_port": str(settings.ari_port),
        "ari_user": settings.ari_user,
        "ari_password": _escaped(ari_password(settings)),
        "ari_app": settings.ari_app,
        "sip_host": settings.sip_host,
        "sip_port": str(settings.sip_port),
        "rtp_first": str(settings.rtp_first_port),
        "rtp_last": str(settings.rtp_last_port),
        "tls": "" if settings.tls is None else _tls(settings.tls, settings.sip_host),
        "media_encryption": "" if settings.tls is None else _SPEECH[settings.tls.speech],
    }


def _tls(tls: TlsSettings, host: str) -> str:
    return (
        f"[tls]\ntype = transport\nprotocol = tls\nbind = {host}:{tls.port}\n"
        f"cert_file = {tls.certificate}\npriv_key_file = {tls.key}\nmethod = tlsv1_2\n"
    )


def _callers(settings: Settings) -> dict[str, str]:
    """Who may call, and what they reach."""
    phones, trunks = settings.agents.phones, settings.trunks
    numbers = dict.fromkeys((HOTLINE, *(number for trunk in trunks for number in trunk.numbers)))
    return {
        "numbers": "\n".join(map(_number, numbers)),
        "codecs": ",".join(_CODECS[format_] for format_ in settings.speech.formats),
        "guests": "[anonymous](caller)" if settings.guests else "",
        "trunks": "\n".join(map(_trunk, trunks)),
        "agents": "\n".join(_agent(phone, settings) for phone in phones),
        "dial_agents": _dial(settings),
    }


def _number(number: str) -> str:
    """The service is told which number was dialled."""
    return f"exten => {number},1,Set(DIALLED={number})\n same => n,Goto(line,1)"


def _dial(settings: Settings) -> str:
    """All agents at once; who is not registered is passed over without waiting."""
    phones = "&".join(f"PJSIP/{phone.extension}" for phone in settings.agents.phones)
    return f" same => n,Dial({phones},{settings.agents.ring_seconds:.0f})" if phones else ""


def _trunk(trunk: Trunk) -> str:
    name = f"trunk-{trunk.name}"
    matches = "".join(f"match = {host}\n" for host in trunk.hosts)
    return f"[{name}](caller)\n[{name}](trunk)\nendpoint = {name}\n{matches}"


def _agent(agent: Agent, settings: Settings) -> str:
    name, password = agent.extension, _escaped(agent_password(agent, settings))
    return (
        f"[{name}](agent)\nauth = {name}\naors = {name}\n"
        f"[{name}](agent-auth)\nusername = {name}\npassword = {password}\n"
        f"[{name}](agent-aor)\n"
    )


def _escaped(value: str) -> str:
    """A value as Asterisk's files want it: a semicolon would begin a comment."""
    return value.replace(";", "\\;")


def ari_password(settings: Settings) -> str:
    """The setting's, or one made once and kept."""
    if settings.ari_password is not None:
        return settings.ari_password.get_secret_value()
    return secret(settings.ari_secret_file)


def agent_password(agent: Agent, settings: Settings) -> str:
    """The agent's SIP password: the setting's, or one made once and kept."""
    if agent.password is not None:
        return agent.password.get_secret_value()
    return secret(folder(settings) / "agents" / f"{agent.extension}.secret")


def secret(path: Path) -> str:
    """A password in a file of mode 0600; made when it is not there yet."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(18))
    return path.read_text(encoding="utf-8").strip()


def write_private(path: Path, content: str) -> None:
    """Whole or not at all, for this user only; what is there already needs no room on the disk."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.read_text(encoding="utf-8") == content:
        path.chmod(0o600)
        return
    write(path, content.encode(), mode=0o600)


def publish_sounds(settings: Settings, prompts: PromptSet) -> None:
    """Give Asterisk what it plays by itself: the apology, the goodbye and the music."""
    sounds = folder(settings) / "sounds"
    (sounds / "moh").mkdir(parents=True, exist_ok=True)
    for name in ("apology", "goodbye"):
        _publish(sounds / name, prompts.utterance(sentence(f"line.{name}")).clips)
    if _MUSIC in prompts.clips:
        _publish(sounds / "moh" / "hold", (prompts.clips[_MUSIC],))


def _publish(sound: Path, clips: Sequence[Clip]) -> None:
    """Join clips into one sound, in every coding that all of them have, by rename."""
    for coding in _CODECS:
        parts = [Path(f"{clip.path}.{coding}") for clip in clips]
        if all(part.exists() for part in parts):
            whole = b"".join(part.read_bytes() for part in parts)
            write(sound.with_name(f"{sound.name}.{coding}"), whole)
