"""Claims jobs, as many at once as PostgreSQL gives in the time that it allows."""

from __future__ import annotations

import logging
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

STRAYS = 60.0
"""Seconds after which it looks for leases that nobody knows of, also where no answer was lost."""

log = logging.getLogger(__name__)


class Claimer:
    """Repeats a claim until it is answered, and gives back leases that nobody works on.

    They are those of a claim whose answer was lost, and those that were settled in a transaction
    that a failover lost, so that they are back. The worker's heart would renew them for ever.
    """

    def __init__(self, outbox: Outbox, patience: Patience) -> None:
        self._outbox = outbox
        self._patience = patience
        self._largest: int | None = None
        self._wary_until = 0.0
        self._look_at = time.monotonic() + STRAYS

    def be_wary(self) -> None:
        """Look for such leases at every claim for a while; from any thread."""
        self._wary_until = time.monotonic() + WARY

    def claim(self, limit: int, kept: Callable[[], Iterable[Lease]]) -> list[Lease]:
        """Lease up to `limit` jobs; `kept` tells which leases are known of.

        Raises:
            psycopg.Error: The worker is to stop, or PostgreSQL refuses for good.
        """
        return self._patience.insist(lambda: self._try(limit, kept))

    def give_back_strays(self, kept: Iterable[Lease]) -> None:
        """Give back every lease of this worker that is not among those it knows of.

        Raises:
            psycopg.Error: The worker is to stop, or PostgreSQL refuses for good.
        """
        known = list(kept)
        self._patience.insist(lambda: self._give_back(known))

    def _give_back(self, known: list[Lease]) -> None:
        strays = self._outbox.release_strays(known)
        if strays:
            log.warning("gave back %d jobs that were in nobody's hands", len(strays))

    def _try(self, limit: int, kept: Callable[[], Iterable[Lease]]) -> list[Lease]:
        now = time.monotonic()
        if now < self._wary_until or now >= self._look_at:
            self._give_back(list(kept()))
            self._look_at = now + STRAYS
        size = min(limit, self._largest or limit)
        try:
            leases = self._outbox.claim(size)
        except psycopg.Error as error:
            self.be_wary()
            if diagnose(error).kind is Kind.DOUBTFUL:
                self._largest = max(1, size // 2)
            raise
        if self._largest is not None:
            self._largest += 1
        return leases
