"""A store that lets the trial upload through, and leaves all others without an answer."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class Silence:
    """Counts in `asked` the uploads that wait for an answer; they get none until it ends."""

    def __init__(self) -> None:
        ended = threading.Event()
        self._ended = ended
        self.asked = 0
        silence = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if "/.mailvault/" not in self.path:
                    silence.asked += 1
                    ended.wait()
                self._answer(200)

            def do_DELETE(self) -> None:
                self._answer(204)

            def _answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("ETag", '"etag"')
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._ended.set()
        self._server.server_close()
