"""What a bucket can do is found out by trying, and nothing of the trial stays there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from mailvault.errors import UnreachableError
from mailvault.store.probe import ABILITIES, Learned, learn
from tests.fault.store_proxy import StoreProxy
from tests.s3.fake_store import Answer, Request

if TYPE_CHECKING:
    from tests.conftest import Bucket

DENIED = Answer(403, "AccessDenied")
UNKNOWN = Answer(501, "NotImplemented")
DONE = Answer(200)

FIRST = r"/probe-[0-9a-f-]{36}"


def asks(request: Request, method: str, path: str, header: str = "") -> bool:
    """Whether it is a request of this kind; `path` is the end of it, as a pattern."""
    whole = re.search(f"{path}$", request.path) is not None
    return request.method == method and whole and (not header or header in request.headers)


def learned_by(bucket: Bucket, answer: Answer, *kind: str) -> tuple[Learned, dict[str, str]]:
    """What is learned where the store gives this answer to requests of one kind; what is amiss."""

    def script(request: Request) -> Answer | None:
        return answer if asks(request, *kind) else None

    with StoreProxy(bucket.environment["S3_ENDPOINT"], script) as line:
        learned = learn(bucket.settings(s3_endpoint=line.endpoint))
    lacking = {
        ability.name: seen.detail
        for ability, seen in learned.seen
        if seen.answer == "no" and ability.name != "versioning"
    }
    return learned, lacking


def test_a_good_bucket_can_do_everything_and_is_left_as_it_was(bucket: Bucket) -> None:
    learned = learn(bucket.settings(s3_storage_class="STANDARD", s3_object_lock="governance 1d"))
    assert [ability for ability, _ in learned.seen] == list(ABILITIES)
    cannot = {ability.name for ability in ABILITIES if not learned.can(ability.name)}
    assert cannot == {"versioning", "object_lock"}  # the bucket has none
    assert (learned.server or "").startswith("SeaweedFS")
    assert bucket.listing() == []
    assert bucket.uploads() == []


def test_versions_are_removed_too(bucket: Bucket) -> None:
    bucket.keep_versions()
    assert learn(bucket.settings()).can("versioning")
    left = bucket.client.list_object_versions(Bucket=bucket.name)
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")


@pytest.mark.parametrize(
    ("lacking", "answer", "kind"),
    [
        ({"read": "403 AccessDenied"}, DENIED, ("GET", FIRST)),
        ({"headers": "lost or changed: Content-Type"}, DONE, ("GET", FIRST)),
        ({"sha256": "it took bytes"}, DONE, ("PUT", "-sha256")),
        ({"crc64nvme": "it took bytes"}, DONE, ("PUT", "-crc64nvme-other")),
        ({"crc64nvme": "501"}, UNKNOWN, ("PUT", "-crc64nvme")),
        ({"multipart": "501 NotImplemented"}, UNKNOWN, ("POST", r"\?uploads")),
        ({"multipart_checksum": "it says nothing"}, DONE, ("HEAD", "-whole")),
        ({"slice_sha256": "its answer has no ETag"}, DONE, ("PUT", "-slice.*partNumber=.*")),
        ({"conditional_completion": "501"}, UNKNOWN, ("POST", ".*", "if-none-match")),
        ({"list_uploads": "403"}, DENIED, ("GET", r"\?uploads.*")),
        ({"abort": "403"}, DENIED, ("DELETE", r"\?uploadId=.*")),
        ({"abort": "the upload is there still"}, Answer(204), ("DELETE", r"\?uploadId=.*")),
        ({"encryption": "asked for AES256, it says nothing"}, DONE, ("GET", FIRST)),
        ({"tags": "501 NotImplemented"}, UNKNOWN, ("PUT", ".*", "x-amz-tagging")),
        ({"list": "403"}, DENIED, ("GET", "list-type=2.*")),
        ({"delete": "403"}, DENIED, ("DELETE", "-[0-9a-f-]+")),
    ],
)
def test_what_a_store_cannot_do_is_found(
    bucket: Bucket, lacking: dict[str, str], answer: Answer, kind: tuple[str, ...]
) -> None:
    _, found = learned_by(bucket, answer, *kind)
    for name, said in lacking.items():
        assert found.get(name, "nothing").startswith(said), found
    if not {"abort", "delete"} & lacking.keys():
        assert bucket.listing() == []
        assert bucket.uploads() == []


@pytest.mark.parametrize(
    ("lacking", "method", "path", "says"),
    [
        ("conditional_put", "PUT", FIRST, Answer(200)),
        ("conditional_put", "PUT", FIRST, Answer(412, "PreconditionFailed")),
        (
            "conditional_completion", "POST", FIRST + r"\?uploadId=.*",
            Answer(412, "PreconditionFailed"),
        ),
    ],
)  # fmt: skip
def test_an_object_that_was_written_over_is_seen(
    bucket: Bucket, lacking: str, method: str, path: str, says: Answer
) -> None:
    def script(request: Request) -> Answer | None:
        key = request.path.removeprefix(f"/{bucket.name}/").partition("?")[0]
        if not asks(request, method, path) or key not in bucket.listing():
            return None
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=b"and wrote over it\n")
        return says

    with StoreProxy(bucket.environment["S3_ENDPOINT"], script) as line:
        learned = learn(bucket.settings(s3_endpoint=line.endpoint))
    assert not learned.can(lacking)
    assert bucket.listing() == []


def test_what_cannot_be_read_back_is_not_judged(bucket: Bucket) -> None:
    learned, lacking = learned_by(bucket, DENIED, "GET", FIRST)
    assert set(lacking) == {"read"}
    answers = {ability.name: seen.answer for ability, seen in learned.seen}
    assert answers["headers"] == answers["encryption"] == "not tried"
    assert learned.can("conditional_put")


def test_a_store_that_is_busy_in_the_middle_is_not_judged(bucket: Bucket) -> None:
    with pytest.raises(UnreachableError, match="503 SlowDown"):
        learned_by(bucket, Answer(503, "SlowDown"), "PUT", "-sha256")
    assert bucket.listing() == []
