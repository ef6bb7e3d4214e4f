"""Puts mail into the quick start's tables and directory: files first, then rows, or nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, LiteralString, NamedTuple, Self

from psycopg import sql

from mailvault.db import query
from mailvault.errors import ConfigError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from types import TracebackType

    import psycopg


class EmailRow(NamedTuple):
    """A row of `emails`, in the order of its columns."""

    id: int
    subject: str | None
    sender: str | None
    recipients: str | None
    body: str | None
    received_at: datetime


class FileRow(NamedTuple):
    """A row of `files`, in the order of its columns."""

    id: int
    email_id: int
    filename: str
    content_type: str
    size: int
    local_path: str


_EMAIL_TYPES = ["int8", "text", "text", "text", "text", "timestamptz"]
_FILE_TYPES = ["int8", "int8", "text", "text", "int8", "text"]


class Intake:
    """Writes files and commits their rows; what is not committed at the end leaves no file.

    Raises:
        SchemaError: The tables are not there.
        ConfigError: The directory cannot be written to.
    """

    def __init__(self, connection: psycopg.Connection, directory: Path) -> None:
        self._connection = connection
        self._directory = directory
        self._folders: set[str] = set()
        self._uncommitted: set[str] = set()
        ready = connection.execute(query("intake", "tables_ready")).fetchone()
        if not (ready and ready[0]):
            raise SchemaError(
                "the tables emails and files do not exist", hint="mailvault init --example"
            )
        _make_writable(directory)

    def reserve(self, emails: int, files: int) -> tuple[list[int], list[int]]:
        """Return ids that nobody else gets; those that are not used are lost."""
        return self._reserve("reserve_email_ids", emails), self._reserve("reserve_file_ids", files)

    def _reserve(self, name: str, count: int) -> list[int]:
        if not count:
            return []
        rows = self._connection.execute(query("intake", name), {"count": count})
        return [row[0] for row in rows]

    def add_file(  # noqa: PLR0913  # a file's row has this many facts
        self,
        file_id: int,
        email_id: int,
        *,
        filename: str,
        content_type: str,
        content: bytes,
        ending: str,
    ) -> FileRow:
        """Write a file now and return its row, to be committed.

        The path is made of the id and `ending`, which must be the program's own: a file name
        from a mail never becomes part of a path.
        """
        folder = f"{file_id >> 16 & 0xFF:02x}/{file_id >> 8 & 0xFF:02x}"
        path = f"{folder}/{file_id}{ending}"
        self._write(folder, path, content)
        return FileRow(file_id, email_id, filename, content_type, len(content), path)

    def _write(self, folder: str, path: str, content: bytes) -> None:
        if folder not in self._folders:
            (self._directory / folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        full = f"{self._directory}/{path}"
        try:
            with open(full, "xb", buffering=0) as file:  # noqa: PTH123  # a third of Path's cost
                self._uncommitted.add(full)
                file.write(content)
        except FileExistsError:
            raise ConfigError(
                f"{full} exists already: the directory has the files of another database",
                hint="name an empty directory with --files",
            ) from None

    def commit(self, emails: Iterable[EmailRow], files: Sequence[FileRow]) -> None:
        """Commit emails and the files that were added for them, in one transaction.

        Another thread may add files for the next emails at the same time.
        """
        with self._connection.transaction():
            self._copy("emails", EmailRow._fields, _EMAIL_TYPES, emails)
            self._copy("files", FileRow._fields, _FILE_TYPES, files)
            # Whether the commit arrives cannot be known if it is interrupted. A file without a
            # row does no harm; a row without its file would.
            self._uncommitted.difference_update(f"{self._directory}/{row[-1]}" for row in files)

    def _copy(
        self,
        table: LiteralString,
        columns: Sequence[str],
        types: Sequence[str],
        rows: Iterable[tuple[object, ...]],
    ) -> None:
        statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        for path in self._uncommitted:
            Path(path).unlink(missing_ok=True)


def _make_writable(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make the directory {directory}: {error.strerror}") from None
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ConfigError(f"cannot write to the directory {directory}")
