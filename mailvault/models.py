"""The values that travel from the source to the store and back.

They are made for every part of every email, and a tuple is made in a third of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailvault.errors import PartError


Encoding: TypeAlias = Literal["gzip", "zstd"]
"""How an object is compressed, as its Content-Encoding has it."""


TransferEncoding: TypeAlias = Literal["base64", "quoted-printable", "gzip"]
"""How the source keeps bytes that are not kept as they are."""


class SourceFile(NamedTuple):
    """A file to be read by the uploader, at `path` below the directory `root`.

    The path comes from the application's database and is not trusted: an uploader opens it
    relative to the root, without `..`, absolute paths or links that lead out of it, and only if
    it is a regular file.
    """

    root: str
    path: str


class Part(NamedTuple):
    """One body or attachment, ready to be stored.

    Attributes:
        number: The caller's handle; the outcome carries it back.
        key: The object key that is wanted. Where it holds other content, the uploader adds the
            start of the digest to the name. `{sha256}` in it stands for the digest.
        content: The bytes themselves, or the file that has them.
        content_type: The media type, as the object's Content-Type.
        disposition: The object's Content-Disposition, or None to send none.
        metadata: The object's user metadata, as pairs of a name and a value in ASCII.
        encoding: How to compress the bytes, as the object's Content-Encoding; None to send them
            as they are. Small content that this would not make a twentieth smaller is not
            compressed.
        exact: Whether no other key will do, as the application looks for the object under this
            one: where it holds other content, the upload fails.
    """

    number: int
    key: str
    content: bytes | SourceFile
    content_type: str
    disposition: str | None = None
    metadata: Sequence[tuple[str, str]] = ()
    encoding: Encoding | None = None
    exact: bool = False


class StoredObject(NamedTuple):
    """What the store holds now.

    Attributes:
        key: The object's key, which may differ from the one that was wanted.
        size: Bytes.
        sha256: Digest (32 bytes) over the bytes that were sent, computed while they streamed.
        etag: As the store gave it, without quotes; None if it gave none.
        created: False where an object with the same bytes was there already, compressed or not.
        checksum: Of an object that went there in slices: the SHA-256 of their SHA-256s and their
            number, as S3 shows it (`…=-3`); None where it is not known.
        version_id: The version that was made; None where the bucket keeps no versions.
        encoding: The object's Content-Encoding, where it is compressed; `size` and `sha256` are
            those of the compressed bytes. An object that was there already may have another than
            was asked for, or none.
        original_size: Bytes before they were compressed; None where they were not.
        original_sha256: Their digest; None where they were not compressed.
    """

    key: str
    size: int
    sha256: bytes
    etag: str | None
    created: bool
    checksum: str | None = None
    version_id: str | None = None
    encoding: Encoding | None = None
    original_size: int | None = None
    original_sha256: bytes | None = None


class StoredBefore(NamedTuple):
    """What another email had stored already, with the object's Content-Type."""

    content_type: str
    stored: StoredObject


class Outcome(NamedTuple):
    """How the upload of one part ended: exactly one of `stored` and `error` is set."""

    number: int
    stored: StoredObject | None = None
    error: PartError | None = None
