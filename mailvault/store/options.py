"""The store's clients, both from the same settings."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ProfileNotFound
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import S3Store

from mailvault.errors import ConfigError
from mailvault.store.boto_patience import BotoPatience
from mailvault.store.confine import short
from mailvault.store.object_headers import object_headers
from mailvault.store.pace import UPLOAD
from mailvault.store.profiles import profile_of, region_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client
    from obstore.store import ClientConfig, S3Config
    from pydantic import SecretStr

    from mailvault.config import Settings
    from mailvault.store.pace import Patience
    from mailvault.store.pacer import Pacer

_CREDENTIALS_TTL = timedelta(minutes=10)
"""How long keys from the AWS chain are used: it renews them 15 minutes before their end, and the
store's clients ask anew in the last five of these."""

_HOST = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")


def bucket_name(settings: Settings) -> str:
    """Return the bucket.

    Raises:
        ConfigError: None is set.
    """
    if not settings.s3_bucket:
        raise ConfigError("S3_BUCKET is not set", hint="name the bucket that mail goes to")
    return settings.s3_bucket


def endpoint(settings: Settings) -> str | None:
    """Return the store's address, or None for AWS.

    Raises:
        ConfigError: It is not an address. What was given is not repeated: it may hold a password.
    """
    if settings.s3_endpoint is None:
        return None
    problem = ConfigError(
        "S3_ENDPOINT is not an address", hint="give it as in https://s3.example.org:9000"
    )
    try:
        parts = urlsplit(settings.s3_endpoint)
        _ = parts.port  # raises where it is not a number
    except ValueError:
        raise problem from None
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain:
        raise problem
    return settings.s3_endpoint.rstrip("/")


def s3_store(settings: Settings, patience: Patience = UPLOAD) -> S3Store:
    """Return the bucket as obstore and the extension use it.

    Raises:
        ConfigError: A setting is missing or malformed, or there are no credentials.
    """
    bucket, address = bucket_name(settings), endpoint(settings)
    config: S3Config = {
        "bucket": bucket,
        "region": region_of(settings),
        "checksum_algorithm": "SHA256",
    }
    if address is not None:
        config["endpoint"] = address
    elif profile_of(settings).virtual_host and _may_be_host(bucket):
        config["virtual_hosted_style_request"] = True
    client: ClientConfig = {
        "allow_http": (address or "").startswith("http://"),
        "connect_timeout": timedelta(seconds=patience.connect),
    }
    given = _given_credentials(settings)
    if given:
        config["access_key_id"] = given["aws_access_key_id"]
        config["secret_access_key"] = given["aws_secret_access_key"]
        if "aws_session_token" in given:
            config["session_token"] = given["aws_session_token"]
    return S3Store(
        config=config,
        client_options=client,
        credential_provider=None if given else _chain(settings),
    )


def _may_be_host(bucket: str) -> bool:
    """Whether the bucket goes into the host's name, as boto3 decides."""
    # The extension takes such an address as it is, and boto3 puts the bucket into the path then.
    elsewhere = any(os.environ.get(name) for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"))
    return not elsewhere and _HOST.fullmatch(bucket) is not None


def boto_client(
    settings: Settings,
    patience: Patience = UPLOAD,
    *,
    connections: int = 10,
    pacer: Pacer | None = None,
) -> S3Client:
    """Return a boto3 client that sends the same requests with the same patience.

    With a `pacer` each of them waits for its turn.

    Raises:
        ConfigError: A setting is malformed, or there are no credentials.
    """
    given = _given_credentials(settings)
    address = endpoint(settings)  # read first: the region may be in it
    with _aws_configuration():
        session = boto3.Session(
            region_name=region_of(settings),
            aws_access_key_id=given.get("aws_access_key_id"),
            aws_secret_access_key=given.get("aws_secret_access_key"),
            aws_session_token=given.get("aws_session_token"),
        )
        if session.get_credentials() is None:
            raise _no_credentials()
        client = session.client(
            "s3",
            endpoint_url=address,
            config=Config(
                connect_timeout=patience.connect,
                read_timeout=patience.answer,  # for each stretch of bytes
                retries={"total_max_attempts": 1, "mode": "standard"},
                max_pool_connections=connections,
                # Our own SHA-256 goes with every upload; some stores refuse others.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": "path"} if settings.s3_endpoint else {},
            ),
        )
    BotoPatience(patience, pacer).attach(client)
    object_headers(settings).attach(client)
    return client


def _given_credentials(settings: Settings) -> dict[str, str]:
    def shown(secret: SecretStr | None) -> str:
        return secret.get_secret_value() if secret else ""

    key, secret = shown(settings.aws_access_key_id), shown(settings.aws_secret_access_key)
    if bool(key) != bool(secret):
        missing = "AWS_SECRET_ACCESS_KEY" if key else "AWS_ACCESS_KEY_ID"
        raise ConfigError(f"{missing} is not set", hint="set both, or neither for the AWS chain")
    if not key:
        return {}
    given = {"aws_access_key_id": key, "aws_secret_access_key": secret}
    token = shown(settings.aws_session_token)
    return given | ({"aws_session_token": token} if token else {})


def _chain(settings: Settings) -> Boto3CredentialProvider:
    """The usual AWS chain, as boto3 knows it: profiles, SSO, roles, containers."""
    with _aws_configuration():
        session = boto3.Session(region_name=region_of(settings))
        if session.get_credentials() is None:
            raise _no_credentials()
        return Boto3CredentialProvider(session, ttl=_CREDENTIALS_TTL)


@contextmanager
def _aws_configuration() -> Iterator[None]:
    """Make one line of what boto3 says to its own files and variables: profiles, regions."""
    try:
        yield
    except (BotoCoreError, ValueError) as error:
        profile = isinstance(error, ProfileNotFound)
        raise ConfigError(
            f"{'AWS_PROFILE' if profile else 'the AWS configuration'}: {short(str(error))}",
            hint="name a profile of ~/.aws/config" if profile else "check AWS_* and ~/.aws/config",
        ) from None


def _no_credentials() -> ConfigError:
    return ConfigError(
        "no credentials for the store",
        hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    )
