"""The bucket that boto3 uploads to: its client, its bounds, and what is there already."""

from __future__ import annotations

import binascii
import hashlib
import threading
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from botocore.exceptions import ClientError

from mailvault.store.boto_errors import FAILURES, classify, status
from mailvault.store.profiles import encryption_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor
    from typing import NotRequired

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import ServerSideEncryptionType
    from mypy_boto3_s3.type_defs import (
        CompletedPartTypeDef,
        CompleteMultipartUploadOutputTypeDef,
        PutObjectOutputTypeDef,
    )

    from mailvault.config import Settings
    from mailvault.store.budget import ByteBudget

_BACKOFF = 0.1
"""Seconds before the second attempt; doubles each time."""

_READ_BACK = 1024**2


class Headers(TypedDict):
    """What an object keeps beside its bytes, as arguments of boto3."""

    ContentType: str
    Metadata: dict[str, str]
    ContentDisposition: NotRequired[str]


class Encryption(TypedDict, total=False):
    """What each object asks of the store, as arguments of boto3."""

    ServerSideEncryption: ServerSideEncryptionType
    SSEKMSKeyId: str


class Condition(TypedDict, total=False):
    """On what a completion depends, as arguments of boto3."""

    IfNoneMatch: str


NOTHING_THERE: Condition = {"IfNoneMatch": "*"}
ALWAYS: Condition = {}


def encryption(settings: Settings) -> Encryption:
    """Return what is asked of the store for each object."""
    wanted = encryption_of(settings)
    if wanted == "none":
        return {}
    asked: Encryption = {"ServerSideEncryption": wanted}
    if wanted == "aws:kms" and settings.s3_sse_kms_key_id:
        asked["SSEKMSKeyId"] = settings.s3_sse_kms_key_id
    return asked


class GivenUpError(Exception):
    """The uploader was closed with `abort`; the part has no outcome."""


@dataclass(frozen=True)
class Holder:
    """What holds a key: the same bytes or others."""

    same: bool
    etag: str | None


@dataclass(frozen=True)
class Destination:
    """The bucket, and how an object is put there; the uploader's way and the probe's."""

    client: S3Client
    bucket: str
    encryption: Encryption

    def put(
        self, key: str, body: bytes, digest: bytes, headers: Headers
    ) -> PutObjectOutputTypeDef:
        """Put an object where there is none, in one request; return the answer.

        Raises:
            ClientError: The store refuses; with 412 there is an object.
            BotoCoreError: It did not answer.
        """
        return self.client.put_object(
            Bucket=self.bucket,
            Key=key,
            Body=body,
            IfNoneMatch="*",
            ChecksumSHA256=base64(digest),
            **self.encryption,
            **headers,
        )

    def start_upload(self, key: str, headers: Headers) -> Upload:
        """Start a multipart upload.

        Raises:
            ClientError: The store refuses.
            BotoCoreError: It did not answer.
        """
        answer = self.client.create_multipart_upload(
            Bucket=self.bucket,
            Key=key,
            ChecksumAlgorithm="SHA256",
            **self.encryption,
            **headers,
        )
        return Upload(self.client, self.bucket, key, answer["UploadId"])


@dataclass(frozen=True)
class Upload:
    """The requests of one multipart upload; all of them raise as its start does."""

    client: S3Client
    bucket: str
    key: str
    id: str

    def send(self, number: int, body: bytes, digest: bytes) -> CompletedPartTypeDef:
        """Send one slice; return what the completion says of it."""
        checksum = base64(digest)
        sent = self.client.upload_part(
            Bucket=self.bucket,
            Key=self.key,
            UploadId=self.id,
            PartNumber=number,
            Body=body,
            ChecksumSHA256=checksum,
        )
        return {"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum}

    def complete(
        self, parts: Sequence[CompletedPartTypeDef], condition: Condition
    ) -> CompleteMultipartUploadOutputTypeDef:
        """Make the object of the slices; return the answer."""
        return self.client.complete_multipart_upload(
            Bucket=self.bucket,
            Key=self.key,
            UploadId=self.id,
            MultipartUpload={"Parts": parts},
            **condition,
        )

    def abort(self) -> None:
        """Give it up."""
        self.client.abort_multipart_upload(Bucket=self.bucket, Key=self.key, UploadId=self.id)


@dataclass(frozen=True)
class Target(Destination):
    """Where parts go, and within which bounds.

    Attributes:
        part_size: Largest part that is sent in one request, and smallest slice of one that is not.
        slices: Slices of one part that are under way at once.
        senders: The threads that send slices; not those that wait for them.
        multiparts: The multipart uploads that are to be completed or aborted yet.
        given_up: Set when nothing is wanted any more.
    """

    budget: ByteBudget
    part_size: int
    slices: int
    senders: Executor
    multiparts: set[object] = field(default_factory=set)
    given_up: threading.Event = field(default_factory=threading.Event)

    def check_wanted(self) -> None:
        """Raise GivenUpError where the uploader was closed with `abort`."""
        if self.given_up.is_set():
            raise GivenUpError

    def pause(self, attempt: int) -> None:
        """Wait before all attempts but the first, twice as long each time."""
        if attempt:
            self.given_up.wait(_BACKOFF * 2 ** (attempt - 1))
        self.check_wanted()

    def size(self, key: str) -> int | None:
        """Return the size of the object at a key; None where there is none."""
        try:
            return self.client.head_object(Bucket=self.bucket, Key=key)["ContentLength"]
        except FAILURES as error:
            if isinstance(error, ClientError) and status(error) == 404:
                return None
            raise classify("looking at", key, error) from None

    def compare(self, key: str, size: int, digest: bytes) -> Holder | None:
        """Compare the object at a key with what was to be stored; None where there is none.

        Its bytes are read back and hashed: an etag or a size alone proves nothing.
        """
        try:
            found = self.client.get_object(Bucket=self.bucket, Key=key)
            with closing(found["Body"]) as body:
                if found["ContentLength"] != size:
                    return Holder(same=False, etag=None)
                hasher = hashlib.sha256()
                for data in body.iter_chunks(_READ_BACK):
                    hasher.update(data)
        except FAILURES as error:
            if isinstance(error, ClientError) and status(error) == 404:
                return None
            raise classify("reading back", key, error) from None
        return Holder(same=hasher.digest() == digest, etag=found.get("ETag"))


def base64(digest: bytes) -> str:
    """Return a digest as S3's checksum headers want it."""
    return binascii.b2a_base64(digest, newline=False).decode()
