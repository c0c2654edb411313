"""Asterisk's configuration for one line, rendered from the files in `etc/` and the settings."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from string import Template

from ivr.asterisk.locate import Found
from ivr.config import Agent, Settings
from ivr.prompts import PromptSet, sentence

TEMPLATES = Path(__file__).parent / "etc"
HOTLINE = "12329"


def folder(settings: Settings) -> Path:
    """Everything of this line's Asterisk."""
    return (settings.home / "asterisk").absolute()


def configure(settings: Settings, found: Found) -> Path:
    """Write the whole configuration anew; returns the path of asterisk.conf."""
    base = folder(settings)
    for name in ("etc", "run", "db", "keys", "spool/recording", "sounds/moh"):
        (base / name).mkdir(parents=True, exist_ok=True)
    _log(settings).mkdir(parents=True, exist_ok=True)
    values = _values(settings, found)
    for template in sorted(TEMPLATES.glob("*.conf")):
        rendered = Template(template.read_text(encoding="utf-8")).substitute(values)
        write_private(base / "etc" / template.name, rendered)
    return base / "etc" / "asterisk.conf"


def _log(settings: Settings) -> Path:
    return (settings.home / "log").absolute()


def _values(settings: Settings, found: Found) -> dict[str, str]:
    base = folder(settings)
    return {
        "base": str(base),
        "etc": str(base / "etc"),
        "log": str(_log(settings)),
        "sounds": str(base / "sounds"),
        "arch": found.modules,
        "ari_port": str(settings.ari_port),
        "ari_user": settings.ari_user,
        "ari_password": secret(settings.ari_secret_file),
        "ari_app": settings.ari_app,
        "sip_host": settings.sip_host,
        "sip_port": str(settings.sip_port),
        "rtp_first": str(settings.rtp_first_port),
        "rtp_last": str(settings.rtp_last_port),
        "hotline": HOTLINE,
        "agents": "\n".join(_agent(agent, settings) for agent in settings.agents.phones),
    }


def _agent(agent: Agent, settings: Settings) -> str:
    name, password = agent.extension, agent_password(agent, settings)
    return (
        f"[{name}](agent)\nauth = {name}\naors = {name}\n"
        f"[{name}](agent-auth)\nusername = {name}\npassword = {password}\n"
        f"[{name}](agent-aor)\n"
    )


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
    """Whole or not at all, for this user only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.touch(mode=0o600)
    scratch.write_text(content, encoding="utf-8")
    scratch.replace(path)


def publish_sounds(settings: Settings, prompts: PromptSet) -> None:
    """Give Asterisk the apology that it plays by itself while no service is there."""
    sounds = folder(settings) / "sounds"
    sounds.mkdir(parents=True, exist_ok=True)
    clips = prompts.utterance(sentence("line.apology")).clips
    for law in ("alaw", "ulaw"):
        scratch = sounds / f".apology.{law}.{os.getpid()}"
        with scratch.open("wb") as whole:
            for clip in clips:
                with Path(f"{clip.path}.{law}").open("rb") as part:
                    shutil.copyfileobj(part, whole)
        scratch.replace(sounds / f"apology.{law}")
