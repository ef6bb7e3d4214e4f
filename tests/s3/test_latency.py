"""How long an object takes is measured as an upload would put it, wherever uploads can work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mailvault.errors import UnreachableError
from mailvault.store.latency import TRIES, seconds_for
from tests.fault.store_proxy import StoreProxy
from tests.s3.fake_store import Answer, Request

if TYPE_CHECKING:
    from tests.conftest import Bucket

DENIED = Answer(403, "AccessDenied")


def test_it_leaves_nothing_and_takes_some_time(bucket: Bucket) -> None:
    assert 0 < seconds_for(bucket.settings(), 10_000) < 10
    assert bucket.listing() == []


def test_a_bucket_may_insist_on_headers_and_forbid_to_delete(bucket: Bucket) -> None:
    def script(request: Request) -> Answer | None:
        lacks = request.method == "PUT" and "x-amz-storage-class" not in request.headers
        return DENIED if lacks or request.method == "DELETE" else None

    with StoreProxy(bucket.environment["S3_ENDPOINT"], script) as line:
        settings = bucket.settings(s3_endpoint=line.endpoint, s3_storage_class="STANDARD")
        assert seconds_for(settings, 100) > 0
    assert len(bucket.listing()) == TRIES + 1


def test_a_store_that_takes_nothing_is_named(bucket: Bucket) -> None:
    with (
        StoreProxy(bucket.environment["S3_ENDPOINT"], lambda _: DENIED) as line,
        pytest.raises(UnreachableError, match="403"),
    ):
        seconds_for(bucket.settings(s3_endpoint=line.endpoint), 100)
