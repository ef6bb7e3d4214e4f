"""Bodies and attachments as the source describes them."""

from __future__ import annotations

from typing import NamedTuple

SLICE = 8 * 1024 * 1024
"""Bytes of a body that are read at once; a larger body goes by way of a temporary file."""


class SourcePart(NamedTuple):
    """One body or attachment as the source describes it, without its bytes.

    Attributes:
        email_key: The email's key, as text.
        kind: The mapping's name for this sort of part.
        part_key: The key of the row that has it, as text.
        size: Bytes in the source, as far as it knows.
        in_table: Whether the bytes are in the table; otherwise they are in a file.
        path: Where that file is, below the root; None if the row does not say.
        filename: The name it had in the mail; empty if the row does not say, None if the mapping
            has no column for it.
        content_type: The type that the source gives it.
        encoding: How the source encodes the bytes; None where it keeps them as they are.
        object_key: The key under which the application will look for it, which may have holes for
            the digest; empty if the row does not say, None if the application does not look.
        is_shared: Whether other emails may have the same row.
    """

    email_key: str
    kind: str
    part_key: str
    size: int | None
    in_table: bool
    path: str | None
    filename: str | None
    content_type: str | None
    encoding: str | None = None
    object_key: str | None = None
    is_shared: bool = False

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
        # Gzip does not say how much it becomes, and a large object not even how much it is.
        return (
            self.in_table
            and self.size is not None
            and self.size <= SLICE
            and self.encoding != "gzip"
        )
