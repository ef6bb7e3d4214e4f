"""Both uploaders take the same answer for the same kind of error: the system's, or the email's."""

from __future__ import annotations

import pytest

from mailvault.errors import (
    BucketMissingError,
    DamagedError,
    PartError,
    StoreDeniedError,
    StoreFaultError,
    StoreFullError,
    StoreRefusedError,
    StoreUnableError,
)
from tests.s3.conftest import KINDS, part
from tests.s3.fake_store import Answer, FakeStore
from tests.s3.test_probe import fake_settings


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "EntityTooLarge", StoreRefusedError),
        (400, "BadDigest", DamagedError),
        (400, "XAmzContentChecksumMismatch", DamagedError),
        (400, "ExpiredToken", StoreDeniedError),
        (400, "AuthorizationHeaderMalformed", StoreDeniedError),
        (400, "KMS.DisabledException", StoreDeniedError),
        (400, "RequestTimeout", StoreFaultError),
        (401, "Unauthorized", StoreDeniedError),
        (403, "AccessDenied", StoreDeniedError),
        (403, "InvalidObjectState", StoreRefusedError),
        (403, "QuotaExceeded", StoreFullError),
        (404, "NoSuchBucket", BucketMissingError),
        (404, "NoSuchUpload", StoreFaultError),
        (405, "MethodNotAllowed", StoreRefusedError),
        (501, "NotImplemented", StoreUnableError),
    ],
)
def test_an_answer_means_the_same_to_both(
    kind: str, status: int, code: str, error: type[PartError]
) -> None:
    with FakeStore(lambda _: Answer(status, code)) as store:
        uploader = KINDS[kind](fake_settings(store), concurrency=1, max_bytes=1024)
        uploader.submit([part(b"abc")])
        uploader.close()
    [outcome] = uploader.completed(0)
    assert type(outcome.error) is error
    assert code in str(outcome.error)
