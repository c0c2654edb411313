"""What people read of the script: all of it, as the code and the catalog have it now."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from ivr.cli.commands import app
from ivr.config import PROJECT
from ivr.speech.prompts import PromptSet
from ivr.stage import callflow
from ivr.stage.callflow import Flow
from ivr.stage.diagram import mermaid
from ivr.stage.script import Script, Spoken, document
from prompt_build.catalog.content import Catalog
from prompt_build.reading import words


@pytest.fixture(scope="module")
def script(catalog: Catalog, spoken: PromptSet, flow: Flow) -> Script:
    sentences = {name: Spoken(words(each), 2.0) for name, each in catalog.prompts.items()}
    return Script(flow, spoken, sentences)


def test_the_diagram_in_the_documents_is_the_one_of_today(script: Script) -> None:
    written = (PROJECT / "docs" / "callflow.md").read_text(encoding="utf-8")
    assert written == mermaid(script), "run `ivr script --mermaid > docs/callflow.md`"


def test_the_document_has_every_sentence(script: Script) -> None:
    text = document(script)
    for name, sentence in script.sentences.items():
        assert sentence.text in text, name


def test_a_title_is_what_the_menu_says_or_what_the_editor_wrote(script: Script) -> None:
    assert script.titles["account.menu"] == "查询公积金余额"
    assert script.titles["information.4.1.1"] == "缴存对象与范围"
    assert script.titles["agent"] == "人工服务"
    assert script.titles["leave"] == "退出查询"


def test_the_keys_to_a_place_are_those_that_lead_there(script: Script) -> None:
    assert script.paths["information.4.1.1"] == "411"
    assert script.paths["loan.help"] == "22"
    assert script.paths["agent"] == "0"


def test_a_place_in_the_document(script: Script) -> None:
    text = document(script)
    start = text.index("## 4-3 ")
    lines = text[start:].split("\n## ")[0].splitlines()
    assert lines[0] == "## 4-3 贷款政策 `information.4.3`"
    assert lines[2].startswith("> 申请条件请按一，贷款额度和首付请按二，")
    assert lines[2].endswith("（2.0 秒）")
    assert lines[4] == "- `1` 申请条件 → 申请条件 `information.4.3.1`"
    assert lines[-1] == "- `*` → 政策 `information.4`"


def test_every_box_that_an_arrow_meets_is_drawn(script: Script) -> None:
    for diagram in re.findall(r"```mermaid\n(.*?)```", mermaid(script), re.S):
        lines = diagram.splitlines()
        assert lines[0] == "flowchart LR"
        boxes = {found[1] for line in lines if (found := re.match(r'  (\w+)\["[^"]+"\]$', line))}
        for line in lines[1:]:
            arrow = re.match(r'  (\w+)\S* -->(\|"[^"|]+"\|)? (\w+)(\(\(\w+\)\))?$', line)
            box = re.match(r'  \w+\["[^"]+"\]$', line)
            assert arrow or box, line
            if arrow and not arrow[4]:
                assert arrow[3] in boxes, line


def test_the_command_prints_both(tmp_path, flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one walk, which is the same for both."""
    monkeypatch.setattr(callflow, "explore", lambda prompts, settings: flow)
    monkeypatch.setenv("IVR_HOME", str(tmp_path))
    monkeypatch.setenv("IVR_AUDIO", str(tmp_path / "audio"))
    printed = CliRunner().invoke(app, ["script"])
    assert printed.exit_code == 0
    assert "已生成 0 句" in printed.stdout
    assert "您的余额为〔一万二千三百四十五元六角七分〕。（未生成）" in printed.stdout
    drawn = CliRunner().invoke(app, ["script", "--mermaid"])
    assert drawn.stdout == (PROJECT / "docs" / "callflow.md").read_text(encoding="utf-8")
