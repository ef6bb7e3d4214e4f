"""What a worker asks of the queue: claim jobs, settle them, and show that it lives."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from mailvault.arrays import blobs, numbers, parse_numbers, texts
from mailvault.db import query
from mailvault.queue.position import Position

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from mailvault.db import Pool
    from mailvault.models import StoredObject


MOMENT = 1.0
"""Seconds after which somebody who waits for work looks whether it is to stop."""


class Lease(NamedTuple):
    """A job that this worker holds: every write for it carries the token."""

    job_id: int
    email_key: str
    attempt: int
    priority: int
    batch: int
    token: str


class StoredPart(NamedTuple):
    """One part of an email, and the object that holds it now."""

    kind: str
    part_key: str
    content_type: str
    stored: StoredObject


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, and whether another one can help."""

    reason: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """What keeps a worker from working: a fault of the system, by its reason."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often an email is tried, and how long a failed one waits."""

    max_attempts: int
    delay: timedelta
    timeout: timedelta

    def longest_delay(self, attempt: int) -> timedelta:
        """Return for how long a job waits after a failed attempt, at the most."""
        return self.delay * (1 << (min(attempt, 20) - 1))


@dataclass(frozen=True, slots=True)
class Orders:
    """What an operator wants of a worker.

    Attributes:
        paused: To claim nothing.
        cancelled: To let go of these jobs.
        stop: To end.
        concurrency: To have at most so many emails in flight; None: as it was started.
    """

    paused: bool
    cancelled: frozenset[int]
    stop: bool
    concurrency: int | None


class Record(NamedTuple):
    """What a worker has done: emails stored, attempts that failed; and the bytes that it takes."""

    processed: int
    failed: int
    memory: int


