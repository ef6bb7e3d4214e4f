"""What a bucket can do with an object that comes in slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from mailvault.store.boto_errors import status
from mailvault.store.boto_object import headers_of
from mailvault.store.boto_requests import ALWAYS, NOTHING_THERE, base64
from mailvault.store.probe.ability import no, noticed, seen, yes
from mailvault.store.probe.objects import TAKEN, kept, refused
from mailvault.store.probe.trial import BODY, OTHER_BODY, sha256

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

    from mailvault.store.boto_requests import Condition, Upload
    from mailvault.store.probe.ability import Seen
    from mailvault.store.probe.trial import Trial


def _start(trial: Trial, key: str) -> Upload:
    upload = trial.destination.start_upload(key, headers_of(trial.first))
    trial.uploads.append(upload)
    return upload


def _send(upload: Upload, body: bytes) -> CompletedPartTypeDef:
    """Send the only slice: the last one of an object may be small."""
    return upload.send(1, body, sha256(body))


def _complete(trial: Trial, upload: Upload, part: CompletedPartTypeDef, when: Condition) -> str:
    answer = upload.complete([part], when)
    trial.objects.add((upload.key, answer.get("VersionId")))
    return answer["ETag"]


def _is_there(upload: Upload) -> bool:
    try:
        upload.client.list_parts(Bucket=upload.bucket, Key=upload.key, UploadId=upload.id)
    except ClientError as error:
        if status(error) != 404:
            raise
        return False
    return True


_WHOLE = "whole"
"""The object that one of these functions makes, and another looks at."""


def joins_slices(trial: Trial) -> Seen:
    """Store an object as a multipart upload."""
    upload = _start(trial, trial.key(_WHOLE))
    _complete(trial, upload, _send(upload, BODY), ALWAYS)
    body, _ = trial.read(upload.key)
    return seen(body == BODY, "it answers other bytes than were sent")


def keeps_etag(trial: Trial) -> Seen:
    """Compare the etag that was told when the slices were joined with the object's."""
    upload = _start(trial, trial.key("etag"))
    told = _complete(trial, upload, _send(upload, BODY), ALWAYS)
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
    upload = _start(trial, trial.key("slice"))
    said = refused(lambda: upload.send(1, BODY, sha256(OTHER_BODY)), frozenset({400}))
    return noticed(said, "it took a slice that has another SHA-256")


def completes_conditionally(trial: Trial) -> Seen:
    """Complete an upload where there is an object, on condition that there is none."""
    upload = _start(trial, trial.first.key)
    part = _send(upload, OTHER_BODY)
    said = refused(lambda: _complete(trial, upload, part, NOTHING_THERE), TAKEN)
    return kept(trial, said)


def lists_uploads(trial: Trial) -> Seen:
    """Look for an upload that is under way in the list of them."""
    upload = _start(trial, trial.key("listed"))
    answer = trial.destination.client.list_multipart_uploads(
        Bucket=trial.destination.bucket, Prefix=upload.key
    )
    listed = {item["UploadId"] for item in answer.get("Uploads", [])}
    return seen(upload.id in listed, "an upload that is under way is not listed")


def aborts(trial: Trial) -> Seen:
    """Give an upload up that holds a slice."""
    upload = _start(trial, trial.key("aborted"))
    _send(upload, BODY)
    upload.abort()
    return seen(not _is_there(upload), "the upload is there still")
