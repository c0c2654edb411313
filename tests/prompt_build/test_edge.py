"""The online voice against a service on loopback that speaks its protocol and has its faults."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pypinyin import Style, lazy_pinyin, pinyin

from prompt_build import acceptance, edge
from prompt_build import build as building
from prompt_build.edge import Edge, respelt
from prompt_build.recipe import Speaking
from prompt_build.syllables import NOTHING
from prompt_build.voices import SpeechFailed, VoiceUnavailable
from tests.contracts import source_of
from tests.prompt_build.edge_service import Service, serving

VOICE = "zh-CN-XiaoxiaoNeural"
TEXT = "您的余额查询请按一。重听请按星号键。"


class InThreads(ThreadPoolExecutor):
    """Workers that see this test's service."""

    def __init__(self, workers: int, **_: object) -> None:
        super().__init__(workers)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving() as running:
        monkeypatch.setattr("edge_tts.communicate.WSS_URL", running.url)
        monkeypatch.setattr("edge_tts.voices.VOICE_LIST", running.list_url)
        monkeypatch.setattr("edge_tts.voices._SSL_CTX", True)
        yield running


@pytest.fixture
def voice() -> Edge:
    return edge_voice(VOICE)


def edge_voice(name: str) -> Edge:
    return Edge(
        name,
        utterance_seconds=2.0,
        back_off_seconds=(0.0, 0.05, 0.05),
        silent_seconds=(0.0, *[0.01] * 7),
    )


def test_a_sentence_is_heard_whole(service: Service, voice: Edge) -> None:
    sound = voice.speak(TEXT)
    assert acceptance.faults(sound, edge.RATE, TEXT) == ()
    assert service.asked == [TEXT]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("cut", "the service stopped after 1."),
        ("half", "the service stopped after 请按一。"),
        ("refused", "the service said "),
        ("mute", "the service said NoAudioReceived"),
        ("hang", "the service said TimeoutError"),
        ("garbled", "the service sent no sound that can be decoded"),
        ("bare", "the service stopped after"),
    ],
)
def test_a_fault_that_lasts_is_named(
    fault: str, said: str, service: Service, voice: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice, "_utterance_seconds", 0.5 if fault == "hang" else 10.0)
    service.plan = [fault] * 9
    with pytest.raises(SpeechFailed) as failed:
        voice.speak(TEXT)
    assert str(failed.value).startswith(said)


@pytest.mark.parametrize("fault", ["cut", "half", "refused", "mute", "hang", "garbled", "bare"])
def test_a_fault_that_passes_costs_an_attempt(
    fault: str, service: Service, voice: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice, "_utterance_seconds", 1.5)
    service.plan = [fault]
    assert acceptance.faults(voice.speak(TEXT), edge.RATE, TEXT) == ()


def test_a_boundary_event_less_is_no_truncated_sound(service: Service, voice: Edge) -> None:
    service.plan = ["untold"]
    assert acceptance.faults(voice.speak(TEXT), edge.RATE, TEXT) == ()
    assert len(service.asked) == 1


def test_silence_to_one_request_in_three_is_asked_again(service: Service, voice: Edge) -> None:
    """Seven times at once, too; the attempts that other faults cost are counted apart."""
    service.plan = ["mute", "cut", "mute", "mute", "cut", "mute", "mute", "mute", "mute"]
    assert acceptance.faults(voice.speak(TEXT), edge.RATE, TEXT) == ()


def test_a_voice_that_is_withdrawn_is_not_the_network(service: Service) -> None:
    service.voices.remove(VOICE)
    with pytest.raises(
        VoiceUnavailable, match=r"已经不提供了，网络没有问题.*zh-CN-YunxiNeural"
    ) as gone:
        edge_voice(VOICE).speak(TEXT)
    assert "en-US" not in str(gone.value)
    with pytest.raises(VoiceUnavailable, match="已经不提供了"):
        edge.engine(VOICE, None).prepare()


def test_a_name_that_no_voice_has(service: Service) -> None:
    with pytest.raises(VoiceUnavailable, match="不是在线声音的名字"):
        edge_voice("晓晓").speak(TEXT)


def test_silence_of_a_voice_that_is_there_is_told_as_it_is(service: Service) -> None:
    service.plan = ["mute"] * 20
    with pytest.raises(SpeechFailed, match="NoAudioReceived"):
        edge_voice(VOICE).speak(TEXT)


def test_the_pace_is_asked_of_the_service(service: Service, voice: Edge) -> None:
    voice.speak(TEXT, pace=0.9)
    voice.speak(TEXT, pace=1.15)
    assert service.rates == ["-10%", "+15%"]


def test_the_voice_is_there_when_the_service_answers(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = edge.engine(VOICE, None)
    online.prepare()
    service.plan = ["mute"] * 9
    with pytest.raises(VoiceUnavailable):
        online.prepare()
    monkeypatch.setattr("edge_tts.communicate.WSS_URL", "ws://127.0.0.1:1/speech?x=1")
    with pytest.raises(VoiceUnavailable, match="IVR_SPEECH__VOICE=kokoro"):
        online.prepare()


def test_hints_become_characters_that_sound_the_same() -> None:
    assert respelt("重听请按一", {"重听": "虫厅"}, NOTHING) == "虫厅请按一"
    said = respelt("重听请按一", {"重听": "chong2 ting1"}, NOTHING)
    assert said.endswith("请按一")
    assert lazy_pinyin(said[:2], style=Style.TONE3) == ["chong2", "ting1"]
    assert [len(each) for each in pinyin(said[:2], heteronym=True)] == [1, 1]


def test_of_the_lexicon_only_what_a_dictionary_misreads_is_respelt() -> None:
    lexicon = {"应还": "ying1 huan2", "银行": "yin2 hang2"}
    said = respelt("银行应还金额", NOTHING, lexicon)
    assert (said[:2], said[4:]) == ("银行", "金额")
    assert "还" not in said
    assert lazy_pinyin(said[2:4], style=Style.TONE3) == ["ying1", "huan2"]


def test_what_follows_a_value_does_not_begin_with_a_comma() -> None:
    assert respelt("，月缴存额", NOTHING, NOTHING) == "月缴存额"
    assert respelt("六角七分，", NOTHING, NOTHING) == "六角七分，", "the comma at the end is heard"


def test_a_set_is_built_over_the_service(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_numbers: None
) -> None:
    """Four at once; a cut connection and a refusal on the way are not heard in the set."""
    monkeypatch.setattr(building, "ProcessPoolExecutor", InThreads)
    monkeypatch.setattr(edge, "_BACK_OFF_SECONDS", (0.0, 0.05, 0.05))
    service.plan = ["well", "cut", "refused"]
    catalog = tmp_path / "scripts.zh.toml"
    catalog.write_text('[prompts.line]\nbye = "感谢您的来电，再见。"\n', encoding="utf-8")
    online = edge.engine(VOICE, None)
    done = building.build(
        source_of(catalog), tmp_path / "audio", online, Speaking(online.name, spell=respelt)
    )
    assert done.made == 7
    assert sorted(set(service.asked)) == ["一元整。", "一元整，", "您好。", "感谢您的来电，再见。"]
