"""Reads mail from the application's tables, through the views that init made of the mapping."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from mailvault.arrays import texts
from mailvault.db import query
from mailvault.errors import BodyUnreadableError, ConfigError, FileMissingError, SourceError
from mailvault.models import Part, SourceFile, StoredBefore, StoredObject
from mailvault.source.bodies import BodyReader, refusal_of_one
from mailvault.source.description import SourcePart
from mailvault.source.media import is_compressible, media_type, proper, sniff
from mailvault.store import keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailvault.config import Compression
    from mailvault.db import Pool
    from mailvault.models import Encoding
    from mailvault.source.replica import Replica

SNIFFED = 512
"""Bytes of a body that tell whether it is HTML."""


class SourceReader:
    """Turns descriptions into parts for an uploader."""

    def __init__(
        self,
        pool: Pool,
        files_root: Path,
        *,
        by_content: bool = False,
        compress: Compression = "none",
        replica: Replica | None = None,
    ) -> None:
        """With `by_content`, objects are named after their digest, and say of no email.

        Where there is a `replica`, mail is read from there.
        """
        self._replica = replica
        if replica is not None:
            pool = replica.pool
        self._pool = pool
        self._by_content = by_content
        self._encoding: Encoding | None = None if compress == "none" else compress
        self._bodies = BodyReader(pool)
        self._files_root = str(files_root.absolute())

    def close(self) -> None:
        """Remove temporary files."""
        self._bodies.close()

    def check_root(self) -> None:
        """Make sure that the directory of the files is there, if the source has any.

        Raises:
            ConfigError: It is not; without this check every attachment would seem to be missing.
        """
        root = Path(self._files_root)
        # An empty one is most likely where something should be mounted.
        if root.is_dir() and any(root.iterdir()):
            return
        with self._pool.connection() as connection:
            row = connection.execute(query("source", "has_files")).fetchone()
        if row is not None and row[0]:
            raise ConfigError(
                f"MIGRATION_FILES_ROOT: there is nothing at {self._files_root}",
                hint="set it to the directory that the paths of attachments start from",
            )

    def expect(self) -> None:
        """Ask for mail as it is now, or later; `waiting` tells when it can be had."""
        if self._replica is not None:
            self._replica.note()

    def waiting(self) -> float | None:
        """Return for how many seconds that has not been the case; None once it is."""
        return self._replica.waited() if self._replica is not None else None

    def describe(self, email_keys: Sequence[str]) -> dict[str, list[SourcePart] | SourceError]:
        """Return the parts of each email; an email without any has an empty list.

        What cannot be read of one email is its own fault, and the others are described.
        """
        try:
            return dict(self._describe(email_keys))
        except psycopg.Error as error:
            refusal = refusal_of_one(error)
            if len(email_keys) == 1:
                return {email_keys[0]: refusal}
        middle = len(email_keys) // 2
        return self.describe(email_keys[:middle]) | self.describe(email_keys[middle:])

    def _describe(self, email_keys: Sequence[str]) -> dict[str, list[SourcePart]]:
        with self._pool.connection() as connection:
            rows = connection.execute(
                query("source", "describe"), {"email_keys": texts(email_keys)}
            ).fetchall()
        parts = (SourcePart(*row) for row in rows)
        found = {key: list(group) for key, group in groupby(parts, lambda part: part.email_key)}
        return {key: found.get(key, []) for key in email_keys}

    def read(
        self, wanted: Sequence[tuple[int, SourcePart]], memory: int
    ) -> list[Part | StoredBefore | SourceError]:
        """Make each numbered description into a part, or say why its bytes cannot be had.

        At most `memory` bytes of bodies are handed over in memory; the others go by way of files.
        What another email had stored before is not read.
        """
        stored = self._stored_before([part for _, part in wanted if part.is_shared])
        in_memory = []
        for _, part in wanted:
            if part.in_memory:
                memory -= part.bytes_in_memory
                if memory >= 0 and part.name not in stored:
                    in_memory.append(part)
        bodies = self._bodies.read_group(in_memory) if in_memory else {}
        parts: list[Part | StoredBefore | SourceError] = []
        for number, part in wanted:
            if part.name in stored:
                parts.append(stored[part.name])
                continue
            content = self._content(number, part, bodies)
            parts.append(
                content
                if isinstance(content, SourceError)
                else self._as_part(number, part, content)
            )
        return parts

    def discard(self, number: int) -> None:
        """Let go of what was kept for a part until its upload ended."""
        self._bodies.discard(number)

    def _stored_before(self, shared: list[SourcePart]) -> dict[tuple[str, str], StoredBefore]:
        if not shared:
            return {}
        with self._pool.connection() as connection:
            rows = connection.execute(
                query("source", "shared"),
                {
                    "kinds": texts(part.kind for part in shared),
                    "part_keys": texts(part.part_key for part in shared),
                },
            ).fetchall()
        return {
            (kind, part_key): StoredBefore(content_type, StoredObject(*stored))
            for kind, part_key, content_type, *stored in rows
        }

    def _content(
        self,
        number: int,
        part: SourcePart,
        bodies: dict[tuple[str, str], bytes | SourceError],
    ) -> bytes | SourceFile | SourceError:
        if part.in_table:
            return bodies[part.name] if part.name in bodies else self._bodies.spool(number, part)
        if not part.path:
            return FileMissingError(f"{part.kind} {part.part_key} names no file")
        file = SourceFile(self._files_root, part.path)
        return file if part.encoding is None else self._bodies.spool_file(number, part, file)

    def _as_part(
        self, number: int, part: SourcePart, content: bytes | SourceFile
    ) -> Part | SourceError:
        if part.filename is None and part.in_table:
            content_type = proper(part.content_type) or sniff(_head(content))
        else:
            content_type = media_type(part.content_type, part.filename)
        # What is kept by its content may be another email's too, and have another name there.
        named = not (part.is_shared or (self._by_content and part.object_key is None))
        encoding = self._encoding
        if encoding is not None and not is_compressible(content_type):
            encoding = None
        if part.object_key is not None:
            key, encoding = part.object_key, None  # the application reads the bytes as they are
        else:
            key = _key(part, content_type) if named else keys.BY_CONTENT
        if not key:
            return BodyUnreadableError("its row has no value for its object key")
        return Part(
            number=number,
            key=key,
            content=content,
            content_type=content_type,
            disposition=keys.content_disposition(part.filename) if named else None,
            metadata=keys.metadata(part.email_key, part.kind, part.part_key) if named else (),
            encoding=encoding,
            exact=part.object_key is not None,
        )


def _key(part: SourcePart, content_type: str) -> str:
    if part.filename is None and part.in_table:
        return keys.body_key(part.email_key, content_type, part.kind)
    return keys.attachment_key(part.part_key, part.filename)


def _head(content: bytes | SourceFile) -> bytes:
    if isinstance(content, bytes):
        return content[:SNIFFED]
    with (Path(content.root) / content.path).open("rb") as file:
        return file.read(SNIFFED)
