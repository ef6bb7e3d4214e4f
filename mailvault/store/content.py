"""The bytes of one part, wherever they are: read in order, hashed and compressed on the way."""

from __future__ import annotations

import hashlib
import io
import os
from typing import TYPE_CHECKING, BinaryIO, Self

from mailvault.errors import FileChangedError
from mailvault.store.confine import file_error, open_confined, short
from mailvault.store.encoding import encoder
from mailvault.store.payload import Payload

if TYPE_CHECKING:
    from types import TracebackType

    from mailvault.models import Encoding, SourceFile

_READ = 256 * 1024
"""Bytes that are read at once where they are only hashed, or compressed."""


class Content:
    """One part's bytes, open for reading; a context manager that closes the file.

    Attributes:
        size: Bytes, before they are compressed.
        encoding: How they are to be compressed on their way to the store, if at all.
    """

    def __init__(self, source: bytes | SourceFile, encoding: Encoding | None = None) -> None:
        self.encoding = encoding
        self._in_memory = isinstance(source, bytes)
        self._known: bytes | None = None
        self._hasher = hashlib.sha256()
        self._coding: _Coding | None = None
        self._stream: BinaryIO
        if isinstance(source, bytes):
            self._path = ""
            self._stream = io.BytesIO(source)
            self.size = len(source)
        else:
            self._path = source.path
            self._stream = os.fdopen(open_confined(source), "rb", buffering=0)
            self._opened = self._state()
            self.size = self._opened[0]
        self._left = self.size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stream.close()

    def cost(self, length: int) -> int:
        """Bytes that `length` of what is sent take: none where they are in memory already."""
        return 0 if self._in_memory and self.encoding is None else length

    def rewind(self, encoding: Encoding | None = None) -> None:
        """Go back to the first byte, to read the bytes as they are or compressed.

        Raises:
            PartError: The file cannot be read.
        """
        try:
            self._stream.seek(0)
        except OSError as error:
            raise file_error(self._path, error) from None
        self._left = self.size
        self._hasher = hashlib.sha256()
        self._coding = _Coding(encoding) if encoding else None

    def next(self, length: int) -> bytes:
        """Return the next `length` bytes; fewer only at the end.

        Raises:
            PartError: The file cannot be read, or is shorter than it was.
        """
        if self._coding is None:
            return self._read(length)
        while not self._coding.ended and self._coding.waiting < length:
            self._coding.take(self._read(_READ), last=not self._left)
        return self._coding.next(length)

    def finish(self) -> Payload:
        """Check that all was read as it was when it was opened; say what was read.

        Raises:
            PartError: The file is not what it was, or nobody can tell.
        """
        digest = self._hasher.digest()
        changed = not self._in_memory and self._state() != self._opened
        if changed or self._known not in {None, digest}:
            raise self._changed()
        self._known = digest
        if self._coding is None:
            return Payload(self.size, digest)
        return self._coding.payload(self.size, digest)

    def whole(self) -> tuple[bytes, Payload]:
        """Read everything, compressed where that saves a twentieth.

        Raises:
            PartError: The file cannot be read, or is not what it was.
        """
        self.rewind(self.encoding)
        body = self.next(self.size)
        if self.encoding and len(body) >= self.size - self.size // 20:
            del body
            self.rewind()
            body = self.next(self.size)
        return body, self.finish()

    def digest(self) -> bytes:
        """Return the SHA-256 of the bytes as they are.

        Reads everything once, if that was not done before.
        """
        if self._known is None:
            self.rewind()
            while self.next(_READ):
                pass
            self.finish()
        assert self._known is not None
        return self._known

    def _read(self, length: int) -> bytes:
        wanted = left = min(length, self._left)
        slices = []
        while left > 0:
            try:
                data = self._stream.read(left)
            except (OSError, MemoryError) as error:
                raise file_error(self._path, error) from None
            if not data:
                raise self._changed()
            slices.append(data)
            left -= len(data)
        whole = slices[0] if len(slices) == 1 else b"".join(slices)
        self._left -= wanted
        self._hasher.update(whole)
        return whole

    def _state(self) -> tuple[int, int]:
        try:
            found = os.fstat(self._stream.fileno())
        except OSError as error:
            raise file_error(self._path, error) from None
        return found.st_size, found.st_mtime_ns

    def _changed(self) -> FileChangedError:
        return FileChangedError(f"file {short(self._path)}: changed while it was read")


class _Coding:
    """The bytes as they are sent, compressed."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._encoder = encoder(encoding)
        self._output = bytearray()
        self._size = 0
        self._hasher = hashlib.sha256()
        self.ended = False

    @property
    def waiting(self) -> int:
        return len(self._output)

    def take(self, data: bytes, *, last: bool) -> None:
        self._output += self._encoder.compress(data)
        if last:
            self._output += self._encoder.flush()
            self.ended = True

    def next(self, length: int) -> bytes:
        data = bytes(self._output[:length])
        del self._output[:length]
        self._size += len(data)
        self._hasher.update(data)
        return data

    def payload(self, size: int, digest: bytes) -> Payload:
        return Payload(self._size, self._hasher.digest(), self._encoding, size, digest)
