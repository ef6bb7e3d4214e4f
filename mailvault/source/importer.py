"""Imports mail: message after message, in chunks that are there whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailvault.source.intake import EmailRow, FileRow, Intake
from mailvault.source.mailbox import RawMessage, Skipped, find_files, read_messages
from mailvault.source.message import Message, read_message
from mailvault.source.mime import MessageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import psycopg

CHUNK_EMAILS = 500
CHUNK_BODIES = 8 * 1024**2
"""Characters of bodies held before they are committed, so that a chunk's memory is bounded."""


@dataclass(slots=True)
class Summary:
    """What an import came to."""

    emails: int = 0
    attachments: int = 0
    skipped: int = 0


class Importer:
    """Adds messages to an intake and says which ones it had to skip."""

    def __init__(self, intake: Intake, on_skip: Callable[[Skipped], None]) -> None:
        self.summary = Summary()
        self._intake = intake
        self._on_skip = on_skip
        self._rows: list[EmailRow] = []
        self._files: list[FileRow] = []
        self._bodies = 0

    def take(self, found: RawMessage | Skipped) -> None:
        """Import one message, or skip it; commit when a chunk is full."""
        read = self._read(found)
        if isinstance(read, Skipped):
            self.summary.skipped += 1
            self._on_skip(read)
            return
        self._add(read)
        if len(self._rows) >= CHUNK_EMAILS or self._bodies >= CHUNK_BODIES:
            self.finish()

    def finish(self) -> None:
        """Commit what has been taken."""
        self._intake.commit(self._rows, self._files)
        self._rows, self._files, self._bodies = [], [], 0

    def _read(self, found: RawMessage | Skipped) -> Message | Skipped:
        if isinstance(found, Skipped):
            return found
        try:
            return read_message(found.data, fallback=found.modified)
        except MessageError as error:
            return Skipped(found.name, str(error))
        except Exception as error:  # noqa: BLE001  # one strange message must not end an import
            return Skipped(found.name, f"{type(error).__name__}: {error}")

    def _add(self, message: Message) -> None:
        email_ids, file_ids = self._intake.reserve(1, len(message.attachments))
        for file_id, attachment in zip(file_ids, message.attachments, strict=True):
            row = self._intake.add_file(
                file_id,
                email_ids[0],
                filename=attachment.filename,
                content_type=attachment.part.media_type,
                content=attachment.part.content(),
                ending=attachment.extension,
            )
            self._files.append(row)
        self._rows.append(EmailRow(email_ids[0], *message[:5]))
        self._bodies += len(message.body or "")
        self.summary.emails += 1
        self.summary.attachments += len(message.attachments)


def import_mail(  # noqa: PLR0913  # what, where to, within what, and two ways to tell
    connection: psycopg.Connection,
    directory: Path,
    paths: Sequence[Path],
    *,
    max_size: int,
    on_skip: Callable[[Skipped], None],
    on_read: Callable[[int], None],
) -> Summary:
    """Import all messages below `paths`; the attachments' bytes go to `directory`.

    Args:
        max_size: Bytes beyond which a message is skipped.
        on_skip: Called for each message that is not imported.
        on_read: Called with the number of bytes of each message.

    Raises:
        SchemaError: The tables are not there.
        ConfigError: The directory cannot be written to.
    """
    with Intake(connection, directory) as intake:
        importer = Importer(intake, on_skip)
        for file in find_files(paths):
            for found in read_messages(file, max_size):
                importer.take(found)
                on_read(len(found.data) if isinstance(found, RawMessage) else 0)
        importer.finish()
    return importer.summary
