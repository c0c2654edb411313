"""A certificate for the console in a LAN: a root for this line alone, and under it the console's.

A centre with certificates of its own needs none of this (`console.certificate`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ivr.records.durable import write

ROOT, CERTIFICATE = Path("tls/root.pem"), Path("tls/console.pem")
"""Below the home folder."""
ROOT_KEY, KEY = Path("keys/console-root.key"), Path("keys/console.key")
"""The same; where all keys lie, apart from the data in a backup."""
ROOT_YEARS: Final = 10
DAYS: Final = 397
"""As long as browsers accept."""
_EARLIER = timedelta(hours=1)
"""Before now, for clocks that are behind."""


@dataclass(frozen=True, slots=True)
class Made:
    """What was made."""

    certificate: Path
    key: Path
    root: Path
    fingerprint: str
    """Of the root, SHA-256: whoever installs it compares it."""
    new_root: bool
    ends: datetime


def make(home: Path, hosts: Sequence[str], now: datetime) -> Made:
    """For these names and addresses; under the root that is there, if it may vouch for them.

    The root can vouch for nothing else (name constraints): who trusts it trusts this console only.
    """
    (home / KEY).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    root, key = _root_for(home, hosts)
    new = root is None
    if root is None or key is None:
        root, key = _new_root(home, hosts, now)
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    ends = now + timedelta(days=DAYS)
    leaf = (
        _begun("12329 " + hosts[0], root.subject, leaf_key, now, ends)
        .add_extension(x509.SubjectAlternativeName([_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    write(home / KEY, _private(leaf_key), mode=0o600)
    write(home / CERTIFICATE, leaf.public_bytes(Encoding.PEM), mode=0o644)
    return Made(home / CERTIFICATE, home / KEY, home / ROOT, fingerprint(root), new, ends)


def root_of(home: Path) -> x509.Certificate | None:
    """The root, where one was made."""
    try:
        return x509.load_pem_x509_certificate((home / ROOT).read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def fingerprint(certificate: x509.Certificate) -> str:
    """As browsers and operating systems show it."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def _root_for(
    home: Path, hosts: Sequence[str]
) -> tuple[x509.Certificate | None, ec.EllipticCurvePrivateKey | None]:
    root = root_of(home)
    try:
        key = load_pem_private_key((home / ROOT_KEY).read_bytes(), None)
    except (FileNotFoundError, ValueError):
        return None, None
    if root is None or not isinstance(key, ec.EllipticCurvePrivateKey):
        return None, None
    permitted = root.extensions.get_extension_for_class(x509.NameConstraints).value
    known = [each.value for each in permitted.permitted_subtrees or ()]
    if all(_constraint(host).value in known for host in hosts):
        return root, key
    return None, None


def _new_root(
    home: Path, hosts: Sequence[str], now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = f"12329 控制台 {now:%Y-%m-%d}"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    only = x509.NameConstraints([_constraint(host) for host in hosts], None)
    signs = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    root = (
        _begun(name, subject, key, now, now + timedelta(days=365 * ROOT_YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(signs, critical=True)
        .add_extension(only, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write(home / ROOT_KEY, _private(key), mode=0o600)
    write(home / ROOT, root.public_bytes(Encoding.PEM), mode=0o644)
    return root, key


def _begun(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(ends)
    )


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _constraint(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_network(host))
    except ValueError:
        return x509.DNSName(host)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
