"""One small object put and deleted, so that a wrong setting is found before any work.

It is put by the very request that an upload sends, with its encryption, checksum, condition and
headers: a store that does not know one of them is found here and not by the first emails.
"""

from __future__ import annotations

import hashlib
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from mailvault.errors import (
    BucketMissingError,
    PartError,
    StoreBusyError,
    StoreDeniedError,
    StoreFaultError,
    StoreRefusedError,
    StoreUnableError,
    StoreUnreachableError,
    UnreachableError,
)
from mailvault.models import Part
from mailvault.store import keys
from mailvault.store.boto_errors import FAILURES, explain, status
from mailvault.store.boto_object import headers_of
from mailvault.store.boto_target import Destination, encryption
from mailvault.store.confine import short
from mailvault.store.options import Patience, boto_client, bucket_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.exceptions import BotoCoreError

    from mailvault.config import Settings

_PATIENCE = Patience(connect=3, request=3, retries=1, total=8)

_BODY = b"mailvault was here\n"
_OTHER_BODY = b"and wrote over it\n"

_HINTS: dict[type[PartError], str] = {
    StoreUnreachableError: "check S3_ENDPOINT, and that the store runs",
    StoreDeniedError: "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and their rights",
    BucketMissingError: "check S3_BUCKET and S3_REGION, or create the bucket",
    StoreUnableError: "choose a store that knows If-None-Match and SHA-256 checksums",
}


def probe(settings: Settings) -> None:
    """Put and delete one object below `.mailvault/`; takes ten seconds at most.

    Raises:
        ConfigError: A setting is missing or malformed, or there are no credentials.
        UnreachableError: The store is out of reach or refuses us; the text says why and where.
    """
    with _destination(settings) as destination:
        part = _part()
        _put(destination, part)
        _delete(destination, part.key)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a bucket was seen to do.

    Attributes:
        keeps: It refuses to write over an object where the put says so.
        checks: It refuses bytes that do not have the digest that was sent with them.
        reads: We may read, which is how a repeated upload finds its own object.
        deletes: We may delete.
        encryption: How it says that the object is encrypted; None if it says nothing.
        ahead: By how much its clock is ahead of this machine's, to a second; None if it has none.
    """

    keeps: bool
    checks: bool
    reads: bool
    deletes: bool
    encryption: str | None
    ahead: timedelta | None


def learn(settings: Settings) -> Abilities:
    """Try what the probe takes for granted; leaves nothing behind where we may delete.

    Raises:
        ConfigError: A setting is missing or malformed, or there are no credentials.
        UnreachableError: The store is out of reach or refuses us; the text says why and where.
    """
    with _destination(settings) as destination:
        part, damaged = _part(), _part()
        _put(destination, part)
        try:
            reads, headers = _read(destination, part.key)
            keeps = _refuses(destination, part, _OTHER_BODY, {409, 412})
            checks = _refuses(destination, damaged, _BODY, {400})
            if not checks:
                _delete(destination, damaged.key)
        finally:
            deletes = _delete(destination, part.key)
    encryption = headers.get("x-amz-server-side-encryption")
    return Abilities(keeps, checks, reads, deletes, encryption, _ahead(headers.get("date")))


@contextmanager
def _destination(settings: Settings) -> Iterator[Destination]:
    """Open the bucket for a moment, and explain what fails there."""
    bucket = bucket_name(settings)
    client = boto_client(settings, _PATIENCE)
    try:
        yield Destination(client, bucket, encryption(settings))
    except FAILURES as error:
        raise _explained(settings, error) from None
    finally:
        client.close()


def _part() -> Part:
    number = str(uuid.uuid4())
    return Part(
        0,
        f".mailvault/probe-{number}",
        _BODY,
        "text/plain",
        keys.content_disposition("probe.txt"),
        keys.metadata(number, "probe", number),
    )


def _put(destination: Destination, part: Part) -> None:
    try:
        destination.put(part.key, _BODY, hashlib.sha256(_BODY).digest(), headers_of(part))
    except ClientError as error:
        # Asked again after its answer was lost, the store holds our own object.
        if status(error) != 412:
            raise


def _read(destination: Destination, key: str) -> tuple[bool, dict[str, str]]:
    """Read an object; return whether we may, and the headers of the answer."""
    try:
        answer = destination.client.get_object(Bucket=destination.bucket, Key=key)
    except ClientError as error:
        if explain(error)[0] is not StoreDeniedError:
            raise
        return False, error.response["ResponseMetadata"]["HTTPHeaders"]
    answer["Body"].close()
    return True, answer["ResponseMetadata"]["HTTPHeaders"]


def _refuses(destination: Destination, part: Part, body: bytes, refusals: set[int]) -> bool:
    """Put bytes with the digest of the other body; return whether the store refuses."""
    digest = hashlib.sha256(_OTHER_BODY).digest()
    try:
        destination.put(part.key, body, digest, headers_of(part))
    except ClientError as error:
        if status(error) not in refusals:
            raise
        return True
    return False


def _ahead(date: str | None) -> timedelta | None:
    return parsedate_to_datetime(date) - datetime.now(UTC) if date else None


def _delete(destination: Destination, key: str) -> bool:
    """Take the object away; some may write and not delete, which is all that uploads need."""
    try:
        destination.client.delete_object(Bucket=destination.bucket, Key=key)
    except ClientError as error:
        if explain(error)[0] in {StoreFaultError, StoreBusyError}:
            raise
        return False
    return True


def _explained(settings: Settings, error: ClientError | BotoCoreError) -> UnreachableError:
    kind, detail = explain(error)
    where = f"bucket {settings.s3_bucket} at {settings.s3_endpoint or 'AWS S3'}"
    hint = _HINTS.get(kind, "see the store's own log, and try again")
    # Stores without keys of their own say 501, some others 400.
    refused = kind is StoreUnableError or (kind is StoreRefusedError and "ncrypt" in detail)
    if settings.s3_sse != "none" and refused:
        hint = "set S3_SSE=none"
    return UnreachableError(f"{where}: {short(' '.join(detail.split()))}", hint=hint)
