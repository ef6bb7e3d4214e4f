"""A line to a server, each answer of which takes a moment more; the moment can be changed."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

CHUNK = 1 << 16


class SlowLine:
    """A TCP proxy in a thread of its own.

    Attributes:
        delay: Seconds that it keeps each answer.
    """

    def __init__(self, endpoint: str, delay: float) -> None:
        address = urlsplit(endpoint)
        self._host, self._port = address.hostname or "", address.port or 0
        self.delay = delay
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._connect, "127.0.0.1", 0)
        )
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def endpoint(self) -> str:
        """The line's own end."""
        return "http://{}:{}".format(*self._server.sockets[0].getsockname())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_store, to_store = await asyncio.open_connection(self._host, self._port)
        with suppress(OSError):
            await asyncio.gather(
                self._pass(reader, to_store, late=False), self._pass(from_store, writer, late=True)
            )

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool
    ) -> None:
        while chunk := await reader.read(CHUNK):
            if late:
                await asyncio.sleep(self.delay)
            writer.write(chunk)
            await writer.drain()
        writer.close()
