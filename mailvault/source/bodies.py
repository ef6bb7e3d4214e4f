"""Reads the bytes of bodies that are in the database."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import psycopg

from mailvault.arrays import texts
from mailvault.db import first_line, query
from mailvault.errors import (
    BodyUnreadableError,
    RowGoneError,
    SourceBusyError,
    SourceError,
)
from mailvault.faults import Kind, diagnose
from mailvault.source.description import SLICE
from mailvault.source.spool import Spool
from mailvault.source.transfer import decoded
from mailvault.store.confine import open_confined

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from mailvault.db import Pool
    from mailvault.models import SourceFile
    from mailvault.source.description import SourcePart


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
        self._spool = Spool()

    def close(self) -> None:
        """Remove the files that large bodies went by."""
        self._spool.close()

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
            ).fetchall()
        encodings = {part.name: part.encoding for part in parts}
        gone = RowGoneError("its row is gone from the source")
        found: dict[tuple[str, str], bytes | SourceError] = dict.fromkeys(encodings, gone)
        for kind, key, content in rows:
            if content is None:  # it was taken from there since it was described
                continue
            name = (kind, key)
            encoding = encodings[name]
            found[name] = content if encoding is None else _decode(content, encoding)
        return found

    def spool(self, number: int, part: SourcePart) -> SourceFile | SourceError:
        """Copy a large body into a temporary file, slice by slice, as it is at one moment."""
        wanted = {
            "email_key": part.email_key,
            "kind": part.kind,
            "part_key": part.part_key,
            "length": SLICE,
        }
        try:
            with (
                self._pool.connection() as connection,
                connection.cursor(binary=True) as cursor,
                # Whoever gives up before the end must let go of the connection at once.
                closing(_slices(cursor, wanted)) as slices,
            ):
                return self._copy(number, part, slices)
        except psycopg.Error as error:
            return refusal_of_one(error)

    def spool_file(
        self, number: int, part: SourcePart, file: SourceFile
    ) -> SourceFile | SourceError:
        """Copy what an encoded file stands for into a temporary file."""
        try:
            descriptor = open_confined(file)
        except SourceError as error:
            return error
        with open(descriptor, "rb", buffering=0) as source:  # noqa: PTH123  # it is open already
            return self._copy(number, part, iter(lambda: source.read(SLICE), b""))

    def _copy(
        self, number: int, part: SourcePart, pieces: Iterator[bytes]
    ) -> SourceFile | SourceError:
        try:
            return self._spool.write(number, decoded(pieces, part.encoding))
        except SourceError as error:
            return error

    def discard(self, number: int) -> None:
        """Remove the temporary file of a part, if it has one."""
        self._spool.discard(number)


def _slices(cursor: psycopg.Cursor, wanted: dict[str, object]) -> Generator[bytes, None, None]:
    row = None
    for row in cursor.stream(query("source", "read_slices"), wanted):
        yield row[0]
    if row is None:
        raise RowGoneError("its row is gone from the source")


def _decode(content: bytes, encoding: str) -> bytes | SourceError:
    try:
        return b"".join(decoded([content], encoding))
    except SourceError as error:
        return error
