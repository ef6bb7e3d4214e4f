"""The doctor on the uploader and the bucket."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

import mailvault
from mailvault.observe.doctor import Finding, examine_store
from tests.s3.fake_store import Answer, FakeStore, Request
from tests.s3.test_probe import fake_settings, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Bucket


class GoodStore:
    """Answers as a store should: keeps what it has, and refuses bytes with another's digest."""

    def __init__(self) -> None:
        self._digests: dict[str, str] = {}

    def __call__(self, request: Request) -> Answer:
        if request.method != "PUT":
            return Answer(204 if request.method == "DELETE" else 200)
        if request.path in self._digests:
            return Answer(412, "PreconditionFailed")
        self._digests[request.path] = request.headers["x-amz-checksum-sha256"]
        if len(set(self._digests.values())) > 1:
            return Answer(400, "BadDigest")
        return Answer(200)


def examined(store: FakeStore, **changes: str) -> list[Finding]:
    return list(examine_store(fake_settings(store, **changes)))


def bucket_of(script: Callable[[Request], Answer], **changes: str) -> list[Finding]:
    with FakeStore(script) as store:
        return [found for found in examined(store, **changes) if found.check == "bucket"]


def test_a_good_bucket_is_left_as_it_was(bucket: Bucket) -> None:
    found = list(examine_store(settings(bucket)))
    assert [finding.check for finding in found] == ["uploader", "bucket", "clock"]
    assert {finding.severity for finding in found} == {"ok"}
    assert "encryption: AES256" in found[1].what
    assert bucket.listing() == []


def test_a_good_store_is_well() -> None:
    [found] = bucket_of(GoodStore(), s3_sse="none")
    assert found.severity == "ok"


def test_a_store_that_overwrites_is_found() -> None:
    store = GoodStore()

    def answer(request: Request) -> Answer:
        answer = store(request)
        return Answer(200) if answer.status == 412 else answer

    [found] = bucket_of(answer, s3_sse="none")
    assert (found.severity, "writes over an object" in found.what) == ("problem", True)


def test_a_store_that_takes_damaged_bytes_is_found_and_they_are_removed() -> None:
    store, removed = GoodStore(), []

    def answer(request: Request) -> Answer:
        if request.method == "DELETE":
            removed.append(request.path)
        answer = store(request)
        return Answer(200) if answer.status == 400 else answer

    [found] = bucket_of(answer, s3_sse="none")
    assert (found.severity, "takes bytes that do not have" in found.what) == ("warning", True)
    assert len(set(removed)) == 2


@pytest.mark.parametrize(
    ("method", "severity", "right"),
    [("GET", "problem", "s3:GetObject"), ("DELETE", "notice", "s3:DeleteObject")],
)
def test_a_right_that_is_lacking_is_found(method: str, severity: str, right: str) -> None:
    store = GoodStore()

    def answer(request: Request) -> Answer:
        return Answer(403, "AccessDenied") if request.method == method else store(request)

    [found] = bucket_of(answer, s3_sse="none")
    assert found.severity == severity
    assert found.remedy is not None
    assert found.remedy.startswith(f"allow {right} on arn:aws:s3:::bucket/")


def test_a_store_that_does_not_say_that_it_encrypts_is_told() -> None:
    [found] = bucket_of(GoodStore())
    assert (found.severity, "S3_SSE=AES256" in found.what) == ("notice", True)


def test_a_fault_in_the_middle_is_no_verdict() -> None:
    store = GoodStore()

    def answer(request: Request) -> Answer:
        answer = store(request)
        return Answer(403, "AccessDenied") if answer.status == 412 else answer

    [found] = bucket_of(answer)
    assert (found.severity, "403 AccessDenied" in found.what) == ("problem", True)


@pytest.mark.parametrize(("ahead", "severity"), [(0, "ok"), (120, "warning"), (-120, "warning")])
def test_a_store_with_another_clock_is_found(ahead: int, severity: str) -> None:
    with FakeStore(GoodStore(), ahead=ahead) as store:
        *_, found = examined(store)
    assert (found.check, found.severity) == ("clock", severity)
    assert ("ahead" if ahead > 0 else "behind" if ahead else "less than") in found.what


def test_a_store_that_is_not_there_is_found(bucket: Bucket) -> None:
    found = list(examine_store(settings(bucket, s3_endpoint="http://127.0.0.1:9")))
    assert [(finding.check, finding.severity) for finding in found] == [
        ("uploader", "ok"),
        ("bucket", "problem"),
    ]
    assert found[1].remedy == "check S3_ENDPOINT, and that the store runs"


def test_a_setting_that_is_missing_is_found(bucket: Bucket) -> None:
    found = list(examine_store(settings(bucket, s3_bucket=None)))
    assert {(finding.what, finding.severity) for finding in found} == {
        ("S3_BUCKET is not set", "problem")
    }


def test_a_missing_extension_is_told(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mailvault.store.rust", raising=False)
    monkeypatch.delattr(mailvault, "_rust", raising=False)
    monkeypatch.setitem(sys.modules, "mailvault._rust", None)
    found = next(iter(examine_store(settings(bucket))))
    assert found.severity == "notice"
    assert found.what.startswith("the uploader is boto3: the Rust extension is not installed")
