"""Asterisk's configuration for one line, rendered from the files in `etc/` and the settings."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from string import Template

from ivr.asterisk import behind
from ivr.asterisk.locate import Found, release
from ivr.config import (
    BROWSERS,
    LINE_NUMBER,
    TRUNK_ENDPOINT,
    Agent,
    EdgeSettings,
    NatSettings,
    Registration,
    Settings,
    SettingsError,
    TlsSettings,
    Trunk,
)
from ivr.lifecycle import logs
from ivr.people.asserted import MOST_BYTES
from ivr.records.durable import write
from ivr.speech.prompts import Clip, PromptSet, sentence

TEMPLATES = Path(__file__).parent / "etc"
AWAY = "away"
"""The context of extensions.conf that says what there is to say while no service is there."""
RETURN_SECONDS = 3
"""It rings so long at a line whose service is only starting again, before callers are told."""
_CODECS = {"alaw": "alaw", "ulaw": "ulaw", "g722": "g722", "sln16": "slin16"}
"""A file's coding, and what Asterisk calls it in an offer."""
_MUSIC = "music.hold"
_SLN16 = "load = format_sln.so\n"
"""Asterisk asks the disk for every name that a sound might have: this module knows eleven."""
SITE = "site"
"""The folder of files that the operator adds to ours, each under the name of the one it adds to."""
_DIGEST_SINCE = (22, 2)
"""Before, `auth_type` knew the same thing by the name `userpass` only."""
_VITAL = frozenset(
    f"{name}.so"
    for name in (
        *("chan_pjsip", "res_pjsip", "res_pjsip_session", "res_pjsip_sdp_rtp", "res_rtp_asterisk"),
        *("res_pjsip_endpoint_identifier_ip", "res_pjsip_authenticator_digest", "pbx_config"),
        *("res_stasis", "res_stasis_playback", "app_stasis", "res_ari", "res_ari_channels"),
        *("res_ari_events", "res_http_websocket", "codec_alaw", "format_pcm"),
    )
)
_SPEECH = {
    "plain": "media_encryption = no",
    "offered": "media_encryption = sdes\nmedia_encryption_optimistic = yes",
    "required": "media_encryption = sdes",
}
"""What pjsip.conf calls the ways of SRTP; its keys (SDES) are protected by TLS."""
RELAYED = "X-Relay"
"""The header by which the console's relay vouches that a request came through it."""
PROBE = "X-Probe"
"""The header by which `ivr probe` shows that it is the caller of our own."""
DESK = "X-Desk"
"""The header by which the console shows the service that it asks for an agent."""
DIAL = "X-Dial"
"""The header by which the console shows the service that it may have somebody called."""
SCREEN = "X-Screen"
"""The header with the token by which a browser is shown what its call is told."""


def folder(settings: Settings) -> Path:
    """Everything of this line's Asterisk."""
    return (settings.home / "asterisk").absolute()


def configure(settings: Settings, found: Found) -> Path:
    """Write the whole configuration; returns the path of asterisk.conf."""
    base, spool = folder(settings), settings.home.absolute() / "spool"
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("etc", "run", "lib", "db", "keys", "spool/recording", "sounds/moh", SITE):
        (base / name).mkdir(parents=True, exist_ok=True)
    (base / "spool/recording").chmod(0o700)
    logs.folder(settings).mkdir(parents=True, exist_ok=True)
    values = {**_places(settings, found), **_doors(settings), **_callers(settings)}
    values |= _browsers(settings)
    values |= behind.NONE if settings.edge is None else behind.edge(settings, settings.edge)
    values["is_probe"] = _is_probe(settings)
    values["auth_type"] = "digest" if release(found) >= _DIGEST_SINCE else "userpass"
    for template in sorted(TEMPLATES.glob("*.conf")):
        rendered = Template(template.read_text(encoding="utf-8")).substitute(values)
        if template.name == "modules.conf":
            rendered = _there(rendered, found.modules)
        write_private(base / "etc" / template.name, rendered + _site(base, template.name))
    return base / "etc" / "asterisk.conf"


