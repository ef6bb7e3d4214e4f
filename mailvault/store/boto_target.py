"""The bucket that boto3 uploads to: its bounds, and what is there already."""

from __future__ import annotations

import hashlib
import threading
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from mailvault.store.boto_errors import FAILURES, classify, status
from mailvault.store.boto_requests import Destination, tags_of

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from mailvault.store.boto_requests import Tags
    from mailvault.store.budget import ByteBudget

_BACKOFF = 0.1
"""Seconds before the second attempt; doubles each time."""

_READ_BACK = 1024**2


class GivenUpError(Exception):
    """The uploader was closed with `abort`; the part has no outcome."""


@dataclass(frozen=True)
class Holder:
    """What holds a key: the same bytes or others."""

    same: bool
    tags: Tags


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
                    return Holder(same=False, tags=tags_of(found))
                hasher = hashlib.sha256()
                for data in body.iter_chunks(_READ_BACK):
                    hasher.update(data)
        except FAILURES as error:
            if isinstance(error, ClientError) and status(error) == 404:
                return None
            raise classify("reading back", key, error) from None
        return Holder(same=hasher.digest() == digest, tags=tags_of(found))
