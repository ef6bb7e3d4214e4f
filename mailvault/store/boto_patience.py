"""One request of boto3, as often as it takes, in its turn; as in `patience.rs`.

botocore tells when it sends a request and asks after each attempt whether to make another.
"""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import HTTPClientError, ReadTimeoutError

from mailvault.store.window import Sign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.awsrequest import AWSPreparedRequest
    from mypy_boto3_s3 import S3Client

    from mailvault.store.pace import Patience
    from mailvault.store.pacer import Pacer, Slot

_BUSY = {429, 503}
_BY_CODE = {"SlowDown": 503, "RequestTimeout": 408}
_PASSING = {408, 429, 500, 502, 503, 504}


class BotoPatience:
    """Decides about retries of a client's requests, and lets them in with a pacer."""

    def __init__(
        self,
        patience: Patience,
        pacer: Pacer | None = None,
        lot: Callable[[], float] = random.random,
    ) -> None:
        self._patience = patience
        self._pacer = pacer
        self._lot = lot
        self._own = threading.local()

    def attach(self, client: S3Client) -> None:
        """See to all requests of a client that makes none again by itself."""
        client.meta.events.register("before-send.s3", self._before_send)
        # First: what follows a bucket to its region may ask for it in the midst of that event, and
        # would wait for a place that this thread has. The stubs know only of events whose handlers
        # return nothing.
        client.meta.events.register_first("needs-retry.s3", self._needs_retry)  # type: ignore[arg-type]

    def _before_send(self, request: AWSPreparedRequest, **_: object) -> None:
        self._leave(0, None)  # of an answer that botocore could not read
        if self._pacer is not None:
            length = request.headers.get("Content-Length") or 0
            self._own.slot = self._pacer.enter(int(length))

    def _needs_retry(
        self,
        response: tuple[Any, Mapping[str, Any]] | None,
        attempts: int,
        caught_exception: Exception | None,
        **_: object,
    ) -> float | None:
        """Return the seconds after which to try again; None not to."""
        status, wish = 0, None
        if response is not None:
            said = response[1].get("ResponseMetadata", {})
            status = said.get("HTTPStatusCode", 0)
            wish = said.get("HTTPHeaders", {}).get("retry-after")
            # It may stand inside an answer of 200.
            status = _BY_CODE.get(response[1].get("Error", {}).get("Code", ""), status)
        took = self._leave(status, caught_exception)
        spent = took + (getattr(self._own, "spent", 0) if attempts > 1 else 0)
        self._own.spent = spent
        passing = isinstance(caught_exception, HTTPClientError) or status in _PASSING
        if not passing or attempts > self._patience.retries:
            return None
        pause = self.pause(attempts - 1, retry_after(wish, datetime.now(UTC)))
        self._own.spent = spent + pause
        return pause if self._own.spent <= self._patience.total else None

    def _leave(self, status: int, error: Exception | None) -> float:
        slot: Slot | None = self._own.__dict__.pop("slot", None)
        if self._pacer is None or slot is None:
            return 0
        if status in _BUSY:
            return self._pacer.leave(slot, Sign.BUSY)
        if isinstance(error, ReadTimeoutError):
            return self._pacer.leave(slot, Sign.LATE)
        answered = error is None and 0 < status < 500
        return self._pacer.leave(slot, Sign.ANSWERED if answered else Sign.LOST)

    def pause(self, retry: int, asked: float) -> float:
        """Return how long to wait before a retry.

        What the store asks for, and a part, drawn by lot, of a time that doubles: so that not all
        who wait come back at once.
        """
        longest = min(self._patience.longest_pause, self._patience.first_pause * 2.0**retry)
        return asked + longest * self._lot()


def retry_after(wish: str | None, now: datetime) -> float:
    """Read `Retry-After`, which is seconds or a date; return seconds."""
    if wish is None:
        return 0
    if wish.strip().isdecimal():
        return int(wish)
    try:
        date = parsedate_to_datetime(wish)
    except ValueError:
        return 0
    return max(0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())