def _there(modules: str, folder: Path) -> str:
    """The modules that this Asterisk has: older ones lack some, and complain of each.

    SettingsError when one is lacking without which there is no call.
    """
    if not folder.is_dir():
        return modules
    wanted = re.findall(r"^load = (\S+)$", modules, re.MULTILINE)
    lacking = [name for name in wanted if not (folder / name).exists()]
    if vital := _VITAL.intersection(lacking):
        names = ", ".join(sorted(vital))
        raise SettingsError(
            f"这个 Asterisk 缺少 {names}，请装齐它的模块 · {folder} lacks modules: install all of"
            " Asterisk, or remove it and let `make asterisk` install one for the line"
        )
    for name in lacking:
        modules = modules.replace(f"load = {name}\n", "")
    return modules


def _site(base: Path, name: str) -> str:
    """The site's own additions to a file, read after ours where there are any."""
    return "" if name == "asterisk.conf" else f'\n#tryinclude "{base / SITE / name}"\n'


def _places(settings: Settings, found: Found) -> dict[str, str]:
    base = folder(settings)
    return {
        "base": str(base),
        "etc": str(base / "etc"),
        "log": str(logs.folder(settings)),
        "sounds": str(base / "sounds"),
        "spool": str(settings.home.absolute() / "spool"),
        "node": _escaped(json.dumps(settings.node)),
        "node_mark": hashlib.sha256(settings.node.encode()).hexdigest()[:16],
        "modules": str(found.modules),
        "prefix": found.prefix,
    }


def _doors(settings: Settings) -> dict[str, str]:
    return {
        "ari_port": str(settings.ari_port),
        "ari_user": settings.ari_user,
        "ari_password": _escaped(ari_password(settings)),
        "ari_app": settings.ari_app,
        "capture_port": str(settings.http_port),
        "capture_password": _escaped(capture_secret(settings)),
        "sip_host": settings.sip_host,
        "sip_port": str(settings.sip_port),
        "rtp_first": str(settings.rtp_first_port),
        "rtp_last": str(settings.rtp_last_port),
        "nat": "" if settings.nat is None else _nat(settings.nat),
        "tls": "" if settings.tls is None else _tls(settings.tls, settings),
        "probe_speech": "" if settings.tls is None else f"{_SPEECH['plain']}\n",
        "media_encryption": "" if settings.tls is None else _SPEECH[settings.tls.speech],
        "highpriority": "yes" if settings.realtime else "no",
        "sln16_module": _SLN16 if "sln16" in settings.speech.formats else "",
    }


def _tls(tls: TlsSettings, settings: Settings) -> str:
    return (
        f"[tls]\ntype = transport\nprotocol = tls\nbind = {settings.sip_host}:{tls.port}\n"
        f"cert_file = {tls.certificate}\npriv_key_file = {tls.key}\nmethod = tlsv1_2\n"
        f"{'' if settings.nat is None else _nat(settings.nat)}"
    )


def _nat(nat: NatSettings) -> str:
    """What a transport has to know of the router in front of it."""
    return (
        f"external_media_address = {nat.external_address}\n"
        f"external_signaling_address = {nat.external_address}\n"
        + "".join(f"local_net = {network}\n" for network in nat.local_networks)
    )


def _callers(settings: Settings) -> dict[str, str]:
    """Who may call, and what they reach."""
    phones, trunks = settings.agents.phones, settings.trunks
    theirs = (number for trunk in trunks for number in trunk.dialled())
    numbers = dict.fromkeys((LINE_NUMBER, *theirs))
    return {
        "numbers": "\n".join(map(_number, numbers)),
        "identity": _identity(),
        "rings": str(RETURN_SECONDS),
        "codecs": ",".join(_CODECS[format_] for format_ in settings.speech.formats),
        "guests": "[anonymous](caller)" if settings.guests else "",
        "line_number": LINE_NUMBER,
        "probe_header": PROBE,
        "probe_secret": _escaped(probe_secret(settings)),
        "trunks": "\n".join(_trunk(trunk, settings.edge) for trunk in trunks),
        "trunk_contexts": "\n".join(_any_number(trunk) for trunk in trunks if trunk.any_number),
        "desk_code": settings.agents.desk_code,
        "agents": "\n".join(_agent(phone, settings) for phone in phones),
        "dial_agents": _dial(settings),
    }


