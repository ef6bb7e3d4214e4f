"""Reads the bytes of bodies that are in the database."""

from __future__ import annotations

import itertools
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, BinaryIO

import psycopg
from psycopg import IsolationLevel

from mailvault.arrays import texts
from mailvault.db import first_line, query
from mailvault.errors import BodyUnreadableError, SourceBusyError, SpoolError
from mailvault.faults import Kind, diagnose
from mailvault.models import SourceFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailvault.db import Pool
    from mailvault.errors import SourceError
    from mailvault.source.reader import SourcePart

SLICE = 8 * 1024 * 1024
"""Bytes of a body that are read at once; a larger body goes by way of a temporary file."""


def refusal_of_one(error: psycopg.Error) -> SourceError:
    """Say why one row cannot be read.

    Raises:
        psycopg.Error: The one given, where it has nothing to do with this row.
    """
    match diagnose(error).kind:
        case Kind.EMAIL:
            return BodyUnreadableError(f"PostgreSQL: {first_line(error)}")
        case Kind.DOUBTFUL | Kind.LOCKED:
            return SourceBusyError(f"PostgreSQL: {first_line(error)}")
        case _:
            raise error


class BodyReader:
    """Reads small bodies in groups and large ones in slices, so that neither fills the memory."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._spool = TemporaryDirectory(prefix="mailvault-")
        self._spooled: set[int] = set()

    def close(self) -> None:
        """Remove the files that large bodies went by."""
        self._spool.cleanup()

    def read_group(
        self, parts: Sequence[SourcePart]
    ) -> dict[tuple[str, str], bytes | SourceError]:
        """Read bodies in one round trip, by kind and key; where one of them fails, in halves."""
        try:
            return self._read(parts)
        except psycopg.Error as error:
            refusal = refusal_of_one(error)
            if len(parts) == 1:
                return {parts[0].name: refusal}
        middle = len(parts) // 2
        return self.read_group(parts[:middle]) | self.read_group(parts[middle:])

    def _read(self, parts: Sequence[SourcePart]) -> dict[tuple[str, str], bytes | SourceError]:
        with self._pool.connection() as connection:
            rows = connection.execute(
                query("source", "read"),
                {
                    "email_keys": texts(part.email_key for part in parts),
                    "kinds": texts(part.kind for part in parts),
                    "part_keys": texts(part.part_key for part in parts),
                },
                binary=True,
            )
            gone = BodyUnreadableError("its row is gone from the source")
            found: dict[tuple[str, str], bytes | SourceError] = dict.fromkeys(
                (part.name for part in parts), gone
            )
            found.update(((kind, key), content) for kind, key, content in rows)
            return found

    def spool(self, number: int, part: SourcePart) -> SourceFile | SourceError:
        """Copy a large body into a temporary file, slice by slice, as it is at one moment."""
        self._spooled.add(number)
        try:
            with self._pool.connection() as connection, self._path(number).open("wb") as copy:
                connection.isolation_level = IsolationLevel.REPEATABLE_READ
                try:
                    with connection.transaction():
                        return self._copy(connection, number, part, copy)
                finally:
                    connection.isolation_level = None
        except psycopg.Error as error:
            return refusal_of_one(error)
        except OSError as error:
            return SpoolError(f"no temporary copy in {self._spool.name}: {error.strerror}")

    def _copy(
        self, connection: psycopg.Connection, number: int, part: SourcePart, copy: BinaryIO
    ) -> SourceFile | BodyUnreadableError:
        for offset in itertools.count(0, SLICE):
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
            if row is None:
                return BodyUnreadableError("its row is gone from the source")
            copy.write(row[0])
            if len(row[0]) < SLICE:
                break
        return SourceFile(self._spool.name, str(number))

    def discard(self, number: int) -> None:
        """Remove the temporary file of a part, if it has one."""
        if number in self._spooled:
            self._spooled.remove(number)
            self._path(number).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return Path(self._spool.name) / str(number)
