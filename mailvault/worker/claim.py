"""Claims jobs, as many at once as PostgreSQL gives in the time that it allows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psycopg

from mailvault.faults import Kind, diagnose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mailvault.queue.outbox import Lease, Outbox
    from mailvault.worker.patience import Patience


WARY = 120.0
"""Seconds after a claim without an answer in which PostgreSQL may still carry it out."""


class Claimer:
    """Repeats a claim until it is answered; what a lost answer was about is given back first."""

    def __init__(self, outbox: Outbox, patience: Patience) -> None:
        self._outbox = outbox
        self._patience = patience
        self._largest: int | None = None
        self._wary_until = 0.0

    def claim(self, limit: int, kept: Callable[[], Iterable[Lease]]) -> list[Lease]:
        """Lease up to `limit` jobs; `kept` tells which leases are known of.

        Raises:
            psycopg.Error: The worker is to stop, or PostgreSQL refuses for good.
        """
        return self._patience.insist(lambda: self._try(limit, kept))

    def _try(self, limit: int, kept: Callable[[], Iterable[Lease]]) -> list[Lease]:
        if time.monotonic() < self._wary_until:
            # Nobody knows of these jobs, and this worker's heart would keep them leased.
            self._outbox.release_strays([lease.job_id for lease in kept()])
        size = min(limit, self._largest or limit)
        try:
            leases = self._outbox.claim(size)
        except psycopg.Error as error:
            self._wary_until = time.monotonic() + WARY
            if diagnose(error).kind is Kind.DOUBTFUL:
                self._largest = max(1, size // 2)
            raise
        if self._largest is not None:
            self._largest += 1
        return leases
