"""What this machine says of itself to the other nodes, and what it last knew of them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

from ivr.config import Settings
from ivr.people.keys import GIVEN, KEYS, SEALING, Keys
from ivr.records.durable import write
from ivr.speech.publications import MANIFEST
from ivr.state.nodes import FOLDER, Identity, Line
from ivr.state.prompts import in_force_here

PACKAGE = "ivr-12329"


def identity(settings: Settings) -> Identity:
    """As settings, keys and prompts have it now; SettingsError for keys that are not there.

    Keys are given from here on: whoever asks has several machines.
    """
    folder = settings.home / "keys"
    keep_given(folder)
    return Identity(
        name=settings.node,
        series=settings.series(),
        machine=_machine(settings.home / FOLDER / "machine"),
        address=settings.sip_address,
        version=version(PACKAGE),
        catalog=published(settings.audio),
        keys=Keys.load(folder).fingerprints(),
        prompts=in_force_here(settings) if settings.depot.is_named else "",
    )


def keep_given(folder: Path) -> None:
    """No key is ever made in this folder from now on."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / GIVEN).exists():
        write(folder / GIVEN, b"", mode=0o600)


def has_keys(folder: Path) -> bool:
    """Whether there is any key here."""
    return any((folder / name).exists() for name in (*KEYS, SEALING))


def published(audio: Path) -> str:
    """The version of the sentences that were published here last; empty where none were."""
    try:
        return str(json.loads((audio / MANIFEST).read_bytes())["catalog"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _machine(path: Path) -> str:
    """A name for this machine that no other has; made once."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(path, secrets.token_hex(16).encode(), mode=0o600)
        return path.read_text().strip()


@dataclass(frozen=True, slots=True)
class Known:
    """The line as this node saw it last; it is what holds while the database is away."""

    nodes: int = 1
    """How many share the budgets."""
    draining: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    """Empty: this machine has never been admitted."""
    catalogs: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """Of the nodes that live and take calls: they share the agents."""

    @classmethod
    def of(cls, line: Line, me: Identity) -> Known:
        """What is to be remembered; those that are drained have no calls to share budgets with."""
        ours = line.node(me.name)
        taken_out = ours is None or ours.machine != me.machine
        serving = [each for each in line.nodes if not each.draining]
        draining = taken_out or (ours is not None and ours.draining)
        return cls(
            nodes=max(1, len(serving)),
            draining=draining,
            keys=dict(line.keys),
            catalogs=tuple(filter(None, (line.catalog, line.catalog_before))),
            names=tuple(
                sorted({each.name for each in serving if each.lives or each.name == me.name})
            ),
        )

    @classmethod
    def read(cls, home: Path) -> Known:
        """What is on disk; nothing is known where there is none, or it is damaged."""
        try:
            told = json.loads(_file(home).read_bytes())
            several = {name: tuple(told.get(name, ())) for name in ("catalogs", "names")}
            return cls(**{**told, **several})
        except (OSError, ValueError, TypeError, KeyError):
            return cls()

    def keep(self, home: Path) -> None:
        """On disk when it returns."""
        write(_file(home), json.dumps(asdict(self)).encode(), mode=0o600)

    def line(self) -> Line:
        """For the same examination as with the database: keys and sentences only."""
        before = self.catalogs[1] if len(self.catalogs) > 1 else ""
        return Line(0.0, (), self.keys, self.catalogs[0] if self.catalogs else "", before)


def _file(home: Path) -> Path:
    return home / FOLDER / "known.json"
