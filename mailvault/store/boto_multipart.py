"""One multipart upload with boto3: slices sent several at a time, aborted unless completed.

The completion asks the store to overwrite nothing. One that does not know that condition (501) is
asked without it, and there a writer other than mailvault that takes the key between the last look
at it and the completion is overwritten.
"""

from __future__ import annotations

import hashlib
import itertools
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from mailvault.errors import StoreUnableError
from mailvault.store.boto_errors import FAILURES, classify, explain, status
from mailvault.store.boto_requests import ALWAYS, NOTHING_THERE, checksum_of, receipt_of
from mailvault.store.slices import slice_size

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

    from mailvault.store.boto_requests import Condition, Headers, Receipt, Upload
    from mailvault.store.boto_target import Target
    from mailvault.store.content import Content
    from mailvault.store.payload import Payload


def send(
    target: Target, key: str, content: Content, headers: Headers
) -> tuple[Payload, Receipt] | None:
    """Send all of `content`; return what was sent, and what the store calls it.

    None means that another writer was faster, or that the store does not know the upload (any
    more): what is at the key tells.
    """
    this = object()
    target.multiparts.add(this)
    try:
        target.check_wanted()
        return _send(target, key, content, headers)
    finally:
        target.multiparts.discard(this)


def _send(
    target: Target, key: str, content: Content, headers: Headers
) -> tuple[Payload, Receipt] | None:
    try:
        started = target.start_upload(key, headers)
    except FAILURES as error:
        raise classify("starting the upload of", key, error) from None
    upload = _Multipart(target, started)
    try:
        payload = upload.send_slices(content)
        receipt = None if target.holds(key) else upload.complete()
    except BaseException:
        upload.abort()
        raise
    if receipt is None:
        upload.abort()
        return None
    return payload, receipt


class _Multipart:
    """A multipart upload under way at the store."""

    def __init__(self, target: Target, upload: Upload) -> None:
        self._target = target
        self._upload = upload
        self._pending: set[Future[None]] = set()
        self._parts: dict[int, CompletedPartTypeDef] = {}

    def send_slices(self, content: Content) -> Payload:
        """Read and send everything, a few slices at a time and within the budget."""
        length = slice_size(self._target.part_size, content.size)
        content.rewind(content.encoding)
        for number in itertools.count(1):
            self._target.check_wanted()
            if len(self._pending) >= self._target.slices:
                self._wait_for_one()
            if not self._send_slice(content, number, length):
                break
        while self._pending:
            self._wait_for_one()
        return content.finish()

    def _send_slice(self, content: Content, number: int, length: int) -> bool:
        """Read a slice and have it sent; False where there is none left."""
        budget = self._target.budget
        held = budget.acquire(content.cost(length))
        try:
            data = content.next(length)
            if not data:
                budget.release(held)
                return False
            future = self._target.senders.submit(self._put_slice, number, data)
        except BaseException:
            budget.release(held)
            raise
        future.add_done_callback(lambda _: budget.release(held))
        self._pending.add(future)
        return True

    def _put_slice(self, number: int, data: bytes) -> None:
        digest = hashlib.sha256(data).digest()
        try:
            self._parts[number] = self._upload.send(number, data, digest)
        except FAILURES as error:
            raise classify("sending a slice of", self._upload.key, error) from None

    def _wait_for_one(self) -> None:
        done, self._pending = wait(self._pending, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()

    def complete(self) -> Receipt | None:
        """Make the object of the slices.

        None means that the key was taken meanwhile, or that the store does not know the upload.
        """
        try:
            try:
                return self._complete(NOTHING_THERE)
            except FAILURES as error:
                if explain(error)[0] is not StoreUnableError:
                    raise
            return self._complete(ALWAYS)
        except FAILURES as error:
            # Asked again after its answer was lost, a completion finds no upload or its object.
            if isinstance(error, ClientError) and status(error) in {404, 409, 412}:
                return None
            raise classify("completing", self._upload.key, error) from None

    def _complete(self, condition: Condition) -> Receipt:
        parts = [part for _, part in sorted(self._parts.items())]
        return receipt_of(self._upload.complete(parts, condition), checksum_of(parts))

    def abort(self) -> None:
        """Give the upload up; what the store says to that is no news any more."""
        for future in self._pending:
            future.cancel()
        wait(self._pending)  # a slice that comes after the abort would stay
        with suppress(*FAILURES):
            self._upload.abort()
