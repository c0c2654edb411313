"""The proof by ear counts syllables and amounts fairly; the recogniser itself is not needed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bench.intelligibility import (
    cents_heard,
    compare,
    distance,
    exact,
    figures,
    random_amounts,
)
from ivr.speech import numbers


def test_the_distance_is_levenshteins() -> None:
    assert distance("kitten", "sitting") == 3
    assert distance("", "abc") == distance("abc", "") == 3
    assert distance("abc", "abc") == 0


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("您好，幺二三二九住房公积金热线为您服务。", "您好,12329住房公积金热线为您服务"),
        ("三十日内，请按一。", "30日内,请按1"),
        ("二零二六年十月", "2026年10月"),
        ("年利率是百分之二点六", "年利率是2.6%"),
        ("限额一千八百元整", "限额1,800元整"),
        ("下限是二千二百元整", "下限是两千二百元整"),
        ("末位是X的", "末位是x的"),
        ("公积金", "工机金"),
        ("余额请按一", "余额请案一"),
        ("零零幺二", "零零一二"),
        ("零零幺二", "零零腰二"),
        ("还款账户", "缓款账户"),
    ],
)
def test_what_sounds_alike_is_no_error(said: str, heard: str) -> None:
    assert compare("", said, heard).wrong == 0


@pytest.mark.parametrize(
    ("said", "heard", "wrong"),
    [
        ("请按一", "请按七", 1),
        ("请按星号键", "请按新号键", 1),
        ("还差三位", "三位", 2),
        ("请按一", "请按腰", 1),
        ("十四", "四十", 2),
        ("百分之五", "15", 3),
    ],
)
def test_what_sounds_otherwise_is(said: str, heard: str, wrong: int) -> None:
    assert compare("", said, heard).wrong == wrong


def test_words_that_sound_alike_are_the_same() -> None:
    assert compare("", "公积金", "攻击金").wrong == 0
    assert compare("", "买", "卖").wrong == 0


@pytest.mark.parametrize(
    ("heard", "cents"),
    [
        ("12345.67元", 1234567),
        ("12,345.67元。", 1234567),
        ("一万二千三百四十五元六角七分", 1234567),
        ("1万2345元6角7分", 1234567),
        ("八万元零五分", 8000005),
        ("80000元05分", 8000005),
        ("300元整", 30000),
        ("三百块", 30000),
        ("二十五万零三十元", 25003000),
        ("谢谢观看", None),
    ],
)
def test_amounts_as_recognisers_write_them(heard: str, cents: int | None) -> None:
    assert cents_heard(heard) == cents


def test_every_amount_is_heard_in_its_own_words_and_no_other() -> None:
    amounts = random_amounts(200)
    for amount, other in zip(amounts, [*amounts[1:], amounts[0]], strict=True):
        said = numbers.read("amount", amount).text
        assert exact("余额为", amount, f"余额为{said}")
        assert exact("余额为", amount, f"鱼河为{amount}元。")
        assert not exact("余额为", other, f"余额为{said}")


def test_an_amount_in_words_that_sound_alike_is_exact() -> None:
    heard = "您的余河为纠拜三十一万六千纠拜九十齐元其教一分。"
    assert exact("您的余额为", Decimal("9316997.71"), heard)
    assert not exact("您的余额为", Decimal("9316997.71"), heard.replace("其教", "一角"))


def test_amounts_are_of_all_magnitudes_and_always_the_same() -> None:
    amounts = random_amounts(200)
    assert amounts == random_amounts(200)
    assert len(set(amounts)) == 200
    assert min(amounts) < 1000
    assert max(amounts) > 1_000_000
    assert any(amount == int(amount) for amount in amounts)
    assert all(amount.quantize(Decimal("0.01")) == amount for amount in amounts)


def test_the_figures_begin_with_the_first_numeral() -> None:
    assert figures("您的余额为1234元") == "1234元"
    assert figures("没有") == "没有"
