"""Tells the queue what became of jobs, many in one transaction."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import psycopg

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
        self._failed: list[tuple[Lease, Failure]] = []
        self._released: list[Lease] = []
        self._oldest = 0.0
        self.processed = 0
        self.dead = 0
        self.lost = 0

    @property
    def pending(self) -> int:
        """How many jobs are finished and not settled yet."""
        return len(self._done) + len(self._failed) + len(self._released)

    @property
    def due(self) -> bool:
        """Whether it is time to settle."""
        waited = time.monotonic() - self._oldest
        return self.pending >= GROUP or (self.pending > 0 and waited >= LINGER)

    def add(self, job: Job) -> None:
        """Take a finished job over."""
        if not self.pending:
            self._oldest = time.monotonic()
        if job.systemic_error is not None:
            self._released.append(job.lease)
        elif job.errors:
            self._failed.append((job.lease, job.failure()))
        else:
            self._done.append(job)

    def give_back(self, leases: Iterable[Lease]) -> None:
        """Take jobs over that were not finished; their attempt is not counted."""
        self._released.extend(leases)

    def settle(self) -> None:
        """Write down all that was collected.

        Where that fails, the jobs concerned are kept to be given back.
        """
        if self._done:
            done, self._done = self._done, []
            self._ack(done)
        if self._failed:
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
        if self._released:
            released, self._released = self._released, []
            kept = self._patience.insist(lambda: self._outbox.release(released))
            self._note_lost(released, kept)

    def _ack(self, done: list[Job]) -> None:
        pairs = [(job.lease, job.stored) for job in done]
        try:
            kept = self._patience.insist(lambda: self._outbox.ack(pairs))
        except (psycopg.OperationalError, psycopg.ProgrammingError):
            # A fault of the system, not of one email: no attempt is counted for it.
            self.give_back(job.lease for job in done)
            raise
        except psycopg.DatabaseError as error:
            # One email of the group is refused: the others must not wait for it.
            if len(done) > 1:
                for job in done:
                    self._ack([job])
                return
            said = (str(error).splitlines() or [type(error).__name__])[0]
            failure = Failure("write_back", f"PostgreSQL refuses the record: {said}", True)
            self._failed.append((done[0].lease, failure))
            return
        self.processed += len(kept)
        self._note_lost([job.lease for job in done], kept)

    def _note_lost(self, leases: list[Lease], kept: set[int]) -> None:
        for lease in leases:
            if lease.job_id not in kept:
                self.lost += 1
                log.warning("job %d: the lease was lost; its result is dropped", lease.job_id)
