"""A worker's side of the queue, as the tests play it, without a worker."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

from mailvault.models import StoredObject
from mailvault.queue.batches import Batches, Selection
from mailvault.queue.outbox import Failure, Lease, Outbox, RetryPolicy, StoredPart

if TYPE_CHECKING:
    from mailvault.db import Pool
    from tests.application import Application

POLICY = RetryPolicy(max_attempts=3, delay=timedelta(0), timeout=timedelta(minutes=5))
STALE = timedelta(seconds=20)
FAULT = Failure("store_fault", "body 1: the store said 500", retryable=True)


def worker(pool: Pool, policy: RetryPolicy = POLICY) -> Outbox:
    outbox = Outbox(pool, policy, clock=lambda: 0.0)  # a sweep is never too soon
    outbox.register(host="here", pid=1, concurrency=4, uploader="rust", uploader_reason="test")
    return outbox


def enqueue_all(application: Application) -> None:
    batches = Batches(application.connection)
    batch = batches.open(Selection())
    assert batch is not None
    for _ in batches.dispatch(batch, 100):
        pass


def stored(lease: Lease, content: bytes = b"x") -> StoredPart:
    digest = hashlib.sha256(content).digest()
    found = StoredObject(
        f"emails/{lease.email_key}",
        len(content),
        digest,
        "etag",
        created=True,
        checksum="checksum-2",
        version_id="version",
        encoding="gzip",
        original_size=7,
        original_sha256=hashlib.sha256(b"the original").digest(),
    )
    return StoredPart("body", lease.email_key, "text/html", found)


def lose(application: Application, outbox: Outbox) -> None:
    """Move the worker's last heartbeat into the past, as if the clock had gone on without it."""
    application.connection.execute(
        "update mailvault.worker "
        "set heartbeat_at = heartbeat_at - interval '1 hour' where id = %s",
        [outbox.worker_id],
    )
