"""Running the line's Asterisk: started on its own configuration, waited for, ended with us."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from ivr.asterisk.configure import configure, folder
from ivr.asterisk.locate import Found
from ivr.config import PROJECT, Settings, SettingsError

START_SECONDS = 30.0
STOP_SECONDS = 10.0


def check_ports(settings: Settings) -> None:
    """SettingsError that names every port that is taken, and the setting to change."""
    wanted = [
        (settings.sip_host, settings.sip_port, socket.SOCK_DGRAM, "IVR_SIP_PORT"),
        (settings.sip_host, settings.sip_port, socket.SOCK_STREAM, "IVR_SIP_PORT"),
        ("127.0.0.1", settings.ari_port, socket.SOCK_STREAM, "IVR_ARI_PORT"),
        (settings.host, settings.http_port, socket.SOCK_STREAM, "IVR_HTTP_PORT"),
    ]
    taken = {
        f"port {port} is taken: end the other program, or set {setting} to another port"
        for host, port, kind, setting in wanted
        if not _free(host, port, kind)
    }
    if taken:
        raise SettingsError("\n".join(sorted(taken)))


def _free(host: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def start(settings: Settings, found: Found) -> subprocess.Popen[bytes]:
    """Configure and start Asterisk in the foreground of a process of its own."""
    conf = configure(settings, found)
    writable = dict.fromkeys(
        path.absolute() for path in (PROJECT, settings.home, settings.audio) if path.exists()
    )
    command = found.command(["-C", str(conf), "-f", "-n"], tuple(writable))
    log = folder(settings) / "asterisk.out"
    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )


def wait_until_ready(settings: Settings, process: subprocess.Popen[bytes]) -> None:
    """Until ARI answers; SettingsError with Asterisk's own words when it does not."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SettingsError(f"Asterisk ended at once: {_last_words(folder(settings))}")
        if _answers(settings):
            return
        time.sleep(0.1)
    raise SettingsError(f"Asterisk does not answer: {_last_words(folder(settings))}")


def _answers(settings: Settings) -> bool:
    """Whether ARI is there; that it asks for a password is answer enough."""
    try:
        urllib.request.urlopen(f"{settings.ari_base}/asterisk/info", timeout=1)  # noqa: S310
    except urllib.error.HTTPError as refused:
        return refused.code == 401
    except OSError:
        return False
    return True


def stop(process: subprocess.Popen[bytes]) -> None:
    """End it and wait; what is left of it ends with its PID namespace."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_words(base: Path) -> str:
    try:
        lines = (base / "asterisk.out").read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return " / ".join(lines[-3:]) or "it said nothing"
