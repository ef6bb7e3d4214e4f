"""A multipart upload overwrites nothing, even what came after the last look at the key."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from mailvault.store.boto import BotoUploader
from mailvault.store.boto_target import Target
from tests.s3.conftest import PART_SIZE, Uploads, noise, part

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from botocore.awsrequest import AWSPreparedRequest

    from mailvault.models import StoredObject
    from tests.conftest import Bucket


@pytest.fixture
def uploads(bucket: Bucket, tmp_path: Path) -> Iterator[Uploads]:
    uploads = Uploads("boto3", bucket, tmp_path)
    yield uploads
    for uploader in uploads.opened:
        uploader.close(abort=True)


@pytest.mark.needs("conditional_completion")
def test_a_writer_after_the_last_look_is_not_overwritten(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, content = noise(10), noise(2 * PART_SIZE)
    bucket = uploads.bucket
    looks = []
    holds = Target.holds

    def slow(target: Target, key: str) -> bool:
        found = holds(target, key)
        looks.append(key)
        if len(looks) == 2:
            bucket.client.put_object(Bucket=bucket.name, Key=key, Body=other)
        return found

    monkeypatch.setattr(Target, "holds", slow)
    stored = uploads.store(part(content))
    assert stored.created
    digest = hashlib.sha256(content).hexdigest()[:12]
    assert stored.key == f"a/b/name.{digest}.ext"
    assert bucket.read(stored.key) == content
    assert bucket.read("a/b/name.ext") == other
    assert bucket.uploads() == []


class _Raw:
    """A body as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._body


def test_a_store_that_does_not_know_the_condition_is_asked_without(uploads: Uploads) -> None:
    asked = []

    def unable(request: AWSPreparedRequest, **_: Any) -> Any:
        conditional = "If-None-Match" in request.headers
        asked.append(conditional)
        body = b"<Error><Code>NotImplemented</Code><Message>A header</Message></Error>"
        return AWSResponse(request.url, 501, HTTPHeaders(), _Raw(body)) if conditional else None

    uploader = uploads.open()
    assert isinstance(uploader, BotoUploader)
    events = uploader._target.client.meta.events
    events.register("before-send.s3.CompleteMultipartUpload", unable)
    content = noise(2 * PART_SIZE)
    uploader.submit([part(content)])
    uploader.close()
    [outcome] = uploader.completed(0)
    assert asked == [True, False]
    stored: StoredObject | None = outcome.stored
    assert stored is not None, outcome.error
    assert stored.created
    assert uploads.bucket.read(stored.key) == content
