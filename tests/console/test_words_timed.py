"""Words that come by themselves, publications nobody looks at, tables from departments."""

from __future__ import annotations

import html
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from console.publishing import Publishing
from console.rights import Role
from console.studio import Studio
from ivr.cli.commands import app
from ivr.config import Settings, SpeechSettings
from ivr.hours import BEIJING
from ivr.people.audit import Audit
from ivr.speech import contract, numbers, publications
from ivr.speech.publications import Timed
from prompt_build import sets
from prompt_build.build import BuildFailed, Progress
from prompt_build.catalog.source import Source, source_of
from prompt_build.studio import exchange, office, publishing, timing
from prompt_build.studio.drafts import Drafts, Refused
from tests.console.visiting import Answer, Console, Visitor
from tests.contracts import contract_of
from tests.prompt_build.smallset import CATALOG, EXAMPLES, build_set, set_of, write_catalog

BYE, RATE = "line.goodbye", "information.4.1"
USUAL, FEAST, NEW = "感谢您的来电，再见。", "祝您节日快乐，再见。", "祝您一切都好。"
DAY = timedelta(days=1)


@dataclass
class Voice:
    """Makes sets without speaking; it can be held up, and can fail."""

    settings: Settings
    open_: threading.Event = field(default_factory=threading.Event)
    fails: str = ""

    def __call__(self, source: Source) -> int:
        number = set_of(source, self.settings.audio)
        if self.fails:
            raise BuildFailed(self.fails)
        return number

    def making(self, _: Settings, progress: Progress | None = None) -> timing.Make:
        def make(source: Source) -> int:
            for done in range(3):
                if progress is not None:
                    progress(done, 3, "您好")
                while not self.open_.wait(0.01):
                    if progress is not None:
                        progress(done, 3, "您好")
            return self(source)

        return make


