"""What every uploader must do, on a real server: objects, keys, headers, and their end."""

from __future__ import annotations

import base64
import hashlib
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from mailvault.errors import UnreachableError
from mailvault.models import Part
from mailvault.store.keys import BY_CONTENT, of_content
from mailvault.store.probe import learn
from tests.s3.conftest import MIB, PART_SIZE, Uploads, noise, part

if TYPE_CHECKING:
    from mailvault.models import StoredObject
    from tests.conftest import Bucket


def check(bucket: Bucket, stored: StoredObject, content: bytes) -> None:
    """The outcome says what a client that shares no code with the uploader finds."""
    assert bucket.read(stored.key) == content
    assert stored.size == len(content)
    assert stored.sha256 == hashlib.sha256(content).digest()
    head = bucket.client.head_object(Bucket=bucket.name, Key=stored.key)
    assert head["ContentType"] == "application/pdf"
    assert head["ContentDisposition"] == part(b"").disposition
    # Names of headers; some stores write them with capitals.
    kept = {name.lower(): value for name, value in head["Metadata"].items()}
    assert kept == dict(part(b"").metadata)


@pytest.mark.parametrize(
    "size", [0, 1, 10_000, PART_SIZE, PART_SIZE + 1, 4 * PART_SIZE, 21 * MIB + 7]
)
@pytest.mark.parametrize("place", ["memory", "file"])
def test_bytes_arrive_with_their_headers(uploads: Uploads, size: int, place: str) -> None:
    content = noise(size)
    given = content if place == "memory" else uploads.file("given", content)
    stored = uploads.store(part(given))
    assert stored.created
    assert stored.key == "a/b/name.ext"
    check(uploads.bucket, stored, content)
    assert ("-" in (stored.etag or "")) == (size > PART_SIZE)


@pytest.mark.parametrize(
    "size", [10, pytest.param(PART_SIZE + 1, marks=pytest.mark.needs("multipart_etag"))]
)
def test_the_etag_is_the_stores(uploads: Uploads, size: int) -> None:
    stored = uploads.store(part(noise(size)))
    head = uploads.bucket.client.head_object(Bucket=uploads.bucket.name, Key=stored.key)
    assert head["ETag"] == f'"{stored.etag}"'


@pytest.mark.needs("multipart_checksum")
def test_the_checksum_is_the_stores(uploads: Uploads) -> None:
    stored = uploads.store(part(noise(2 * PART_SIZE + 1)))
    head = uploads.bucket.client.head_object(
        Bucket=uploads.bucket.name, Key=stored.key, ChecksumMode="ENABLED"
    )
    assert stored.checksum == head["ChecksumSHA256"]
    assert stored.checksum.endswith("-3")


@pytest.mark.parametrize("size", [10, PART_SIZE + 1])
def test_the_version_is_the_stores(uploads: Uploads, size: int) -> None:
    try:
        uploads.bucket.keep_versions()
    except ClientError as error:
        pytest.skip(f"the store keeps no versions: {error}")
    content = noise(size)
    stored, again = (uploads.store(part(content)) for _ in range(2))
    assert stored.version_id is not None
    assert (again.created, again.version_id) == (False, stored.version_id)
    head = uploads.bucket.client.head_object(Bucket=uploads.bucket.name, Key=stored.key)
    assert head["VersionId"] == stored.version_id


def test_a_part_without_disposition_and_metadata_has_none(uploads: Uploads) -> None:
    stored = uploads.store(Part(1, "plain.txt", b"abc", "text/plain; charset=utf-8"))
    head = uploads.bucket.client.head_object(Bucket=uploads.bucket.name, Key=stored.key)
    assert head["ContentType"] == "text/plain; charset=utf-8"
    assert "ContentDisposition" not in set(head)
    assert head["Metadata"] == {}


