"""A wrong setting is found before any work, and named."""

from __future__ import annotations

import base64
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mailvault.errors import ConfigError, UnreachableError
from mailvault.store.options import s3_store
from mailvault.store.probe import probe
from tests.s3.conftest import KINDS, part
from tests.s3.fake_store import Answer, FakeStore, Request
from tests.settings import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mailvault.config import Settings
    from tests.conftest import Bucket


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_good_bucket_is_left_as_it_was(bucket: Bucket) -> None:
    probe(bucket.settings())
    assert bucket.listing() == []


@pytest.mark.parametrize(
    ("changes", "said", "hint"),
    [
        ({"aws_secret_access_key": "wrong"}, "403", "AWS_SECRET_ACCESS_KEY"),
        ({"s3_bucket": "no-such-bucket"}, "NoSuchBucket", "S3_BUCKET"),
        ({"s3_endpoint": "http://127.0.0.1:9"}, "refused", "S3_ENDPOINT"),
        ({"s3_endpoint": "http://no-such-host.invalid"}, "no connection", "S3_ENDPOINT"),
    ],
)
def test_what_is_wrong_is_said(
    bucket: Bucket, changes: dict[str, str], said: str, hint: str
) -> None:
    wrong = bucket.settings(**changes)
    with pytest.raises(UnreachableError) as raised:
        probe(wrong)
    line = str(raised.value)
    assert said in line
    assert f"bucket {wrong.s3_bucket} at {wrong.s3_endpoint}" in line
    assert "wrong" not in line
    assert "\n" not in line
    assert hint in raised.value.hint


def test_what_auto_means_is_settled_by_the_first_put(bucket: Bucket) -> None:
    """A store that loses its keys later has a fault: nothing is stored without them."""
    answers = [Answer(200)] * 2 + [Answer(501, "NotImplemented")] * 9
    with FakeStore(lambda _: answers.pop(0)) as store:
        given = probe(bucket.settings(s3_endpoint=store.address))
        assert given.s3_sse == "AES256"
        with pytest.raises(UnreachableError):
            probe(given)


def test_an_endpoint_that_hangs_is_given_up(bucket: Bucket, silent: str) -> None:
    started = time.monotonic()
    with pytest.raises(UnreachableError, match="no answer in time"):
        probe(bucket.settings(s3_endpoint=silent))
    assert time.monotonic() - started < 12


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"s3_bucket": None}, "S3_BUCKET"),
        ({"s3_endpoint": "localhost:9000"}, "S3_ENDPOINT"),
        ({"s3_endpoint": "http://"}, "S3_ENDPOINT"),
        ({"s3_endpoint": "http://host:port"}, "S3_ENDPOINT"),
        ({"s3_endpoint": "http://me:hunter2@host"}, "S3_ENDPOINT"),
        ({"aws_access_key_id": None}, "AWS_ACCESS_KEY_ID"),
        ({"aws_secret_access_key": None}, "AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_settings_are_checked_first(
    bucket: Bucket, changes: dict[str, str | None], name: str
) -> None:
    with pytest.raises(ConfigError, match=name) as raised:
        probe(bucket.settings(**changes))
    assert "hunter2" not in str(raised.value) + raised.value.hint


KEY = base64.b64encode(b"k" * 32).decode()


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("sse", ["auto", "AES256", "aws:kms", "sse-c", "none"])
def test_the_probe_sends_what_an_upload_sends(kind: str, sse: str) -> None:
    with FakeStore() as store:
        given = store.settings(
            s3_sse=sse, s3_sse_kms_key_id="my-key", s3_sse_customer_key=KEY,
            s3_storage_class="STANDARD_IA", s3_tags="team=mail&keep=7 years",
        )  # fmt: skip
        probe(given)
        uploader = KINDS[kind](given, concurrency=1, max_bytes=1024)
        uploader.submit([part(b"mailvault was here\n")])
        uploader.close()
        trial, deleted, upload = store.requests
    assert [trial.method, deleted.method, upload.method] == ["PUT", "DELETE", "PUT"]
    assert trial.path == deleted.path

    def meant(request: Request) -> dict[str, str]:
        """What the store is asked to do, without what each client adds of its own."""
        own = {"x-amz-date", "x-amz-content-sha256", "x-amz-user-agent"}
        own |= {"x-amz-checksum-algorithm", "x-amz-sdk-checksum-algorithm"}  # the checksum says it
        telling = {"if-none-match", "content-disposition", "content-type", "content-length"}
        values = {"content-disposition", "content-type"}
        return {
            name: "" if name in values or name.startswith("x-amz-meta-") else value
            for name, value in request.headers.items()
            if name in telling or (name.startswith("x-amz-") and name not in own)
        }

    asked = meant(trial)
    assert asked == meant(upload)
    assert asked["if-none-match"] == "*"
    assert asked["x-amz-storage-class"] == "STANDARD_IA"
    assert asked["x-amz-tagging"] == "team=mail&keep=7+years"
    told = "none" if sse == "sse-c" else "AES256" if sse == "auto" else sse
    assert asked.get("x-amz-server-side-encryption", "none") == told
    assert asked.get("x-amz-server-side-encryption-customer-key") == (
        KEY if sse == "sse-c" else None
    )