def _is_probe(settings: Settings) -> str:
    """As the dialplan compares it: brought by a trunk, for others name themselves as they like."""
    caller = settings.probe.caller
    known = f'/${{CALLERID(num)}}" = "{f"{TRUNK_ENDPOINT}/{caller}" if caller else "none"}"'
    direct = f'"${{CHANNEL:6:6}}{known}'
    return direct if settings.edge is None else f'{direct} | "${{{behind.WHOSE}:0:6}}{known}'


def _identity() -> str:
    """As `ivr.people.asserted` reads it: two of those headers that may come twice."""
    reads = (("pai", "P-Asserted-Identity"), ("rpid", "Remote-Party-ID"))
    each = [(name, f"{header},{n}") for name, header in reads for n in (1, 2)]
    each += [("from", "From"), ("privacy", "Privacy")]
    return "&".join(
        f"{name}=${{URIENCODE(${{PJSIP_HEADER(read,{header}):0:{MOST_BYTES}}})}}"
        for name, header in each
    )


def _number(number: str) -> str:
    """The service is told which number was dialled."""
    return f"exten => {number},1,Set(DIALLED={number})\n same => n,Goto(line,s,1)"


def _any_number(trunk: Trunk) -> str:
    """All that this carrier sends us is meant for the line, also what comes without a number."""
    return (
        f"[{trunk.endpoint}]\n"
        "exten => _[+*#0-9]!,1,Set(DIALLED=${FILTER(+*#0-9,${EXTEN})})\n"
        " same => n,Goto(line,s,1)\n"
        "exten => s,1,Goto(line,s,1)\n"
    )


def _dial(settings: Settings) -> str:
    """All agents at once; who is not registered is passed over without waiting."""
    names = [phone.extension for phone in settings.agents.phones]
    if agents_in_browsers(settings):
        names += [phone.browser for phone in settings.agents.phones]
    phones = "&".join(f"PJSIP/{name}" for name in names)
    return f" same => n,Dial({phones},{settings.agents.ring_seconds:.0f})" if phones else ""


def _trunk(trunk: Trunk, edge: EdgeSettings | None) -> str:
    """Behind an edge calls go out by it: carriers know its address and no other."""
    name = trunk.endpoint
    context = f"context = {name}\n" if trunk.any_number else ""
    account = "" if trunk.registration is None else f"outbound_auth = {name}\n"
    if edge is not None:
        account += behind.way_out(edge)
    matches = "".join(f"match = {host}\n" for host in trunk.known_hosts())
    return (
        f"[{name}](trunk)\ndtmf_mode = {trunk.dtmf}\n{context}{account}"
        f"[{name}](trunk-hosts)\nendpoint = {name}\n{matches}"
        + ("" if trunk.registration is None else _registration(name, trunk.registration))
    )


def _registration(name: str, account: Registration) -> str:
    """The carrier learns where we are, and that it is us; it calls back to `contact_user`."""
    return (
        f"[{name}](trunk-auth)\nusername = {account.user}\n"
        f"password = {_escaped(account.password.get_secret_value())}\n"
        f"[{name}](trunk-registration)\nendpoint = {name}\noutbound_auth = {name}\n"
        f"server_uri = sip:{account.server}\nclient_uri = sip:{account.user}@{account.domain}\n"
        f"contact_user = {account.user}\nexpiration = {account.expiry_seconds}\n"
    )


def _agent(agent: Agent, settings: Settings) -> str:
    if settings.edge is not None:
        return behind.agent(settings.edge, agent.extension)
    name, password = agent.extension, _escaped(agent_password(agent, settings))
    return (
        f"[{name}](agent)\nauth = {name}\naors = {name}\n"
        f"[{name}](agent-auth)\nusername = {name}\npassword = {password}\n"
        f"[{name}](agent-aor)\n"
    )


def agents_in_browsers(settings: Settings) -> bool:
    """Whether agents may register from the console's page; behind an edge they register there."""
    return settings.console.phone.agents and settings.edge is None


