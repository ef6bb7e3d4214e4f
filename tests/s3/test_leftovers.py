"""Multipart uploads that nobody will complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailvault.store.leftovers import abort_leftovers
from tests.s3.fake_store import Answer, FakeStore

if TYPE_CHECKING:
    from tests.conftest import Bucket

STORED, UNDER_WAY = "attachments/aa/1-stored.bin", "attachments/bb/2-under-way.bin"


def test_uploads_to_what_is_stored_are_aborted(bucket: Bucket) -> None:
    for key in (STORED, STORED, UNDER_WAY):
        bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key)
    abort_leftovers(bucket.settings(), {STORED}.intersection)
    left = bucket.client.list_multipart_uploads(Bucket=bucket.name)["Uploads"]
    assert [one["Key"] for one in left] == [UNDER_WAY]


def test_who_may_not_list_goes_on(bucket: Bucket) -> None:
    with FakeStore(lambda _: Answer(403, "AccessDenied")) as store:
        abort_leftovers(bucket.settings(s3_endpoint=store.address), {STORED}.intersection)
    assert len(store.requests) == 1
