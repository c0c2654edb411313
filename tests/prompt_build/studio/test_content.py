"""The page's content: everything in its place in the call, and marked when somebody must act."""

from __future__ import annotations

import json
from datetime import date

import pytest

from ivr.config import PROJECT, Settings
from ivr.speech import contract
from ivr.speech.contract import CONTRACT as REAL
from prompt_build import sets
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import source_of
from prompt_build.studio.content import Entry, Mark, Page, Piece, page
from prompt_build.studio.looking import look
from tests.contracts import contract_of
from tests.prompt_build.smallset import CATALOG, build_set, write_catalog

TODAY = date(2026, 11, 25)


def shown(settings: Settings, today: date = TODAY) -> Page:
    return page(look(settings), today)


def entries(of: Page) -> dict[str, Entry]:
    return {entry.name: entry for section in of.sections for entry in section.all()}


def rewrite(settings: Settings, before: str, after: str) -> None:
    assert before in CATALOG
    write_catalog(settings.catalog.parent, CATALOG.replace(before, after))


def words(pieces: tuple[Piece, ...]) -> str:
    return "".join(piece.words for piece in pieces)


def test_sections_follow_the_call(published: Settings) -> None:
    sections = shown(published).sections
    assert [(each.key, each.title) for each in sections] == [
        ("", "接通和主菜单"),
        ("1", "公积金余额查询"),
        ("4", "政策"),
        ("7", "退出查询"),
    ]
    assert [entry.path for entry in sections[2].all()] == ["4", "4 1"]


def test_a_menu_below_a_menu_has_a_section_of_its_own(empty: Settings) -> None:
    deeper = CATALOG.replace("[information.4.1]", "[information.4.1.1]") + (
        '[information.4.1]\ntitle = "缴存"\nmenu = "对象请按一，返回上层查询请按星号键。"\n'
    )
    write_catalog(empty.catalog.parent, deeper)
    policies = next(each for each in shown(empty).sections if each.key == "4")
    (deposits,) = policies.branches
    assert [entry.name for entry in policies.entries] == ["information.4"]
    assert [entry.name for entry in deposits.entries] == ["information.4.1", "information.4.1.1"]


def test_the_whole_real_catalog_is_shown_once(
    empty: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract, "CONTRACT", REAL)
    real = empty.model_copy(update={"catalog": PROJECT / "scripts.zh.toml"})
    found = [entry.name for section in shown(real).sections for entry in section.all()]
    assert sorted(found) == sorted(load(source_of(real)).prompts)


def test_before_the_first_build_everything_waits(empty: Settings) -> None:
    content = shown(empty)
    assert content.counts["all"] == content.counts["stale"] == 5
    assert all(entry.take is None for entry in entries(content).values())


def test_a_published_set_has_sounds_and_no_marks(published: Settings) -> None:
    content = shown(published)
    assert content.counts == {"all": 5, "stale": 0, "changed": 0, "due": 0, "loud": 0}
    take = entries(content)["line.goodbye"].take
    assert take is not None
    assert take.sound == "sets/1/line.goodbye.wav"
    assert take.levels == "−19.9"


def test_values_of_the_call_are_examples(published: Settings) -> None:
    readout = entries(shown(published))["account.readout"]
    assert [piece.example_of for piece in readout.pieces] == ["", "paid_to", "", "balance"]
    assert readout.pieces[1].words == "二零二六年十月"
    assert readout.take is not None
    assert readout.take.seconds > 2.7, "the numbers count"


def test_a_new_wording_is_stale_beside_what_callers_hear(published: Settings) -> None:
    rewrite(published, "感谢您的来电", "感谢来电")
    goodbye = entries(shown(published))["line.goodbye"]
    assert goodbye.marks == (Mark.STALE,)
    assert goodbye.take is None
    assert words(goodbye.pieces) == "感谢来电，再见。"
    (heard,) = goodbye.others
    assert heard.label == "来电人现在听到的"
    assert words(heard.pieces) == "感谢您的来电，再见。"
    assert heard.take is not None


def test_a_new_reading_of_the_same_words_is_stale(published: Settings) -> None:
    said = 'hints = { "再见" = "zai4 jian5" }'
    rewrite(published, '"感谢您的来电，再见。"', f'{{ text = "感谢您的来电，再见。", {said} }}')
    assert entries(shown(published))["line.goodbye"].marks == (Mark.STALE,)


def test_a_draft_differs_from_the_published(published: Settings) -> None:
    rewrite(published, "感谢您的来电", "感谢来电")
    build_set(published.catalog, published.audio)
    goodbye = entries(shown(published))["line.goodbye"]
    assert goodbye.marks == (Mark.CHANGED,)
    assert goodbye.take is not None
    assert goodbye.take.sound == "sets/2/line.goodbye.wav"
    assert [other.take.sound for other in goodbye.others if other.take] == [
        "sets/1/line.goodbye.wav"
    ]


def test_three_wordings_at_once(published: Settings) -> None:
    rewrite(published, "感谢您的来电", "感谢来电")
    build_set(published.catalog, published.audio)
    rewrite(published, "感谢您的来电", "谢谢")
    goodbye = entries(shown(published))["line.goodbye"]
    assert goodbye.marks == (Mark.STALE, Mark.CHANGED)
    assert [other.label for other in goodbye.others] == ["上次生成的", "来电人现在听到的"]


def test_a_removed_sentence_is_still_heard(
    published: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program says it no more, and neither does the catalog."""
    removed_lines = '[prompts.line]\ngoodbye = "感谢您的来电，再见。"\n'
    monkeypatch.setattr(contract, "CONTRACT", contract_of(CATALOG.replace(removed_lines, "")))
    rewrite(published, removed_lines, "")
    (removed,) = shown(published).removed
    assert removed.label == "line.goodbye"
    assert removed.take is not None


@pytest.mark.parametrize(
    ("today", "due", "expired"),
    [
        (date(2027, 3, 31), False, False),
        (date(2027, 4, 1), True, False),
        (date(2027, 5, 1), True, True),
    ],
)
def test_reviews_fall_due_a_month_before(
    published: Settings, today: date, due: bool, expired: bool
) -> None:
    entry = entries(shown(published, today))["information.4.1"]
    assert (Mark.DUE in entry.marks, entry.expired) == (due, expired)


def test_a_level_that_is_off_is_marked(published: Settings) -> None:
    manifest = sets.load(published.audio, 1)
    recipe = manifest["prompts"]["line.goodbye"]["recipe"]
    measures = published.audio / "clips" / recipe[:2] / f"{recipe}.json"
    measures.write_text(json.dumps({**json.loads(measures.read_text()), "level_dbov": -22.0}))
    assert entries(shown(published))["line.goodbye"].marks == (Mark.LOUD,)


def test_a_lost_clip_takes_its_player_away_and_nothing_else(published: Settings) -> None:
    for measures in (published.audio / "clips").rglob("*.json"):
        measures.unlink()
    content = entries(shown(published))
    assert len(content) == 5
    assert all(entry.take is None for entry in content.values())


def test_a_faulty_catalog_is_named_and_the_set_shown(published: Settings) -> None:
    rewrite(published, "请按四，", "")
    content = shown(published)
    (fault,) = content.faults
    assert "请按四" in fault
    assert content.counts["all"] == 5
    assert entries(content)["main.menu"].take is not None