class Outbox:
    """The queue, as one worker sees it; each method is one short transaction.

    All raise `psycopg.Error` as it comes: the loop decides what a fault of the database means.
    """

    def __init__(
        self,
        pool: Pool,
        policy: RetryPolicy,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._policy = policy
        self._position = Position(clock)
        self._registration: dict[str, object] = {}
        self.worker_id = 0

    def _call(self, name: str, **parameters: object) -> list[tuple[Any, ...]]:
        with self._pool.connection() as connection:
            return connection.execute(
                query("queue", name), {"worker": self.worker_id, **parameters}
            ).fetchall()

    def _call_for_jobs(self, name: str, **parameters: object) -> set[int]:
        with self._pool.connection() as connection:
            row = connection.execute(
                query("queue", name), {"worker": self.worker_id, **parameters}
            ).fetchone()
            return parse_numbers(row[0]) if row else set()

    def register(  # noqa: PLR0913  # the columns of a worker
        self,
        *,
        host: str,
        pid: int,
        concurrency: int,
        uploader: str,
        uploader_reason: str,
        commanded: timedelta = timedelta(),
    ) -> None:
        """Enter this worker into the list; its id goes with everything it does.

        `commanded` is for how long the command has been running that started it.
        """
        self._registration = {
            "host": host,
            "pid": pid,
            "concurrency": concurrency,
            "uploader": uploader,
            "uploader_reason": uploader_reason,
            "commanded": commanded,
        }
        [(self.worker_id,)] = self._call("register", **self._registration)

    def register_again(self) -> None:
        """Enter this worker once more, under its id, into a list that lost it."""
        with self._pool.connection() as connection:
            connection.execute(
                query("queue", "register_again"),
                {"worker": self.worker_id, **self._registration},
            )

    def claim(self, limit: int) -> list[Lease]:
        """Lease up to `limit` ready jobs: by priority, and then oldest first."""
        leases: list[Lease] = []
        more = True
        while more:
            claimed = self.claim_after(self._position.next(), limit - len(leases))
            leases += claimed
            more = self._position.note(claimed, missing=limit - len(leases))
        return leases

    def claim_after(self, after: Sequence[int] | None, limit: int) -> list[Lease]:
        """Lease what lies after a job of each priority; None for all, and what has come due."""
        # One for all that it leases: of a job there is one lease in a claim.
        token = str(uuid4())
        rows = self._call(
            "claim", limit=limit, timeout=self._policy.timeout, after=after, token=token
        )
        return [Lease._make((*row, token)) for row in rows]

    def ack(self, done: Sequence[tuple[Lease, Sequence[StoredPart]]]) -> set[int]:
        """Record emails as stored; return the jobs of which the lease still stood."""
        # Each part with the place of its lease, which SQL counts from 1; then column by column.
        parts = [
            (place, part.kind, part.part_key, part.content_type, *part.stored)
            for place, (_, parts) in enumerate(done, 1)
            for part in parts
        ]
        (
            places, kinds, part_keys, content_types, object_keys, sizes, sha256s, etags, _,
            checksums, version_ids, encodings, original_sizes, original_sha256s,
        ) = zip(*parts, strict=True) if parts else [()] * 14  # fmt: skip
        return self._call_for_jobs(
            "ack",
            jobs=numbers(lease.job_id for lease, _ in done),
            tokens=numbers(lease.token for lease, _ in done),
            part_leases=numbers(places),
            kinds=texts(kinds),
            part_keys=texts(part_keys),
            object_keys=texts(object_keys),
            sizes=numbers(sizes),
            sha256s=blobs(sha256s),
            etags=texts(etags),
            content_types=texts(content_types),
            checksums=texts(checksums),
            version_ids=texts(version_ids),
            content_encodings=texts(encodings),
            original_sizes=numbers(original_sizes),
            original_sha256s=blobs(original_sha256s),
        )

    def nack(self, failed: Sequence[tuple[Lease, Failure]]) -> set[int]:
        """Record failed attempts; return the jobs of which the lease still stood."""
        return self._call_for_jobs(
            "nack",
            jobs=numbers(lease.job_id for lease, _ in failed),
            tokens=numbers(lease.token for lease, _ in failed),
            reasons=[failure.reason for _, failure in failed],
            messages=[failure.message for _, failure in failed],
            retryable=[failure.retryable for _, failure in failed],
            max_attempts=self._policy.max_attempts,
            delay=self._policy.delay,
        )

    def is_final(self, lease: Lease, failure: Failure) -> bool:
        """Whether a failed attempt was the last one."""
        return not failure.retryable or lease.attempt >= self._policy.max_attempts

    def prospect(self, lease: Lease, failure: Failure) -> str:
        """Return which attempt failed, and what comes after it, in words."""
        attempts = max(lease.attempt, self._policy.max_attempts)
        again = f"again within {self._policy.longest_delay(lease.attempt).total_seconds():,.0f} s"
        then = "failed for good" if self.is_final(lease, failure) else f"failed, {again}"
        return f"attempt {lease.attempt} of {attempts} {then}"

    def release(self, leases: Sequence[Lease]) -> set[int]:
        """Give jobs back with the attempt not counted; return those that were still held."""
        return self._call_for_jobs(
            "release",
            jobs=numbers(lease.job_id for lease in leases),
            tokens=numbers(lease.token for lease in leases),
        )

    def release_strays(self, kept: Sequence[Lease]) -> set[int]:
        """Give back all jobs that this worker holds, except by these leases; return them."""
        return self._call_for_jobs(
            "release_strays",
            jobs=numbers(lease.job_id for lease in kept),
            tokens=numbers(lease.token for lease in kept),
        )

    def heartbeat(
        self,
        state: str,
        in_flight: int,
        hold: Hold | None,
        *,
        renew: bool,
        record: Record | None = None,
    ) -> int | None:
        """Show that this worker lives, and how it is; `renew` its leases if it gets on.

        Returns how many heartbeats of it the database knows of; None if it does not know it.
        """
        [(beats,)] = self._call(
            "heartbeat",
            state=state,
            in_flight=in_flight,
            held_reason=hold.reason if hold else None,
            held_message=hold.message if hold else None,
            renewal=self._policy.timeout if renew else None,
            processed=record.processed if record else None,
            failed=record.failed if record else None,
            memory=record.memory if record else None,
        )
        assert beats is None or isinstance(beats, int)
        return beats

    def reap(self, stale: timedelta) -> int:
        """Take back the leases of workers not heard of for `stale`; return how many."""
        [(count,)] = self._call("reap", stale=stale, max_attempts=self._policy.max_attempts)
        return int(count)

    def fold(self) -> None:
        """Put the rows of the tally together, so that its sums stay cheap."""
        self._call("fold")

    def orders(self) -> Orders:
        """Ask what an operator wants of this worker."""
        [(paused, cancelled, stop, concurrency)] = self._call("orders")
        return Orders(paused, frozenset(cancelled), stop, concurrency)

    def absorb(self, limit: int) -> int:
        """Take up to `limit` changes of the application; return how many that were."""
        [(count,)] = self._call("absorb", limit=limit)
        return int(count)

    def enlist(self, every: timedelta) -> int:
        """Dispatch some emails that have become eligible; return how many were looked at.

        Nothing is done where the mapping has no policy, where somebody else is at it, or where
        the last walk through the mail was less than `every` ago.
        """
        [(count,)] = self._call("enlist", every=every)
        return int(count)

    def signals(self) -> tuple[int, int | None, int]:
        """Return where the server writes, what its replicas show, and how many are busy.

        Positions are bytes of WAL; the second is None where there is no replica to be seen.
        """
        [(position, replayed, active)] = self._call("signals")
        return position, replayed, active

    def archive_backlog(self) -> int:
        """Return how many files of WAL wait to be archived."""
        [(count,)] = self._call("archive_backlog")
        return int(count)

    def stored(self, keys: Sequence[str]) -> set[str]:
        """Return those of some object keys that are in the ledger."""
        return {key for (key,) in self._call("stored", keys=texts(keys))}

    def is_drained(self) -> bool:
        """Whether nothing is ready, nothing waits, and nobody has anything in hand."""
        [(drained,)] = self._call("is_drained")
        return bool(drained)

    def wait_for_work(self, timeout: float, stop: threading.Event) -> None:
        """Wait for a hint that there are jobs, or for `timeout` seconds; not beyond `stop`.

        Through a pooler there are no hints: only a moment passes, and no session is taken for it.
        """
        with self._pool.connection() as connection:
            if not connection.pooled:
                connection.execute(query("queue", "listen"))
                deadline = time.monotonic() + timeout
                while not stop.is_set() and (left := deadline - time.monotonic()) > 0:
                    if list(connection.notifies(timeout=min(left, MOMENT), stop_after=1)):
                        break
                connection.execute(query("queue", "unlisten"))
                return
        stop.wait(min(timeout, MOMENT))
