"""A small S3 server (moto) on a port of its own, and a door before it that can be shut."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

BUCKET = "hotline"
HEADERS = ("etag", "last-modified", "content-range", "x-amz-request-id")


class Door:
    """Passes requests on to the server, or does to them what happens on the way."""

    def __init__(self, server: str) -> None:
        self.server = urlsplit(server).netloc
        self.fault = ""
        """`away`: nobody answers; `half`: of an upload half arrives; `changed`: other bytes come
        back; `refused`: 403."""
        self.url = ""

    def reset(self) -> None:
        self.fault = ""


@contextmanager
def s3() -> Iterator[Door]:
    """With an empty bucket; skips with words where moto is not installed."""
    pytest.importorskip("flask", reason="the S3 server of the tests is in the extra dev: flask")
    moto = pytest.importorskip("moto.server", reason="the S3 server of the tests is moto")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        door = Door(f"http://{host}:{port}")
        with _open(door):
            _ask(door, "PUT", f"/{BUCKET}")
            yield door
    finally:
        server.stop()


def bucket_of(door: Door) -> dict[str, Any]:
    """As settings name it."""
    return {"name": BUCKET, "key": "key", "secret": "secret", "endpoint": door.url}


def _ask(door: Door, method: str, path: str) -> None:
    asked = http.client.HTTPConnection(door.server, timeout=30)
    asked.request(method, path, headers={"Host": "s3.amazonaws.com"})
    answer = asked.getresponse()
    assert answer.status == 200, answer.read()
    asked.close()


@contextmanager
def _open(door: Door) -> Iterator[None]:
    class Passing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if door.fault == "away":
                self._cut()
                return
            if door.fault == "half" and body:
                self._half(body)
                return
            if door.fault == "refused":
                self._answer(403, b"", {})
                return
            asked = http.client.HTTPConnection(door.server, timeout=30)
            asked.request(self.command, self.path, body, dict(self.headers))
            told = asked.getresponse()
            content = told.read()
            if door.fault == "changed" and self.command == "GET" and content:
                content = content[:-1] + bytes([content[-1] ^ 1])
            kept = {name: value for name, value in told.getheaders() if name.lower() in HEADERS}
            length = told.getheader("content-length") if self.command == "HEAD" else None
            self._answer(told.status, content, kept, length)
            asked.close()

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_any  # noqa: N815

        def _half(self, body: bytes) -> None:
            """The server is told of a whole one, and gets half of it."""
            host, port = door.server.split(":")
            with suppress(OSError), socket.create_connection((host, int(port))) as wire:
                head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
                wire.sendall(f"{self.command} {self.path} HTTP/1.1\r\n{head}\r\n".encode())
                wire.sendall(body[: len(body) // 2])
            self._cut()

        def _cut(self) -> None:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        def _answer(
            self, status: int, content: bytes, headers: dict[str, str], length: str | None = None
        ) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", length or str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Passing)
    server.daemon_threads = True
    door.url = f"http://127.0.0.1:{server.server_address[1]}"
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    try:
        yield
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
