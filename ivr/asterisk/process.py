"""Running the line's Asterisk: started on its own configuration, waited for, ended with us."""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

from ivr.asterisk.configure import configure, folder
from ivr.asterisk.locate import Found
from ivr.config import Settings, SettingsError, standing
from ivr.lifecycle.doors import Door, refusal
from ivr.lifecycle.precedence import come_first

START_SECONDS = 30.0
STOP_SECONDS = 3.0
CONSOLE_SECONDS = 10.0
STOP_ATTEMPTS = 3


def check_ports(settings: Settings) -> None:
    """SettingsError that names every port and address that cannot be had, and what to change."""
    refused = dict.fromkeys(refusal(door) for door in _doors(settings))
    if told := [reason for reason in refused if reason]:
        raise SettingsError("\n".join(told))


def _doors(settings: Settings) -> list[Door]:
    sip, host = settings.sip_host, "IVR_SIP_HOST"
    doors = [
        Door(sip, settings.sip_port, host, "IVR_SIP_PORT", socket.SOCK_DGRAM),
        Door(sip, settings.sip_port, host, "IVR_SIP_PORT"),
        Door("127.0.0.1", settings.ari_port, "IVR_ARI_URL", "IVR_ARI_PORT"),
        Door(settings.host, settings.http_port, "IVR_HOST", "IVR_HTTP_PORT"),
    ]
    if settings.tls is not None:
        doors.append(Door(sip, settings.tls.port, host, "IVR_TLS__PORT"))
    return doors


def command(settings: Settings, found: Found) -> list[str]:
    """Configure the line's Asterisk anew; how to run it in the foreground."""
    conf = configure(standing(settings), found)
    return found.command(["-C", str(conf), "-f", "-n"])


_READ_ANEW = (
    *(
        f"module reload {module}.so"
        for module in (
            *("res_pjsip", "res_pjsip_authenticator_digest", "res_pjsip_endpoint_identifier_ip"),
            "res_pjsip_outbound_registration",
        )
    ),
    "dialplan reload",
)
"""What has endpoints, trunks and numbers read; `pjsip reload` is an alias that we do not load."""


def renew(settings: Settings, found: Found) -> bool:
    """Write its configuration as the settings stand, and have it read by the Asterisk that runs.

    Calls go on: endpoints and dialplan are read anew, transports are left alone. False where none
    runs: it reads all of it when it starts. Raises SettingsError where Asterisk does not take it.
    """
    conf = configure(standing(settings), found)
    if not answers(settings):
        return False
    for order in _READ_ANEW:
        done = subprocess.run(  # noqa: S603
            found.command(["-C", str(conf), "-rx", order]),
            capture_output=True,
            text=True,
            check=False,
            timeout=CONSOLE_SECONDS,
        )
        if done.returncode or "No such command" in done.stdout:
            raise SettingsError(f"Asterisk: {order}: {(done.stderr or done.stdout).strip()}")
    return True


PRIVATE = 0o077
"""Recordings and records that Asterisk writes are for its own user only."""


def start(settings: Settings, found: Found) -> subprocess.Popen[bytes]:
    """Run it as a child of ours, in a session of its own."""
    run = command(settings, found)
    with output_file(settings).open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            run,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            umask=PRIVATE,
        )
    if settings.realtime:
        come_first(process.pid)
    return process


def output_file(settings: Settings) -> Path:
    """What Asterisk says on its console since its last start."""
    return folder(settings) / "asterisk.out"


def wait_until_ready(settings: Settings, process: subprocess.Popen[bytes]) -> None:
    """Until ARI answers; SettingsError with Asterisk's own words when it does not."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SettingsError(f"Asterisk ended at once: {last_words(settings)}")
        if answers(settings):
            return
        time.sleep(0.1)
    raise SettingsError(f"Asterisk does not answer: {last_words(settings)}")


def answers(settings: Settings) -> bool:
    """Whether ARI is there for us; it is not while Asterisk still loads its modules (503)."""
    try:
        info(settings)
    except (SettingsError, OSError):
        return False
    return True


def info(settings: Settings) -> Mapping[str, Any]:
    """What ARI says about this Asterisk. Raises SettingsError (no password), or OSError.

    An answer that breaks off, or is none of ARI's, is as good as none: OSError too.
    """
    login = f"{settings.ari_user}:{settings.ari_secret()}".encode()
    request = urllib.request.Request(  # noqa: S310  an operator's own URL
        f"{settings.ari_base}/asterisk/info",
        headers={"Authorization": f"Basic {base64.b64encode(login).decode()}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:  # noqa: S310
            return dict(json.load(answer))
    except (HTTPException, ValueError, TypeError) as odd:
        raise ConnectionError(f"{settings.ari_base}: {type(odd).__name__}") from odd


_REGISTRATION = re.compile(r"^ *(\S+?)/sip:\S* +\S+ +(\S+)", re.MULTILINE)


def registrations(settings: Settings, found: Found) -> Mapping[str, str]:
    """How each trunk's endpoint stands with its carrier, in Asterisk's words (Registered, …).

    Empty where Asterisk does not run, or has none.
    """
    conf = folder(settings) / "etc" / "asterisk.conf"
    ask = found.command(["-C", str(conf), "-rx", "pjsip show registrations"])
    told = subprocess.run(  # noqa: S603
        ask, capture_output=True, text=True, check=False, timeout=CONSOLE_SECONDS
    )
    return dict(_REGISTRATION.findall(told.stdout))


def stop(process: subprocess.Popen[bytes]) -> None:
    """End it and wait. Asterisk can miss a signal while it starts, so it is told again."""
    for _ in range(STOP_ATTEMPTS):
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return
    process.kill()
    process.wait()


def last_words(settings: Settings) -> str:
    """The end of what Asterisk said, on one line."""
    try:
        lines = output_file(settings).read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return " / ".join(lines[-3:]) or "it said nothing"
