"""One part to one object with boto3: the same requests, keys and rules as in the extension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from mailvault.errors import KeyTakenError, StoreFaultError, StoreRefusedError
from mailvault.models import StoredObject
from mailvault.store.boto_errors import FAILURES, classify, status
from mailvault.store.boto_multipart import send
from mailvault.store.boto_requests import receipt_of
from mailvault.store.confine import short
from mailvault.store.content import Content
from mailvault.store.keys import is_of_content, of_content, with_digest

if TYPE_CHECKING:
    from mailvault.models import Encoding, Part
    from mailvault.store.boto_requests import Headers, Receipt
    from mailvault.store.boto_target import Holder, Target
    from mailvault.store.payload import Payload

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
    with Content(part.content, part.encoding) as content:
        key = _valid(
            of_content(part.key, content.digest()) if is_of_content(part.key) else part.key
        )
        place = _place_whole if content.size <= target.part_size else _place_slices
        stored = place(_Placing(target, key, content, headers))
        if stored is None and not part.exact:
            key = _valid(with_digest(key, content.digest()))
            stored = place(_Placing(target, key, content, headers))
    if stored is None:
        raise KeyTakenError(f"{short(key)}: other content holds the key")
    return stored


@dataclass(frozen=True)
class _Placing:
    """An attempt to put a part under one key."""

    target: Target
    key: str
    content: Content
    headers: Headers

    def headers_with(self, encoding: Encoding | None) -> Headers:
        return {**self.headers, "ContentEncoding": encoding} if encoding else self.headers

    def stored(self, payload: Payload, receipt: Receipt, *, created: bool) -> StoredObject:
        return StoredObject(
            key=self.key, created=created, **payload._asdict(), **receipt._asdict()
        )

    def adopted(self, holder: Holder) -> StoredObject | None:
        return holder.same and self.stored(holder.same, holder.receipt, created=False)

    def contended(self) -> StoreFaultError:
        return StoreFaultError(f"{short(self.key)}: another writer is at this key")


def _place_whole(placing: _Placing) -> StoredObject | None:
    """Send one conditional PUT; None where other content holds the key."""
    target, key, content = placing.target, placing.key, placing.content
    with target.budget.held(content.cost(content.size)):
        body, payload = content.whole()
        headers = placing.headers_with(payload.encoding)
        for attempt in range(_ATTEMPTS):
            target.pause(attempt)
            try:
                answer = target.put(key, body, payload.sha256, headers)
            except FAILURES as error:
                if not isinstance(error, ClientError) or status(error) not in {409, 412}:
                    raise classify("storing", key, error) from None
            else:
                return placing.stored(payload, receipt_of(answer), created=True)
            holder = target.compare(key, content.size, content.digest())
            if holder is not None:
                return placing.adopted(holder)
    raise placing.contended()


def _place_slices(placing: _Placing) -> StoredObject | None:
    """Send a multipart upload; None where other content holds the key.

    Not all stores know a condition on its last request, so the key is looked at before the first
    byte and once more before that request.
    """
    target, key, content = placing.target, placing.key, placing.content
    headers = placing.headers_with(content.encoding)
    for attempt in range(_ATTEMPTS):
        target.pause(attempt)
        if target.holds(key):
            holder = target.compare(key, content.size, content.digest())
            if holder is not None:
                return placing.adopted(holder)
        sent = send(target, key, content, headers)
        if sent is not None:
            payload, receipt = sent
            return placing.stored(payload, receipt, created=True)
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
