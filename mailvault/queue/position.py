"""Where a worker looks for jobs next."""

from __future__ import annotations

import time
from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mailvault.queue.outbox import Lease

PRIORITIES = 10
"""Priorities go from 0, which is claimed first, to 9."""

ORDINARY = 5
"""The priority of what `enqueue` dispatches; what the application dispatches itself has 1."""

SWEEP_EVERY = 5.0
"""Seconds after which a busy worker looks for what has come to lie behind its position."""

SWEEP_SHARE = 0.05
"""Part of the time that slow sweeps may take, however many dead rows they have to walk."""


class Position:
    """Remembers the last job seen of each priority, so that a claim begins there.

    In front of it lie only the dead entries of rows that were claimed before; while an old
    snapshot is held anywhere they cannot be vacuumed, and walking them made each claim slower than
    the one before. What does come to lie there (jobs that are tried again or were given back,
    transactions that committed late) is found by sweeps, which are claims from the start.

    Args:
        clock: Seconds, from any start.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._after = [0] * PRIORITIES
        self._began = 0.0
        self._sweeping = False
        self._short = True
        self._due = self._allowed = clock()

    def next(self) -> list[int] | None:
        """Return after which job of each priority to look now; None for a sweep."""
        self._began = self._clock()
        wanted = self._short or self._began >= self._due
        self._sweeping = wanted and self._began >= self._allowed
        return None if self._sweeping else list(self._after)

    def note(self, claimed: Sequence[Lease], *, missing: int) -> bool:
        """Take down what a claim gave, and how many jobs it lacks.

        Returns whether it is worth while to look once more: from the start.
        """
        behind = all(lease.job_id <= self._after[lease.priority] for lease in claimed)
        # In the order of the claim: the last one of each priority is the furthest.
        end = len(claimed)
        while end:
            furthest = claimed[end - 1]
            priority = furthest.priority
            self._after[priority] = max(self._after[priority], furthest.job_id)
            end = bisect_left(claimed, priority, hi=end, key=lambda lease: lease.priority)
        self._short = missing > 0
        now = self._clock()
        if not self._sweeping:
            return self._short and now >= self._allowed
        took = now - self._began
        self._allowed = now + max(0.0, took / SWEEP_SHARE - took - SWEEP_EVERY)
        # Full of what lay behind: there may be more.
        self._due = now if behind and not missing else now + SWEEP_EVERY
        return False