def _browsers(settings: Settings) -> dict[str, str]:
    """Phones in browsers: SIP by a WebSocket of the console's relay, speech straight to us."""
    calls, agents = settings.console.phone.calls, agents_in_browsers(settings)
    return {
        **(_ICE if calls or agents else _NO_ICE),
        "browsers": (_WEBSOCKET if calls or agents else "")
        + (_callers_in_browsers(settings) if calls else "")
        + ("".join(_in_browser(each, settings) for each in settings.agents.phones if agents)),
        "browser_context": _browser_context(calls) if calls else "",
    }


_ICE = {
    "ice": "icesupport = yes\nice_deny = fe80::/10",
    "browser_modules": "load = func_groupcount.so\nload = res_pjsip_transport_websocket.so\n",
}
"""Candidates are made for calls of browsers only; a link-local address is none of them, for it
means nothing without the name of an interface."""
_NO_ICE = {"ice": "icesupport = no", "browser_modules": ""}


def _callers_in_browsers(settings: Settings) -> str:
    secret = _escaped(relay_secret(settings))
    return _BROWSER.format(name=BROWSERS, header=RELAYED, secret=secret)


def _browser_context(most: int) -> str:
    return _BROWSER_CONTEXT.format(number=LINE_NUMBER, most=most, header=SCREEN)


def _in_browser(agent: Agent, settings: Settings) -> str:
    password = _escaped(browser_password(agent, settings))
    return _AGENT_IN_BROWSER.format(name=agent.browser, password=password)


_WEBSOCKET = """\
; Opens no port: SIP arrives at /ws of the HTTP server, which listens on loopback.
[ws]
type = transport
protocol = ws
bind = 127.0.0.1
"""
_BROWSER = """\
; No name and no address makes somebody a browser: the relay adds a line that only it knows. A page
; always sends speech, if only silence, so that one which has vanished is let go soon.
[{name}](caller)
identify_by = header
context = {name}
callerid = {name} <anonymous>
webrtc = yes
media_encryption = dtls
allow = !all,alaw,ulaw
dtmf_mode = rfc4733
rtp_timeout = 20
[{name}-relay]
type = identify
endpoint = {name}
match_header = {header}: {secret}
"""
_AGENT_IN_BROWSER = """\
; An agent's phone in the browser: its password is the relay's, and no page ever has it. It calls
; nobody. A page that is closed says nothing any more, while one that is muted sends silence.
[{name}](agent)
context = nobody
auth = {name}
aors = {name}
webrtc = yes
media_encryption = dtls
allow = !all,alaw,ulaw
dtmf_mode = rfc4733
rtp_timeout = 12
[{name}](agent-auth)
username = {name}
password = {password}
[{name}](agent-aor)
"""
_BROWSER_CONTEXT = """\
; So many at once; one more is refused (503), and its page says why.
[browser]
exten => {number},1,Set(GROUP()=browsers)
 same => n,GotoIf($[${{GROUP_COUNT(browsers)}} > {most}]?full)
 same => n,Set(DIALLED={number})
 same => n,Set(SCREEN=${{FILTER(0-9a-f,${{PJSIP_HEADER(read,{header})}})}})
 same => n,Goto(line,s,1)
 same => n(full),Hangup(34)
"""


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


def browser_password(agent: Agent, settings: Settings) -> str:
    """Of the agent's phone in the browser: the console's relay has it, and no page; made once."""
    return secret(folder(settings) / "agents" / f"{agent.browser}.secret")


def relay_secret(settings: Settings) -> str:
    """By which Asterisk knows what comes through the console's relay; made once and kept.

    The edge's where there is one, which adds it to what comes by its WebSocket.
    """
    if settings.edge is not None and settings.edge.secret is not None:
        return settings.edge.secret.get_secret_value()
    return secret(folder(settings) / "relay.secret")


def desk_secret(settings: Settings) -> str:
    """By which the service knows that the console asks for an agent; made once and kept."""
    return secret(folder(settings) / "desk.secret")


def capture_secret(settings: Settings) -> str:
    """By which the service knows what its own Asterisk tells of its packets; made once and kept."""
    return secret(folder(settings) / "capture.secret")


def probe_secret(settings: Settings) -> str:
    """By which Asterisk knows the caller of our own; made once and kept."""
    return secret(folder(settings) / "probe.secret")


def dial_secret(settings: Settings) -> str:
    """By which the service knows who may have it call somebody; made once and kept."""
    return secret(folder(settings) / "dial.secret")


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
