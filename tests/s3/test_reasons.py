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
from tests.s3.fake_store import Answer, FakeStore, Request

MEANT: dict[tuple[int, str], type[PartError]] = {
    (400, "EntityTooLarge"): StoreRefusedError,
    (400, "BadDigest"): DamagedError,
    (400, "XAmzContentChecksumMismatch"): DamagedError,
    (400, "ExpiredToken"): StoreDeniedError,
    (400, "AuthorizationHeaderMalformed"): StoreDeniedError,
    (400, "KMS.DisabledException"): StoreDeniedError,
    (400, "RequestTimeout"): StoreFaultError,
    (401, "Unauthorized"): StoreDeniedError,
    (403, "AccessDenied"): StoreDeniedError,
    (403, "InvalidObjectState"): StoreRefusedError,
    (403, "QuotaExceeded"): StoreFullError,
    (404, "NoSuchBucket"): BucketMissingError,
    (404, "NoSuchUpload"): StoreFaultError,
    (405, "MethodNotAllowed"): StoreRefusedError,
    (501, "NotImplemented"): StoreUnableError,
}


def answer(request: Request) -> Answer:
    """As the key says, `bucket/<status>/<code>`."""
    _, status, code = request.path.strip("/").split("/")
    return Answer(int(status), code)


@pytest.mark.parametrize("kind", list(KINDS))
def test_an_answer_means_the_same_to_both(kind: str) -> None:
    answers = list(MEANT)
    with FakeStore(answer) as store:
        uploader = KINDS[kind](store.settings(), concurrency=4, max_bytes=1024)
        uploader.submit(
            [
                part(b"abc", key=f"{status}/{code}", number=number)
                for number, (status, code) in enumerate(answers)
            ]
        )
        uploader.close()
    outcomes = {answers[outcome.number]: outcome.error for outcome in uploader.completed(0)}
    assert {given: type(error) for given, error in outcomes.items()} == MEANT
    assert all(code in str(error) for (_, code), error in outcomes.items())
