"""Content-Encoding: bytes that go to the store compressed, and what they stand for."""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import zlib
from typing import TYPE_CHECKING, Protocol

from mailvault.store.payload import Payload

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from mailvault.models import Encoding

_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3
"""zlib's and zstd's own: more takes several times as long for a few percent."""

_ZSTD_WINDOW = 23
"""The largest window, as a power of two, that RFC 9659 allows in a Content-Encoding."""

_READ = 1024**2

_DAMAGED = (zlib.error, zstd.ZstdError, gzip.BadGzipFile, EOFError)


class Encoder(Protocol):
    """A compression under way."""

    def compress(self, data: bytes, /) -> bytes:
        """Take bytes in; return what has come out."""
        ...

    def flush(self) -> bytes:
        """Return what is still inside."""
        ...


def encoder(encoding: Encoding) -> Encoder:
    """Start a compression."""
    if encoding == "gzip":
        return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return zstd.ZstdCompressor(_ZSTD_LEVEL)


class Body(Protocol):
    """An object that is read back."""

    def read(self, size: int, /) -> bytes:
        """Return some of the next bytes; none at the end."""
        ...


def parse(content_encoding: str | None) -> Encoding | None:
    """Return what an object's Content-Encoding says, if it is one of ours."""
    found: dict[str | None, Encoding] = {"gzip": "gzip", "zstd": "zstd"}
    return found.get(content_encoding)


def measure(body: Body, encoding: Encoding | None, limit: int) -> Payload | None:
    """Read an object to its end and say what it is.

    None where it cannot be decompressed, or stands for more than `limit` bytes: a small object
    can stand for terabytes.
    """
    stored = _Measured(body)
    if encoding is None:
        while stored.read(_READ):
            pass
        return Payload(stored.size, stored.hasher.digest())
    original = _Measured(_decoded(stored, encoding))
    try:
        while original.read(_READ):
            if original.size > limit:
                return None
    except _DAMAGED:
        return None
    return Payload(
        stored.size, stored.hasher.digest(), encoding, original.size, original.hasher.digest()
    )


def _decoded(body: _Measured, encoding: Encoding) -> Body:
    if encoding == "gzip":
        return gzip.GzipFile(fileobj=body)
    return zstd.ZstdFile(body, options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW})


class _Measured(io.RawIOBase):
    """Counts and hashes what is read through it."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self.size = 0
        self.hasher = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        room = memoryview(buffer)
        data = self._body.read(len(room))
        room[: len(data)] = data
        self.size += len(data)
        self.hasher.update(data)
        return len(data)
