"""话术: changed and heard by one, approved by another, heard by callers, and taken back."""

from __future__ import annotations

import json
import re
import time
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.rights import Role
from ivr.config import Settings, SpeechSettings
from ivr.people.audit import Audit
from ivr.speech import contract, numbers, publications
from prompt_build import choosing, sets
from prompt_build.studio.drafts import HELD, Drafts, Refused
from tests.console.visiting import Console, Visitor
from tests.contracts import contract_of
from tests.prompt_build import humming
from tests.prompt_build.smallset import CATALOG, EXAMPLES, build_set, write_catalog

WORDS = '# 本市\n[prompts.line]\ngoodbye = "再见，慢走。"  # 短\n'
NEW = "感谢您的来电，祝您一切都好。"


@pytest.fixture
def settings(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A line with a published set of few sentences, whose voice hums."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(humming.SPOKEN, str(tmp_path / "spoken.txt"))
    monkeypatch.setattr(contract, "CONTRACT", contract_of(CATALOG))
    few = {name: text for name, text in numbers.inventory().items() if name in EXAMPLES}
    monkeypatch.setattr(numbers, "inventory", lambda: few)
    monkeypatch.setattr(choosing, "choose", lambda settings, remembered: humming.engine())
    line = settings.model_copy(
        update={
            "catalog": write_catalog(tmp_path),
            "audio": tmp_path / "audio",
            "speech": SpeechSettings(formats=("alaw",)),
        }
    )
    sets.publish(line.audio, build_set(line.catalog, line.audio))
    return line


@pytest.fixture
def editor(console: Console) -> Visitor:
    return console.signed_in("编辑", Role.EDITOR)


@pytest.fixture
def second(console: Console) -> Visitor:
    return console.signed_in("值班", Role.LEADER)


def digest(visitor: Visitor) -> str:
    found = re.search(r'name="digest" value="(\w+)"', visitor.get("/words/draft").text)
    assert found
    return found[1]


def published(visitor: Visitor, **form: str) -> None:
    """As they wish it, made to its end."""
    begun = visitor.post("/words/draft/publish", {"digest": digest(visitor), **form})
    assert begun.status == 303, begun.text
    while json.loads(visitor.get("/words/draft/progress").text)["runs"]:
        time.sleep(0.02)
    assert "没有办成" not in visitor.get("/words/draft").text


def heard(settings: Settings, prompt: str = "line.goodbye") -> str:
    manifest = sets.published(settings.audio) or {}
    return "".join(
        manifest["prompts"][piece["clip"]]["text"]
        for piece in manifest["scripts"][prompt]
        if "clip" in piece
    )


def test_from_the_change_to_the_caller_and_back(
    settings: Settings, editor: Visitor, second: Visitor
) -> None:
    settings.words_file.write_text(WORDS, encoding="utf-8")
    shown = editor.get("/words/edit/line.goodbye")
    assert "words.zh.toml 第 3 行" in shown.text
    assert editor.post("/words/edit/line.goodbye", {"text": NEW}).location == "/words/draft"
    assert settings.words_file.read_text("utf-8") == WORDS, "a draft changes nothing"
    assert "<ins>" in editor.get("/words/draft").text
    refused = editor.post("/words/draft/publish", {"why": "新年", "digest": digest(editor)})
    assert "还没有另一位同事批准" in refused.text
    assert (
        editor.post("/words/draft/submit", {"why": "新年", "digest": digest(editor)}).status == 303
    )
    own = editor.post("/words/draft/approve", {"digest": digest(editor)})
    assert "自己改的不能自己批准" in own.text
    assert second.post("/words/draft/approve", {"digest": digest(second)}).status == 303
    published(editor, why="新年")
    assert heard(settings) == NEW
    assert settings.words_file.read_text("utf-8") == WORDS.replace("再见，慢走。", NEW)
    last = publications.read(settings.audio)[-1]
    assert (last.who, last.why, last.how) == ("编辑", "新年", "publish")
    assert editor.get("/words/draft").text.count("<ins>") == 0
    assert second.post("/words/go-back/1", {"why": "念错了"}).status == 303
    assert heard(settings) == "感谢您的来电，再见。"
    assert [
        each.action for each in Audit.of(settings.home).entries() if "words" in each.action
    ] == [
        "words changed",
        "words published",
        "words submitted",
        "words approved",
        "words approved",
        "words published",
        "words rolled back",
    ]


def test_what_is_typed_is_checked_and_read(editor: Visitor) -> None:
    editor.get("/words/edit/line.goodbye")
    told = editor.post("/words/edit/line.goodbye/check", {"text": "限额12元（元）"}).text
    assert "数字 12 没有写明怎么读" in told
    assert "念不出来" in told
    told = editor.post("/words/edit/line.goodbye/check", {"text": "请还款。"}).text
    assert "没有错" in told
    assert "<rt>huan2 kuan3</rt>" in told
    assert (
        "<script>" not in editor.post("/words/edit/line.goodbye/check", {"text": "<script>"}).text
    )


def test_a_fault_is_not_kept_and_what_was_typed_is_not_lost(
    settings: Settings, editor: Visitor
) -> None:
    editor.get("/words/edit/line.goodbye")
    answer = editor.post("/words/edit/line.goodbye", {"text": "限额12元"})
    assert answer.status == 422
    assert "限额12元" in answer.text
    assert Drafts(settings).now().changes == {}


def test_a_sentence_is_heard_and_nothing_goes_on_air(settings: Settings, editor: Visitor) -> None:
    editor.get("/words/edit/line.goodbye")
    before = sorted(settings.audio.rglob("*"))
    answer = editor.post("/words/edit/line.goodbye/hear", {"text": NEW})
    assert answer.headers["Content-Type"] == "audio/wav"
    assert sorted(settings.audio.rglob("*")) == before


def test_whoever_types_has_the_sentence_until_they_forget_it(
    console: Console, settings: Settings, editor: Visitor
) -> None:
    other = console.signed_in("李强", Role.EDITOR)
    editor.get("/words/edit/line.goodbye")
    editor.post("/words/edit/line.goodbye/check", {"text": "再见"})
    shown = other.get("/words/edit/line.goodbye").text
    assert "编辑 从" in shown
    assert "编辑 正在改" in other.get("/words").text
    assert other.post("/words/edit/line.goodbye", {"text": NEW}).status == 422
    later = datetime.now(UTC) + HELD + timedelta(seconds=1)
    Drafts(settings).hold("line.goodbye", "李强", later)
    with pytest.raises(Refused, match="李强"):
        Drafts(settings).hold("line.goodbye", "编辑", later)


def test_somebody_takes_over_and_it_stands_in_the_trail(
    console: Console, settings: Settings, editor: Visitor
) -> None:
    other = console.signed_in("李强", Role.EDITOR)
    editor.get("/words/edit/line.goodbye")
    editor.post("/words/edit/line.goodbye/check", {"text": "再见"})
    other.get("/words/edit/line.goodbye")
    assert other.post("/words/edit/line.goodbye/take").status == 303
    assert other.post("/words/edit/line.goodbye", {"text": NEW}).status == 303
    taken = [e for e in Audit.of(settings.home).entries() if e.action == "words taken over"]
    assert [(each.token, each.operator, each.reason) for each in taken] == [
        ("line.goodbye", "李强", "编辑")
    ]


def test_a_change_by_hand_appears_and_what_both_changed_is_decided(
    settings: Settings, editor: Visitor
) -> None:
    editor.get("/words/edit/line.goodbye")
    editor.post("/words/edit/line.goodbye", {"text": NEW})
    settings.words_file.write_text(WORDS, encoding="utf-8")
    shown = editor.get("/words/draft").text
    assert "在文件里也被人改过" in shown
    assert "再见，慢走。" in shown
    assert NEW in shown
    assert editor.post("/words/draft/settle/line.goodbye", {"keep": "draft"}).status == 303
    proposal = Drafts(settings).proposal()
    assert proposal.conflicts == ()
    assert tomllib.loads(proposal.text)["prompts"]["line"]["goodbye"] == NEW
    assert settings.words_file.read_text("utf-8") == WORDS


def test_an_approval_is_for_what_was_seen(
    settings: Settings, editor: Visitor, second: Visitor
) -> None:
    editor.get("/words/edit/line.goodbye")
    editor.post("/words/edit/line.goodbye", {"text": NEW})
    editor.post("/words/draft/submit", {"why": "新年", "digest": digest(editor)})
    seen = digest(second)
    second.post("/words/draft/approve", {"digest": seen})
    settings.words_file.write_text(
        '[information.4.1]\ntext = "都不低于百分之六。"\n', encoding="utf-8"
    )
    answer = editor.post("/words/draft/publish", {"why": "新年", "digest": seen})
    assert "又有变动" in answer.text
    answer = editor.post("/words/draft/publish", {"why": "新年", "digest": digest(editor)})
    assert "还没有另一位同事批准" in answer.text
    assert heard(settings) == "感谢您的来电，再见。"


def test_without_the_second_person_one_publishes_alone(settings: Settings) -> None:
    alone = settings.model_copy(
        update={"console": settings.console.model_copy(update={"second_person": False})}
    )
    console = Console(alone)
    editor = console.signed_in("编辑", Role.EDITOR)
    editor.get("/words/edit/line.goodbye")
    editor.post("/words/edit/line.goodbye", {"text": NEW})
    assert editor.post("/words/draft/publish", {"digest": digest(editor)}).status == 422
    published(editor, why="新年")
    assert heard(alone) == NEW
    console.close()


@pytest.mark.parametrize(
    "name", ["nothing.there", "..%2f..%2fetc%2fpasswd", "line", "information", "%00", "a" * 5000]
)
def test_what_is_no_sentence_cannot_be_changed(editor: Visitor, name: str) -> None:
    assert editor.get(f"/words/edit/{name}").status in (400, 404)
    assert editor.post(f"/words/edit/{name}", {"text": NEW}).status in (400, 404, 422)


def test_too_much_is_refused_before_it_is_read(settings: Settings, editor: Visitor) -> None:
    editor.get("/words/edit/line.goodbye")
    told = editor.post("/words/edit/line.goodbye/check", {"text": "字" * 4001}).text
    assert "太长了" in told
    assert editor.post("/words/edit/line.goodbye", {"text": "字" * 1_000_000}).status == 413
    assert Drafts(settings).now().changes == {}


def test_nothing_that_was_never_heard_is_gone_back_to(editor: Visitor) -> None:
    editor.get("/words/draft")
    assert "没有播出过" in editor.post("/words/go-back/7", {"why": "试"}).text
    assert editor.post("/words/go-back/..%2f1", {"why": "试"}).status == 404


@pytest.fixture(autouse=True)
def _no_leftovers(tmp_path: Path) -> Iterator[None]:
    yield
    assert not list(tmp_path.glob(".words*")), "no scratch file stays"
