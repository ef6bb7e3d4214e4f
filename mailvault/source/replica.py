"""A replica that mail is read from, and whether it has what it is asked for yet."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mailvault.db import query

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailvault.db import Pool


class Replica:
    """Knows how far a replica must have come: to where the queue was when jobs were claimed.

    Whoever reads earlier finds mail as it was, or none at all, and would call it stored.

    Attributes:
        pool: Connections to it.
    """

    def __init__(
        self, primary: Pool, replica: Pool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.pool = replica
        self._primary = primary
        self._clock = clock
        self._position: str | None = None
        self._since = 0.0

    def note(self) -> None:
        """Take down where the primary is now: what follows needs all that was written before."""
        with self._primary.connection() as connection:
            row = connection.execute(query("source", "position")).fetchone()
        self._position = row[0] if row else None
        self._since = self._clock()

    def waited(self) -> float | None:
        """Return for how many seconds it has been waited for; None if it is there."""
        if self._position is None:
            return None
        with self.pool.connection() as connection:
            row = connection.execute(
                query("source", "has_replayed"), {"position": self._position}
            ).fetchone()
        if row is not None and row[0]:
            self._position = None
            return None
        return self._clock() - self._since
