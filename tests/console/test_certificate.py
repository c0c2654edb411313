"""The console's own certificate: it is valid for the console, and vouches for nothing else."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from typer.testing import CliRunner

from console import certificate
from console.certificate import KEY, ROOT_KEY, make, root_of
from console.rights import Role
from ivr.cli.commands import app
from ivr.config import Settings, load
from ivr.people.keys import Keys
from ivr.upkeep.doctor import RENEW_BEFORE, _ending
from tests.console.visiting import Console

HOSTS = ("console.centre.example", "127.0.0.1", "192.168.1.7")
NOW = datetime.now(UTC)


def shakes_hands(home: Path, name: str) -> str:
    """A client that trusts the root asks for this name; empty where all is well."""

    async def meet() -> str:
        server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server_side.load_cert_chain(home / "tls/console.pem", home / KEY)
        client_side = ssl.create_default_context(cafile=str(home / "tls/root.pem"))
        server = await asyncio.start_server(
            lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=server_side
        )
        port = server.sockets[0].getsockname()[1]
        try:
            _, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=client_side, server_hostname=name
            )
            writer.close()
        except ssl.SSLError as refused:
            return str(refused)
        finally:
            server.close()
        return ""

    return asyncio.run(meet())


def test_whoever_trusts_the_root_trusts_the_console_by_each_of_its_names(tmp_path: Path) -> None:
    make(tmp_path, HOSTS, NOW)
    for host in HOSTS:
        assert shakes_hands(tmp_path, host) == ""
    assert "mismatch" in shakes_hands(tmp_path, "bank.example")
    assert Keys.load(tmp_path / "keys"), "others may not enter the folder"
    for key in (KEY, ROOT_KEY):
        assert (tmp_path / key).stat().st_mode & 0o077 == 0


def test_the_root_vouches_for_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if its key is stolen: browsers that trust it refuse what it signs for others."""
    make(tmp_path, HOSTS, NOW)
    root, key = certificate._root_for(tmp_path, HOSTS)
    monkeypatch.setattr(certificate, "_root_for", lambda *_: (root, key))
    make(tmp_path, ("bank.example",), NOW)
    assert "permitted subtree violation" in shakes_hands(tmp_path, "bank.example")


def test_renewed_under_the_same_root_unless_there_are_other_names(tmp_path: Path) -> None:
    first = make(tmp_path, HOSTS, NOW)
    again = make(tmp_path, HOSTS[:2], NOW + timedelta(days=300))
    assert (first.new_root, again.new_root) == (True, False)
    assert again.fingerprint == first.fingerprint
    assert again.ends > first.ends
    assert make(tmp_path, (*HOSTS, "10.0.0.1"), NOW).new_root


def test_the_command_says_what_to_set_and_the_sign_in_offers_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setenv("IVR_HOME", str(settings.home))
    monkeypatch.delenv("IVR_SETTINGS", raising=False)
    assert CliRunner().invoke(app, ["certificate", "a b"]).exit_code != 0
    told = CliRunner().invoke(app, ["certificate"]).output
    lines = told.splitlines()
    begin = lines.index("  [console]")
    (settings.home / "settings.toml").write_text("\n".join(lines[begin : begin + 4]))
    assert load().console.url.startswith("https://")
    root = root_of(settings.home)
    assert root is not None
    console = Console(settings.model_copy(update={"console": load().console}))
    visitor = console.visitor()
    shown = visitor.get("/sign-in").text
    fingerprint = told.rstrip().rpartition(" ")[2]
    assert fingerprint in shown
    _, body = visitor.take("/root.pem")
    assert x509.load_pem_x509_certificate(body) == root
    assert b"PRIVATE" not in body
    console.close()
    plain = Console(settings)
    assert "根证书" not in plain.visitor().get("/sign-in").text
    assert plain.signed_in("x", Role.AGENT).get("/phone").status == 200
    plain.close()


def test_the_doctor_warns_a_month_before_it_ends(tmp_path: Path) -> None:
    made = make(tmp_path, HOSTS, NOW)
    assert _ending(made.certificate, made.ends - RENEW_BEFORE - timedelta(days=1)) == ""
    assert "到期" in _ending(made.certificate, made.ends - RENEW_BEFORE)
    assert "到期" in _ending(made.certificate, made.ends + timedelta(days=1))
    assert _ending(None, NOW) == ""
