"""A wrong setting is found before any work, and named."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from mailvault.config import Settings
from mailvault.errors import ConfigError, UnreachableError
from mailvault.store.probe import probe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Bucket


def settings(bucket: Bucket, **changes: str | None) -> Settings:
    given = {name.lower(): value for name, value in bucket.environment.items()}
    return Settings(_env_file=None, **(given | changes))  # type: ignore[arg-type, call-arg]


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_good_bucket_is_left_as_it_was(bucket: Bucket) -> None:
    probe(settings(bucket))
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
    wrong = settings(bucket, **changes)
    with pytest.raises(UnreachableError) as raised:
        probe(wrong)
    line = str(raised.value)
    assert said in line
    assert f"bucket {wrong.s3_bucket} at {wrong.s3_endpoint}" in line
    assert "wrong" not in line
    assert "\n" not in line
    assert hint in raised.value.hint


def test_an_endpoint_that_hangs_is_given_up(bucket: Bucket, silent: str) -> None:
    started = time.monotonic()
    with pytest.raises(UnreachableError, match="no answer in time"):
        probe(settings(bucket, s3_endpoint=silent))
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
        probe(settings(bucket, **changes))
    assert "hunter2" not in str(raised.value) + raised.value.hint
