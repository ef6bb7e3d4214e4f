"""What a bucket can do with an object that is put in one request."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from botocore.exceptions import ClientError

from mailvault.store.boto_errors import explain, status
from mailvault.store.options import boto_client
from mailvault.store.pace import BRIEF
from mailvault.store.probe.ability import Seen, no, noticed, seen, yes
from mailvault.store.probe.trial import BODY, OTHER_BODY, sha256
from mailvault.store.profiles import encryption_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailvault.store.probe.trial import Trial

_CRC64NVME = "nfqNRyT1OCo="
_OTHER_CRC64NVME = "faHLKVR1Ljo="
"""Of BODY and OTHER_BODY; their client need not know how it is calculated."""

TAKEN = frozenset({409, 412})
"""How a store says that there is an object already."""


def refused(request: Callable[[], object], refusals: frozenset[int]) -> str | None:
    """Return what the store said when it refused in one of these ways; None if it did it.

    Raises:
        ClientError: It refused in another way.
    """
    try:
        request()
    except ClientError as error:
        if status(error) not in refusals:
            raise
        return explain(error)[1]
    return None


def stores(trial: Trial) -> Seen:
    """Put an object with all that an upload sends."""
    trial.put_first()
    return yes()


def reads(trial: Trial) -> Seen:
    """Read it back."""
    body, _ = trial.read(trial.first.key)
    return seen(body == BODY, "it answers other bytes than were stored")


def keeps_headers(trial: Trial) -> Seen:
    """Look for the type, the disposition and the metadata that were sent with it."""
    _, answer = trial.read(trial.first.key)
    # Some stores write the names with capitals: they are names of headers.
    metadata = {name.lower(): value for name, value in answer.get("Metadata", {}).items()}
    compared = (
        ("Content-Type", answer.get("ContentType"), trial.first.content_type),
        ("Content-Disposition", answer.get("ContentDisposition"), trial.first.disposition),
        ("user metadata", metadata, dict(trial.first.metadata)),
    )
    lost = [name for name, kept, sent in compared if kept != sent]
    return seen(not lost, f"lost or changed: {', '.join(lost)}")


def checks_sha256(trial: Trial) -> Seen:
    """Put bytes with the SHA-256 of others."""

    def put() -> None:
        trial.put(trial.key("sha256"), BODY, sha256(OTHER_BODY))

    said = refused(put, frozenset({400}))
    return noticed(said, "it took bytes that have another SHA-256")


def checks_crc64nvme(trial: Trial) -> Seen:
    """Put bytes with their CRC64NVME, and with that of others."""
    client, bucket = trial.destination.client, trial.destination.bucket

    def put(name: str, checksum: str) -> None:
        key = trial.key(name)
        trial.store(
            key,
            lambda: client.put_object(
                Bucket=bucket, Key=key, Body=BODY, ChecksumCRC64NVME=checksum
            ),
        )

    put("crc64nvme", _CRC64NVME)
    said = refused(lambda: put("crc64nvme-other", _OTHER_CRC64NVME), frozenset({400}))
    return noticed(said, "it took bytes that have another CRC64NVME")


def keeps_objects(trial: Trial) -> Seen:
    """Put other bytes where there is an object, on condition that there is none."""
    key = trial.first.key
    said = refused(lambda: trial.put(key, OTHER_BODY, sha256(OTHER_BODY)), TAKEN)
    return kept(trial, said)


def kept(trial: Trial, said: str | None) -> Seen:
    """Say whether the first object is what it was, after the store said this or did as asked."""
    if said is None:
        return no("it wrote over the object")
    try:
        body, _ = trial.read(trial.first.key)
    except ClientError as error:
        return yes(f"{said}; not read back: {explain(error)[1]}")
    return yes(said) if body == BODY else no(f"{said}, and yet it wrote over the object")


def lists(trial: Trial) -> Seen:
    """Look for the object in a listing."""
    answer = trial.destination.client.list_objects_v2(
        Bucket=trial.destination.bucket, Prefix=trial.first.key
    )
    listed = {item["Key"] for item in answer.get("Contents", [])}
    return seen(trial.first.key in listed, "the object that was stored is not listed")


def encrypts(trial: Trial) -> Seen:
    """Ask whether the object was encrypted as we wanted it."""
    asked = encryption_of(trial.settings)
    if trial.refusal:
        return no(trial.refusal)
    if asked == "none":
        return Seen("not tried", "S3_SSE=none")
    if asked == "sse-c":
        return _closed(trial)
    _, answer = trial.read(trial.first.key)
    said = answer.get("ServerSideEncryption", "nothing")
    return yes(asked) if said == asked else no(f"asked for {asked}, it says {said}")


def _closed(trial: Trial) -> Seen:
    """Try to read the first object without our key, whatever the store says of it."""
    without = trial.settings.model_copy(update={"s3_sse": "none"})
    with closing(boto_client(without, BRIEF)) as client:
        said = refused(
            lambda: client.get_object(Bucket=trial.destination.bucket, Key=trial.first.key),
            frozenset({400, 403}),
        )
    return noticed(said, "it can be read without our key")


def keeps_tags(trial: Trial) -> Seen:
    """Put an object with a tag, and ask for its tags."""
    client, bucket, key = trial.destination.client, trial.destination.bucket, trial.key("tags")
    asked = trial.settings.s3_tags or "mailvault=probe"
    trial.store(key, lambda: client.put_object(Bucket=bucket, Key=key, Body=BODY, Tagging=asked))
    kept = client.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    told = {tag["Key"]: tag["Value"] for tag in kept}
    return seen(told == dict(parse_qsl(asked, keep_blank_values=True)), f"it says {told}")


def keeps_storage_class(trial: Trial) -> Seen:
    """Ask for the first object's storage class."""
    asked = trial.settings.s3_storage_class
    if asked is None:
        return Seen("not tried", "S3_STORAGE_CLASS is not set")
    head = trial.destination.client.head_object(
        Bucket=trial.destination.bucket, Key=trial.first.key
    )
    said = head.get("StorageClass", "STANDARD")
    return yes(asked) if said == asked else no(f"asked for {asked}, it says {said}")


def locks(trial: Trial) -> Seen:
    """Ask whether objects can be locked here; what is tried is to be removed again."""
    if trial.settings.s3_object_lock is None:
        return Seen("not tried", "S3_OBJECT_LOCK is not set")
    answer = trial.destination.client.get_object_lock_configuration(
        Bucket=trial.destination.bucket
    )
    said = answer["ObjectLockConfiguration"].get("ObjectLockEnabled")
    return seen(said == "Enabled", "the bucket was made without object lock")


def keeps_versions(trial: Trial) -> Seen:
    """Look whether the store told a version of what was put first."""
    versions = {version for key, version in trial.objects if key == trial.first.key}
    return seen(bool(versions - {None, "null"}), "it tells no version")


def deletes(trial: Trial) -> Seen:
    """Take all away that was put here."""
    said = trial.delete()
    return yes() if said is None else no(said)