SMALL = pytest.param(10, marks=pytest.mark.needs("conditional_put"))
LARGE = 2 * PART_SIZE
"""One is sent in a conditional request; for the other the key is looked at first."""


@pytest.mark.parametrize(
    "size", [SMALL, pytest.param(LARGE, marks=pytest.mark.needs("multipart_etag"))]
)
def test_what_is_there_already_counts_as_stored(uploads: Uploads, size: int) -> None:
    content = noise(size)
    first = uploads.store(part(uploads.file("given", content)))
    for given in (content, uploads.file("again", content)):
        second = uploads.store(part(given))
        assert not second.created
        assert (second.key, second.sha256, second.etag) == (first.key, first.sha256, first.etag)
    assert uploads.bucket.listing() == ["a/b/name.ext"]


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("same_size", [True, False])
def test_other_content_is_never_overwritten(uploads: Uploads, size: int, same_size: bool) -> None:
    other = noise(size if same_size else size + 1)
    uploads.bucket.client.put_object(Bucket=uploads.bucket.name, Key="a/b/name.ext", Body=other)
    content = noise(size)
    digest = hashlib.sha256(content).hexdigest()[:12]
    stored = uploads.store(part(uploads.file("given", content)))
    assert stored.created
    assert stored.key == f"a/b/name.{digest}.ext"
    check(uploads.bucket, stored, content)
    assert uploads.bucket.read("a/b/name.ext") == other

    again = uploads.store(part(content))
    assert (again.key, again.created) == (stored.key, False)

    exact = part(content)._replace(exact=True)
    assert uploads.fail(exact).reason == "key_taken"
    assert uploads.store(exact._replace(key=stored.key)).key == stored.key

    uploads.bucket.client.put_object(Bucket=uploads.bucket.name, Key=stored.key, Body=other)
    assert uploads.fail(part(content)).reason == "key_taken"
    assert uploads.bucket.read(stored.key) == other


def test_a_key_that_a_client_would_change_is_refused(uploads: Uploads) -> None:
    keys = ["", "/a", "a/", "a//b", "a/../b", ".", "a\nb", "k" * 1025]
    outcomes = uploads.run([part(b"abc", key=key, number=n) for n, key in enumerate(keys)])
    for number, key in enumerate(keys):
        error = outcomes[number].error
        assert error is not None, key
        assert error.reason == "store_refused", key
    assert uploads.bucket.listing() == []


def test_a_key_arrives_as_it_is(uploads: Uploads) -> None:
    keys = ["ü/ä b+c%2F~@$&=:,;'()!.txt", "k" * 255, "a/.b", "a b", "emails/00/a%252Fb.html"]
    outcomes = uploads.run([part(b"abc", key=key, number=n) for n, key in enumerate(keys)])
    assert [(end := outcomes[n].stored) and end.key for n in range(len(keys))] == keys
    assert uploads.bucket.listing() == sorted(keys)


def test_a_header_that_is_not_one_line_of_ascii_is_refused(uploads: Uploads) -> None:
    bad = [
        given
        for value in ("a\r\nX-Evil: 1", "ä", "\0")
        for given in (
            Part(0, "a", b"", value),
            Part(0, "a", b"", "text/plain", value),
            Part(0, "a", b"", "text/plain", None, [("mailvault-email", value)]),
        )
    ]
    outcomes = uploads.run([given._replace(number=n) for n, given in enumerate(bad)])
    assert {(end := outcomes[n].error) and end.reason for n in outcomes} == {"store_refused"}


@pytest.mark.needs("encryption")
def test_encryption_is_asked_for(uploads: Uploads) -> None:
    for size in (10, PART_SIZE + 1):
        stored = uploads.store(part(noise(size), key=f"{size}"), s3_sse="AES256")
        head = uploads.bucket.client.head_object(Bucket=uploads.bucket.name, Key=stored.key)
        assert head["ServerSideEncryption"] == "AES256"


