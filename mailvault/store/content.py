"""The bytes of one part, wherever they are: read in order, and hashed on the way."""

from __future__ import annotations

import hashlib
import io
import os
from typing import TYPE_CHECKING, BinaryIO, Self

from mailvault.errors import FileChangedError
from mailvault.store.confine import file_error, open_confined, short

if TYPE_CHECKING:
    from types import TracebackType

    from mailvault.models import SourceFile

_HASHED_AT_A_TIME = 1024**2


class Content:
    """One part's bytes, open for reading; a context manager that closes the file."""

    def __init__(self, source: bytes | SourceFile) -> None:
        self._in_memory = isinstance(source, bytes)
        self._known: bytes | None = None
        self._hasher = hashlib.sha256()
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
        """Bytes that reading `length` of them takes: none where they are in memory already."""
        return 0 if self._in_memory else length

    def rewind(self) -> None:
        """Go back to the first byte.

        Raises:
            PartError: The file cannot be read.
        """
        try:
            self._stream.seek(0)
        except OSError as error:
            raise file_error(self._path, error) from None
        self._hasher = hashlib.sha256()

    def next(self, length: int) -> bytes:
        """Read the next `length` bytes, all of them.

        Raises:
            PartError: The file cannot be read, or is shorter than it was.
        """
        slices = []
        left = length
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
        self._hasher.update(whole)
        return whole

    def finish(self) -> bytes:
        """Check that all was read as it was when it was opened; return its SHA-256.

        Raises:
            PartError: The file is not what it was, or nobody can tell.
        """
        digest = self._hasher.digest()
        changed = not self._in_memory and self._state() != self._opened
        if changed or self._known not in {None, digest}:
            raise self._changed()
        self._known = digest
        return digest

    def digest(self) -> bytes:
        """Return the SHA-256 alone: reads everything once, if that was not done before."""
        if self._known is None:
            self.rewind()
            left = self.size
            while left > 0:
                left -= len(self.next(min(left, _HASHED_AT_A_TIME)))
            return self.finish()
        return self._known

    def _state(self) -> tuple[int, int]:
        try:
            found = os.fstat(self._stream.fileno())
        except OSError as error:
            raise file_error(self._path, error) from None
        return found.st_size, found.st_mtime_ns

    def _changed(self) -> FileChangedError:
        return FileChangedError(f"file {short(self._path)}: changed while it was read")
