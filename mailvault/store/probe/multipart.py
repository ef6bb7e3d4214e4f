"""What a bucket can do with an object that comes in slices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from mailvault.store.boto_errors import status
from mailvault.store.boto_object import headers_of
from mailvault.store.boto_target import base64
from mailvault.store.probe.ability import no, seen, yes
from mailvault.store.probe.objects import TAKEN, kept, refused
from mailvault.store.probe.trial import BODY, OTHER_BODY, sha256

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

    from mailvault.store.probe.ability import Seen
    from mailvault.store.probe.trial import Trial


@dataclass(frozen=True)
class _Upload:
    """A multipart upload of one slice: the last one of an object may be small."""

    trial: Trial
    key: str
    id: str

    @classmethod
    def start(cls, trial: Trial, key: str) -> _Upload:
        answer = trial.destination.client.create_multipart_upload(
            Bucket=trial.destination.bucket,
            Key=key,
            ChecksumAlgorithm="SHA256",
            **trial.destination.encryption,
            **headers_of(trial.first),
        )
        trial.uploads.add((key, answer["UploadId"]))
        return cls(trial, key, answer["UploadId"])

    def send(self, body: bytes, digest: bytes) -> CompletedPartTypeDef:
        checksum = base64(digest)
        sent = self.trial.destination.client.upload_part(
            Bucket=self.trial.destination.bucket,
            Key=self.key,
            UploadId=self.id,
            PartNumber=1,
            Body=body,
            ChecksumSHA256=checksum,
        )
        return {"PartNumber": 1, "ETag": sent["ETag"], "ChecksumSHA256": checksum}

    def complete(self, part: CompletedPartTypeDef, **condition: Any) -> str:
        answer = self.trial.destination.client.complete_multipart_upload(
            Bucket=self.trial.destination.bucket,
            Key=self.key,
            UploadId=self.id,
            MultipartUpload={"Parts": [part]},
            **condition,
        )
        self.trial.objects.add((self.key, answer.get("VersionId")))
        return answer["ETag"]

    def is_there(self) -> bool:
        try:
            self.trial.destination.client.list_parts(
                Bucket=self.trial.destination.bucket, Key=self.key, UploadId=self.id
            )
        except ClientError as error:
            if status(error) != 404:
                raise
            return False
        return True


_WHOLE = "whole"
"""The object that one of these functions makes, and another looks at."""


def joins_slices(trial: Trial) -> Seen:
    """Store an object as a multipart upload."""
    upload = _Upload.start(trial, trial.key(_WHOLE))
    upload.complete(upload.send(BODY, sha256(BODY)))
    body, _ = trial.read(upload.key)
    return seen(body == BODY, "it answers other bytes than were sent")


def keeps_etag(trial: Trial) -> Seen:
    """Compare the etag that was told when the slices were joined with the object's."""
    upload = _Upload.start(trial, trial.key("etag"))
    told = upload.complete(upload.send(BODY, sha256(BODY)))
    client, bucket = trial.destination.client, trial.destination.bucket
    said = client.head_object(Bucket=bucket, Key=upload.key)["ETag"]
    return seen(said == told, f"it says {told} first, and then {said}")


def keeps_checksum(trial: Trial) -> Seen:
    """Ask for that object's checksum, which is made of its slices' checksums."""
    head = trial.destination.client.head_object(
        Bucket=trial.destination.bucket, Key=trial.key(_WHOLE), ChecksumMode="ENABLED"
    )
    said = head.get("ChecksumSHA256", "")
    right = said.partition("-")[0] == base64(sha256(sha256(BODY)))
    return yes(said) if right else no(f"it says {said or 'nothing'}")


def checks_slices(trial: Trial) -> Seen:
    """Send a slice with the SHA-256 of another."""
    upload = _Upload.start(trial, trial.key("slice"))
    said = refused(lambda: upload.send(BODY, sha256(OTHER_BODY)), frozenset({400}))
    return no("it took a slice that has another SHA-256") if said is None else yes(said)


def completes_conditionally(trial: Trial) -> Seen:
    """Complete an upload where there is an object, on condition that there is none."""
    upload = _Upload.start(trial, trial.first.key)
    part = upload.send(OTHER_BODY, sha256(OTHER_BODY))
    return kept(trial, refused(lambda: upload.complete(part, IfNoneMatch="*"), TAKEN))


def lists_uploads(trial: Trial) -> Seen:
    """Look for an upload that is under way in the list of them."""
    upload = _Upload.start(trial, trial.key("listed"))
    answer = trial.destination.client.list_multipart_uploads(
        Bucket=trial.destination.bucket, Prefix=upload.key
    )
    listed = {item["UploadId"] for item in answer.get("Uploads", [])}
    return seen(upload.id in listed, "an upload that is under way is not listed")


def aborts(trial: Trial) -> Seen:
    """Give an upload up that holds a slice."""
    upload = _Upload.start(trial, trial.key("aborted"))
    upload.send(BODY, sha256(BODY))
    trial.destination.client.abort_multipart_upload(
        Bucket=trial.destination.bucket, Key=upload.key, UploadId=upload.id
    )
    return seen(not upload.is_there(), "the upload is there still")