@pytest.fixture
def settings(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A line with a published set of few sentences; one person publishes alone."""
    monkeypatch.setattr(contract, "CONTRACT", contract_of(CATALOG))
    few = {name: text for name, text in numbers.inventory().items() if name in EXAMPLES}
    monkeypatch.setattr(numbers, "inventory", lambda: few)
    line = settings.model_copy(
        update={
            "catalog": write_catalog(tmp_path),
            "audio": tmp_path / "audio",
            "speech": SpeechSettings(formats=("alaw",)),
            "console": settings.console.model_copy(update={"second_person": False}),
        }
    )
    sets.publish(line.audio, build_set(line.catalog, line.audio))
    return line


@pytest.fixture
def voice(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Voice]:
    made = Voice(settings)
    made.open_.set()
    monkeypatch.setattr(publishing, "making", made.making)
    yield made
    made.open_.set()


@pytest.fixture
def editor(console: Console, voice: Voice) -> Visitor:
    return console.signed_in("编辑", Role.EDITOR)


def digest(visitor: Visitor) -> str:
    found = re.search(r'name="digest" value="(\w+)"', visitor.get("/words/draft").text)
    return found[1] if found else ""


def change(visitor: Visitor, name: str, text: str) -> None:
    visitor.get(f"/words/edit/{name}")
    answer = visitor.post(f"/words/edit/{name}", {"text": text})
    assert answer.status == 303, answer.text


def publish(visitor: Visitor, **form: str) -> None:
    begin(visitor, **form)
    wait(visitor)
    assert "没有办成" not in visitor.get("/words/draft").text


def begin(visitor: Visitor, **form: str) -> None:
    answer = visitor.post("/words/draft/publish", {"why": "试", "digest": digest(visitor), **form})
    assert answer.status == 303, answer.text


def wait(visitor: Visitor) -> None:
    while json.loads(visitor.get("/words/draft/progress").text)["runs"]:
        time.sleep(0.01)


def written(moment: datetime) -> str:
    """As a browser's field gives it."""
    return moment.astimezone(BEIJING).strftime("%Y-%m-%dT%H:%M")


def heard(settings: Settings, moment: datetime, prompt: str = BYE) -> str:
    manifest = sets.published(settings.audio, moment) or {}
    clips = (each["clip"] for each in manifest["scripts"][prompt])
    return "".join(manifest["prompts"][clip]["text"] for clip in clips)


# --- dates ------------------------------------------------------------------------------------


def test_words_come_at_their_moment_and_the_file_follows(
    settings: Settings, editor: Visitor
) -> None:
    now = datetime.now(UTC)
    change(editor, BYE, NEW)
    publish(editor, since=written(now + DAY), why="明天起")
    assert (heard(settings, now), heard(settings, now + 2 * DAY)) == (USUAL, NEW)
    shown = editor.get("/words/draft").text
    assert f"{publications.clock(now + DAY)} 起播第 2 版" in shown
    assert shown.count("排定") == 0, "callers went on hearing the same"
    assert "起播第 2 版" in editor.get("/words").text
    assert Drafts(settings).now().changes == {}
    assert not settings.words_file.exists(), "those who call today hear what the file says"
    timing.settle(settings, now + 2 * DAY)
    assert NEW in settings.words_file.read_text("utf-8")
    settings.words_file.write_text("", encoding="utf-8")
    timing.settle(settings, now + 3 * DAY)
    assert settings.words_file.read_text("utf-8") == "", "once: it is anybody's file again"


def test_words_for_a_time_go_by_themselves_and_never_into_the_file(
    settings: Settings, editor: Visitor
) -> None:
    now = datetime.now(UTC)
    change(editor, BYE, FEAST)
    publish(editor, until=written(now + DAY))
    assert heard(settings, datetime.now(UTC)) == FEAST
    assert heard(settings, now + 2 * DAY) == USUAL
    timing.settle(settings, now + 2 * DAY)
    assert not settings.words_file.exists()
    assert "限时的" in editor.get("/words/draft").text


def test_what_is_published_meanwhile_is_heard_in_the_feast_and_after(
    settings: Settings, editor: Visitor
) -> None:
    """Two sets are made of one change: with the words of the feast, and without."""
    now = datetime.now(UTC)
    change(editor, BYE, FEAST)
    publish(editor, until=written(now + 2 * DAY))
    change(editor, RATE, "都不低于百分之六。")
    shown = editor.get("/words/draft").text
    assert shown.count("<ins>") == 1, "the feast is no part of this change"
    publish(editor)
    for moment, said in ((datetime.now(UTC), FEAST), (now + 3 * DAY, USUAL)):
        assert heard(settings, moment) == said
        assert heard(settings, moment, RATE) == "都不低于百分之六。"


def test_what_is_published_meanwhile_is_not_lost_when_the_plan_comes(
    settings: Settings, editor: Visitor
) -> None:
    now = datetime.now(UTC)
    change(editor, BYE, NEW)
    publish(editor, since=written(now + 2 * DAY))
    change(editor, RATE, "都不低于百分之六。")
    publish(editor, since=written(now + DAY))
    publish_by_hand(settings, editor)
    late = now + 3 * DAY
    assert (heard(settings, late), heard(settings, late, RATE)) == (NEW, "都不低于百分之六。")
    assert heard(settings, datetime.now(UTC), "main.menu").startswith("查公积金余额")
    assert heard(settings, late, "main.menu").startswith("查公积金余额")


def publish_by_hand(settings: Settings, editor: Visitor) -> None:
    """A change that somebody made in the file itself."""
    settings.words_file.write_text(
        '[prompts.main.menu]\ntext = "查公积金余额请按一，政策请按四，退出查询请按七。"\n', "utf-8"
    )
    publish(editor)


def test_one_within_another(settings: Settings, editor: Visitor) -> None:
    now = datetime.now(UTC)
    change(editor, RATE, "都不低于百分之六。")
    publish(editor, since=written(now + DAY), until=written(now + 9 * DAY))
    change(editor, BYE, FEAST)
    publish(editor, since=written(now + 3 * DAY), until=written(now + 5 * DAY))
    days = [now + n * DAY for n in (2, 4, 6, 10)]
    assert [heard(settings, day) for day in days] == [USUAL, FEAST, USUAL, USUAL]
    assert [heard(settings, day, RATE)[-3:] for day in days] == ["之六。"] * 3 + ["之五。"]


@pytest.mark.parametrize(
    ("since", "until", "why"),
    [
        (timedelta(hours=-2), None, "已经过了"),
        (DAY, DAY, "不在开始"),
        (2 * DAY, 12 * DAY, "交错"),
        (2 * DAY, None, "交错"),
    ],
)
def test_times_that_make_no_sense_are_told_before_anything_is_made(
    settings: Settings, editor: Visitor, since: timedelta, until: timedelta | None, why: str
) -> None:
    now = datetime.now(UTC)
    change(editor, RATE, "都不低于百分之六。")
    publish(editor, since=written(now + DAY), until=written(now + 9 * DAY))
    change(editor, BYE, FEAST)
    form = {"why": "试", "digest": digest(editor), "since": written(now + since)}
    form |= {"until": written(now + until)} if until else {}
    answer = editor.post("/words/draft/publish", form)
    assert answer.status == 422
    assert why in answer.text
    assert "不是时间" in editor.post("/words/draft/publish", {**form, "since": "明天"}).text
    assert sets.numbers_of(settings.audio) == [1, 2]


def test_a_plan_is_taken_back_and_its_words_are_a_draft_again(
    settings: Settings, editor: Visitor
) -> None:
    now = datetime.now(UTC)
    change(editor, BYE, NEW)
    publish(editor, since=written(now + DAY))
    assert editor.post("/words/draft/withdraw/2", {"why": ""}).status == 422
    assert editor.post("/words/draft/withdraw/2", {"why": "推迟"}).status == 303
    assert heard(settings, now + 2 * DAY) == USUAL
    assert Drafts(settings).now().changes[BYE].entry == NEW
    assert "没有排" in editor.post("/words/draft/withdraw/2", {"why": "推迟"}).text
    assert "words withdrawn" in [each.action for each in Audit.of(settings.home).entries()]


def test_what_the_file_says_by_hand_is_not_overwritten_when_the_plan_comes(
    settings: Settings, editor: Visitor
) -> None:
    now = datetime.now(UTC)
    change(editor, BYE, NEW)
    publish(editor, since=written(now + DAY))
    settings.words_file.write_text('[prompts.line]\ngoodbye = "回见。"\n', encoding="utf-8")
    timing.settle(settings, now + 2 * DAY)
    assert "回见。" in settings.words_file.read_text("utf-8")
    (conflict,) = Drafts(settings).proposal().conflicts
    assert (conflict.name, conflict.file, conflict.draft) == (BYE, "回见。", NEW)


def test_the_command_line_does_and_shows_the_same(
    settings: Settings, editor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_HOME", str(settings.home))
    monkeypatch.setenv("IVR_CATALOG", str(settings.catalog))
    monkeypatch.setenv("IVR_AUDIO", str(settings.audio))

    def ivr(*words: str) -> str:
        return CliRunner().invoke(app, words).output

    change(editor, BYE, FEAST)
    publish(editor, since="2999-10-01T00:00", until="2999-10-08T00:00", why="国庆")
    assert "2999-10-01 00:00 起播第 2 版，到 2999-10-08 00:00：国庆" in ivr("prompts", "log")
    assert "2999-10-08 00:00 起播第 1 版" in ivr("prompts", "log")
    assert "接下来  话术  2999-10-01 00:00 起播第 2 版" in ivr("night")
    assert "set 2: withdrawn" in ivr("prompts", "withdraw", "2", "--why", "推迟")
    assert Drafts(settings).now().changes[BYE].entry == FEAST
    scheduled = ivr("prompts", "publish", "2", "--from", "2999-12-31 08:00", "--why", "新年")
    assert scheduled == "set 2: scheduled\n2999-12-31 08:00 起播第 2 版：新年\n"
    shown = editor.get("/words/draft").text
    assert "按版号排的" in shown
    refused = CliRunner().invoke(app, ["prompts", "publish", "2", "--from", "2001-01-01 08:00"])
    assert "已经过了" in str(refused.exception)


def test_the_page_turns_with_the_line(settings: Settings) -> None:
    settings.words_file.write_text(f'[prompts.line]\ngoodbye = "{FEAST}"\n', encoding="utf-8")
    number = set_of(source_of(settings), settings.audio)
    studio, now = Studio(settings), datetime.now(UTC)
    until = now.replace(microsecond=0) + timedelta(seconds=6)
    sets.schedule(settings.audio, Timed(number, now, until), now)
    shown = []
    while not shown or shown[-1] != 1:
        page = studio.view(now.date()).page
        shown.append((page.published or {})["set"])
        time.sleep(0.05)
    assert set(shown) == {number, 1}
    assert datetime.now(UTC) >= until


# --- on its way -------------------------------------------------------------------------------


def test_a_publication_goes_on_while_nobody_looks(
    console: Console, settings: Settings, editor: Visitor, voice: Voice
) -> None:
    voice.open_.clear()
    change(editor, BYE, NEW)
    begin(editor)
    again = editor.post("/words/draft/publish", {"why": "再来", "digest": digest(editor)})
    assert "正在发布" in again.text
    other = console.signed_in("值班", Role.LEADER)
    assert "正在发布" in other.get("/words/draft").text
    told = json.loads(other.get("/words/draft/progress").text)
    assert told == {"runs": True, "made": 0, "of": 3, "says": "您好"}
    change(editor, RATE, "都不低于百分之六。")
    voice.open_.set()
    wait(other)
    assert heard(settings, datetime.now(UTC)) == NEW
    assert "第 2 版做好了" in other.get("/words/draft").text
    left = Drafts(settings).now().changes
    assert list(left) == [RATE], "what was changed meanwhile is still a draft"


def test_the_same_sentence_changed_meanwhile_is_no_conflict(
    settings: Settings, editor: Visitor, voice: Voice
) -> None:
    voice.open_.clear()
    change(editor, BYE, NEW)
    begin(editor)
    change(editor, BYE, FEAST)
    voice.open_.set()
    wait(editor)
    assert heard(settings, datetime.now(UTC)) == NEW
    proposal = Drafts(settings).proposal()
    assert proposal.conflicts == ()
    assert FEAST in proposal.text


def test_a_publication_that_fails_says_so_to_whoever_comes_and_changes_nothing(
    settings: Settings, editor: Visitor, voice: Voice
) -> None:
    voice.fails = "line.goodbye: 念不出来"
    change(editor, BYE, NEW)
    begin(editor)
    wait(editor)
    assert "念不出来" in editor.get("/words/draft").text
    assert heard(settings, datetime.now(UTC)) == USUAL
    assert Drafts(settings).now().changes[BYE].entry == NEW
    kept = Publishing(settings.home).now()
    assert kept is not None
    assert "念不出来" in kept.fault, "also after a restart"


def test_a_console_that_ends_meanwhile_publishes_nothing_and_says_so(
    settings: Settings, voice: Voice
) -> None:
    voice.open_.clear()
    ending = Publishing(settings.home)

    def work(progress: Progress) -> int:
        return voice.making(settings, progress)(source_of(settings))

    ending.begin(work, (), "编辑", "试")
    with pytest.raises(Refused, match="正在发布"):
        ending.begin(work, (), "编辑", "试")
    killed = Publishing(settings.home).now()
    assert killed is not None
    assert "控制台停了" in killed.fault, "one that was killed is no more on its way"
    ending.end()
    after = Publishing(settings.home).now()
    assert after is not None
    assert "控制台停了" in after.fault


# --- tables of departments --------------------------------------------------------------------


def upload(visitor: Visitor, content: bytes, name: str = "话术.docx") -> Answer:
    visitor.get("/words/exchange")
    return visitor.upload("/words/exchange", "file", name, content)


def carried(answer: Answer) -> str:
    found = re.search(r'name="carried" value="([^"]*)"', answer.text)
    assert found, answer.text
    return html.unescape(found[1])


@pytest.mark.parametrize("ending", ["docx", "xlsx"])
def test_a_department_gets_a_table_and_what_it_sends_back_becomes_a_draft(
    settings: Settings, editor: Visitor, ending: str
) -> None:
    head, content = editor.take(f"/words/exchange/words.{ending}?part=information.4")
    assert f".{ending}" in head["Content-Disposition"]
    assert office.read(content).rows[1].cells[0] == RATE
    rows = [list(each.cells) for each in office.read(content).rows]
    rows[1][2] = "都不低于百分之六。"
    shown = upload(editor, exchange.document(rows, ending))
    assert shown.status == 200
    assert "<ins>百分之六</ins>" in shown.text
    assert Drafts(settings).now().changes == {}, "shown before it is kept"
    kept = editor.post("/words/exchange/keep", {"carried": carried(shown)})
    assert kept.location == "/words/draft"
    assert Drafts(settings).now().changes[RATE].entry["text"] == "都不低于百分之六。"
    *_, entry = Audit.of(settings.home).entries()
    assert (entry.action, entry.operator) == ("words changed", "编辑")
    assert RATE in entry.reason
    publish(editor)
    assert heard(settings, datetime.now(UTC), RATE) == "都不低于百分之六。"


def test_what_is_not_understood_is_told_by_row_and_nothing_is_kept(
    settings: Settings, editor: Visitor
) -> None:
    rows = [list(row) for row in exchange.table(source_of(settings))]
    rows[0][2] = ""
    rows[1][0] = "<b>谁</b>"
    answer = upload(editor, exchange.document(rows, "xlsx"))
    assert answer.status == 422
    assert "第 2 行：" in answer.text
    assert "第 3 行：没有“&lt;b&gt;谁&lt;/b&gt;”这一句" in answer.text
    assert 'name="carried"' not in answer.text
    assert Drafts(settings).now().changes == {}


def test_what_was_shown_is_judged_again_when_it_is_kept(
    settings: Settings, editor: Visitor
) -> None:
    rows = [list(row) for row in exchange.table(source_of(settings)) if row[0] == BYE]
    rows[0][2] = NEW
    shown = carried(upload(editor, exchange.document(rows, "docx")))
    settings.words_file.write_text('[prompts.line]\ngoodbye = "回见。"\n', encoding="utf-8")
    answer = editor.post("/words/exchange/keep", {"carried": shown})
    assert answer.status == 422
    assert "导出以后这一句改过" in answer.text
    for odd in ("", "[", "[[1]]", "[3]", '{"a": 1}', "[[null, 1, 2]]"):
        assert editor.post("/words/exchange/keep", {"carried": odd}).status == 422
    assert Drafts(settings).now().changes == {}


@pytest.mark.parametrize(
    ("content", "status"), [(b"%PDF-1.7", 422), (bytes(1_100_000), 413), (b"", 422)]
)
def test_other_files(editor: Visitor, content: bytes, status: int) -> None:
    assert upload(editor, content, "../../etc/passwd").status == status


def test_a_department_gets_no_other_files(editor: Visitor) -> None:
    for odd in ("words.toml", "words.exe", "words.docx?part=../accounts", "words.docx?part=x"):
        assert editor.get(f"/words/exchange/{odd}").status == 404


def test_the_command_line_exchanges_the_same(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_HOME", str(settings.home))
    monkeypatch.setenv("IVR_CATALOG", str(settings.catalog))
    file, back = tmp_path / "out.docx", tmp_path / "back.docx"

    def ivr(*words: str) -> str:
        done = CliRunner().invoke(app, words)
        return done.output if done.exit_code == 0 else str(done.exception)

    assert "2 句" in ivr("words", "export", str(file), "--part", "information.4")
    assert "已存在" in ivr("words", "export", str(file))
    rows = [list(each.cells) for each in office.read(file.read_bytes()).rows]
    rows[1][2] = "都不低于百分之六。"
    back.write_bytes(exchange.document(rows, "docx"))
    told = ivr("words", "import", str(back))
    assert "+ 都不低于【百分之六】。" in told
    assert Drafts(settings).now().changes == {}
    assert "存进草稿" in ivr("words", "import", str(back), "--yes")
    assert list(Drafts(settings).now().changes) == [RATE]
    rows[1][2] = ""
    back.write_bytes(exchange.document(rows, "docx"))
    assert "第 3 行：句子是空的" in ivr("words", "import", str(back))
    assert "打不开" in ivr("words", "import", str(tmp_path / "none.docx"))
