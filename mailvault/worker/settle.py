"""Tells the queue what became of jobs, many in one transaction."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import psycopg

from mailvault.db import first_line
from mailvault.faults import Kind, diagnose
from mailvault.queue.outbox import Failure, Hold
from mailvault.worker.divide import GROUP, Divider
from mailvault.worker.job import storable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mailvault.queue.outbox import Lease, Outbox
    from mailvault.worker.divide import Refused
    from mailvault.worker.job import Job
    from mailvault.worker.patience import Patience

LINGER = 0.1
"""Seconds that a finished job waits for others to be settled with."""

POSTPONED = 5.0
"""Seconds until a record that PostgreSQL would not take is tried again."""

log = logging.getLogger(__name__)


class Settler:
    """Collects finished jobs and settles them in groups.

    Attributes:
        processed: Jobs that were stored.
        dead: Jobs that failed for good.
        failed: Attempts that failed, these among them.
        lost: Jobs whose lease was somebody else's by then, so that nothing was written for them.
        adopted: Objects that were in the store already, from attempts that left no record.
        hold: Why PostgreSQL takes no record at all, if it does not.
    """

    def __init__(self, outbox: Outbox, patience: Patience) -> None:
        self._outbox = outbox
        self._patience = patience
        self._divider = Divider()
        self._done: list[Job] = []
        self._failed: list[tuple[Lease, Failure]] = []
        self._released: list[Lease] = []
        self._postponed: list[Job] = []
        self._postponed_failed: list[tuple[Lease, Failure]] = []
        self._suspects: dict[int, int] = {}
        self._oldest = 0.0
        self._postponed_until = 0.0
        self.hold: Hold | None = None
        self.processed = 0
        self.dead = 0
        self.failed = 0
        self.lost = 0
        self.adopted = 0

    @property
    def leases(self) -> list[Lease]:
        """Of the jobs that are finished and not settled yet."""
        jobs = [job.lease for job in (*self._done, *self._postponed)]
        failed = [lease for lease, _ in (*self._failed, *self._postponed_failed)]
        return [*jobs, *failed, *self._released]

    @property
    def pending(self) -> int:
        """How many there are."""
        fresh = len(self._done) + len(self._failed) + len(self._released)
        return fresh + len(self._postponed) + len(self._postponed_failed)

    @property
    def due(self) -> bool:
        """Whether it is time to settle."""
        pending = len(self._done) + len(self._failed) + len(self._released)
        return pending >= GROUP or (pending > 0 and time.monotonic() - self._oldest >= LINGER)

    def add(self, job: Job) -> None:
        """Take over a job that was done, or whose attempt failed."""
        if not self.pending:
            self._oldest = time.monotonic()
        if job.errors:
            self._failed.append((job.lease, job.failure()))
        else:
            self._done.append(job)

    def give_back(self, leases: Iterable[Lease]) -> None:
        """Take over jobs that were not done; no attempt is counted for them."""
        self._released.extend(leases)

    def give_back_postponed(self) -> None:
        """Wait no longer for PostgreSQL to take the records that it refused."""
        self.give_back(job.lease for job in self._postponed)
        self.give_back(lease for lease, _ in self._postponed_failed)
        self._postponed.clear()
        self._postponed_failed.clear()

    def settle(self) -> None:
        """Write down all that was collected; where that fails, give back what is concerned.

        Raises:
            psycopg.Error: The first error; the other writes were tried all the same, unless
                PostgreSQL is away.
        """
        if time.monotonic() >= self._postponed_until:
            self._done += self._postponed
            self._failed += self._postponed_failed
            self._postponed.clear()
            self._postponed_failed.clear()
        first: psycopg.Error | None = None
        for write in (self._ack_done, self._nack_failed, self._release):
            try:
                write()
            except psycopg.Error as error:
                first = first or error
                if diagnose(error).kind is Kind.SYSTEM:
                    break
        if first is not None:
            raise first

    def _ack_done(self) -> None:
        while self._done:
            # A job whose lease was lost may have come back to this very worker, or a failover that
            # lost commits gave its id to another: it is then here twice, and in one statement the
            # answer would not tell which of the two leases stood.
            once = {job.lease.job_id: job for job in self._done}
            self._done = [job for job in self._done if once[job.lease.job_id] is not job]
            self._ack(list(once.values()))

    def _ack(self, done: list[Job]) -> None:
        left = {job.lease.job_id: job.lease for job in done}
        before = self.processed

        def ack(jobs: list[Job]) -> None:
            pairs = [(job.lease, job.stored) for job in jobs]
            kept = self._patience.insist(lambda: self._outbox.ack(pairs), divisible=True)
            self.processed += len(kept)
            self._note_ended([job.lease for job in jobs], kept)
            for job in jobs:
                job_id = job.lease.job_id
                del left[job_id]
                self._suspects.pop(job_id, None)
                if job_id in kept:
                    self.adopted += sum([not part.stored.created for part in job.stored])

        try:
            refused = self._divider.write(done, ack)
        except psycopg.Error:
            self.give_back(left.values())
            raise
        if self.processed > before:
            self.hold = None
        for refusal in refused:
            self._judge(refusal, before)

    def _judge(self, refused: Refused[Job], before: int) -> None:
        job = refused.item
        kind, reason = diagnose(refused.error)
        said = f"PostgreSQL refuses the record: {first_line(refused.error)}"
        if kind in {Kind.DENIED, Kind.DOUBTFUL}:
            if refused.alone and self._others_passed(job, before):
                kind = Kind.EMAIL
            elif self.processed == before and self.hold is None:
                self.hold = Hold(reason, said)
                log.error("held: %s; no attempt is counted, trying until it is gone", said)
        if refused.alone and kind is Kind.EMAIL:
            self._failed.append((job.lease, Failure(reason, storable(said), retryable=True)))
        else:
            self._postponed.append(job)
            self._postponed_until = time.monotonic() + POSTPONED

    def _others_passed(self, job: Job, before: int) -> bool:
        """Whether records were taken since this one was refused first: then it is to blame."""
        return self.processed > self._suspects.setdefault(job.lease.job_id, before)

    def _nack_failed(self) -> None:
        failed, self._failed = self._failed, []
        left = {lease for lease, _ in failed}

        def nack(items: list[tuple[Lease, Failure]]) -> None:
            kept = self._patience.insist(lambda: self._outbox.nack(items), divisible=True)
            self.failed += len(kept)
            self.dead += sum(
                lease.job_id in kept and self._outbox.is_final(lease, failure)
                for lease, failure in items
            )
            self._note_ended([lease for lease, _ in items], kept)
            for lease, failure in items:
                if lease.job_id in kept:
                    self._tell(lease, failure)
            left.difference_update(lease for lease, _ in items)

        try:
            refused = self._divider.write(failed, nack)
        except psycopg.Error:
            self.give_back(left)
            raise
        for item, error, _ in refused:
            lease, failure = item
            log.warning(
                "job %d: its failure is not taken: %s", lease.job_id, first_line(error),
                extra=_about(lease, failure),
            )  # fmt: skip
            self._postponed_failed.append(item)
            self._postponed_until = time.monotonic() + POSTPONED

    def _tell(self, lease: Lease, failure: Failure) -> None:
        log.warning(
            "job %d: email %s: %s: %s: %s",
            lease.job_id, lease.email_key, self._outbox.prospect(lease, failure), failure.reason,
            failure.message, extra=_about(lease, failure),
        )  # fmt: skip

    def _release(self) -> None:
        if self._released:
            kept = self._patience.insist(lambda: self._outbox.release(self._released))
            released, self._released = self._released, []
            self._note_ended(released, kept)

    def _note_ended(self, leases: list[Lease], kept: set[int]) -> None:
        # Not counted one by one: a job that was lost and claimed again may be among them twice.
        lost = len(leases) - len(kept)
        if not lost:
            return
        self.lost += lost
        for lease in leases:
            if lease.job_id not in kept:
                log.warning(
                    "job %d: its lease is not ours any more", lease.job_id, extra=_about(lease)
                )


def _about(lease: Lease, failure: Failure | None = None) -> dict[str, object]:
    """What a line of the log is about, in fields of their own."""
    reason = failure.reason if failure else None
    about = {"job": lease.job_id, "email": lease.email_key, "batch": lease.batch}
    return {**about, "reason": reason}
