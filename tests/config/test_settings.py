"""Settings: read in order of precedence, refused with every fault named, and all written down."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ivr.config import PROJECT, Settings, load
from ivr.hours import Span

DOCUMENT = (PROJECT / "docs" / "settings.md").read_text(encoding="utf-8")
BELOW = {"accounts.fund_query", "accounts.loan_query", "accounts.password_query"}
"""Their defaults are too long for a table's row and stand below it."""


def leaves(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every setting by its dotted name; tables within it are followed."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        several = next((each for each in get_args(kind) if _is_table(each)), None)
        if _is_table(kind):
            yield from leaves(kind, f"{path}{name}.")
        elif several is not None:
            yield from leaves(several, f"{path}{name}[].")
        else:
            yield f"{path}{name}", field


def _is_table(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def shown(name: str, field: FieldInfo) -> str:
    """A default as the document shows it."""
    value = field.get_default(call_default_factory=True)
    if name in BELOW:
        return "见下"
    if field.is_required():
        return "必填"
    if value is None:
        return "无"
    if isinstance(value, Path):
        return f"`{value.relative_to(PROJECT)}`"
    return f"`{json.dumps(_plain(value), ensure_ascii=False)}`"


def _plain(value: object) -> object:
    if isinstance(value, Span):
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in value)
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def test_every_setting_is_written_down_with_its_default() -> None:
    rows = {f"| `{name}` | {shown(name, field)} |" for name, field in leaves(Settings)}
    lacking = sorted(row for row in rows if row not in DOCUMENT)
    assert lacking == [], f"add to docs/settings.md, with its meaning: {lacking}"
    for query in (Settings().accounts.fund_query, Settings().accounts.loan_query):
        assert query in DOCUMENT


def test_no_setting_is_written_down_that_is_not_there() -> None:
    named = re.findall(r"^\| `([a-z_.\[\]]+)` \|", DOCUMENT, re.M)
    known = {name for name, _ in leaves(Settings)}
    assert [name for name in named if name not in known] == []


def test_the_example_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_SETTINGS", str(PROJECT / "deploy" / "settings.example.toml"))
    settings = load()
    assert [trunk.name for trunk in settings.trunks] == ["carrier", "backup"]
    assert ":id18" in settings.accounts.fund_query
    assert [phone.extension for phone in settings.agents.phones] == ["6001", "6002"]


def test_the_example_of_an_edge_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    example = PROJECT / "deploy" / "kamailio" / "settings.example.toml"
    monkeypatch.setenv("IVR_SETTINGS", str(example))
    edge = load().edge
    assert edge is not None
    assert [cell.name for cell in edge.cells] == ["hz-1", "hz-2", "nb-1", "nb-2"]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file in a home folder of the test's own."""
    monkeypatch.delenv("IVR_SETTINGS", raising=False)
    monkeypatch.setenv("IVR_HOME", str(tmp_path))
    return tmp_path / "settings.toml"


def test_the_environment_goes_before_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("sip_port = 5070\nari_port = 8098\n[patience]\nfailures = 5\n")
    monkeypatch.setenv("IVR_SIP_PORT", "5080")
    monkeypatch.setenv("IVR_PATIENCE__FIRST_KEY_SECONDS", "12")
    settings = load()
    assert (settings.home, settings.sip_port, settings.ari_port) == (file.parent, 5080, 8098)
    assert (settings.patience.failures, settings.patience.first_key_seconds) == (5, 12)


def test_secrets_are_not_shown(file: Path) -> None:
    file.write_text('ari_password = "hush"\n[accounts]\nurl = "postgresql+psycopg://u:hush@h/d"\n')
    assert "hush" not in repr(load())
