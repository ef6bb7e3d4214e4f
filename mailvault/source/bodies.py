"""Reads the bytes of bodies that are in the database."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psycopg

from mailvault.db import query
from mailvault.errors import BodyUnreadableError
from mailvault.models import SourceFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg_pool import ConnectionPool

    from mailvault.source.reader import SourcePart

SLICE = 8 * 1024 * 1024
"""Bytes of a body that are read at once; a larger body goes by way of a temporary file."""


class BodyReader:
    """Reads small bodies in groups and large ones in slices, so that neither fills the memory."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._spool = TemporaryDirectory(prefix="mailvault-")
        self._spooled: set[int] = set()

    def close(self) -> None:
        """Remove the files that large bodies went by."""
        self._spool.cleanup()

    def read_group(
        self, parts: Sequence[SourcePart]
    ) -> dict[SourcePart, bytes | BodyUnreadableError]:
        """Read bodies in one round trip; if that fails for one of them, each by itself."""
        try:
            return self._read(parts)
        except psycopg.DataError as error:
            if len(parts) == 1:
                return {parts[0]: BodyUnreadableError(f"PostgreSQL: {_first_line(error)}")}
        found: dict[SourcePart, bytes | BodyUnreadableError] = {}
        for part in parts:
            found |= self.read_group([part])
        return found

    def _read(self, parts: Sequence[SourcePart]) -> dict[SourcePart, bytes | BodyUnreadableError]:
        with self._pool.connection() as connection:
            rows = connection.execute(
                query("source", "read"),
                {
                    "email_keys": [part.email_key for part in parts],
                    "kinds": [part.kind for part in parts],
                    "part_keys": [part.part_key for part in parts],
                },
                binary=True,
            )
            content = {(kind, key): value for kind, key, value in rows}
        gone = BodyUnreadableError("its row is gone from the source")
        return {part: content.get((part.kind, part.part_key), gone) for part in parts}

    def spool(self, number: int, part: SourcePart) -> SourceFile | BodyUnreadableError:
        """Copy a large body into a temporary file, slice by slice."""
        file = SourceFile(self._spool.name, str(number))
        self._spooled.add(number)
        offset = 0
        with self._path(number).open("wb") as copy:
            while True:
                try:
                    piece = self._read_slice(part, offset)
                except psycopg.DataError as error:
                    return BodyUnreadableError(f"PostgreSQL: {_first_line(error)}")
                if piece is None:
                    return BodyUnreadableError("its row is gone from the source")
                copy.write(piece)
                offset += len(piece)
                if len(piece) < SLICE:
                    return file

    def discard(self, number: int) -> None:
        """Remove the temporary file of a part, if it has one."""
        if number in self._spooled:
            self._spooled.remove(number)
            self._path(number).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return Path(self._spool.name) / str(number)

    def _read_slice(self, part: SourcePart, offset: int) -> bytes | None:
        with self._pool.connection() as connection:
            row = connection.execute(
                query("source", "read_slice"),
                {
                    "email_key": part.email_key,
                    "kind": part.kind,
                    "part_key": part.part_key,
                    "offset": offset,
                    "length": SLICE,
                },
                binary=True,
            ).fetchone()
            return None if row is None else bytes(row[0])


def _first_line(error: psycopg.Error) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
