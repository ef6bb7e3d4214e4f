"""Tells the queue what became of jobs, many in one transaction."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import psycopg
from psycopg.errors import LockNotAvailable

from mailvault.db import first_line
from mailvault.queue.outbox import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mailvault.queue.outbox import Lease, Outbox
    from mailvault.worker.job import Job
    from mailvault.worker.patience import Patience

GROUP = 128
"""Jobs that are settled in one transaction, at the most."""

LINGER = 0.1
"""Seconds that a finished job waits for others to be settled with."""

POSTPONED = 5.0
"""Seconds until a row that the application has locked is tried again."""

log = logging.getLogger(__name__)


class Settler:
    """Collects finished jobs and settles them in groups.

    `processed`, `dead` and `lost` count jobs: stored, failed for good, and those whose lease was
    somebody else's by then, so that nothing was written for them.
    """

    def __init__(self, outbox: Outbox, patience: Patience) -> None:
        self._outbox = outbox
        self._patience = patience
        self._done: list[Job] = []
        self._postponed: list[Job] = []
        self._failed: list[tuple[Lease, Failure]] = []
        self._released: list[Lease] = []
        self._oldest = 0.0
        self._postponed_until = 0.0
        self.processed = 0
        self.dead = 0
        self.lost = 0

    @property
    def leases(self) -> list[Lease]:
        """Of the jobs that are finished and not settled yet."""
        jobs = [job.lease for job in (*self._done, *self._postponed)]
        return [*jobs, *(lease for lease, _ in self._failed), *self._released]

    @property
    def due(self) -> bool:
        """Whether it is time to settle."""
        pending = len(self._done) + len(self._failed) + len(self._released)
        return pending >= GROUP or (pending > 0 and time.monotonic() - self._oldest >= LINGER)

    def add(self, job: Job) -> None:
        """Take over a job that was done, or whose attempt failed."""
        if not self.leases:
            self._oldest = time.monotonic()
        if job.errors:
            self._failed.append((job.lease, job.failure()))
        else:
            self._done.append(job)

    def give_back(self, leases: Iterable[Lease]) -> None:
        """Take over jobs that were not done; no attempt is counted for them."""
        self._released.extend(leases)

    def give_back_postponed(self) -> None:
        """Wait no longer for rows that the application has locked."""
        self.give_back(job.lease for job in self._postponed)
        self._postponed.clear()

    def settle(self) -> None:
        """Write down all that was collected; where that fails, give back what is concerned.

        Raises:
            psycopg.Error: The first error; the other writes were tried all the same.
        """
        if time.monotonic() >= self._postponed_until:
            self._done += self._postponed
            self._postponed.clear()
        first: psycopg.Error | None = None
        for write in (self._ack_done, self._nack_failed, self._release):
            try:
                write()
            except psycopg.Error as error:
                first = first or error
        if first is not None:
            raise first

    def _ack_done(self) -> None:
        if self._done:
            done, self._done = self._done, []
            self._ack(done)

    def _ack(self, done: list[Job]) -> None:
        pairs = [(job.lease, job.stored) for job in done]
        try:
            kept = self._patience.insist(lambda: self._outbox.ack(pairs))
        except psycopg.DatabaseError as error:
            if not _is_of_one_email(error):
                self.give_back(job.lease for job in done)
                raise
            # One email of the group is refused: the others must not suffer for it.
            if len(done) > 1:
                for job in done:
                    self._ack([job])
            elif isinstance(error, LockNotAvailable):
                self._postponed += done
                self._postponed_until = time.monotonic() + POSTPONED
            else:
                said = f"PostgreSQL refuses the record: {first_line(error)}"
                self._failed.append((done[0].lease, Failure("write_back", said, retryable=True)))
            return
        self.processed += len(kept)
        self._note_lost([job.lease for job in done], kept)

    def _nack_failed(self) -> None:
        if not self._failed:
            return
        failed, self._failed = self._failed, []
        try:
            kept = self._patience.insist(lambda: self._outbox.nack(failed))
        except psycopg.Error:
            self.give_back(lease for lease, _ in failed)
            raise
        self.dead += sum(
            lease.job_id in kept and self._outbox.is_final(lease, failure)
            for lease, failure in failed
        )
        self._note_lost([lease for lease, _ in failed], kept)

    def _release(self) -> None:
        if self._released:
            kept = self._patience.insist(lambda: self._outbox.release(self._released))
            released, self._released = self._released, []
            self._note_lost(released, kept)

    def _note_lost(self, leases: list[Lease], kept: set[int]) -> None:
        for lease in leases:
            if lease.job_id not in kept:
                self.lost += 1
                log.warning("job %d: its lease is not ours any more", lease.job_id)


def _is_of_one_email(error: psycopg.DatabaseError) -> bool:
    """Whether an ack failed for what one row is, and not for what the system is."""
    if isinstance(error, LockNotAvailable):
        return True
    return not isinstance(error, (psycopg.OperationalError, psycopg.ProgrammingError))
