"""A line to PostgreSQL that knows which statement passes, and can do a fault to just that one."""

from __future__ import annotations

import select
import socket
import struct
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.fault.line import Fault, Line

if TYPE_CHECKING:
    from collections.abc import Callable

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102


@dataclass(frozen=True)
class Cycle:
    """What a client sends until it waits for an answer, and the statement that this executes."""

    data: bytes
    statement: str | None


class Messages:
    """One end of the protocol, message by message."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._buffer = bytearray()

    @property
    def pending(self) -> bool:
        """Whether something was read from the connection that nobody took."""
        return bool(self._buffer)

    def take(self, size: int) -> bytes:
        """Return so many bytes."""
        while len(self._buffer) < size:
            data = self.connection.recv(65536)
            if not data:
                raise ConnectionResetError
            self._buffer += data
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def next(self) -> bytes:
        """Return a whole message: its type, its length, and what it says."""
        head = self.take(5)
        return head + self.take(int.from_bytes(head[1:], "big") - 4)

    def answer(self) -> bytes:
        """Return all messages until the server is ready for the next statement."""
        said = b""
        while True:
            message = self.next()
            said += message
            if message[:1] == b"Z":
                return said


class SqlProxy(Line):
    """Passes on to the server of a DSN; `script` may name a fault for each statement executed.

    `done` counts the faults that came to pass, by what the script called them: a script that
    returns a fault for a statement sees to it that it does so as often as it wants.
    """

    def __init__(self, dsn: str, script: Callable[[str], Fault | None] = lambda _: None) -> None:
        super().__init__()
        self._parameters = conninfo_to_dict(dsn)
        self._script = script
        self.done: Counter[Fault] = Counter()

    def dsn(self, **parameters: str) -> str:
        """The DSN of the same database by way of this line."""
        through = {"host": "127.0.0.1", "port": str(self.port), "sslmode": "disable"}
        return make_conninfo("", **{**self._parameters, **through, **parameters})

    def serve(self, client: socket.socket) -> None:
        server = self.own(self._connect())
        try:
            self.gate()
            if _start(Messages(client), server):
                self._relay(Messages(client), Messages(server))
        finally:
            self.let_go(server)

    def _connect(self) -> socket.socket:
        host = str(self._parameters.get("host") or "127.0.0.1")
        port = int(self._parameters.get("port") or 5432)
        try:
            if not host.startswith("/"):
                return socket.create_connection((host, port))
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{host}/.s.PGSQL.{port}")
        except OSError:
            self.marks["refused"] += 1
            raise
        return server

    def _relay(self, client: Messages, server: Messages) -> None:
        statements: dict[bytes, str] = {}
        client.connection.sendall(server.answer())  # of the log-in
        while True:
            if server.pending or not client.pending:
                ends = [client.connection, server.connection]
                ready = [server.connection] if server.pending else select.select(ends, [], [])[0]
                if server.connection in ready:
                    # Said unasked: a notice, a notification, the last word of a shutdown.
                    message = server.next()
                    self.gate()
                    client.connection.sendall(message)
                    continue
            cycle = _cycle(client, statements)
            self.gate()
            if cycle is None:
                return
            fault = self._script(cycle.statement) if cycle.statement else None
            self._pass_on(cycle, fault, client, server)

    def _pass_on(
        self, cycle: Cycle, fault: Fault | None, client: Messages, server: Messages
    ) -> None:
        if fault is not None:
            self.done[fault] += 1
        if fault is Fault.REFUSED:
            raise ConnectionResetError
        if fault is Fault.HUNG:
            client.take(1)  # it says no more, until it gives up
            return
        server.connection.sendall(cycle.data)
        answer = server.answer()
        if fault is Fault.LOST:
            raise ConnectionResetError
        if fault is Fault.TWICE:
            server.connection.sendall(cycle.data)
            answer = server.answer()
        self.gate()
        client.connection.sendall(answer)


def _start(client: Messages, server: socket.socket) -> bool:
    """Pass on how a connection starts; whether statements follow."""
    while True:
        length = client.take(4)
        body = client.take(int.from_bytes(length, "big") - 4)
        code = struct.unpack("!I", body[:4])[0]
        if code in {SSL_REQUEST, GSS_REQUEST}:
            client.connection.sendall(b"N")
            continue
        server.sendall(length + body)
        return bool(code != CANCEL_REQUEST)


def _cycle(client: Messages, statements: dict[bytes, str]) -> Cycle | None:
    """Read until the client waits for an answer; None if it says goodbye."""
    data = b""
    statement: str | None = None
    executes = False
    while True:
        message = client.next()
        data += message
        kind, body = message[:1], message[5:]
        if kind == b"X":
            return None
        if kind == b"P":
            name, text, _ = body.split(b"\0", 2)
            statements[name] = text.decode()
        elif kind == b"B":
            statement = statements.get(body.split(b"\0", 2)[1])
        elif kind == b"E":
            executes = True
        elif kind == b"Q":
            return Cycle(data, body[:-1].decode())
        elif kind == b"S":
            return Cycle(data, statement if executes else None)
