"""What an operator is told of the trunks: what they bring, and what is odd about it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from ivr.lifecycle.traffic import MOST_NUMBERS, SILENT_CALLS, Misdialled, Traffic


def test_what_a_trunk_brings_is_counted() -> None:
    registry = CollectorRegistry()
    traffic = Traffic(registry)
    for _ in range(3):
        traffic.call_came("a")
        traffic.key_came("a")
    traffic.key_doubled("a")
    traffic.call_came(None)
    assert list(traffic.seen()) == [
        "中继 a：3 通来电，3 个按键，其中 1 个来了两次 · 3 calls, 3 keys",
        "不经中继：1 通来电，0 个按键 · 1 calls, 0 keys",
    ]
    assert list(traffic.oddities()) == []
    assert b'ivr_keys_total{trunk="a"} 3.0' in generate_latest(registry)


def test_a_trunk_whose_keys_never_come_is_odd() -> None:
    traffic = Traffic(CollectorRegistry())
    for _ in range(SILENT_CALLS):
        traffic.call_came("a")
        traffic.call_came("b")
    traffic.key_came("b")
    (odd,) = traffic.oddities()
    assert "中继 a" in odd
    assert "trunks[].dtmf" in odd


def test_a_trunk_whose_keys_come_no_more_is_odd_until_one_comes() -> None:
    traffic = Traffic(CollectorRegistry())
    traffic.call_came("a")
    traffic.key_came("a")
    for _ in range(SILENT_CALLS):
        traffic.call_came("a")
    (odd,) = traffic.oddities()
    assert f"最近 {SILENT_CALLS} 通来电没有一个按键" in odd
    traffic.key_came("a")
    assert list(traffic.oddities()) == []


def test_each_wrong_number_is_told_once_and_thousands_do_not_fill_the_page() -> None:
    traffic = Traffic(CollectorRegistry())
    assert traffic.misdialled(Misdialled("4001", "a", "…78"))
    assert not traffic.misdialled(Misdialled("4001", "a", "…79"))
    assert traffic.misdialled(Misdialled("4001", None, "…79"))
    assert traffic.misdialled(Misdialled("", "a", "withheld"))
    for number in range(5000):
        traffic.misdialled(Misdialled(str(number), "a", "…78"))
    told = list(traffic.oddities())
    assert len(told) == MOST_NUMBERS
    assert "拨的是 4001，热线没有这个号码（404，来电号码 …78）" in told[0]
    assert "拨的是 空号" in told[2]


def over(traffic: Traffic, trunk: str, *agreed: bool | None) -> None:
    for events in agreed:
        traffic.call_came(trunk)
        traffic.call_over(trunk, events)


def test_an_operator_sees_by_which_way_keys_come() -> None:
    registry = CollectorRegistry()
    traffic = Traffic(registry)
    traffic.call_came("a")
    for way in ("rfc4733", "info", "rfc4733"):
        traffic.came_by("a", way)
        traffic.key_came("a")
    assert list(traffic.seen()) == [
        "中继 a：1 通来电，3 个按键（RFC 4733 2、SIP INFO 1） · 1 calls, 3 keys"
    ]
    assert b'ivr_keys_by_way_total{trunk="a",way="info"} 1.0' in generate_latest(registry)


def test_a_trunk_whose_keys_depend_on_tones_is_odd_and_what_to_do_is_told() -> None:
    traffic = Traffic(CollectorRegistry(), {"a": "auto", "b": "auto", "c": "auto"})
    over(traffic, "a", False, True, False, None)
    over(traffic, "b", True, None)
    (odd,) = traffic.oddities()
    assert odd.startswith("中继 a：3 通来电里有 2 通没有协商 telephone-event（RFC 4733），")
    assert "请运营商在 INVITE 里提供 telephone-event/8000" in odd
    over(traffic, "c", False)
    traffic.came_by("c", "info")
    assert len(list(traffic.oddities())) == 1, "its keys come by INFO and depend on nothing else"
    traffic.came_by("c", "inband")
    assert len(list(traffic.oddities())) == 2


def test_a_trunk_that_is_set_to_another_way_is_not_asked_for_events() -> None:
    traffic = Traffic(CollectorRegistry(), {"a": "info", "b": "inband", "c": "rfc4733"})
    for trunk in "abc":
        over(traffic, trunk, False)
    over(traffic, None, False)
    (odd,) = traffic.oddities()
    assert "中继 c" in odd
    assert '请改 trunks[].dtmf = "auto"' in odd