@pytest.mark.parametrize("kind", list(KINDS))
def test_an_upload_is_locked_and_the_probe_is_not(kind: str) -> None:
    with FakeStore() as store:
        given = store.settings(s3_object_lock="governance 30d")
        probe(given)
        uploader = KINDS[kind](given, concurrency=1, max_bytes=1024)
        uploader.submit([part(b"abc")])
        uploader.close()
        trial, _, upload = store.requests
    lock = "x-amz-object-lock-"
    assert not [name for name in trial.headers if name.startswith(lock)]
    assert upload.headers[f"{lock}mode"] == "GOVERNANCE"
    until = datetime.fromisoformat(upload.headers[f"{lock}retain-until-date"])
    assert abs(datetime.now(UTC) + timedelta(days=30) - until) < timedelta(minutes=5)


def no_encryption(request: Request) -> Answer:
    """MinIO without a KMS."""
    if "x-amz-server-side-encryption" in request.headers:
        text = "Server side encryption specified but KMS is not configured"
        return Answer(501, "NotImplemented", text)
    return Answer(200)


def test_a_store_that_cannot_encrypt_is_found_and_the_way_out_said() -> None:
    with FakeStore(no_encryption) as store:
        with pytest.raises(UnreachableError) as raised:
            probe(store.settings(s3_sse="AES256"))
        assert str(raised.value) == (
            f"bucket bucket at {store.address}: 501 NotImplemented: "
            "Server side encryption specified but KMS is not configured"
        )
        assert raised.value.hint == "set S3_SSE=none"
        probe(store.settings(s3_sse="none"))


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_store_that_cannot_encrypt_is_used_as_it_is_where_nothing_is_asked_for(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    with FakeStore(no_encryption) as store:
        given = probe(store.settings())
        uploader = KINDS[kind](given, concurrency=1, max_bytes=1024)
        uploader.submit([part(b"abc")])
        uploader.close()
    [outcome] = uploader.completed(0)
    assert outcome.error is None
    [warning] = [record.getMessage() for record in caplog.records]
    assert warning.startswith("objects are not encrypted: the store refuses S3_SSE=AES256 (501")


def test_a_store_that_refuses_something_else_is_not_taken_for_one_that_cannot_encrypt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        FakeStore(lambda _: Answer(501, "NotImplemented")) as store,
        pytest.raises(UnreachableError, match="501 NotImplemented"),
    ):
        probe(store.settings())
    assert not caplog.records


@pytest.mark.parametrize("kind", list(KINDS))
def test_what_a_store_cannot_do_is_the_systems_fault(kind: str) -> None:
    with FakeStore(no_encryption) as store:
        given = store.settings(s3_sse="AES256")
        uploader = KINDS[kind](given, concurrency=1, max_bytes=1024)
        uploader.submit([part(b"abc")])
        uploader.close()
    [outcome] = uploader.completed(0)
    assert outcome.error is not None
    assert (outcome.error.reason, outcome.error.systemic) == ("store_unable", True)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
def test_who_may_not_delete_may_still_upload(status: int) -> None:
    def answer(request: Request) -> Answer:
        return Answer(status, "AccessDenied") if request.method == "DELETE" else Answer(200)

    with FakeStore(answer) as store:
        probe(store.settings())


def test_a_trial_whose_answer_was_lost_counts() -> None:
    answers = iter([Answer(500, "InternalError"), Answer(412, "PreconditionFailed"), Answer(204)])
    with FakeStore(lambda _: next(answers)) as store:
        probe(store.settings())


def test_the_line_is_short() -> None:
    with FakeStore(lambda _: Answer(403, "SignatureDoesNotMatch", "no\n" * 500)) as store:
        with pytest.raises(UnreachableError) as raised:
            probe(store.settings())
        line = str(raised.value)
    assert line.startswith(f"bucket bucket at {store.address}: 403 SignatureDoesNotMatch: no no")
    assert len(line) < 250
    assert "\n" not in line


@pytest.mark.parametrize("make", [probe, s3_store])
@pytest.mark.parametrize(
    ("variables", "content", "said"),
    [
        ({"AWS_PROFILE": "nobody"}, "", "AWS_PROFILE: The config profile"),
        ({}, "[default\n", "the AWS configuration: Unable to parse config file"),
        ({}, "[default]\naws_access_key_id = id\n", "the AWS configuration: Partial credentials"),
    ],
)
def test_a_wrong_aws_configuration_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    make: Callable[[Settings], object],
    variables: dict[str, str],
    content: str,
    said: str,
) -> None:
    (tmp_path / "config").write_text(content)
    files = dict.fromkeys(
        ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), str(tmp_path / "config")
    )
    for name, value in (files | variables | {"AWS_EC2_METADATA_DISABLED": "true"}).items():
        monkeypatch.setenv(name, value)
    given = settings_of({"S3_ENDPOINT": "http://127.0.0.1:9", "S3_BUCKET": "bucket"})
    with pytest.raises(ConfigError) as raised:
        make(given)
    assert str(raised.value).startswith(said)
    assert "\n" not in str(raised.value)
