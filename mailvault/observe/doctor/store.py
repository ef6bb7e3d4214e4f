"""The bucket: what it was seen to do, and its clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailvault.errors import MailvaultError
from mailvault.observe.doctor.finding import Finding
from mailvault.observe.doctor.server import compare_clocks
from mailvault.store.probe import learn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailvault.config import Settings
    from mailvault.store.probe import Abilities


def bucket(settings: Settings) -> Iterator[Finding]:
    """Find a bucket that cannot be used, or that does not keep what it should."""
    try:
        seen = learn(settings)
    except MailvaultError as error:
        yield Finding("bucket", "problem", str(error), error.hint or None)
        return
    lacking = list(_lacking(seen, settings))
    yield from lacking or [
        Finding(
            "bucket",
            "ok",
            f"bucket {settings.s3_bucket} overwrites nothing, refuses damaged bytes, and can be "
            f"read from and deleted from; encryption: {seen.encryption or 'none'}",
        )
    ]
    if seen.ahead is not None:
        yield compare_clocks("the store's", seen.ahead)


def _lacking(seen: Abilities, settings: Settings) -> Iterator[Finding]:
    name = settings.s3_bucket
    if not seen.keeps:
        yield Finding(
            "bucket", "problem",
            f"bucket {name} writes over an object though If-None-Match forbids it: an upload to a "
            "key that is in use destroys what was there",
            "upgrade the store to a version with conditional writes, or choose another one",
        )  # fmt: skip
    if not seen.checks:
        yield Finding(
            "bucket", "warning",
            f"bucket {name} takes bytes that do not have the SHA-256 sent with them: damage on "
            "the way is not noticed there",
            "upgrade the store to a version that checks x-amz-checksum-sha256; use https",
        )  # fmt: skip
    if not seen.reads:
        yield Finding(
            "bucket", "problem",
            f"in bucket {name} we may not read: an upload that is repeated after a crash "
            "cannot tell its own object, and fails",
            f"allow s3:GetObject on arn:aws:s3:::{name}/*",
        )  # fmt: skip
    if not seen.deletes:
        yield Finding(
            "bucket", "notice",
            f"in bucket {name} we may not delete: a small object of each start stays below "
            ".mailvault/",
            f"allow s3:DeleteObject on arn:aws:s3:::{name}/.mailvault/*",
        )  # fmt: skip
    if seen.reads and settings.s3_sse != "none" and seen.encryption is None:
        yield Finding(
            "bucket", "notice",
            f"bucket {name} took an object with S3_SSE={settings.s3_sse}, and does not say that "
            "it is encrypted",
            "see the store's own documentation, or set S3_SSE=none",
        )  # fmt: skip
