"""Settings that are wrong: all of it told at once, where it stands, and what to write instead."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ivr.config import SettingsError, load


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file in a home folder of the test's own."""
    monkeypatch.delenv("IVR_SETTINGS", raising=False)
    monkeypatch.setenv("IVR_HOME", str(tmp_path))
    return tmp_path / "settings.toml"


def refused(file: Path, content: str | bytes | None = None) -> str:
    """What is said about a file."""
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(SettingsError) as fault:
        load()
    return str(fault.value)


def test_every_fault_is_named_at_once_with_its_place_and_no_value(file: Path) -> None:
    told = refused(
        file,
        'sip_port = 99999\ntypo = "secret-value"\n[accounts]\nquery_seconds = 0\n'
        'url = ["secret-value"]\n[[agents.phones]]\nname = "甲"\nextension = "6001"\n'
        '[[agents.phones]]\nname = "乙"\nextension = "x y"\n[tls]\ncertificate = "/nowhere"\n'
        "[limits]\ncalls = 0\n",
    )
    places = {line.removeprefix(f"{file}:").split(" · ")[0] for line in told.splitlines()}
    assert {place.split("：")[0] for place in places} == {
        "1:1: 设置 sip_port",
        "2:1: 设置 typo",
        "4:1: 设置 accounts.query_seconds",
        "5:1: 设置 accounts.url",
        "11:1: 设置 agents.phones.1.extension",
        "12:1: 设置 tls.key",
        "15:1: 设置 limits.calls",
    }
    assert "secret-value" not in told


def test_what_clashes_is_told_beside_what_is_wrong_by_itself(file: Path) -> None:
    told = refused(
        file,
        'sip_port = "x"\nrtp_first_port = 20000\nrtp_last_port = 10000\nhttp_port = 8088\n'
        'sip_host = "10.0.0.300"\n',
    )
    assert [line.split("：")[0].split()[-1] for line in told.splitlines()] == [
        "sip_port",
        "ari_port",
        "rtp_last_port",
        "sip_host",
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sip_prot = 5070", "sip_port"),
        ("query_seconds = 2.0", "accounts.query_seconds"),
        ("[agent]\nring_seconds = 20", "agents"),
        ("[agents]\nring_second = 20", "agents.ring_seconds"),
        ("[account]\nurl = 'x'", "accounts"),
        ("SIP_PORT = 5070", "sip_port"),
        ("[patience]\nfirst_key = 8", "patience.first_key_seconds"),
    ],
)
def test_the_setting_that_was_meant_is_named(file: Path, written: str, meant: str) -> None:
    assert f"是不是 {meant}？" in refused(file, written)


@pytest.mark.parametrize(
    ("written", "place", "words"),
    [
        ("sip_port == 1 # 端口，UDP", "1:11", "不合 TOML"),
        ("guests = “yes”", "1:10", '引号是 “，要用英文引号 "'),
        ("sip_port：5060", "1:9", "： 是中文符号，改成英文的 ="),
        ('[recordings]\nfolder = "D:\\voice\\prop"', "2:13", "反斜杠要写两个"),
        ("sip_port = 1\nari_port = 2\nsip_port = 3", "3:1", "sip_port 写了两遍，第一遍在第 1 行"),
        ("[limits]\ncalls = 1\n[limits]\n", "3:1", "limits 写了两遍，第一遍在第 1 行"),
        ('node = "node-1', "1:15", "少了一个引号"),
        ("guests = True", "1:10", "小写的 true"),
        ("node = 'a：b' c", "1:14", "不合 TOML"),
        ('formats = [\n  "alaw"\n  "ulaw"\n]', "3:3", "不合 TOML"),
    ],
)
def test_what_is_no_toml_is_placed_and_explained(
    file: Path, written: str, place: str, words: str
) -> None:
    told = refused(file, written)
    assert told.startswith(f"{file}:{place}: ")
    assert words in told


