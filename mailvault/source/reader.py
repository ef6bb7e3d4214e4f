"""Reads mail from the application's tables, through the views that init made of the mapping."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psycopg

from mailvault.arrays import texts
from mailvault.db import query
from mailvault.errors import ConfigError, FileMissingError, SourceError
from mailvault.models import Part, SourceFile
from mailvault.source.bodies import SLICE, BodyReader, refusal_of_one
from mailvault.source.media import is_compressible, media_type, sniff
from mailvault.store import keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailvault.config import Compression
    from mailvault.db import Pool
    from mailvault.models import Encoding

SNIFFED = 512
"""Bytes of a body that tell whether it is HTML."""


class SourcePart(NamedTuple):
    """One body or attachment as the source describes it, without its bytes.

    Attributes:
        email_key: The email's key, as text.
        kind: The mapping's name for this sort of part.
        part_key: The key of the row that has it, as text.
        size: Bytes, as far as the source knows.
        in_table: Whether the bytes are in the table; otherwise they are in a file.
        path: Where that file is, below the root; None if the row does not say.
        filename: The name it had in the mail.
        content_type: The type that the source gives it.
    """

    email_key: str
    kind: str
    part_key: str
    size: int | None
    in_table: bool
    path: str | None
    filename: str | None
    content_type: str | None

    @property
    def name(self) -> tuple[str, str]:
        """What tells it from all other parts: its kind and its key."""
        return self.kind, self.part_key

    @property
    def bytes_in_memory(self) -> int:
        """How many bytes a process needs to hand this part to an uploader."""
        return self.size or 0 if self.in_memory else 0

    @property
    def in_memory(self) -> bool:
        """Whether the bytes are handed over in memory, not by way of a file."""
        return self.in_table and (self.size or 0) <= SLICE


class SourceReader:
    """Turns descriptions into parts for an uploader."""

    def __init__(
        self,
        pool: Pool,
        files_root: Path,
        *,
        by_content: bool = False,
        compress: Compression = "none",
    ) -> None:
        """With `by_content`, objects are named after their digest, and say of no email."""
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
    ) -> list[Part | SourceError]:
        """Make each numbered description into a part, or say why its bytes cannot be had.

        At most `memory` bytes of bodies are handed over in memory; the others go by way of files.
        """
        in_memory = []
        for _, part in wanted:
            memory -= part.bytes_in_memory
            if part.in_memory and memory >= 0:
                in_memory.append(part)
        bodies = self._bodies.read_group(in_memory) if in_memory else {}
        parts: list[Part | SourceError] = []
        for number, part in wanted:
            content: bytes | SourceFile | SourceError
            if not part.in_table:
                parts.append(self._attachment(number, part))
                continue
            name = part.name
            content = bodies[name] if name in bodies else self._bodies.spool(number, part)
            parts.append(
                content if isinstance(content, SourceError) else self._body(number, part, content)
            )
        return parts

    def discard(self, number: int) -> None:
        """Let go of what was kept for a part until its upload ended."""
        self._bodies.discard(number)

    def _body(self, number: int, part: SourcePart, content: bytes | SourceFile) -> Part:
        content_type = part.content_type or sniff(_head(content))
        return self._as_part(
            number,
            part,
            keys.body_key(part.email_key, content_type, part.kind),
            content,
            content_type,
        )

    def _attachment(self, number: int, part: SourcePart) -> Part | FileMissingError:
        if not part.path:
            return FileMissingError(f"{part.kind} {part.part_key} names no file")
        return self._as_part(
            number,
            part,
            keys.attachment_key(part.part_key, part.filename),
            SourceFile(self._files_root, part.path),
            media_type(part.content_type, part.filename),
        )

    def _as_part(
        self,
        number: int,
        part: SourcePart,
        key: str,
        content: bytes | SourceFile,
        content_type: str,
    ) -> Part:
        encoding = self._encoding
        if encoding is not None and not is_compressible(content_type):
            encoding = None
        if self._by_content:  # it may be another email's too, and have another name there
            return Part(number, keys.BY_CONTENT, content, content_type, encoding=encoding)
        return Part(
            number=number,
            key=key,
            content=content,
            content_type=content_type,
            disposition=keys.content_disposition(part.filename),
            metadata=keys.metadata(part.email_key, part.kind, part.part_key),
            encoding=encoding,
        )


def _head(content: bytes | SourceFile) -> bytes:
    if isinstance(content, bytes):
        return content[:SNIFFED]
    with (Path(content.root) / content.path).open("rb") as file:
        return file.read(SNIFFED)
