"""A line to an S3 server that reads each request, and can do a fault to just that one."""

from __future__ import annotations

import http.client
import socket
import threading
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

from tests.fault.line import Fault, Line
from tests.s3.fake_store import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Callable

HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "content-length", "date", "expect"})


class Torn(StrEnum):
    """What can become of one request on its way, beside what can become of any call."""

    REQUEST = "torn request"  # the connection is reset when half of its bytes have come
    ANSWER = "torn answer"  # it is done, and the connection ends with half of the answer's bytes


@dataclass(frozen=True)
class Passed:
    """One request that the server answered, and how."""

    method: str
    path: str
    status: int

    @property
    def makes_an_object(self) -> bool:
        """Whether bytes are at a key from here on."""
        whole = self.method == "PUT" and "partNumber=" not in self.path
        completion = self.method == "POST" and "uploadId=" in self.path
        return self.status == 200 and (whole or completion)


@dataclass(frozen=True)
class _Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class StoreProxy(Line):
    """Passes on to an endpoint; `script` may name a fault, or answer itself, for each request.

    Attributes:
        passed: What the server answered, in order; the path has the query with it.
        latency: Seconds that each upload waits, as if the store were far away.
        done: The faults that came to pass.
    """

    def __init__(
        self,
        endpoint: str,
        script: Callable[[Request], Fault | Torn | Answer | None] = lambda _: None,
    ) -> None:
        super().__init__()
        self._server = urlsplit(endpoint).netloc
        self.script = script
        self.passed: list[Passed] = []
        self.latency = 0.0
        self.done: Counter[Fault | Torn | int] = Counter()
        self._pause = threading.Event()
        # SeaweedFS (4.48) looks at the key and writes in two steps: of two completions at once,
        # each on condition that nothing is there, both succeed one time in four.
        self._completing = threading.Lock()

    @property
    def endpoint(self) -> str:
        """The address of the same store by way of this line."""
        return f"http://127.0.0.1:{self.port}"

    def writes(self) -> Counter[str]:
        """How often each object was made, by its path: more than once is once too often.

        Asked again, a store may say again that an upload is complete: that is one write.
        """
        made = [one for one in self.passed if one.makes_an_object]
        puts = [one.path for one in made if one.method == "PUT"]
        completions = {one.path for one in made if one.method == "POST"}
        return Counter(path.partition("?")[0] for path in (*puts, *completions))

    def serve(self, client: socket.socket) -> None:
        server = http.client.HTTPConnection(self._server, timeout=60)
        server.connect()
        upstream = self.own(server.sock)
        try:
            with client.makefile("rb") as reader:
                while self._serve_one(client, reader, server):
                    pass
        except http.client.HTTPException as error:
            raise ConnectionResetError from error
        finally:
            self.let_go(upstream)

    def _serve_one(
        self, client: socket.socket, reader: BinaryIO, server: http.client.HTTPConnection
    ) -> bool:
        request_line = reader.readline().decode("latin-1").split()
        if len(request_line) != 3:
            return False
        method, path, _ = request_line
        headers = http.client.parse_headers(reader)
        if "100-continue" in headers.get("Expect", "").lower():
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        request = Request(method, path, {name.lower(): value for name, value in headers.items()})
        fault = self.script(request)
        length = int(headers.get("Content-Length") or 0)
        if fault is Torn.REQUEST:
            self.done[fault] += 1
            reader.read(length // 2)
            raise ConnectionResetError
        body = reader.read(length)
        self.gate()
        if self.latency and method == "PUT" and "/.mailvault/" not in path:
            self._pause.wait(self.latency)
        reply = self._pass_on(request, list(headers.items()), body, fault, client, server)
        self.gate()
        answer = _as_bytes(method, reply)
        if fault is Torn.ANSWER:
            client.sendall(answer[: len(answer) // 2])
            client.shutdown(socket.SHUT_WR)  # a reset might overtake what was sent
            return False
        client.sendall(answer)
        return True

    def _pass_on(
        self,
        request: Request,
        headers: list[tuple[str, str]],
        body: bytes,
        fault: Fault | Torn | Answer | None,
        client: socket.socket,
        server: http.client.HTTPConnection,
    ) -> _Reply:
        if isinstance(fault, Answer):
            self.done[fault.status] += 1
            return _scripted(fault)
        if fault is not None:
            self.done[fault] += 1
        if fault is Fault.REFUSED:
            raise ConnectionResetError
        if fault is Fault.HUNG:
            client.recv(1)  # it says no more, until it gives up
            raise ConnectionResetError
        completes = request.method == "POST" and "uploadId=" in request.path
        with self._completing if completes else nullcontext():
            reply = self._ask(server, request, headers, body)
        if fault is Fault.LOST:
            raise ConnectionResetError
        if fault is Fault.TWICE:
            reply = self._ask(server, request, headers, body)
        return reply

    def _ask(
        self,
        server: http.client.HTTPConnection,
        request: Request,
        headers: list[tuple[str, str]],
        body: bytes,
    ) -> _Reply:
        server.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            if name.lower() not in {"connection", "expect"}:
                server.putheader(name, value)
        server.endheaders(body or None)
        answer = server.getresponse()
        content = answer.read()
        self.passed.append(Passed(request.method, request.path, answer.status))
        kept = [
            (name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP
        ]
        length = answer.headers.get("Content-Length") if request.method == "HEAD" else None
        kept.append(("Content-Length", length or str(len(content))))
        return _Reply(answer.status, kept, content)


def _scripted(answer: Answer) -> _Reply:
    body = answer.body()
    headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
    return _Reply(answer.status, headers, body)


def _as_bytes(method: str, reply: _Reply) -> bytes:
    reason = http.client.responses.get(reply.status, "")
    lines = [f"HTTP/1.1 {reply.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    body = b"" if method == "HEAD" else reply.body
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
