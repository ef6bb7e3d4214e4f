"""What each object asks of the store, as headers that both uploaders send.

A request of boto3 is made of arguments, and one of the extension of its client's own settings;
what both add as headers cannot differ.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mailvault.errors import ConfigError
from mailvault.object_options import Lock, customer_key, tags
from mailvault.store.profiles import encryption_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.model import OperationModel
    from mypy_boto3_s3 import S3Client

    from mailvault.config import Settings

_SSE = "x-amz-server-side-encryption"

_CREATING = ("PutObject", "CreateMultipartUpload")

_TOUCHING = (
    *_CREATING, "UploadPart", "CompleteMultipartUpload", "ListParts", "GetObject", "HeadObject",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ObjectHeaders:
    """Headers beside those of a part.

    Attributes:
        creating: Of a request that makes an object, or begins to.
        touching: Of every request about an object: the key that only we have.
        locked_days: How long an object is locked from then on; None where it is not.
    """

    creating: Mapping[str, str]
    touching: Mapping[str, str]
    locked_days: int | None = None

    def attach(
        self, client: S3Client, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Add them to all requests of a client."""

        def add(model: OperationModel, params: dict[str, Any], **_: object) -> None:
            headers = params["headers"]
            if model.name in _TOUCHING:
                headers.update(self.touching)
            if model.name in _CREATING:
                headers.update(self.creating)
                if self.locked_days is not None:
                    end = clock() + timedelta(days=self.locked_days)
                    headers["x-amz-object-lock-retain-until-date"] = f"{end:%Y-%m-%dT%H:%M:%SZ}"

        client.meta.events.register("before-call.s3", add)


def object_headers(settings: Settings) -> ObjectHeaders:
    """Return what the settings ask of the store for each object.

    Raises:
        ConfigError: A key is missing.
    """
    creating = _encryption(settings)
    if settings.s3_storage_class is not None:
        creating["x-amz-storage-class"] = settings.s3_storage_class
    if settings.s3_tags is not None:
        creating["x-amz-tagging"] = tags(settings.s3_tags)
    if settings.s3_object_lock is None:
        return ObjectHeaders(creating, _customer_key(settings))
    lock = Lock.parse(settings.s3_object_lock)
    creating["x-amz-object-lock-mode"] = lock.mode
    return ObjectHeaders(creating, _customer_key(settings), lock.days)


def _encryption(settings: Settings) -> dict[str, str]:
    encryption = encryption_of(settings)
    if encryption in {"none", "sse-c"}:
        return {}
    if encryption == "aws:kms" and settings.s3_sse_kms_key_id:
        return {_SSE: encryption, f"{_SSE}-aws-kms-key-id": settings.s3_sse_kms_key_id}
    return {_SSE: encryption}


def _customer_key(settings: Settings) -> dict[str, str]:
    if settings.s3_sse != "sse-c":
        return {}
    if settings.s3_sse_customer_key is None:
        raise ConfigError(
            "S3_SSE_CUSTOMER_KEY is not set", hint="make one with: openssl rand -base64 32"
        )
    key = customer_key(settings.s3_sse_customer_key.get_secret_value())
    # MD5 is what S3 asks for, against a key that was damaged on the way.
    check = hashlib.md5(key, usedforsecurity=False).digest()
    return {
        f"{_SSE}-customer-algorithm": "AES256",
        f"{_SSE}-customer-key": b64encode(key).decode(),
        f"{_SSE}-customer-key-MD5": b64encode(check).decode(),
    }
