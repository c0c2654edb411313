"""What must not be in an image is found by its place, its name or its content, nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.image_contents import main, unwanted

KEY = "-----BEGIN PRIVATE " + "KEY-----\nMC4CAQ\n"


def root_with(folder: Path, name: str, content: str = "") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True)
    path.write_text(content)
    return folder


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("usr/bin/gcc-16", ""),
        ("opt/ivr/.venv/bin/node", ""),
        ("usr/local/bin/make", ""),
        ("var/lib/dpkg/status", "Package: base-files\n\nPackage: build-essential\n"),
        ("var/lib/ivr/home/keys/person.key", ""),
        ("var/lib/ivr/home/accounts.sqlite", ""),
        ("opt/ivr/.env.local", ""),
        ("root/.netrc", ""),
        ("root/.ssh/config", ""),
        ("opt/ivr/.git/config", ""),
        ("etc/ivr/settings.toml", f"key = '''{KEY}'''"),
        ("etc/pip.conf", "index-url = https://me:" + "word@registry.invalid/simple"),
    ],
)
def test_it_is_found(tmp_path: Path, name: str, content: str) -> None:
    assert len(list(unwanted(root_with(tmp_path, name, content)))) == 1
    assert main([str(tmp_path)]) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("usr/bin/python3", ""),
        ("var/lib/dpkg/status", "Package: gcc-16-base\n\nPackage: libgcc-s1\n"),
        ("etc/ssl/certs/ca.pem", "-----BEGIN CERTIFICATE-----\n"),
        ("etc/pip.conf", "index-url = https://registry.invalid/simple"),
        ("opt/ivr/deploy/settings.example.toml", 'url = "postgresql://host/db"'),
    ],
)
def test_what_belongs_there_is_not(tmp_path: Path, name: str, content: str) -> None:
    assert list(unwanted(root_with(tmp_path, name, content))) == []
    assert main([str(tmp_path)]) == 0