def test_every_line_that_is_no_toml_is_told_at_once(file: Path) -> None:
    told = refused(file, "guests = “yes”\nsip_port = 5060\nhttp_port：8329").splitlines()
    assert [line.split(": ")[0] for line in told] == [f"{file}:1:10", f"{file}:3:10"]


def test_a_byte_order_mark_is_accepted(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfsip_port = 5070\r\n")
    assert load().sip_port == 5070


@pytest.mark.parametrize(("encoding", "name"), [("gbk", "GBK"), ("utf-16", "UTF-16")])
def test_another_encoding_is_named(file: Path, encoding: str, name: str) -> None:
    told = refused(file, 'node = "node-1" # 一号\n'.encode(encoding))
    assert f"{name} 编码，请在编辑器里另存为 UTF-8" in told


def test_settings_that_lead_nowhere_are_no_silence(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_SETTINGS", str(file.with_name("absent.toml")))
    assert "没有这个文件，IVR_SETTINGS 指错了地方" in refused(file)
    monkeypatch.setenv("IVR_SETTINGS", str(file.parent))
    assert "读不了" in refused(file)


def test_no_settings_file_is_no_fault(file: Path) -> None:
    assert not file.exists()
    assert load().home == file.parent


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("IVR_SIP_PROT", "IVR_SIP_PORT"),
        ("IVR_ACCOUNT__URL", "IVR_ACCOUNTS__URL"),
        ("IVR_ACCOUNTS_URL", "IVR_ACCOUNTS__URL"),
        ("IVR_PATIENCE__FIRST_KEY", "IVR_PATIENCE__FIRST_KEY_SECONDS"),
    ],
)
def test_a_variable_that_sets_nothing_is_a_fault(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "1")
    assert f"环境变量 {name}：没有这个环境变量，是不是 {meant}？" in refused(file)


def test_a_wrong_variable_is_named_and_not_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_SIP_PORT", "many")
    monkeypatch.setenv("IVR_SPEECH__FORMATS", "alaw,ulaw")
    told = refused(file, "sip_port = 5060\n")
    assert "环境变量 IVR_SIP_PORT：设置 sip_port：应是整数" in told
    assert "环境变量 IVR_SPEECH__FORMATS：列表和表要写成 JSON" in told


