"""The bucket that boto3 uploads to: its bounds, and what is there already."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from mailvault.store.boto_errors import FAILURES, classify, status
from mailvault.store.boto_requests import Destination, receipt_of
from mailvault.store.encoding import measure, parse

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from mailvault.store.boto_requests import Receipt
    from mailvault.store.budget import ByteBudget
    from mailvault.store.payload import Payload

_BACKOFF = 0.1
"""Seconds before the second attempt; doubles each time."""


class GivenUpError(Exception):
    """The uploader was closed with `abort`; the part has no outcome."""


@dataclass(frozen=True)
class Holder:
    """What holds a key: the same bytes, compressed or not, or None for others."""

    same: Payload | None
    receipt: Receipt


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

    def holds(self, key: str) -> bool:
        """Whether there is an object at a key."""
        try:
            self.client.head_object(Bucket=self.bucket, Key=key)
        except FAILURES as error:
            if isinstance(error, ClientError) and status(error) == 404:
                return False
            raise classify("looking at", key, error) from None
        return True

    def compare(self, key: str, size: int, digest: bytes) -> Holder | None:
        """Compare the object at a key with what was to be stored; None where there is none.

        Its bytes are read back and hashed: an etag or a size alone proves nothing. Compressed
        ones are decompressed for that, since no two libraries make the same of one text.

        Args:
            key: The key.
            size: Of what was to be stored, before it is compressed.
            digest: Its SHA-256.
        """
        try:
            found = self.client.get_object(Bucket=self.bucket, Key=key)
            encoding = parse(found.get("ContentEncoding"))
            with closing(found["Body"]) as body:
                other = encoding is None and found["ContentLength"] != size
                payload = None if other else measure(body, encoding, size)
        except FAILURES as error:
            if isinstance(error, ClientError) and status(error) == 404:
                return None
            raise classify("reading back", key, error) from None
        same = payload is not None and payload.digest == digest
        return Holder(payload if same else None, receipt_of(found))
