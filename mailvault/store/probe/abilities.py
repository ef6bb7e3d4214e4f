"""All that is asked of a bucket, in the order in which it is tried."""

from __future__ import annotations

from mailvault.store.probe import multipart, objects
from mailvault.store.probe.ability import Ability

PUT = Ability(
    "put", "store an object by the request that an upload sends", objects.stores, "problem",
    "stores parts up to 8 MiB", "nothing can be stored",
)  # fmt: skip

READ = Ability(
    "read", "let us read what is stored", objects.reads, "problem",
    "compares what is at a key already with what it was to store there",
    "an upload that is repeated after a crash cannot tell its own object, and fails",
    "allow s3:GetObject on arn:aws:s3:::{bucket}/*",
)  # fmt: skip

ABILITIES = (
    PUT,
    READ,
    Ability(
        "headers", "keep an object's type, disposition and metadata", objects.keeps_headers,
        "warning", "keeps the file's name and whose part it is with the object",
        "names and types are lost; which object belongs to which email is in the ledger only",
        "choose a store that keeps user metadata",
    ),
    Ability(
        "sha256", "refuse bytes that do not have the SHA-256 sent with them",
        objects.checks_sha256, "warning", "sends each part's SHA-256",
        "damage on the way is not noticed there",
        "upgrade the store to a version that checks x-amz-checksum-sha256; use https",
    ),
    Ability(
        "crc64nvme", "refuse bytes that do not have the CRC64NVME sent with them",
        objects.checks_crc64nvme, "ok", "nothing: it sends SHA-256", "nothing: it sends SHA-256",
    ),
    Ability(
        "conditional_put", "keep an object where If-None-Match forbids to write over it",
        objects.keeps_objects, "problem", "stores only where nothing is",
        "an upload to a key that is in use destroys what was there",
        "upgrade the store to a version with conditional writes, or choose another one",
    ),
    Ability(
        "multipart", "join an object from slices", multipart.joins_slices, "problem",
        "sends parts over 8 MiB in slices", "parts over 8 MiB cannot be stored",
        "choose a store that knows multipart uploads",
    ),
    Ability(
        "multipart_etag", "keep the etag that it told when it joined the slices",
        multipart.keeps_etag, "ok", "has it in the ledger",
        "the ledger has the first one: compare large objects by size and SHA-256",
    ),
    Ability(
        "multipart_checksum", "keep a SHA-256 made of the slices'", multipart.keeps_checksum,
        "ok", "gives a large object a checksum that can be asked for",
        "the SHA-256 of a large object is in the ledger only",
    ),
    Ability(
        "slice_sha256", "refuse a slice that does not have the SHA-256 sent with it",
        multipart.checks_slices, "warning", "sends each slice's SHA-256",
        "damage to large parts on the way is not noticed there",
        "upgrade the store to a version that checks x-amz-checksum-sha256; use https",
    ),
    Ability(
        "conditional_completion", "refuse to complete an upload where there is an object",
        multipart.completes_conditionally, "notice", "completes only where nothing is",
        "looks at the key right before; a writer other than mailvault that takes the key in that "
        "moment is overwritten",
        "let nothing else write where mailvault does",
    ),
    Ability(
        "list_uploads", "list the multipart uploads that are under way",
        multipart.lists_uploads, "ok", "aborts what a worker began that was killed",
        "what a killed worker began stays until the bucket's own rules remove it",
        "allow s3:ListBucketMultipartUploads on arn:aws:s3:::{bucket}",
    ),
    Ability(
        "abort", "forget a multipart upload that is given up", multipart.aborts, "warning",
        "gives up what it cannot complete",
        "the slices of uploads that were given up take space for ever",
        "allow s3:AbortMultipartUpload on arn:aws:s3:::{bucket}/*, or have the bucket expire "
        "incomplete multipart uploads",
    ),
    Ability(
        "encryption", "say that an object is encrypted as asked", objects.encrypts, "notice",
        "asks for it with each object (S3_SSE)", "objects may be stored as they are",
        "see the store's own documentation, or set S3_SSE=none",
    ),
    Ability(
        "tags", "keep an object's tags", objects.keeps_tags, "ok",
        "sets those of S3_TAGS", "objects have no tags, whatever S3_TAGS says",
    ),
    Ability(
        "storage_class", "keep an object in the class that was asked for",
        objects.keeps_storage_class, "warning", "asks for it with each object (S3_STORAGE_CLASS)",
        "objects are in another storage class",
        "name a class that the store has, or unset S3_STORAGE_CLASS",
    ),
    Ability(
        "object_lock", "lock objects", objects.locks, "problem",
        "locks each object (S3_OBJECT_LOCK)", "nothing can be stored, or it is not locked",
        "make a bucket with object lock enabled, or unset S3_OBJECT_LOCK",
    ),
    Ability(
        "versioning", "tell the version of an object", objects.keeps_versions, "ok",
        "nothing: it writes over nothing", "nothing: it writes over nothing",
    ),
    Ability(
        "list", "list objects", objects.lists, "ok",
        "nothing: it knows its keys", "nothing: it knows its keys",
    ),
    Ability(
        "delete", "let us delete", objects.deletes, "notice", "removes what it tried here",
        "a small object of each start stays below .mailvault/",
        "allow s3:DeleteObject on arn:aws:s3:::{bucket}/.mailvault/*",
    ),
)  # fmt: skip
