"""The requests that put objects into the bucket with boto3: the uploader's, and the probe's."""

from __future__ import annotations

import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NotRequired

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        CompletedPartTypeDef,
        CompleteMultipartUploadOutputTypeDef,
        PutObjectOutputTypeDef,
    )


class Headers(TypedDict):
    """What an object keeps beside its bytes, as arguments of boto3."""

    ContentType: str
    Metadata: dict[str, str]
    ContentDisposition: NotRequired[str]
    ContentEncoding: NotRequired[str]


class Condition(TypedDict, total=False):
    """On what a completion depends, as arguments of boto3."""

    IfNoneMatch: str


NOTHING_THERE: Condition = {"IfNoneMatch": "*"}
ALWAYS: Condition = {}


@dataclass(frozen=True)
class Destination:
    """The bucket, and how an object is put there; the uploader's way and the probe's."""

    client: S3Client
    bucket: str

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
            **headers,
        )
        return Upload(self.client, self.bucket, key, answer["UploadId"])


class Receipt(NamedTuple):
    """By what a store tells an object that it holds from others at its key."""

    etag: str | None
    checksum: str | None
    version_id: str | None


def receipt_of(answer: Mapping[str, object], checksum: str | None = None) -> Receipt:
    """Read it from what boto3 answers to a request that stores or reads an object."""

    def given(name: str) -> str | None:
        value = answer.get(name)
        return str(value).strip('"') if value else None

    return Receipt(given("ETag"), checksum, given("VersionId"))


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


def checksum_of(parts: Sequence[CompletedPartTypeDef]) -> str:
    """Return the checksum that S3 shows of an object in slices: that of theirs, and their number.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """
    digests = b"".join(binascii.a2b_base64(part["ChecksumSHA256"]) for part in parts)
    return f"{base64(hashlib.sha256(digests).digest())}-{len(parts)}"


def base64(digest: bytes) -> str:
    """Return a digest as S3's checksum headers want it."""
    return binascii.b2a_base64(digest, newline=False).decode()
