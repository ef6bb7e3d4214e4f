"""Objects that are stored compressed, by both uploaders on a real server."""

from __future__ import annotations

import gzip
import hashlib
import random
from typing import TYPE_CHECKING, get_args

import pytest
from backports import zstd

from mailvault.models import Encoding, Part
from mailvault.store import keys
from tests.s3.conftest import MIB, PART_SIZE, Uploads, noise, part

if TYPE_CHECKING:
    from mailvault.models import StoredObject
    from tests.conftest import Bucket

ENCODINGS = get_args(Encoding)
FORMS = (None, *ENCODINGS)


def otherwise(content: bytes, encoding: Encoding | None) -> bytes:
    """Compress it as another library, or another release of ours, might."""
    match encoding:
        case None:
            return content
        case "gzip":
            return gzip.compress(content, 1)
        case "zstd":
            return zstd.compress(content, 1)


def put(bucket: Bucket, given: Part, data: bytes, encoding: Encoding | None) -> None:
    bucket.client.put_object(
        Bucket=bucket.name,
        Key=given.key,
        Body=data,
        ContentType=given.content_type,
        ContentDisposition=given.disposition or "",
        ContentEncoding=encoding or "",
        Metadata=dict(given.metadata),
    )


def text(size: int) -> bytes:
    """Words without order, so that the compressed text has several slices."""
    words = [f"{number:05x} " for number in range(4096)]
    picked = random.Random(size).choices(words, k=size // 6 + 1)
    return "".join(picked).encode()[:size]


def check(bucket: Bucket, stored: StoredObject, content: bytes) -> None:
    """The outcome says what a client that shares no code with the uploader finds."""
    found = bucket.client.get_object(Bucket=bucket.name, Key=stored.key)
    data = found["Body"].read()
    assert (found.get("ContentEncoding") or None) == stored.encoding
    assert (stored.size, stored.sha256) == (len(data), hashlib.sha256(data).digest())
    assert found["ContentType"] == "application/pdf"
    assert found["ContentDisposition"] == part(b"").disposition
    metadata = {name.lower(): value for name, value in found["Metadata"].items()}
    assert metadata == dict(part(b"").metadata)
    original: tuple[int | None, bytes | None] = (None, None)
    if stored.encoding:
        data = {"gzip": gzip.decompress, "zstd": zstd.decompress}[stored.encoding](data)
        original = len(content), hashlib.sha256(content).digest()
    assert data == content
    assert (stored.original_size, stored.original_sha256) == original


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("place", ["memory", "file"])
@pytest.mark.parametrize("size", [10_000, PART_SIZE, 16 * MIB])
def test_an_object_decompresses_to_the_content(
    uploads: Uploads, size: int, place: str, encoding: Encoding
) -> None:
    content = text(size)
    given = content if place == "memory" else uploads.file("given", content)
    stored = uploads.store(part(given)._replace(encoding=encoding))
    assert (stored.created, stored.key) == (True, "a/b/name.ext")
    assert stored.encoding == encoding
    assert stored.size < size * 0.8
    if size > PART_SIZE:
        slices = -(-stored.size // PART_SIZE)
        assert slices > 1
        assert (stored.checksum or "").endswith(f"-{slices}")
    check(uploads.bucket, stored, content)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("place", ["memory", "file"])
@pytest.mark.parametrize("content", [b"", b"x", noise(10_000)])
def test_what_gets_no_smaller_is_stored_as_it_is(
    uploads: Uploads, content: bytes, place: str, encoding: Encoding
) -> None:
    given = content if place == "memory" else uploads.file("given", content)
    stored = uploads.store(part(given)._replace(encoding=encoding))
    assert stored.encoding is None
    check(uploads.bucket, stored, content)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_large_content_that_gets_no_smaller_arrives(uploads: Uploads, encoding: Encoding) -> None:
    content = noise(2 * PART_SIZE)
    given = part(uploads.file("given", content))._replace(encoding=encoding)
    stored = uploads.store(given)
    check(uploads.bucket, stored, content)


SMALL = pytest.param(10_000, marks=pytest.mark.needs("conditional_put"))
LARGE = 2 * PART_SIZE


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("there", FORMS)
def test_what_is_there_in_another_form_counts_as_stored(
    uploads: Uploads, size: int, there: Encoding | None
) -> None:
    content = text(size)
    data = otherwise(content, there)
    given = part(uploads.file("given", content))
    put(uploads.bucket, given, data, there)
    for wanted in FORMS:
        stored = uploads.store(given._replace(encoding=wanted))
        assert (stored.created, stored.key, stored.encoding) == (False, given.key, there)
        check(uploads.bucket, stored, content)
    assert uploads.bucket.read(given.key) == data


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("there", ENCODINGS)
def test_what_stands_for_other_content_is_left_alone(
    uploads: Uploads, size: int, there: Encoding
) -> None:
    content = text(size)
    others = (
        otherwise(content[::-1], there),
        otherwise(content + content, there),
        otherwise(content[:-1], there),
        otherwise(content, there)[:-1],
        content,
    )
    for number, data in enumerate(others):
        given = part(content, key=f"{number}.ext")._replace(encoding=there)
        put(uploads.bucket, given, data, there)
        stored = uploads.store(given)
        digest = hashlib.sha256(content).hexdigest()[:12]
        assert (stored.created, stored.key) == (True, f"{number}.{digest}.ext")
        check(uploads.bucket, stored, content)
        assert uploads.bucket.read(given.key) == data


@pytest.mark.needs("conditional_put")
def test_equal_content_has_one_key_however_it_is_compressed(uploads: Uploads) -> None:
    content = text(10_000)
    for wanted in ("gzip", *FORMS):
        given = Part(1, keys.BY_CONTENT, content, "text/plain", encoding=wanted)
        stored = uploads.store(given)
        assert stored.key == keys.of_content(keys.BY_CONTENT, hashlib.sha256(content).digest())
        assert stored.encoding == "gzip"
    assert uploads.bucket.listing() == [stored.key]


def test_a_file_that_changes_is_never_an_object(uploads: Uploads) -> None:
    source = uploads.file("shrinks", text(60 * MIB))
    uploader = uploads.open(max_bytes=PART_SIZE)
    uploader.submit([part(source)._replace(encoding="zstd")])
    while not uploads.bucket.uploads():
        assert not uploader.completed(0.01), "the upload is too fast for this test"
    with (uploads.root / "shrinks").open("r+b") as file:
        file.truncate(PART_SIZE)
    uploader.close()
    [outcome] = uploader.completed(0)
    assert outcome.error is not None
    assert outcome.error.reason == "file_changed"
    assert uploads.bucket.uploads() == []
    assert uploads.bucket.listing() == []
