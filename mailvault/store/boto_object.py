"""One part to one object with boto3: the same requests, keys and rules as in the extension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from mailvault.errors import KeyTakenError, StoreFaultError, StoreRefusedError
from mailvault.models import StoredObject
from mailvault.store.boto_errors import FAILURES, classify, status
from mailvault.store.boto_multipart import send
from mailvault.store.boto_requests import tags_of
from mailvault.store.confine import short
from mailvault.store.content import Content
from mailvault.store.keys import BY_CONTENT, by_content, with_digest

if TYPE_CHECKING:
    from mailvault.models import Part
    from mailvault.store.boto_requests import Headers, Tags
    from mailvault.store.boto_target import Target

_ATTEMPTS = 4
"""How often a key is tried where another writer is at it."""

_LONGEST_KEY = 1024


def upload(target: Target, part: Part) -> StoredObject:
    """Store one part, under its key or the key with the digest in it.

    Raises:
        PartError: It was not stored.
        GivenUpError: It is not wanted any more.
    """
    headers = headers_of(part)
    with Content(part.content) as content:
        key = _valid(by_content(content.digest()) if part.key == BY_CONTENT else part.key)
        place = _place_whole if content.size <= target.part_size else _place_slices
        for _ in range(2):
            stored = place(_Placing(target, key, content, headers))
            if stored is not None:
                return stored
            key = _valid(with_digest(key, content.digest()))
    raise KeyTakenError(f"{short(key)}: other content holds the key")


@dataclass(frozen=True)
class _Placing:
    """An attempt to put a part under one key."""

    target: Target
    key: str
    content: Content
    headers: Headers

    def stored(self, tags: Tags, *, created: bool) -> StoredObject:
        size, digest = self.content.size, self.content.digest()
        return StoredObject(
            self.key, size, digest, tags.etag, created, tags.checksum, tags.version_id
        )

    def contended(self) -> StoreFaultError:
        return StoreFaultError(f"{short(self.key)}: another writer is at this key")


def _place_whole(placing: _Placing) -> StoredObject | None:
    """Send one conditional PUT; None where other content holds the key."""
    target, key, content = placing.target, placing.key, placing.content
    with target.budget.held(content.cost(content.size)):
        content.rewind()
        body = content.next(content.size)
        digest = content.finish()
        for attempt in range(_ATTEMPTS):
            target.pause(attempt)
            try:
                answer = target.put(key, body, digest, placing.headers)
            except FAILURES as error:
                if not isinstance(error, ClientError) or status(error) not in {409, 412}:
                    raise classify("storing", key, error) from None
            else:
                return placing.stored(tags_of(answer), created=True)
            holder = target.compare(key, content.size, digest)
            if holder is not None:
                return placing.stored(holder.tags, created=False) if holder.same else None
    raise placing.contended()


def _place_slices(placing: _Placing) -> StoredObject | None:
    """Send a multipart upload; None where other content holds the key.

    Not all stores know a condition on its last request, so the key is looked at before the first
    byte and once more before that request.
    """
    target, key, content = placing.target, placing.key, placing.content
    for attempt in range(_ATTEMPTS):
        target.pause(attempt)
        size = target.size(key)
        if size is not None:
            if size != content.size:
                return None
            holder = target.compare(key, size, content.digest())
            if holder is not None:
                return placing.stored(holder.tags, created=False) if holder.same else None
        tags = send(target, key, content, placing.headers)
        if tags is not None:
            return placing.stored(tags, created=True)
    raise placing.contended()


def _valid(key: str) -> str:
    """Refuse what some client would change on the way (`a//b`, `/a`, `..`)."""
    steps = key.split("/")
    proper = not {"", ".", ".."}.intersection(steps) and len(key.encode()) <= _LONGEST_KEY
    if not proper or any(letter < " " or letter == "\x7f" for letter in key):
        raise StoreRefusedError(f"{short(key)}: not a valid object key")
    return key


def headers_of(part: Part) -> Headers:
    """Return what the object keeps beside its bytes.

    Raises:
        StoreRefusedError: A value is not one line of ASCII.
    """
    values = [part.content_type, part.disposition or "", *(value for _, value in part.metadata)]
    if not all(" " <= letter <= "~" for value in values for letter in value):
        raise StoreRefusedError(f"{short(part.key)}: a header is not one line of ASCII")
    headers: Headers = {"ContentType": part.content_type, "Metadata": dict(part.metadata)}
    if part.disposition is not None:
        headers["ContentDisposition"] = part.disposition
    return headers
