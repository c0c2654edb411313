"""What goes out: in the shape that DingTalk, WeCom and an SMTP server take, to real sockets."""

from __future__ import annotations

import email
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from ivr.alarms import messages
from ivr.alarms.ringing import News, Ringing
from ivr.config import AlarmsSettings, MailSettings, Settings, Webhook

BEGINS = News("begins", Ringing("trunk_unregistered", "unicom", 0.0, 1_800_000_000, begun=True))
ENDS = News("ends", Ringing("disk_low", "home", 5e9, 1_800_000_000, begun=True))


@contextmanager
def robot(answer: dict[str, object]) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """A chat group's server: it keeps what is posted."""
    got: list[tuple[str, Any]] = []

    class Robot(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, json.loads(content)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Robot) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/robot?access_token=t0ken", got
        server.shutdown()


class _Mailbox(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as one mail needs."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                mail = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.mails.append(mail.decode())  # type: ignore[attr-defined]
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                return


@contextmanager
def mailbox() -> Iterator[tuple[int, list[str]]]:
    with socketserver.TCPServer(("127.0.0.1", 0), _Mailbox) as server:
        server.mails = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], server.mails  # type: ignore[attr-defined]
        server.shutdown()


def telling(settings: Settings, *hooks: Webhook, **mail: Any) -> Settings:
    alarms = AlarmsSettings(webhooks=hooks, mail_to=("duty@centre.cn",) if mail else ())
    changes = {"alarms": alarms, "mail": MailSettings(security="none", **mail)}
    return settings.model_copy(update=changes)


def hook(kind: str, url: str, secret: str | None = None) -> Webhook:
    return Webhook.model_validate({"kind": kind, "url": url, "secret": secret})


@pytest.mark.parametrize("kind", ["dingtalk", "wecom"])
def test_a_chat_robot_gets_all_of_it_in_one_message(settings: Settings, kind: str) -> None:
    with robot({"errcode": 0, "errmsg": "ok"}) as (url, got):
        assert messages.tell(telling(settings, hook(kind, url)), [BEGINS, ENDS])
    ((path, body),) = got
    assert path == "/robot?access_token=t0ken"
    assert body["msgtype"] == "text"
    told = body["text"]["content"]
    for part in ("中继没有注册（unicom）", "运营商不知道热线在哪里", "怎么办", "恢复", "磁盘快满"):
        assert part in told


def test_a_robot_that_wants_signatures_gets_them(settings: Settings) -> None:
    with robot({"errcode": 0}) as (url, got):
        assert messages.tell(telling(settings, hook("dingtalk", url, "SECabc")), [BEGINS])
    path = got[0][0]
    assert "access_token=t0ken&timestamp=" in path
    assert "&sign=" in path
    assert "SECabc" not in path


def test_a_robot_that_refuses_has_not_taken_it_and_its_token_is_in_no_log(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with robot({"errcode": 310000, "errmsg": "keywords not in content"}) as (url, _):
        assert not messages.tell(telling(settings, hook("dingtalk", url)), [BEGINS])
    closed = "http://127.0.0.1:9/robot?access_token=t0ken"
    assert not messages.tell(telling(settings, hook("wecom", closed)), [BEGINS])
    assert "310000" in caplog.text
    assert "t0ken" not in caplog.text


def test_a_mail_says_what_to_do(settings: Settings) -> None:
    with mailbox() as (port, mails):
        settled = telling(settings, server="127.0.0.1", port=port, sender="ivr@centre.cn")
        assert messages.tell(settled, [BEGINS])
    (mail,) = mails
    assert "To: duty@centre.cn" in mail
    assert "From: ivr@centre.cn" in mail
    read = email.message_from_string(mail, policy=policy.default)
    assert read["Subject"] == "[12329 node-1] 告警：中继没有注册"
    assert "怎么办：核对 trunks" in read.get_content()


def test_one_way_that_fails_does_not_keep_it_from_the_other(settings: Settings) -> None:
    closed = hook("wecom", "http://127.0.0.1:9/robot")
    with robot({"errcode": 0}) as (url, got):
        assert messages.tell(telling(settings, closed, hook("dingtalk", url)), [BEGINS])
    assert len(got) == 1


def test_where_nobody_is_to_be_told_the_console_is_enough(settings: Settings) -> None:
    assert messages.tell(settings, [BEGINS])
