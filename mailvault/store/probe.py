"""One small object put and deleted, so that a wrong setting is found before any work."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from mailvault.errors import (
    BucketMissingError,
    MailvaultError,
    PartError,
    StoreDeniedError,
    StoreUnreachableError,
    UnreachableError,
)
from mailvault.store.boto_errors import FAILURES, classify
from mailvault.store.options import Patience, boto_client, bucket_name

if TYPE_CHECKING:
    from mailvault.config import Settings

_PATIENCE = Patience(connect=3, request=3, retries=1, total=8)

_HINTS: dict[type[PartError], str] = {
    StoreUnreachableError: "check S3_ENDPOINT, and that the store runs",
    StoreDeniedError: "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and their rights",
    BucketMissingError: "check S3_BUCKET and S3_REGION, or create the bucket",
}


def probe(settings: Settings) -> None:
    """Put and delete one object below `.mailvault/`; takes ten seconds at most.

    Raises:
        ConfigError: A setting is missing or malformed, or there are no credentials.
        UnreachableError: The store is out of reach or refuses us; the text says why and where.
    """
    bucket = bucket_name(settings)
    client = boto_client(settings, _PATIENCE)
    key = f".mailvault/probe-{uuid.uuid4()}"
    try:
        client.put_object(Bucket=bucket, Key=key, Body=b"mailvault was here\n")
        client.delete_object(Bucket=bucket, Key=key)
    except FAILURES as error:
        raise _explained(settings, classify("a trial upload of", key, error)) from None
    finally:
        client.close()


def _explained(settings: Settings, error: PartError) -> MailvaultError:
    where = f"bucket {settings.s3_bucket} at {settings.s3_endpoint or 'AWS S3'}"
    hint = _HINTS.get(type(error), "see the store's own log, and try again")
    return UnreachableError(f"{where}: {error}", hint=hint)
