"""A scratch prefix in the bucket, where things are tried and nothing is left."""

from __future__ import annotations

import hashlib
import logging
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

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
from mailvault.store.boto_requests import Destination
from mailvault.store.confine import short
from mailvault.store.options import boto_client, bucket_name
from mailvault.store.pace import BRIEF
from mailvault.store.profiles import encryption_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, PutObjectOutputTypeDef

    from mailvault.config import Settings
    from mailvault.store.boto_requests import Upload
    from mailvault.store.profiles import Encryption

PREFIX = ".mailvault/"

BODY = b"mailvault was here\n"
OTHER_BODY = b"and wrote over it\n"

log = logging.getLogger(__name__)

_HINTS: dict[type[PartError], str] = {
    StoreUnreachableError: "check S3_ENDPOINT, and that the store runs",
    StoreDeniedError: "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and their rights",
    BucketMissingError: "check S3_BUCKET and S3_REGION, or create the bucket",
    StoreUnableError: "choose a store that knows If-None-Match and SHA-256 checksums",
}


def sha256(body: bytes) -> bytes:
    """Return the SHA-256 of some bytes."""
    return hashlib.sha256(body).digest()


@dataclass
class Trial:
    """The bucket for a moment, and what is to be taken out of it again.

    Attributes:
        settings: Where it is, and how it is to be used.
        destination: The bucket, and how an upload puts objects there.
        first: The object that is put first; what else is tried has its key as a prefix.
        objects: What is to be deleted: keys, with the version where the store told one.
        uploads: What is to be aborted.
        refusal: What the store said against encryption, if it did.
    """

    settings: Settings
    destination: Destination
    first: Part
    objects: set[tuple[str, str | None]] = field(default_factory=set)
    uploads: list[Upload] = field(default_factory=list)
    refusal: str = ""

    def key(self, name: str) -> str:
        """Return the key of another object."""
        return f"{self.first.key}-{name}"

    def put(self, key: str, body: bytes, digest: bytes) -> None:
        """Put an object as an upload does.

        Raises:
            ClientError: The store refuses.
            BotoCoreError: It did not answer.
        """
        headers = headers_of(self.first)
        self.store(key, lambda: self.destination.put(key, body, digest, headers))

    def store(self, key: str, request: Callable[[], PutObjectOutputTypeDef]) -> None:
        """Make a request that stores an object, which is then to be deleted."""
        try:
            answer = request()
        except ClientError as error:
            if status(error) >= 500:  # it may be there
                self.objects.add((key, None))
            raise
        self.objects.add((key, answer.get("VersionId")))

    def put_first(self) -> None:
        """Put the first object, and settle in the settings what encryption `auto` means.

        Once and for all: a store that refuses later what it took at first has a fault.
        """
        asked = encryption_of(self.settings)
        try:
            self.put(self.first.key, BODY, sha256(BODY))
            self._settle(asked)
        except ClientError as error:
            if status(error) == 412:
                # Asked again after its answer was lost, the store holds our own object.
                self.objects.add((self.first.key, None))
            elif self.settings.s3_sse == "auto" and asked != "none" and unable(error):
                self._put_first_as_it_is(explain(error)[1])
            else:
                raise

    def _put_first_as_it_is(self, refusal: str) -> None:
        self._settle("none")
        self.destination.client.close()
        self.destination = destination(self.settings)
        self.put_first()
        self.refusal = refusal
        log.warning("objects are not encrypted: the store refuses S3_SSE=AES256 (%s)", refusal)

    def _settle(self, encryption: Encryption) -> None:
        self.settings = self.settings.model_copy(update={"s3_sse": encryption})

    def read(self, key: str) -> tuple[bytes, GetObjectOutputTypeDef]:
        """Return an object's bytes and the answer that brought them."""
        answer = self.destination.client.get_object(Bucket=self.destination.bucket, Key=key)
        return answer["Body"].read(), answer

    def delete(self) -> str | None:
        """Take all objects away; return what the store said where it does not let us.

        Some may write and not delete, which is all that uploads need.
        """
        for key, version in sorted(self.objects, key=str):
            try:
                self._delete(key, version)
            except ClientError as error:
                kind, detail = explain(error)
                if kind in {StoreFaultError, StoreBusyError}:
                    raise
                return detail
            self.objects.discard((key, version))
        return None

    def _delete(self, key: str, version: str | None) -> None:
        """Delete an object, its version if we may, so that no marker stays behind."""
        client, bucket = self.destination.client, self.destination.bucket
        if version is not None:
            try:
                client.delete_object(Bucket=bucket, Key=key, VersionId=version)
            except ClientError as error:
                if explain(error)[0] is not StoreDeniedError:
                    raise
            else:
                return
        client.delete_object(Bucket=bucket, Key=key)

    def clean(self) -> None:
        """Abort and delete what is left; what the store says to that is no news any more."""
        with suppress(BotoCoreError, ClientError):
            for upload in self.uploads:
                with suppress(ClientError):
                    upload.abort()
            self.delete()


@contextmanager
def open_trial(settings: Settings) -> Iterator[Trial]:
    """Open the bucket for a moment, clean up there, and explain what fails.

    Raises:
        ConfigError: A setting is missing or malformed, or there are no credentials.
        UnreachableError: The store is out of reach or refuses us; the text says why and where.
    """
    trial = Trial(settings, destination(settings), _part())
    try:
        yield trial
    except FAILURES as error:
        raise _explained(trial, error) from None
    finally:
        trial.clean()
        trial.destination.client.close()


def destination(settings: Settings) -> Destination:
    """Open the bucket; what is tried must not be locked there.

    Raises:
        ConfigError: A setting is missing or malformed, or there are no credentials.
    """
    unlocked = settings.model_copy(update={"s3_object_lock": None})
    return Destination(boto_client(unlocked, BRIEF), bucket_name(settings))


def _part() -> Part:
    number = str(uuid.uuid4())
    return Part(
        0,
        f"{PREFIX}probe-{number}",
        BODY,
        "text/plain",
        keys.content_disposition("probe.txt"),
        keys.metadata(number, "probe", number),
    )


def unable(error: ClientError | BotoCoreError) -> bool:
    """Whether the store may have refused because it does not encrypt."""
    # Stores without keys of their own say 501, some others 400.
    kind, detail = explain(error)
    return kind is StoreUnableError or (kind is StoreRefusedError and "ncrypt" in detail)


def _explained(trial: Trial, error: ClientError | BotoCoreError) -> UnreachableError:
    (kind, detail), settings = explain(error), trial.settings
    where = f"bucket {settings.s3_bucket} at {settings.s3_endpoint or 'AWS S3'}"
    hint = _HINTS.get(kind, "see the store's own log, and try again")
    encryption = encryption_of(settings)
    if encryption != "none" and unable(error):
        hint = "use https" if encryption == "sse-c" else "set S3_SSE=none"
    return UnreachableError(f"{where}: {short(' '.join(detail.split()))}", hint=hint)