@pytest.mark.parametrize(
    ("changes", "reason", "said"),
    [
        ({"aws_secret_access_key": "wrong"}, "store_denied", "403"),
        ({"s3_bucket": "no-such-bucket"}, "bucket_missing", "NoSuchBucket"),
        ({"s3_endpoint": "http://127.0.0.1:9"}, "store_unreachable", "refused"),
    ],
)
@pytest.mark.parametrize("size", [10, PART_SIZE + 1])
def test_a_fault_of_the_system_is_told_apart(
    uploads: Uploads, changes: dict[str, str], reason: str, said: str, size: int
) -> None:
    error = uploads.fail(part(noise(size)), **changes)
    assert (error.reason, error.retryable, error.systemic) == (reason, True, True)
    line = str(error)
    assert said in line
    assert "a/b/name.ext" in line
    assert "wrong" not in line
    assert "\n" not in line


def test_many_parts_at_once(uploads: Uploads) -> None:
    bodies = {number: noise(100 + number) for number in range(300)}
    parts = [part(body, key=f"n/{number}", number=number) for number, body in bodies.items()]
    outcomes = uploads.run(parts)
    for number, body in bodies.items():
        stored = outcomes[number].stored
        assert stored is not None
        assert (stored.key, stored.size) == (f"n/{number}", len(body))
        assert stored.sha256 == hashlib.sha256(body).digest()
    assert len(uploads.bucket.listing()) == len(parts)


@pytest.mark.needs("conditional_put")
@pytest.mark.parametrize("size", [10, PART_SIZE + 1])
def test_equal_parts_are_one_object_where_keys_are_of_the_content(
    uploads: Uploads, size: int
) -> None:
    content = noise(size)
    digest = hashlib.sha256(content).hexdigest()
    first, again, other = (
        uploads.store(part(given, key=BY_CONTENT))
        for given in (uploads.file("given", content), content, content[1:])
    )
    assert (first.key, first.created) == (f"{digest[:2]}/{digest[2:4]}/{digest}", True)
    assert (again.key, again.created) == (first.key, False)
    assert other.key == of_content(BY_CONTENT, other.sha256)
    assert uploads.bucket.listing() == sorted([first.key, other.key])


@pytest.mark.needs("tags")
@pytest.mark.parametrize("size", [10, PART_SIZE + 1])
def test_objects_have_the_tags_that_were_asked_for(uploads: Uploads, size: int) -> None:
    stored = uploads.store(part(noise(size)), s3_tags="team=mail&keep=7 years")
    kept = uploads.bucket.client.get_object_tagging(Bucket=uploads.bucket.name, Key=stored.key)
    told = {tag["Key"]: tag["Value"] for tag in kept["TagSet"]}
    assert told == {"team": "mail", "keep": "7 years"}


@pytest.mark.needs("conditional_put")
@pytest.mark.parametrize("size", [10, PART_SIZE + 1])
def test_objects_that_only_our_key_opens(uploads: Uploads, size: int) -> None:
    keys = {"s3_sse": "sse-c", "s3_sse_customer_key": base64.b64encode(b"k" * 32).decode()}
    try:
        able = learn(uploads.bucket.settings(**keys)).can("encryption")
    except UnreachableError as error:
        pytest.skip(f"no keys of ours are taken: {error}")
    if not able:
        pytest.skip("the store takes no notice of keys of ours")
    content = noise(size)
    first, again = (uploads.store(part(content), **keys) for _ in range(2))
    assert (first.created, again.created) == (True, False)
    with pytest.raises(ClientError):
        uploads.bucket.read(first.key)