def test_lists_and_tables_come_from_the_environment_as_json(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("[patience]\nfailures = 5\n")
    monkeypatch.setenv("IVR_SPEECH__FORMATS", '["g722", "alaw"]')
    monkeypatch.setenv("IVR_AGENTS", '{"ring_seconds": 7, "strategy": "all_at_once"}')
    monkeypatch.setenv("IVR_AGENTS__RING_SECONDS", "9")
    monkeypatch.setenv("IVR_PATIENCE", '{"first_key_seconds": 4}')
    monkeypatch.setenv("IVR_NODE", "")
    settings = load()
    assert settings.speech.formats == ("g722", "alaw")
    assert (settings.agents.ring_seconds, settings.agents.strategy) == (9, "all_at_once")
    assert (settings.patience.failures, settings.patience.first_key_seconds) == (5, 4)
    assert settings.node == "node-1"


TRUNKS = '[[trunks]]\nname = "a"\nhosts = ["{0}"]\n[[trunks]]\nname = "{2}"\nhosts = ["{1}"]\n'


@pytest.mark.parametrize(
    ("written", "line", "words"),
    [
        (TRUNKS.format("10.0.0.1/33", "10.1.0.1", "b"), 3, "10.0.0.1/33 不是地址、网段或主机名"),
        (TRUNKS.format("10.0.0.300", "10.1.0.1", "b"), 3, "10.0.0.300 不是地址"),
        (TRUNKS.format("10.0.0", "10.1.0.1", "b"), 3, "10.0.0 不是地址"),
        (TRUNKS.format("fe80::12345", "10.1.0.1", "b"), 3, "fe80::12345 不是地址"),
        (TRUNKS.format("-sbc.example", "10.1.0.1", "b"), 3, "-sbc.example 不是地址"),
        (TRUNKS.format("10.0.0.1", "10.0.0.1", "b"), 6, "10.0.0.1 已属于中继 a"),
        (TRUNKS.format("10.0.0.0/8", "10.1.0.1", "b"), 6, "10.1.0.1 已属于中继 a"),
        (TRUNKS.format("sbc.example", "SBC.example", "b"), 6, "SBC.example 已属于中继 a"),
        (TRUNKS.format("10.0.0.1", "10.0.0.2", "a"), 5, "a 用了两次"),
        ('host = "localhost/"', 1, "不是地址，也不是主机名"),
        ('sip_host = "1.2.3"', 1, "不是地址，也不是主机名"),
        ("http_port = 5060", 1, "端口 5060 已经给了 sip_port"),
        ('[tls]\nport = 5060\ncertificate = "/a"\nkey = "/b"', 2, "端口 5060 已经给了 sip_port"),
        ("rtp_first_port = 20000\nrtp_last_port = 10000", 2, "要大于 rtp_first_port"),
        ("rtp_last_port = 10000", 1, "要大于 rtp_first_port"),
        ("sip_port = 10500", 1, "落在语音端口"),
        ('[tls]\ncertificate = "/absent.pem"\nkey = "/b"', 2, "/absent.pem 读不了"),
        ('[accounts]\nurl = "gjj.db"', 2, "要写成 驱动://"),
        ('[accounts]\nfund_query = "SELECT 1"', 2, "没有用到 :id18"),
        ('[accounts]\nfund_query = """\nSELECT 1\nWHERE id = 1"""', 2, "没有用到 :id18"),
        ("[recordings]\nfolder = 'D:\\voice\\prop'", 2, "这是 Windows 的路径"),
        ('node = "centre"', 1, "末尾要有最多两位的数字"),
        ('[facts]\ntarget = "postgres:x"', 2, "要以 ducklake: 开头"),
        ("[agents]\nanswer_within_seconds = [20, 15]", 2, "第二个时限要大于第一个"),
    ],
)
def test_what_cannot_be_is_found_before_start(
    file: Path, written: str, line: int, words: str
) -> None:
    assert_told(file, written, line, words)


def assert_told(file: Path, written: str, line: int, words: str) -> None:
    told = refused(file, written)
    assert any(
        each.startswith(f"{file}:{line}:") and words in each for each in told.splitlines()
    ), told


CARRIER = '[dialling]\ntrunk = "a"\n{}[[trunks]]\nname = "a"\nhosts = ["{}"]\n'
REGISTERED = '[trunks.registration]\nserver = "sip.example"\nuser = "u"\npassword = "p"\n'


@pytest.mark.parametrize(
    ("written", "line", "words"),
    [
        ('[dialling]\ntrunk = "a"', 2, "没有叫 a 的中继"),
        (CARRIER.format("", "10.0.0.1").replace('trunk = "a"', 'trunk = "A"'), 2, "没有叫 A"),
        (CARRIER.format("", "10.0.0.0/24"), 1, "写的是网段，另写运营商接电话的地址"),
        (CARRIER.format('server = "10.0.0.0/24"\n', "10.0.0.1"), 3, "dialling.server"),
        ('[dialling]\nshown = "12329x"', 2, "dialling.shown"),
        ('[dialling]\nfollow_up = "some"', 2, "dialling.follow_up"),
        ("[dialling]\nfollow_up_again_minutes = []", 2, "dialling.follow_up_again_minutes"),
    ],
)
def test_a_line_that_could_not_dial_out_does_not_start(
    file: Path, written: str, line: int, words: str
) -> None:
    assert_told(file, written, line, words)


@pytest.mark.parametrize(
    ("written", "server"),
    [
        (CARRIER.format("", "10.0.0.1"), "10.0.0.1"),
        (CARRIER.format("", "sbc.example"), "sbc.example"),
        (CARRIER.format('server = "10.0.0.9:5080"\n', "10.0.0.0/24"), "10.0.0.9:5080"),
        (CARRIER.format("", "10.0.0.0/24") + REGISTERED, "sip.example"),
        (TRUNKS.format("10.0.0.0/24", "10.1.0.1", "b"), None),
    ],
)
def test_where_calls_that_go_out_are_sent(file: Path, written: str, server: str | None) -> None:
    file.write_text(written)
    assert load().dialling_server == server


def test_two_phones_of_one_number_are_found(file: Path) -> None:
    phone = '[[agents.phones]]\nname = "{}"\nextension = "6001"\n'
    told = refused(file, phone.format("甲") + phone.format("乙"))
    assert told.startswith(f"{file}:6:1: 设置 agents.phones.1.extension：6001 用了两次")


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "10.0.0.0/24", "10.0.0.7/24", "10.0.0.0/255.255.0.0", "2001:db8::1",
             "2001:db8::/32", "sbc-1.carrier.example", "sbc_1"],
)  # fmt: skip
def test_addresses_that_can_be_are_accepted(file: Path, host: str) -> None:
    file.write_text(TRUNKS.format(host, "192.0.2.1", "b"))
    assert load().trunks[0].hosts == (host,)


