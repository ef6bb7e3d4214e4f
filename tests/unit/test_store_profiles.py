"""Whose store it is, and how its clients are made then."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from mailvault.config import Provider, Settings
from mailvault.store.object_headers import object_headers
from mailvault.store.options import boto_client, s3_store
from mailvault.store.profiles import (
    PROFILES,
    encryption_of,
    profile_by_server,
    profile_of,
    region_of,
)
from tests.settings import settings_of

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest

R2 = "https://0123456789abcdef.r2.cloudflarestorage.com"


def settings(**given: str | None) -> Settings:
    usual = {"S3_BUCKET": "bucket", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
    return settings_of(usual, **given)


def test_every_provider_that_can_be_named_has_a_profile() -> None:
    assert {profile.name for profile in PROFILES} == set(get_args(Provider)) - {"auto"}


@pytest.mark.parametrize(
    ("endpoint", "name", "region", "asked"),
    [
        (None, "aws", "us-east-1", "AES256"),
        ("https://s3.eu-west-1.amazonaws.com", "aws", "eu-west-1", "AES256"),
        (R2, "r2", "auto", "none"),
        ("https://0123.eu.r2.cloudflarestorage.com", "r2", "auto", "none"),
        ("https://s3.us-west-004.backblazeb2.com", "b2", "us-west-004", "AES256"),
        ("https://s3.wasabisys.com", "wasabi", "us-east-1", "none"),
        ("https://s3.eu-central-1.wasabisys.com", "wasabi", "eu-central-1", "none"),
        ("https://storage.googleapis.com", "gcs", "us-east-1", "none"),
        ("http://localhost:9000", "generic", "us-east-1", "AES256"),
        ("https://storage.googleapis.com.example.org", "generic", "us-east-1", "AES256"),
    ],
)
def test_the_host_tells(endpoint: str | None, name: str, region: str, asked: str) -> None:
    given = settings(s3_endpoint=endpoint)
    assert profile_of(given).name == name
    assert region_of(given) == region
    assert encryption_of(given) == asked
    told = object_headers(given).creating.get("x-amz-server-side-encryption", "none")
    assert told == asked


def test_what_is_set_wins() -> None:
    given = settings(s3_endpoint=R2, s3_region="eu-west-1", s3_sse="AES256", s3_provider="garage")
    assert profile_of(given).name == "garage"
    assert (region_of(given), encryption_of(given)) == ("eu-west-1", "AES256")


@pytest.mark.parametrize(
    ("given", "server", "name"),
    [
        ({"s3_endpoint": "http://localhost:9000"}, "MinIO", "minio"),
        ({"s3_endpoint": "http://localhost:9000"}, "SeaweedFS 30GB 4.48", "seaweedfs"),
        ({"s3_endpoint": "http://localhost:9000"}, "nginx", "generic"),
        ({"s3_endpoint": "http://localhost:9000"}, None, "generic"),
        ({"s3_endpoint": "http://localhost:9000", "s3_provider": "ceph"}, "MinIO", "ceph"),
        ({"s3_endpoint": R2}, "MinIO", "r2"),
    ],
)
def test_the_server_tells_where_the_host_does_not(
    given: dict[str, str], server: str | None, name: str
) -> None:
    assert profile_by_server(settings(**given), server).name == name


class Asked(Exception):  # noqa: N818
    """A request that is not sent."""


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, "https://bucket.s3.amazonaws.com/key"),
        ({"s3_region": "eu-west-1"}, "https://bucket.s3.eu-west-1.amazonaws.com/key"),
        ({"s3_bucket": "a.b"}, "https://s3.amazonaws.com/a.b/key"),
        ({"s3_bucket": "a_b"}, "https://s3.amazonaws.com/a_b/key"),
        ({"s3_endpoint": R2}, f"{R2}/bucket/key"),
        ({"s3_endpoint": "http://localhost:9000"}, "http://localhost:9000/bucket/key"),
    ],
)
def test_both_clients_address_the_bucket_alike(given: dict[str, str], address: str) -> None:
    """By host at AWS, unless the name has a dot, for which no certificate is valid, or is none."""

    def stop(request: AWSPreparedRequest, **_: object) -> None:
        raise Asked(request.url)

    bucket = given.get("s3_bucket", "bucket")
    client = boto_client(settings(**given))
    client.meta.events.register("before-send.s3", stop)
    with pytest.raises(Asked) as asked:
        client.head_object(Bucket=bucket, Key="key")
    assert str(asked.value) == address
    virtual = s3_store(settings(**given)).config.get("virtual_hosted_style_request", False)
    assert bool(virtual) is (f"//{bucket}." in address)


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_an_address_from_the_environment_has_the_bucket_in_its_path(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "https://s3.example.org")
    assert "virtual_hosted_style_request" not in s3_store(settings()).config
