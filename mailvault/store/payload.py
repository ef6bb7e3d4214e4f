"""The bytes of an object, and those that they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mailvault.models import Encoding


class Payload(NamedTuple):
    """Bytes as they were sent; the fields of a `StoredObject`."""

    size: int
    sha256: bytes
    encoding: Encoding | None = None
    original_size: int | None = None
    original_sha256: bytes | None = None

    @property
    def digest(self) -> bytes:
        """The digest of what they stand for."""
        return self.original_sha256 or self.sha256