def test_a_certificate_needs_its_own_key(file: Path) -> None:
    for name in ("a", "b"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-subj", "/CN=x", "-keyout", f"{name}.key", "-out", f"{name}.pem"],
            cwd=file.parent, check=True, capture_output=True,
        )  # fmt: skip
    pair = '[tls]\ncertificate = "{0}/a.pem"\nkey = "{0}/{1}.key"\n'
    assert "证书和私钥不是一对" in refused(file, pair.format(file.parent, "b"))
    file.write_text(pair.format(file.parent, "a"))
    assert load().tls is not None


def test_everything_that_is_wrong_with_an_edge_is_told_at_once(file: Path) -> None:
    cell = '{ name = "a", address = "10.0.0.11" }'
    told = refused(
        file,
        '[[trunks]]\nname = "telecom"\nhosts = ["10.0.0.0/24"]\n[[trunks]]\nname = "other"\n'
        'registration = { server = "sip.example", user = "u", password = "p" }\n'
        '[edge]\naddresses = ["10.0.0.11", "10.0.0.12"]\nwebsocket_port = 8443\n'
        'certificate = "/nowhere"\n'
        f'[[edge.centres]]\nname = "x"\ncells = [{cell}]\ntrunks = ["nobody"]\n'
        f'[[edge.centres]]\nname = "x"\ncells = [{cell}]\n',
    )
    for words in (
        "两台边缘要有一个浮动地址",
        "单元 a 的地址 10.0.0.11 是边缘自己的",
        "a 用了两次",
        "x 用了两次",
        "x：没有叫 nobody 的中继",
        "x 要写 numbers 或 trunks",
        "要注册的中继不能经边缘",
        "10.0.0.0/24 里有边缘或单元自己的地址 10.0.0.11",
        "证书和私钥要一起写",
        "浏览器电话经边缘时必须填写",
    ):
        assert words in told, words


def test_an_edge_has_one_address_of_its_own_or_two_and_a_floating_one(file: Path) -> None:
    assert "10.0.0.300 不是地址" in refused(file, '[edge]\naddresses = ["10.0.0.300"]\n')
    both = '[edge]\naddresses = ["10.0.0.1", "10.0.0.2"]\nfloating = "10.0.0.1"\n'
    assert "10.0.0.1 用了两次" in refused(file, both)
    file.write_text('[edge]\naddresses = ["10.0.0.1"]\n')
    assert load().edge is not None