@pytest.mark.parametrize("size", [10, PART_SIZE + 1])
def test_objects_are_locked_as_long_as_was_asked_for(uploads: Uploads, size: int) -> None:
    client, bucket = uploads.bucket.client, f"{uploads.bucket.name}-lock"
    try:
        client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    except ClientError as error:
        pytest.skip(f"the store has no object lock: {error}")
    lock = {"s3_bucket": bucket, "s3_object_lock": "governance 1d"}
    if not learn(uploads.bucket.settings(**lock)).can("object_lock"):
        pytest.skip("the store took no notice of object lock")
    stored = uploads.store(part(noise(size)), **lock)
    head = client.head_object(Bucket=bucket, Key=stored.key)
    assert head["ObjectLockMode"] == "GOVERNANCE"
    left = head["ObjectLockRetainUntilDate"] - datetime.now(UTC)
    assert timedelta(hours=23) < left < timedelta(hours=25)
    delete = partial(client.delete_object, Bucket=bucket, Key=stored.key)
    if stored.version_id is not None:  # versitygw locks, and keeps no versions
        delete = partial(delete, VersionId=stored.version_id)
    with pytest.raises(ClientError):
        delete()
    delete(BypassGovernanceRetention=True)
    client.delete_bucket(Bucket=bucket)


@pytest.mark.needs("conditional_put")
def test_equal_keys_in_flight_end_in_one_object_each(uploads: Uploads) -> None:
    parts = [part(b"same", number=number) for number in range(8)]
    parts += [part(b"else", number=number) for number in range(8, 16)]
    outcomes = uploads.run(parts)
    assert len(uploads.bucket.listing()) == 2
    for given in parts:
        stored = outcomes[given.number].stored
        assert stored is not None
        assert uploads.bucket.read(stored.key) == given.content


def test_a_budget_smaller_than_one_part_makes_progress(uploads: Uploads) -> None:
    uploader = uploads.open(max_bytes=1)
    parts = [
        part(uploads.file(f"{number}", noise(size)), key=f"{number}", number=number)
        for number, size in enumerate([3 * PART_SIZE, 10, 3 * PART_SIZE, 100_000])
    ]
    uploader.submit(parts)
    uploader.close()
    assert {outcome.stored is not None for outcome in uploader.completed(0)} == {True}


def test_outcomes_come_as_they_are_ready(uploads: Uploads) -> None:
    uploader = uploads.open()
    assert uploader.completed(0) == []
    uploader.submit([part(b"abc", number=5)])
    assert [outcome.number for outcome in uploader.completed(30)] == [5]


def test_closed_takes_no_more(uploads: Uploads) -> None:
    uploader = uploads.open()
    uploader.close()
    with pytest.raises(RuntimeError):
        uploader.submit([part(b"abc")])
    uploader.close()


def test_giving_up_leaves_nothing_behind(uploads: Uploads) -> None:
    uploader = uploads.open(concurrency=2)
    large = uploads.file("large", noise(60 * MIB))
    uploader.submit([part(large, key=f"{number}", number=number) for number in range(6)])
    while not uploads.bucket.uploads():
        assert not uploader.completed(0.01), "the uploads are too fast for this test"
    started = time.monotonic()
    uploader.close(abort=True)
    assert time.monotonic() - started < 20
    assert uploads.bucket.uploads() == []
    given_up = 6 - len(uploader.completed(0))
    assert given_up > 0
    assert len(uploads.bucket.listing()) == 6 - given_up


def test_a_part_that_fails_leaves_nothing_behind(uploads: Uploads) -> None:
    source = uploads.file("shrinks", noise(8 * PART_SIZE))
    path = uploads.root / "shrinks"
    uploader = uploads.open(max_bytes=PART_SIZE)
    uploader.submit([part(source)])
    while not uploads.bucket.uploads():
        assert not uploader.completed(0.01), "the upload is too fast for this test"
    with path.open("r+b") as file:
        file.truncate(PART_SIZE)
    uploader.close()
    [outcome] = uploader.completed(0)
    assert outcome.error is not None
    assert outcome.error.reason == "file_changed"
    assert uploads.bucket.uploads() == []
    assert uploads.bucket.listing() == []
