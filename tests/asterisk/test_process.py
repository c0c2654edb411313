"""An Asterisk that dies in mid-answer, or is none: what asks it goes on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ivr.asterisk import process
from ivr.config import Settings
from ivr.lifecycle import asking

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
ANSWERS = {
    "cut in the body": HEAD + b'{"system": {"ver',
    "cut after the head": HEAD,
    "cut in the head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "no JSON": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "no object": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull",
    "no text": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe",
}


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """Whoever connects is answered so, and left; the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@pytest.fixture
def line(tmp_path: Path) -> Callable[[int], Settings]:
    def at(port: int) -> Settings:
        settings = Settings(home=tmp_path, ari_port=port, http_port=port)
        settings.ari_secret_file.parent.mkdir(parents=True)
        settings.ari_secret_file.write_text("secret")
        return settings

    return at


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_is_none_is_no_answer(
    answer: bytes, line: Callable[[int], Settings]
) -> None:
    with answering(answer) as port:
        assert not process.answers(line(port))


@pytest.mark.parametrize("name", ["nothing", "no HTTP"])
def test_a_service_that_dies_in_mid_answer_does_not_end_what_keeps_it(
    name: str, line: Callable[[int], Settings]
) -> None:
    with answering(ANSWERS[name]) as port:
        assert not asking.speaks(line(port))
