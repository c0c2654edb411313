"""`ivr support`: one file for whoever helps from afar, without secrets and personal data.

Nothing is copied as it is: settings without their secrets, logs without numbers, facts as counts.
"""

from __future__ import annotations

import io
import json
import platform
import re
import tarfile
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from ivr.alarms import keeping
from ivr.alarms.night import happened, still_wrong, without_numbers
from ivr.config import Settings, settings_file
from ivr.lifecycle import asking, logs
from ivr.probe.outcomes import last
from ivr.upkeep.doctor import Finding
from ivr.upkeep.version import described

LEAST_SECRET = 4
"""A shorter password is looked for in no text: it would be found everywhere."""
LOG_BYTES = 300_000
"""Of the end of each log."""
_STAMP = re.compile(r'(?:\{"at": ")?\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d:?\d\d')
_SECRETS = re.compile(
    r"password|secret|token|key|url|user|number|caller|test_id|query|mail_to|sender|nobody",
    re.IGNORECASE,
)
_FACT = re.compile(rb'"fact": ?"(\w+)"')


def gather(
    settings: Settings, findings: Callable[[Settings], Iterable[Finding]], now: datetime
) -> bytes:
    """A tar.gz; what cannot be had is said in its place."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, make in _parts(settings, findings, now).items():
            text = scrubbed(_made(make), settings)
            about = tarfile.TarInfo(f"ivr-support/{name}")
            about.size, about.mtime = len(text.encode()), int(now.timestamp())
            archive.addfile(about, io.BytesIO(text.encode()))
    return content.getvalue()


Make = Callable[[], str]


def _parts(
    settings: Settings, findings: Callable[[Settings], Iterable[Finding]], now: datetime
) -> Mapping[str, Make]:
    ends = {
        f"log/{path.name}": lambda path=path: _end_of(path)
        for path in sorted(logs.folder(settings).glob("*.log*"))
    }
    return {
        "version.txt": lambda: f"{described(settings)}\n{platform.platform()}\n{now.isoformat()}",
        "settings.json": lambda: _json(_shown(settings)),
        "settings-names.json": lambda: _json(_names()),
        "doctor.json": lambda: _json([asdict(each) for each in findings(settings)]),
        "health.json": lambda: _json(asking.health(settings)),
        "metrics.txt": lambda: asking.metrics(settings, within=5),
        "alarms.json": lambda: _json([asdict(each) for each in keeping.ringing(settings.home)]),
        "now.txt": lambda: "\n".join(still_wrong(settings, now)),
        "two-days.txt": lambda: "\n".join(
            f"{each.at.isoformat()} {each.kind} {each.what} ×{each.times}"
            for each in happened(settings, now - timedelta(days=2), now)
        ),
        "probes.txt": lambda: "\n".join(
            f"{each.at.isoformat()} {each}" for each in last(settings.home / "spool", 200)
        ),
        "files.txt": lambda: "\n".join(_files(settings.home)),
        "facts.json": lambda: _json(_counted(settings.home / "spool")),
        **ends,
    }


def _made(make: Make) -> str:
    try:
        return make()
    except (OSError, HTTPException, ValueError, LookupError) as cannot:
        return f"{type(cannot).__name__}: {cannot}"


def scrubbed(text: str, settings: Settings) -> str:
    """No secret of the settings or of the home folder, and no long number, whoever wrote it."""
    for secret in secrets_of(settings):
        text = text.replace(secret, "«secret»")
    return "\n".join(_scrubbed_line(line) for line in text.splitlines())


def _scrubbed_line(line: str) -> str:
    """The time in front of it stays."""
    stamp = _STAMP.match(line)
    begins = stamp.end() if stamp else 0
    return line[:begins] + without_numbers(line[begins:])


def secrets_of(settings: Settings) -> list[str]:
    """Every password that this line knows, and its agents' names; the longest first."""
    held = {each.get_secret_value() for each in _secret_values(settings)}
    names = {phone.name for phone in settings.agents.phones}
    for path in (settings.home / "asterisk").rglob("*.secret"):
        held.add(path.read_text(encoding="utf-8").strip())
    long = {each for each in held if len(each) >= LEAST_SECRET}
    return sorted(long | names, key=len, reverse=True)


def _secret_values(part: object) -> Iterator[SecretStr]:
    match part:
        case SecretStr():
            yield part
        case BaseModel():
            for name in type(part).model_fields:
                yield from _secret_values(getattr(part, name))
        case tuple() | list():
            for each in part:
                yield from _secret_values(each)


def _shown(settings: Settings) -> Mapping[str, Any]:
    """As pydantic writes them: a SecretStr is stars already; what may name somebody is left out."""
    shown: dict[str, Any] = json.loads(settings.model_dump_json())
    return dict(_without_names(shown))


def _without_names(part: Any) -> Any:
    match part:
        case dict():
            return {name: _shown_as(name, value) for name, value in part.items()}
        case list():
            return [_without_names(each) for each in part]
    return part


def _shown_as(name: str, value: Any) -> Any:
    is_text = isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(each, str) for each in value)
    )
    if is_text and value and _SECRETS.search(name):
        return "«set»"
    return _without_names(value)


def _names() -> list[str]:
    """Which settings the file has, without their values."""
    return sorted(_below(tomllib.loads(settings_file().read_text(encoding="utf-8"))))


def _below(part: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for name, value in part.items():
        if isinstance(value, dict):
            yield from _below(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def _files(home: Path) -> Iterator[str]:
    """Their sizes; recordings are counted and not named."""
    recordings = 0
    for path in sorted(home.rglob("*")):
        if "recordings" in path.relative_to(home).parts:
            recordings += path.is_file()
        elif path.is_file():
            yield f"{path.stat().st_size / 1000:.0f}k {path.relative_to(home)}"
    yield f"recordings: {recordings}"


def _counted(spool: Path) -> Mapping[str, int]:
    counted: Counter[str] = Counter()
    for page in spool.glob("facts-*.jsonl"):
        with page.open("rb") as lines:
            counted.update(kind[1].decode() for line in lines if (kind := _FACT.search(line)))
    return dict(counted)


def _end_of(path: Path) -> str:
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - LOG_BYTES))
        return log.read().decode(errors="replace")


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1, default=str)
