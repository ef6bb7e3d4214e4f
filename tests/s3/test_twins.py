"""The two uploaders leave the same objects for the same parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.s3.conftest import KINDS, PART_SIZE, Uploads, noise, part

if TYPE_CHECKING:
    from pathlib import Path

    from mailvault.models import Outcome
    from tests.conftest import Bucket

SIZES = (0, 10_000, PART_SIZE, 2 * PART_SIZE + 5)


def objects(bucket: Bucket) -> dict[str, tuple[Any, ...]]:
    """All that a client can learn of each object, but its time."""
    found = {}
    for key in bucket.listing():  # a method of ours
        head = bucket.client.head_object(Bucket=bucket.name, Key=key, ChecksumMode="ENABLED")
        found[key] = (
            bucket.read(key),
            head["ETag"],
            head["ContentType"],
            head["ContentDisposition"],
            head["Metadata"],
            head.get("ServerSideEncryption"),
            head.get("ChecksumSHA256"),
        )
    return found


@pytest.mark.needs("conditional_put", "sha256", "multipart_checksum")
def test_the_objects_are_the_same(bucket: Bucket, tmp_path: Path) -> None:
    contents = [noise(size) for size in SIZES]
    parts = [part(content, key="same.ext", number=n) for n, content in enumerate(contents)]
    parts += [part(content, key=f"k/{n} ä.x", number=n + 10) for n, content in enumerate(contents)]
    left = []
    for kind in KINDS:
        uploads = Uploads(kind, bucket, tmp_path)
        outcomes: dict[int, Outcome] = {}
        for given in parts:  # in turn, so that the first of `same.ext` is the same
            outcomes |= uploads.run([given])
        left.append((objects(bucket), {n: end.stored for n, end in outcomes.items()}))
        for key in left[-1][0]:
            bucket.client.delete_object(Bucket=bucket.name, Key=key)
    (rust, rust_stored), (boto, boto_stored) = left
    assert len(rust) == 2 * len(SIZES)
    assert rust.keys() == boto.keys()
    for key, seen in rust.items():
        assert seen == boto[key], key
        assert seen[-1], f"{key} has no checksum"
    assert rust_stored == boto_stored
