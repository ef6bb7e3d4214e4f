"""An S3 server that answers as a test wants, and remembers what it was asked."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

from tests.settings import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailvault.config import Settings


@dataclass(frozen=True)
class Request:
    """One request; names of headers in lower case."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """A status, and with a code an error as S3 words it."""

    status: int
    code: str = ""
    message: str = "scripted"
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        if not self.code:
            return b""
        error = f"<Error><Code>{self.code}</Code><Message>{self.message}</Message></Error>"
        return error.encode()


class FakeStore:
    """A server for the length of a block, with its clock so many seconds ahead."""

    def __init__(
        self, script: Callable[[Request], Answer] = lambda _: Answer(200), *, ahead: float = 0
    ) -> None:
        self.requests: list[Request] = []
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.rfile.read(int(headers.get("content-length", 0)))
                request = Request(self.command, self.path, headers)
                store.requests.append(request)
                answer = script(request)
                body = answer.body()
                self.send_response(answer.status)
                self.send_header("ETag", '"tag"')
                self.send_header("Content-Length", str(len(body)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_HEAD = do_PUT = do_DELETE = answer  # noqa: N815  # the server looks for these names

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string((timestamp or time.time()) + ahead)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def settings(self, **changes: str | None) -> Settings:
        """Settings of a bucket here."""
        usual = {
            "S3_ENDPOINT": self.address,
            "S3_BUCKET": "bucket",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
        return settings_of(usual, **changes)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
