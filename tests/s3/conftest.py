"""Both uploaders on a real bucket."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from mailvault.models import Outcome, Part, SourceFile, StoredObject
from mailvault.store.boto import BotoUploader
from mailvault.store.rust import RustUploader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mailvault.errors import PartError
    from mailvault.store.uploader import Uploader
    from tests.conftest import Bucket

MIB = 1024**2
PART_SIZE = 5 * MIB  # the smallest slice that S3 takes

KINDS: dict[str, type[RustUploader | BotoUploader]] = {
    "rust": RustUploader,
    "boto3": BotoUploader,
}


@dataclass
class Uploads:
    """Opens uploaders of one kind on a bucket, and closes them."""

    kind: str
    bucket: Bucket
    root: Path
    opened: list[Uploader] = field(default_factory=list)

    def open(
        self,
        *,
        concurrency: int = 8,
        max_bytes: int = 32 * MIB,
        changes: dict[str, str] | None = None,
    ) -> Uploader:
        self.opened.append(
            KINDS[self.kind](
                self.bucket.settings(**(changes or {})),
                concurrency=concurrency,
                max_bytes=max_bytes,
                part_size=PART_SIZE,
            )
        )
        return self.opened[-1]

    def run(self, parts: list[Part], **changes: str) -> dict[int, Outcome]:
        """Upload parts and return their outcomes by number."""
        uploader = self.open(changes=changes)
        uploader.submit(parts)
        uploader.close()
        outcomes = uploader.completed(0)
        assert len(outcomes) == len(parts)
        return {outcome.number: outcome for outcome in outcomes}

    def store(self, part: Part, **changes: str) -> StoredObject:
        outcome = self.run([part], **changes)[part.number]
        assert outcome.error is None, outcome.error
        assert outcome.stored is not None
        return outcome.stored

    def fail(self, part: Part, **changes: str) -> PartError:
        outcome = self.run([part], **changes)[part.number]
        assert outcome.stored is None
        assert outcome.error is not None
        return outcome.error

    def file(self, name: str, content: bytes) -> SourceFile:
        (self.root / name).write_bytes(content)
        return SourceFile(str(self.root), name)


def part(content: bytes | SourceFile, *, key: str = "a/b/name.ext", number: int = 1) -> Part:
    return Part(
        number,
        key,
        content,
        "application/pdf",
        "attachment; filename=\"n_me.ext\"; filename*=UTF-8''n%C3%A4me.ext",
        (("mailvault-email", "17"), ("mailvault-part", "body/17")),
    )


def noise(size: int) -> bytes:
    """Bytes that are other at each place."""
    return os.urandom(MIB).ljust(size, b"\0")[:size] if size <= MIB else os.urandom(size)


@pytest.fixture(params=list(KINDS))
def uploads(request: pytest.FixtureRequest, bucket: Bucket, tmp_path: Path) -> Iterator[Uploads]:
    root = tmp_path / "root"
    root.mkdir()
    uploads = Uploads(request.param, bucket, root)
    yield uploads
    for uploader in uploads.opened:
        uploader.close(abort=True)
