"""A TCP proxy that can be cut and mended, to be put between the program and a server."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class Proxy:
    """Passes bytes on to an address until it is cut; while cut, it resets who connects.

    A host that begins with a slash is the directory of PostgreSQL's socket.
    """

    def __init__(self, host: str, port: int) -> None:
        self._own = (host, port)
        self._target = self._own
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_cut = False
        self._forsaken: set[socket.socket] = set()
        self._flows = threading.Event()
        self._flows.set()
        self.refused = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._pumps: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._flows.set()
        # Closing alone would not wake the thread that waits in accept().
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for pump in self._pumps:
            pump.join()

    def cut(self) -> None:
        """Break every connection and let no new one through."""
        with self._lock:
            self._is_cut = True
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let connections through again."""
        with self._lock:
            self._is_cut = False

    def freeze(self) -> None:
        """Let every connection stand, and new ones be made, and pass no byte on."""
        self._flows.clear()

    def thaw(self) -> None:
        """Pass on what was held up, and what comes."""
        self._flows.set()

    def forsake(self) -> None:
        """Pass no byte on between those that are connected now; new connections are served."""
        with self._lock:
            self._forsaken |= self._open

    def turn_to(self, host: str, port: int) -> None:
        """Break every connection, and lead new ones to another server."""
        self._target = (host, port)
        self.cut()
        self.mend()

    def turn_back(self) -> None:
        """Lead to the server that it was made for."""
        self.turn_to(*self._own)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._is_cut:
                    self.refused += 1
                    client.close()
                    continue
                try:
                    server = self._dial()
                except OSError:
                    self.refused += 1
                    client.close()
                    continue
                self._open |= {client, server}
            for source, sink in ((client, server), (server, client)):
                pump = threading.Thread(target=self._pump, args=(source, sink), daemon=True)
                self._pumps.append(pump)
                pump.start()

    def _dial(self) -> socket.socket:
        host, port = self._target
        if not host.startswith("/"):
            return socket.create_connection(self._target)
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(f"{host}/.s.PGSQL.{port}")
        except OSError:
            server.close()
            raise
        return server

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                if source in self._forsaken:
                    continue
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            if sink not in self._open:
                # The other direction is through as well.
                source.close()
                sink.close()
            self._open -= {source, sink}
