"""A line to a server that can be cut, fall silent, and be mended; what passes is its heirs'."""

from __future__ import annotations

import socket
import threading
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import suppress
from enum import StrEnum
from typing import Self


class Fault(StrEnum):
    """What can become of one call."""

    REFUSED = "refused"  # the connection is reset before the server hears of the call
    HUNG = "hung"  # the server never hears of it, and the connection stays open in silence
    LOST = "lost"  # it is done, and the connection is reset instead of its answer
    TWICE = "twice"  # it is done twice, and the second answer is given


class Line(ABC):
    """Serves each connection in a thread of its own, until it is cut or falls silent.

    Attributes:
        port: Where it listens on 127.0.0.1.
        marks: How often each thing happened: `cut` and `held` connections, `refused` ones.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self.marks: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._is_cut = False
        self._speaks = threading.Event()
        self._speaks.set()
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()
        self.cut()
        self._speaks.set()
        for thread in self._threads:
            thread.join()

    @abstractmethod
    def serve(self, client: socket.socket) -> None:
        """Pass on what a client says and hears, until either is gone (OSError, or return)."""

    def cut(self) -> None:
        """Reset every connection, and each new one."""
        with self._lock:
            self._is_cut = True
            self.marks["cut"] += len(self._sockets)
            for connection in self._sockets:
                _wake(connection)

    def fall_silent(self) -> None:
        """Leave every connection open and pass nothing on; what is said meanwhile is lost."""
        self._speaks.clear()

    def mend(self) -> None:
        """Work again; connections that lost something by then are reset."""
        with self._lock:
            self._is_cut = False
        self._speaks.set()

    def gate(self) -> None:
        """To be called before anything is passed on.

        Raises:
            ConnectionResetError: The line had fallen silent, and is mended by now.
        """
        if not self._speaks.is_set():
            self.marks["held"] += 1
            self._speaks.wait()
            raise ConnectionResetError

    def own(self, connection: socket.socket) -> socket.socket:
        """Let a connection to the server end with the line, too."""
        with self._lock:
            self._sockets.add(connection)
        return connection

    def let_go(self, connection: socket.socket) -> None:
        """Close a connection."""
        with self._lock:
            self._sockets.discard(connection)
        connection.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._is_cut:
                    self.marks["refused"] += 1
                    _reset(client)
                    continue
                self._sockets.add(client)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._run, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, client: socket.socket) -> None:
        with suppress(OSError):
            self.serve(client)
        with self._lock:
            self._sockets.discard(client)
        _reset(client)


def _wake(connection: socket.socket) -> None:
    """End what a thread waits for on a connection; closing it here would not."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _reset(connection: socket.socket) -> None:
    """Close with an RST, so that nobody takes it for a proper end."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
